"""The two phones of the README, typed on a terminal against a served local cloud."""

import os
import pty
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.docs.test_examples import PROJECT, served

__all__ = ["served"]

PASSWORD = b"correct horse battery staple\n"
PROMPT = re.compile(rb"(?:password|Password|again)[^\r\n]*: $")

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("bash") is None, reason="the commands are for a shell"),
]


def _section() -> str:
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    return text.partition("\n### Two phones\n")[2].partition("\n### ")[0]


def _blocks(language: str) -> list[str]:
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", _section(), re.MULTILINE | re.DOTALL)
    return [text for told, text in blocks if told == language]


def _read(terminal: int) -> bytes:
    """Return what is shown next; nothing when the shell has ended."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


def _at_terminal(folder: Path, environment: dict[str, str], commands: str) -> tuple[int, str]:
    """Run commands in a shell on a terminal, type the password at each prompt, and return what is shown."""
    shell, terminal = pty.fork()
    if shell == 0:  # pragma: no cover - the child
        os.chdir(folder)
        os.execvpe("bash", ["bash", "-eu", "-c", commands], environment)  # noqa: S606 - the user's own shell
    shown, answered = b"", 0
    try:
        while more := _read(terminal):
            shown += more
            if PROMPT.search(shown, answered):
                answered = len(shown)
                os.write(terminal, PASSWORD)
        _, status = os.waitpid(shell, 0)
    finally:
        os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown.decode().replace("\r\n", "\n")


def _fits(told: str, shown: str) -> bool:
    """Tell whether lines of the page were shown as they stand there; three dots stand for anything within a line."""
    return re.search("^" + re.escape(told).replace(re.escape("..."), ".*"), shown, re.MULTILINE) is not None


def test_the_two_phones_work_as_pasted(served: dict[str, str], tmp_path: Path) -> None:
    """Every command of the section ends well, and the conflict and the figures are those that the page shows."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    environment = {**served, "PYTHONPATH": os.environ.get("PYTHONPATH", ""), "COLUMNS": "120", "TERM": "xterm"}
    commands = "".join(_blocks("sh")).replace("127.0.0.1:8000", f"127.0.0.1:{served['PORT']}")
    code, shown = _at_terminal(tmp_path, environment, commands)
    assert code == 0, shown
    assert shown.count("1 of your changes waits for your decision") == 1
    # Once as it was typed, and once on the second phone's sheet.
    assert shown.count("dry lane") == 2
    assert len(_blocks("")) == 2
    for told in _blocks(""):
        assert _fits(told, shown), shown
    # The games of the phone that did not decide, newest first: the total that was kept, and the shots of both phones.
    listed = shown.rpartition("Synced:")[2].partition("FIGURE")[0].splitlines()[2:]
    assert [line.split()[3] for line in listed] == ["156", "195"]
