"""The command line in a test: what a command printed, and a terminal that a person types on."""

import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

LONGEST_S = 30.0


@dataclass(frozen=True)
class Printed:
    """What a command did: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str


class Run(Protocol):
    """Runs a command, with lines on standard input."""

    def __call__(self, *arguments: str, typed: tuple[str, ...] = ()) -> Printed:
        """Return what it did."""


class Terminal:
    """A command on a pseudo-terminal."""

    def __init__(self, process: "subprocess.Popen[bytes]", descriptor: int) -> None:
        self._process = process
        self._descriptor = descriptor
        self.shown = ""

    def answer(self, prompt: str, line: str) -> None:
        """Wait until a prompt stands at the end, and type a line."""
        while not self.shown.endswith(prompt):
            assert self._read_on(), self.shown
        os.write(self._descriptor, f"{line}\n".encode())
        self.shown += "|"

    def end(self) -> int:
        """Read until the command ends, and return its exit code."""
        while self._read_on():
            pass
        return self._process.wait(LONGEST_S)

    def _read_on(self) -> bool:
        assert select.select([self._descriptor], [], [], LONGEST_S)[0], self.shown
        try:
            piece = os.read(self._descriptor, 4096)
        except OSError:  # Linux says so when nobody holds the other end any more
            return False
        self.shown += piece.decode()
        return bool(piece)


@contextmanager
def on_a_terminal(*arguments: str) -> Iterator[Terminal]:
    """Run a command on a pseudo-terminal, in this process's environment."""
    own, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "phone_client", *arguments], stdin=its, stdout=its, stderr=its, start_new_session=True
    )
    os.close(its)
    try:
        yield Terminal(process, own)
    finally:
        process.kill()
        process.wait()
        os.close(own)
