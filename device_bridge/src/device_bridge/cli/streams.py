"""The process's standard streams, so that a command never fails for what is at their other ends."""

import contextlib
import io
import os
import sys
from typing import Final

BROKEN_PIPE: Final = 141


def prepare_streams() -> None:
    """Have three open streams, and text that a terminal cannot show written as its escapes."""
    # A program started with `>&-` would otherwise get its spool, or its port, as descriptor 1. Each of these gets the
    # lowest that is free, so in this order they fill the gaps.
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 - open until the process ends
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - the same
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - the same
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def is_wanted(question: str) -> bool:
    """Ask the person at the terminal; only a yes is one."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def give_up_stdout() -> None:
    """Send what is still buffered for stdout nowhere: whoever read it is gone, or its disk is full."""
    with contextlib.suppress(OSError, ValueError):
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, sys.stdout.fileno())
        os.close(devnull)
