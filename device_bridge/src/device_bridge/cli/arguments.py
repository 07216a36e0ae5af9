"""What the commands' words have in common: how one is registered, and the flags that several take."""

import argparse
from collections.abc import Callable
from typing import Final, TypeAlias

from device_bridge.cli.console import Output
from device_bridge.errors import ExitCode
from device_bridge.settings import CONFIG, CREDENTIAL, SETTINGS, read_seconds

Command: TypeAlias = Callable[[argparse.Namespace, Output], ExitCode]
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - argparse names no other

MEANINGS: Final = {
    ExitCode.FINE: "fine",
    ExitCode.FAILED: "something failed: the spool, the disk, another bridge at work",
    ExitCode.USAGE: "wrong usage, or a setting is missing or makes no sense",
    ExitCode.NO_DEVICE: "no device, or its port cannot be used, or it went away",
    ExitCode.NOT_UNDERSTOOD: "what is on the port is no SmartDot that this version reads",
    ExitCode.NOT_DELIVERED: "not everything is delivered: the API is away, or something is in quarantine",
    ExitCode.CREDENTIAL_REFUSED: "no credential, or the API refuses it",
    ExitCode.BAD_RECORDING: "a bad recording or memory file",
    ExitCode.LOOK_AT_IT: "nothing is broken, and there is something to look at (doctor, status, export)",
}
EPILOG: Final = (
    "exit codes:\n"
    + "".join(f"  {code:d}  {meaning}\n" for code, meaning in MEANINGS.items())
    + "  130 after Ctrl-C, 141 when nobody reads the output any more\n\n"
    + "settings: a flag, over the environment, over ~/.config/device_bridge/config.toml and\n"
    + "/etc/device_bridge/config.toml, over the default (device_bridge config show):\n  "
    + ", ".join(setting.environ for setting in SETTINGS)
    + f",\n  {CONFIG}, {CREDENTIAL} (never on the command line)\n"
)


def add_command(
    commands: Commands, name: str, summary: str, examples: str, command: Command
) -> argparse.ArgumentParser:
    """Register a command and return its parser."""
    parser = _new_parser(commands, name, summary, examples)
    _set_defaults(parser, command)
    _add_config(parser)
    return parser


def _new_parser(commands: Commands, name: str, summary: str, examples: str) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"examples:\n{examples}\n{EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _set_defaults(parser: argparse.ArgumentParser, command: Command) -> None:
    # None means that the command line does not say; also for a flag that stores true.
    parser.set_defaults(command=command, **{setting.name: None for setting in SETTINGS})


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="the settings file, in place of the usual ones")


class Subcommands:
    """A command with words of its own, such as `config show`.

    Args:
        commands: The commands that it is one of.
        name: Its word.
        summary: What it does.
        examples: Lines for its help.
        default: The function of the command without a word; None asks for one.

    Attributes:
        parser: Its parser.
        commands: Where its own words are registered.
    """

    def __init__(
        self, commands: Commands, name: str, summary: str, examples: str, default: Command | None = None
    ) -> None:
        self.parser = _new_parser(commands, name, summary, examples)
        self.commands: Commands = self.parser.add_subparsers(metavar="WORD", required=default is None)
        if default is not None:
            _set_defaults(self.parser, default)
            _add_config(self.parser)


def add_port(parser: argparse.ArgumentParser) -> None:
    """Let a command take `--port`, for one device."""
    parser.add_argument(
        "--port",
        dest="ports",
        action="append",
        metavar="PLACE",
        help="a port's path, VID:PID[:SERIAL] or tcp://host:port (default: the one SmartDot plugged in)",
    )


def add_ports(parser: argparse.ArgumentParser) -> None:
    """Let a command take `--port` several times, for several devices."""
    parser.add_argument(
        "--port",
        dest="ports",
        action="append",
        metavar="PLACE",
        help="a port's path, VID:PID[:SERIAL] or tcp://host:port; may be repeated (default: every SmartDot plugged in)",
    )


def add_spool(parser: argparse.ArgumentParser) -> None:
    """Let a command take `--spool`."""
    parser.add_argument("--spool", metavar="FILE", help="the spool (default: ~/.local/state/device_bridge/spool.db)")


def add_api(parser: argparse.ArgumentParser) -> None:
    """Let a command take `--api` and `--credential-file`."""
    parser.add_argument("--api", metavar="URL", help="the Web API's address, without /v1")
    parser.add_argument("--credential-file", metavar="FILE", help="a file that holds the bridge's credential")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Let a command take `--json`."""
    parser.add_argument("--json", action="store_true", help="print the result as one line of JSON")


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """Let a command take `--dry-run`."""
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")


def seconds(text: str) -> float:
    """Read a number of seconds."""
    try:
        return read_seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} {error}") from error


def positive(text: str) -> int:
    """Read a whole number above 0."""
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text} is no whole number above 0")
    return int(text)
