"""The command line's parser: which commands there are. Each module registers its own."""

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import cast

from device_bridge.cli.arguments import EPILOG, Commands

# In the order of --help; the module that offers `add_<command>`.
_MODULES = {
    "list": "listing",
    "info": "listing",
    "enrol": "enrol",
    "pull": "devices",
    "push": "delivery",
    "run": "run",
    "status": "status",
    "quarantine": "quarantine",
    "export": "export",
    "plot": "plot",
    "doctor": "doctor",
    "config": "config",
    "emulate": "emulate",
}
_EXAMPLES = """examples:
  device_bridge enrol --api https://example.org       # once: shows a code to approve in the app
  device_bridge run                                   # read and upload until stopped
  device_bridge status                                # what is where
  device_bridge doctor                                # what is wrong here, and what to do
  device_bridge emulate --link /tmp/smartdot          # a SmartDot without hardware, in another terminal
  device_bridge pull --port /tmp/smartdot             # its records into the spool
  device_bridge push                                  # from the spool to the cloud

"""


class _PrintVersion(argparse.Action):
    """Prints the version; it is looked up only then, which takes longer than a command's start."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print and end."""
        from importlib.metadata import version  # noqa: PLC0415 - 20 ms

        sys.stdout.write(f"device_bridge {version('revmetrix-device-bridge')}\n")
        parser.exit()


def build_parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return the parser; what it parses holds the command's function as `command`.

    Args:
        arguments: When the first is a command, only that command is registered, so that no other's modules load; for
            the version none is.
    """
    parser = argparse.ArgumentParser(
        prog="device_bridge",
        description="Reads SmartDots into a spool on this computer and uploads every shot until the cloud has it.",
        epilog=_EXAMPLES + EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_PrintVersion, nargs=0, help="print the version and end")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in _names(arguments[:1]):
        module = importlib.import_module(f"device_bridge.cli.{_MODULES[name]}")
        cast("Callable[[Commands], None]", getattr(module, f"add_{name}"))(commands)
    return parser


def _names(first: Sequence[str]) -> Sequence[str]:
    if list(first) == ["--version"]:
        return ()
    return [word for word in first if word in _MODULES] or [*_MODULES]
