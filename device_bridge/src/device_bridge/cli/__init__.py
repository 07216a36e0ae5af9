"""The command line: `python -m device_bridge` and `device_bridge`."""

from collections.abc import Sequence

from device_bridge.cli.console import Output
from device_bridge.cli.parser import build_parser
from device_bridge.errors import BridgeError

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code (`ExitCode`, 130 after Ctrl-C).

    Args:
        arguments: Without the program's name; None takes those of this process.
    """
    chosen = build_parser().parse_args(arguments)
    output = Output()
    try:
        return int(chosen.command(chosen, output))
    except BridgeError as error:
        output.message(f"device_bridge: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        output.message("device_bridge: interrupted; everything committed so far is kept, the next call goes on there")
        return _INTERRUPTED
