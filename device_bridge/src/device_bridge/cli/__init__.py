"""The command line: `python -m device_bridge` and `device_bridge`."""

import contextlib
import sys
from collections.abc import Sequence

from device_bridge.cli.streams import BROKEN_PIPE, give_up_stdout, prepare_streams
from device_bridge.errors import BridgeError, ExitCode

_INTERRUPTED = 130
_INTERRUPTED_TEXT = "interrupted; everything committed so far is kept, the next call goes on there"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code (`ExitCode`, 130 after Ctrl-C, 141 when nobody reads stdout any more).

    Args:
        arguments: Without the program's name; None takes those of this process.
    """
    prepare_streams()
    try:
        try:
            return _run(sys.argv[1:] if arguments is None else arguments)
        finally:
            # Here and not at the interpreter's end, where a failure would be a traceback.
            sys.stdout.flush()
    except BrokenPipeError:
        give_up_stdout()
        return BROKEN_PIPE
    except OSError as error:
        give_up_stdout()
        # What fails at a file names it; what is printed has no name.
        what = "the output cannot be written" if error.filename is None else f"{error.filename} cannot be used"
        _say(f"{what}: {error.strerror or error}")
        return ExitCode.FAILED


def _run(words: Sequence[str]) -> int:
    try:
        # What a command does not need is not loaded: its modules come with it.
        from device_bridge.cli.console import Output  # noqa: PLC0415 - so that Ctrl-C is clean while it loads
        from device_bridge.cli.parser import build_parser  # noqa: PLC0415 - the same

        chosen = build_parser(words).parse_args(words)
        output = Output()
    except KeyboardInterrupt:
        _say(_INTERRUPTED_TEXT)
        return _INTERRUPTED
    try:
        return int(chosen.command(chosen, output))
    except BridgeError as error:
        output.error(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        output.error(_INTERRUPTED_TEXT)
        return _INTERRUPTED
    except SystemExit as ended:
        # rich ends the program when the reader of its stream is gone.
        if ended.code != 1:
            raise
        return BROKEN_PIPE


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(f"device_bridge: {text}\n")
        sys.stderr.flush()
