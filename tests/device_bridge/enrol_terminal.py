"""`device_bridge enrol` on a terminal of its own."""

import os
import pty
import signal
import sys
from collections.abc import Mapping
from pathlib import Path


def _start(tmp_path: Path, arguments: tuple[str, ...]) -> tuple[int, int]:
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config"), "COLUMNS": "100", "TERM": "xterm"}
    command = [sys.executable, "-m", "device_bridge", "enrol", *arguments]
    process, terminal = pty.fork()
    if process == 0:  # pragma: no cover - the child
        os.execve(sys.executable, command, environment)  # noqa: S606 - no shell is wanted
    return process, terminal


def _read(terminal: int) -> bytes:
    """Return what is shown next; nothing when the program has ended."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


def at_terminal(tmp_path: Path, answers: Mapping[bytes, bytes], *arguments: str) -> tuple[int, bytes]:
    """Run `enrol`, answer each prompt, and return its exit code and what is shown."""
    process, terminal = _start(tmp_path, arguments)
    shown, waiting = b"", dict(answers)
    try:
        while more := _read(terminal):
            shown += more
            for prompt in [prompt for prompt in waiting if prompt in shown]:
                os.write(terminal, waiting.pop(prompt))
        _, status = os.waitpid(process, 0)
    finally:
        os.close(terminal)
    assert waiting == {}, shown
    return os.waitstatus_to_exitcode(status), shown


def interrupted_at(tmp_path: Path, text: bytes, *arguments: str) -> tuple[int, bytes]:
    """Run `enrol`, press Ctrl-C once a text is shown, and return its exit code and what is shown."""
    process, terminal = _start(tmp_path, arguments)
    shown = b""
    try:
        while text not in shown:
            more = _read(terminal)
            assert more, shown
            shown += more
        os.kill(process, signal.SIGINT)
        while more := _read(terminal):
            shown += more
        _, status = os.waitpid(process, 0)
    finally:
        os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown
