"""The command line's words, with help and examples for each."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from device_bridge.cli import delivery, devices, emulate, run
from device_bridge.cli.console import Output
from device_bridge.errors import ExitCode

_EXIT_CODES = """exit codes:
  0 fine    1 something failed    2 wrong usage    3 no device, or its port cannot be used
  4 what is on the port is not understood    5 not everything is delivered yet
  6 no credential, or it was refused    7 a bad recording or memory file

environment (a flag wins): DEVICE_BRIDGE_PORT, DEVICE_BRIDGE_SPOOL, DEVICE_BRIDGE_API,
  DEVICE_BRIDGE_CREDENTIAL (never on the command line), DEVICE_BRIDGE_CREDENTIAL_FILE
"""
_MAIN_EXAMPLES = """examples:
  device_bridge emulate --link /tmp/smartdot          # a SmartDot without hardware, in another terminal
  device_bridge pull --port /tmp/smartdot             # its records into the spool
  device_bridge push --api https://example.org --credential-file ~/bridge.credential
  device_bridge run --api https://example.org --credential-file ~/bridge.credential
  device_bridge status

"""

_LONGEST_S = 1e9

Command = Callable[[argparse.Namespace, Output], ExitCode]


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; what it parses holds the command's function as `command`."""
    parser = argparse.ArgumentParser(
        prog="device_bridge",
        description="Reads SmartDots into a spool on this computer and uploads every shot until the cloud has it.",
        epilog=_MAIN_EXAMPLES + _EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_list(commands)
    _add_info(commands)
    _add_pull(commands)
    _add_push(commands)
    _add_run(commands)
    _add_status(commands)
    _add_emulate(commands)
    return parser


_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - argparse names no other


def _add(commands: _Commands, name: str, summary: str, examples: str, command: Command) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"examples:\n{examples}\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=command, port=None, spool=None, api=None, credential_file=None)
    return parser


def _add_port(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port", metavar="PATH", help="the device's serial port (default: the one SmartDot plugged in)"
    )


def _add_spool(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--spool", metavar="FILE", help="the spool (default: ~/.local/state/device_bridge/spool.db)")


def _add_api(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--api", metavar="URL", help="the Web API's address, without /v1")
    parser.add_argument("--credential-file", metavar="FILE", help="a file that holds the bridge's credential")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as one line of JSON")


def _add_list(commands: _Commands) -> None:
    examples = "  device_bridge list\n  device_bridge list --json\n"
    _add_json(_add(commands, "list", "list this computer's serial ports", examples, devices.list_ports))


def _add_info(commands: _Commands) -> None:
    examples = (
        "  device_bridge info --port /dev/ttyACM0\n  DEVICE_BRIDGE_PORT=/tmp/smartdot device_bridge info --json\n"
    )
    parser = _add(commands, "info", "show who a device is and what it holds", examples, devices.info)
    _add_port(parser)
    _add_json(parser)


def _add_pull(commands: _Commands) -> None:
    examples = "  device_bridge pull --port /dev/ttyACM0\n  device_bridge pull --spool lane7.db --json\n"
    parser = _add(commands, "pull", "read a device's new records into the spool", examples, devices.pull)
    _add_port(parser)
    _add_spool(parser)
    _add_json(parser)


def _add_push(commands: _Commands) -> None:
    examples = (
        "  device_bridge push --api https://example.org --credential-file ~/bridge.credential\n"
        "  device_bridge push --wait 600          # keep trying for ten minutes\n"
        "  device_bridge push --retry-quarantined # send again what was set aside\n"
    )
    parser = _add(commands, "push", "upload every capture that is sealed in the spool", examples, delivery.push)
    _add_spool(parser)
    _add_api(parser)
    parser.add_argument(
        "--wait", type=_seconds, default=0.0, metavar="S", help="keep retrying for S seconds (default: one pass)"
    )
    parser.add_argument("--retry-quarantined", action="store_true", help="put quarantined captures back first")
    _add_json(parser)


def _add_run(commands: _Commands) -> None:
    examples = (
        "  device_bridge run --api https://example.org --credential-file ~/bridge.credential\n"
        "  device_bridge run --once --port /tmp/smartdot --api http://127.0.0.1:8000\n"
    )
    parser = _add(commands, "run", "pull and push until stopped, whatever is unplugged", examples, run.run)
    _add_port(parser)
    _add_spool(parser)
    _add_api(parser)
    parser.add_argument("--once", action="store_true", help="one pull and one push, then end")
    parser.add_argument(
        "--poll", type=_seconds, default=5.0, metavar="S", help="look for new records every S seconds (default: 5)"
    )


def _add_status(commands: _Commands) -> None:
    examples = "  device_bridge status\n  device_bridge status --json\n"
    parser = _add(commands, "status", "show every capture in the spool and how far it is", examples, delivery.status)
    _add_spool(parser)
    _add_json(parser)


def _add_emulate(commands: _Commands) -> None:
    examples = (
        "  device_bridge emulate --link /tmp/smartdot             # one simulated shot\n"
        "  device_bridge emulate --records 3 --seed 7             # three different ones\n"
        "  device_bridge emulate --recording shot.csv             # a recording instead\n"
        "  device_bridge emulate --every 30                       # another shot every half minute\n"
        "  device_bridge emulate --memory dot.bin                 # its memory survives, in a file\n"
        "  device_bridge emulate --recording shot.csv --dump shot.smartdot\n"
    )
    parser = _add(commands, "emulate", "be a SmartDot on a pty, until stopped", examples, emulate.emulate)
    parser.add_argument("--recording", type=Path, metavar="CSV", help="what it recorded (default: a simulated shot)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="which shots are simulated (default: 1)")
    parser.add_argument("--records", type=_positive, default=1, metavar="N", help="records it holds (default: 1)")
    parser.add_argument("--serial", metavar="TEXT", help="its serial (default: made from its records)")
    parser.add_argument("--memory", type=Path, metavar="FILE", help="its flash; used as it is when the file exists")
    parser.add_argument("--dump", type=Path, metavar="FILE", help="write the first record's capture there and end")
    parser.add_argument("--link", type=Path, metavar="PATH", help="make a symbolic link to the pty there")
    parser.add_argument("--every", type=_seconds, metavar="S", help="record another shot every S seconds")
    parser.add_argument("--baud", type=_positive, metavar="N", help="answer no faster than a line of N baud")
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="end also when stdin ends, as when the starting program dies"
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _LONGEST_S:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds")
    return seconds


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text} is no whole number above 0")
    return int(text)
