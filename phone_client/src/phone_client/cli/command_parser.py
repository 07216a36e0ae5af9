"""How a command comes by its arguments: those that all have, its help, its examples."""

import argparse
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    Commands: TypeAlias = _SubParsersAction[argparse.ArgumentParser]


_MOST_DIGITS = 15


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options that every command has, and the program before its command."""
    # Suppressed defaults: the same options may stand before and after the command, and the later one must not undo
    # the earlier one by its default.
    add, quiet = parser.add_argument, argparse.SUPPRESS
    add("--api", metavar="URL", default=quiet, help="the API's address; default: the variable PHONE_CLIENT_API")
    add("--home", metavar="FOLDER", default=quiet, help="where this phone keeps its login and its scorebook")
    add("--ca-file", metavar="FILE", default=quiet, help="certificates to trust in place of the system's")
    add("--allow-http", action="store_true", default=quiet, help="send passwords unencrypted to another machine")
    add("--json", action="store_true", default=quiet, help="print JSON in place of text")


def add_command(commands: "Commands", name: str, summary: str, examples: str = "") -> argparse.ArgumentParser:
    """Add a command and return its parser.

    Args:
        commands: The commands so far.
        name: What it is called.
        summary: What it does, in a phrase.
        examples: Command lines after `python -m phone_client`, a line each.
    """
    shown = "\n".join(f"  python -m phone_client {line}" for line in examples.split("\n"))
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"examples:\n{shown}" if examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_common(parser)
    return parser


def positive(text: str) -> int:
    """Return a whole number above 0, of those that every program can hold."""
    if not text.isascii() or not text.isdigit() or len(text) > _MOST_DIGITS or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is no whole number above 0")
    return int(text)
