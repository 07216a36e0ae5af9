"""The command line's arguments."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from phone_client.cli.account_arguments import add_account_commands, add_details
from phone_client.cli.command_parser import add_command, add_common, positive
from phone_client.cli.scorebook_arguments import add_scorebook_commands

if TYPE_CHECKING:
    from phone_client.cli.command_parser import Commands

_EXAMPLES = """\
examples:
  export PHONE_CLIENT_API=http://127.0.0.1:8000
  python -m phone_client register ada ada@example.org
  python -m phone_client log-in ada
  python -m phone_client confirm-email
  python -m phone_client approve-bridge WDJB-MJHT --kind lane --name "lane 12"
  python -m phone_client claim-device SD-000123 --since 2026-11-24T18:00
  python -m phone_client bridges
  python -m phone_client change-profile --first-name Ada --handedness left
  python -m phone_client export --out my-data.zip
  python -m phone_client captures --limit 10
  python -m phone_client metrics ID --wait 30
  python -m phone_client raw ID --out shot.bin
  python -m phone_client game add
  python -m phone_client shot add last X 9/ 8-
  python -m phone_client sync
  python -m phone_client show last
  pass show revmetrix | python -m phone_client log-in ada --password-stdin

exit codes:
  0 fine   1 failed   2 wrong arguments   3 no network   4 the server refused or has trouble
  5 log in (again), or a wrong password   6 not the API's answer, or changed bytes
  7 metrics or export still pending after --wait   130 stopped by Ctrl-C

The login and the scorebook are kept in --home, else in the variable PHONE_CLIENT_HOME, else in
$XDG_STATE_HOME/revmetrix-phone-client (default ~/.local/state), readable by you only. Two folders are two phones.
"""


def read_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the arguments by name; argparse ends the program with code 2 when they make no sense."""
    parser = argparse.ArgumentParser(
        prog="python -m phone_client",
        description="Talk to the RevMetrix Web API: your account, your captures, your metrics, your games.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(api=None, home=None, ca_file=None, allow_http=False, json=False)
    add_common(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_login_commands(commands)
    add_account_commands(commands)
    _add_device_commands(commands)
    _add_bridge_commands(commands)
    _add_capture_commands(commands)
    add_scorebook_commands(commands)
    return parser.parse_args(arguments)


def _add_login_commands(commands: "Commands") -> None:
    register = add_command(
        commands,
        "register",
        "make an account, usable at once",
        "register ada ada@example.org                          # asks for the password\n"
        "register ada ada@example.org --first-name Ada --last-name King --phone '+1 555 0100' --handedness left\n"
        "register ada ada@example.org --password-stdin < one-line",
    )
    register.add_argument("username", metavar="USERNAME", help="what you log in with; others can see that it is taken")
    register.add_argument("email", metavar="EMAIL", help="your address; a code is sent there, for confirm-email")
    add_details(register)
    log_in = add_command(
        commands,
        "log-in",
        "log in and keep the login on this machine",
        "log-in ada                                            # asks for the password\n"
        "log-in ada --password-stdin < one-line",
    )
    log_in.add_argument("username", metavar="USERNAME", help="as it was registered, in whatever capitals")
    for parser in (register, log_in):
        parser.add_argument(
            "--password-stdin", action="store_true", help="read the password's line from standard input"
        )
    log_out = add_command(
        commands, "log-out", "end the login and forget it on this machine", "log-out\nlog-out --everywhere"
    )
    log_out.add_argument("--everywhere", action="store_true", help="end all your logins, on all machines and phones")


def _add_device_commands(commands: "Commands") -> None:
    claim = add_command(
        commands,
        "claim-device",
        "claim a SmartDot, so that its captures are yours",
        "claim-device SD-000123\n"
        'claim-device SD-000123 --name "the red one" --ball "Phaze II" --since 2026-11-24T18:00',
    )
    claim.add_argument("--name", metavar="NAME", help="what you call it; default: its serial")
    claim.add_argument("--ball", metavar="BALL", help="the ball that it sits in")
    claim.add_argument(
        "--since",
        metavar="TIME",
        help="since when it is yours, by this machine's clock, such as 2026-11-24T18:00; default: now",
    )
    release = add_command(
        commands,
        "release-device",
        "give a SmartDot up, so that another can claim it",
        "devices\nrelease-device SD-000123",
    )
    rename = add_command(
        commands,
        "rename-device",
        "call one of your SmartDots something else, or let it be yours from an earlier time on",
        'rename-device SD-000123 "the red one"\nrename-device SD-000123 red --ball "Phaze II"\n'
        "rename-device SD-000123 --since 2026-11-24T18:00",
    )
    for parser in (claim, release, rename):
        parser.add_argument("serial", metavar="SERIAL", help="the SmartDot's serial, as the bridge shows it")
    rename.add_argument("name", metavar="NAME", nargs="?", help="what you call it from now on; default: as before")
    rename.add_argument("--ball", metavar="BALL", help="the ball that it sits in now; '' for none")
    rename.add_argument(
        "--since", metavar="TIME", help="an earlier time since when it is yours, such as 2026-11-24T18:00"
    )
    add_command(commands, "devices", "list your SmartDots, and those that you had", "devices\ndevices --json")


def _add_bridge_commands(commands: "Commands") -> None:
    approve = add_command(
        commands,
        "approve-bridge",
        "take in the bridge that shows a code",
        'approve-bridge WDJB-MJHT --name "at home"\napprove-bridge WDJB-MJHT --kind lane --name "lane 12"',
    )
    approve.add_argument("code", metavar="CODE", help="what `device_bridge enrol` shows, such as WDJB-MJHT")
    approve.add_argument("--name", metavar="NAME", default="bridge", help="what you call it; default: bridge")
    approve.add_argument(
        "--kind",
        choices=("personal", "lane"),
        default="personal",
        help="for your devices, or for all at a lane; default: personal",
    )
    bridge = add_command(
        commands,
        "add-bridge",
        "make a bridge and show its credential, this once; approve-bridge needs no credential",
        'add-bridge "lane 12"\nadd-bridge "lane 12" --json',
    )
    bridge.add_argument("name", metavar="NAME", help="what you call it, such as the lane where it stands")
    add_command(commands, "bridges", "list your bridges, and which of them are silent", "bridges\nbridges --json")
    remove = add_command(
        commands, "remove-bridge", "remove a bridge, whose credential stops at once", "bridges\nremove-bridge ID"
    )
    remove.add_argument("id", metavar="ID", help="the bridge's id, as `bridges` shows it")
    add_command(commands, "inbox", "list what your bridges brought that is nobody's yet", "inbox\ninbox --json")


def _add_capture_commands(commands: "Commands") -> None:
    captures = add_command(
        commands, "captures", "list your captures, newest first", "captures --limit 10\ncaptures --json"
    )
    captures.add_argument("--limit", type=positive, metavar="N", help="at most so many; default: all")
    capture = add_command(commands, "capture", "show a capture", "captures --limit 1\ncapture ID")
    raw = add_command(
        commands,
        "raw",
        "fetch a capture's bytes, checked against its id",
        "raw ID --out shot.bin\nraw ID --out - | sha256sum",
    )
    metrics = add_command(
        commands, "metrics", "show what was computed from a capture", "metrics ID\nmetrics ID --wait 30"
    )
    for parser in (capture, raw, metrics):
        parser.add_argument("id", metavar="ID", help="the capture's id, 64 hexadecimal digits, as `captures` shows it")
    raw.add_argument("--out", metavar="FILE", required=True, help="where to write them; - for standard output")
    metrics.add_argument(
        "--wait", type=positive, metavar="SECONDS", help="wait so long for metrics that are still being computed"
    )
