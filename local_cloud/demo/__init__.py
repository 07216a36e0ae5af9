"""`python -m local_cloud demo`: one shot through the whole system, from an emulated SmartDot and back to a client."""

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType

SUMMARY = (
    "Play one shot through the whole system: an emulated SmartDot on a pty, the bridge, the API, both databases, the "
    "algorithm unit and the client. Prints a table, and last one line of JSON; exits 0 only when the bytes that come "
    "back are those of the device."
)
INTERRUPTED = 130
"""A shell's exit code for Ctrl-C."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument(
        "--recording", type=Path, metavar="CSV", help="a recording to play in place of a simulated shot"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="which shot is simulated")


def run(arguments: argparse.Namespace) -> int:
    """Play the shot; return 0 when it came back bit for bit, 1 when anything failed, 130 after Ctrl-C."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return _play_and_show(arguments)
    except KeyboardInterrupt:
        _fail("interrupted; everything that was started has been stopped, and nothing is kept")
        return INTERRUPTED


def _play_and_show(arguments: argparse.Namespace) -> int:
    # Imported here: a wrong command line is told, and Ctrl-C understood, before moto has been loaded.
    from local_cloud.demo.report import show  # noqa: PLC0415 - as above
    from local_cloud.demo.scenario import DemoError, play  # noqa: PLC0415 - as above

    try:
        outcome = play(arguments.recording, arguments.seed)
    except DemoError as error:
        _fail(str(error))
        return 1
    try:
        show(outcome)
    except OSError as error:
        _fail(f"the result cannot be written: {error.strerror}")
        # What could not be written waits in stdout still; at exit it shall not fail once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0 if outcome.identical else 1


def _fail(text: str) -> None:
    sys.stderr.write(f"demo: {text}\n")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # The same way out as Ctrl-C: whatever was started is stopped on the way.
    raise KeyboardInterrupt
