"""The arguments of the commands of one's own account."""

import argparse
from typing import TYPE_CHECKING

from phone_client.cli.command_parser import add_command, positive

if TYPE_CHECKING:
    from phone_client.cli.command_parser import Commands

_LONGEST_EXPORT_S = 600
_HANDS = ("left", "right", "both")


def add_account_commands(commands: "Commands") -> None:
    """Add the commands of one's own account."""
    _add_profile(commands)
    _add_password(commands)
    _add_email(commands)
    _add_logins(commands)
    _add_privacy(commands)


def add_details(parser: argparse.ArgumentParser, *, can_clear: bool = False) -> None:
    """Add the options of what a user may say of oneself; where it can be cleared, by an empty text."""
    cleared = "; '' clears it" if can_clear else ""
    parser.add_argument("--first-name", metavar="NAME", help=f"your first name{cleared}")
    parser.add_argument("--last-name", metavar="NAME", help=f"your last name{cleared}")
    parser.add_argument("--phone", metavar="NUMBER", help=f"your phone number{cleared}")
    hands = (*_HANDS, "") if can_clear else _HANDS
    shown = "{left,right,both}"
    parser.add_argument("--handedness", choices=hands, metavar=shown, help=f"the hand that you bowl with{cleared}")


def _add_profile(commands: "Commands") -> None:
    add_command(commands, "profile", "show your profile and its ETag", "profile\nprofile --json")
    change = add_command(
        commands,
        "change-profile",
        "change your profile; what you leave out stays",
        "change-profile --first-name Ada --handedness left\n"
        "change-profile --phone ''                             # clears it\n"
        "change-profile --email ada@example.net               # then: verify-email\n"
        "change-profile --last-name Byron --if-match '\"3\"'    # only if it is still the profile you saw",
    )
    change.add_argument("--username", metavar="USERNAME", help="another username")
    change.add_argument("--email", metavar="EMAIL", help="another address, which has to be confirmed again")
    add_details(change, can_clear=True)
    change.add_argument(
        "--accepts-lane-bridges", choices=("yes", "no"), help="whether bridges of a lane may bring you captures"
    )
    change.add_argument(
        "--if-match", metavar="ETAG", help="the ETag that `profile` showed; default: that of the profile as it is now"
    )


def _add_password(commands: "Commands") -> None:
    change = add_command(
        commands,
        "change-password",
        "change your password, which ends your other logins",
        "change-password\nchange-password --password-stdin < two-lines",
    )
    _add_stdin(change, "--password-stdin", "read two lines from standard input: the current password, the new one")
    request = add_command(
        commands,
        "request-password-reset",
        "have a code sent for a password that you forgot",
        "request-password-reset ada@example.org\nconfirm-password-reset ada@example.org",
    )
    confirm = add_command(
        commands,
        "confirm-password-reset",
        "set a new password by the code, which ends all your logins",
        "confirm-password-reset ada@example.org\nconfirm-password-reset ada@example.org --password-stdin < two-lines",
    )
    _add_stdin(confirm, "--password-stdin", "read two lines from standard input: the code, the new password")
    for parser in (request, confirm):
        parser.add_argument("email", metavar="EMAIL", help="the address that you have confirmed")


def _add_email(commands: "Commands") -> None:
    add_command(commands, "verify-email", "have a code sent to your address", "verify-email\nconfirm-email")
    confirm = add_command(
        commands,
        "confirm-email",
        "confirm your address by the code that was sent there",
        "confirm-email\nconfirm-email --code-stdin < one-line",
    )
    _add_stdin(confirm, "--code-stdin", "read the code's line from standard input")


def _add_stdin(parser: argparse.ArgumentParser, name: str, summary: str) -> None:
    parser.add_argument(name, action="store_true", dest="from_stdin", help=summary)


def _add_logins(commands: "Commands") -> None:
    add_command(commands, "logins", "list your open logins, of all machines and phones", "logins\nlog-out --everywhere")
    end = add_command(commands, "end-login", "end a login, such as that of a lost phone", "logins\nend-login ID")
    end.add_argument("id", metavar="ID", help="the login's id, as `logins` shows it")


def _add_privacy(commands: "Commands") -> None:
    export = add_command(
        commands,
        "export",
        "fetch one archive of everything that is held about you",
        "export --out my-data.zip\n"
        "export --out my-data.zip --wait 3600\n"
        "export --out my-data.zip --last      # of the one that you asked for before",
    )
    export.add_argument("--out", metavar="FILE", required=True, help="where to write it; readable by you only")
    export.add_argument("--last", action="store_true", help="ask for no other export than the last one")
    export.add_argument(
        "--wait",
        type=positive,
        metavar="SECONDS",
        default=_LONGEST_EXPORT_S,
        help=f"how long to wait for it; default: {_LONGEST_EXPORT_S}",
    )
    delete = add_command(
        commands,
        "delete-account",
        "delete your account and everything in it, for good",
        "export --out my-data.zip\nlog-in ada         # it needs a login of the last 10 minutes\ndelete-account",
    )
    delete.add_argument("--yes", action="store_true", help="do not ask whether you mean it")
