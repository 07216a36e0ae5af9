"""The system's lock on a file, on this system and as Windows has it."""

import errno
import importlib.util
import os
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from device_bridge import file_lock

HOLDER = """
import sys
from pathlib import Path
from device_bridge import file_lock
descriptor = file_lock.open_lock_file(Path(sys.argv[1]))
file_lock.take_lock(descriptor)
file_lock.note_holder(descriptor)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give the module as Windows imports it, with a msvcrt that lets one descriptor hold a byte."""
    held: dict[int, int] = {}

    def locking(descriptor: int, _mode: int, count_bytes: int) -> None:
        first = os.lseek(descriptor, 0, os.SEEK_CUR)
        assert count_bytes == 1
        if held.setdefault(first, descriptor) != descriptor:
            raise PermissionError(errno.EACCES, "Permission denied")

    msvcrt = types.ModuleType("msvcrt")
    vars(msvcrt).update(locking=locking, LK_NBLCK=2, held=held)
    monkeypatch.setitem(sys.modules, "msvcrt", msvcrt)
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setattr(sys, "platform", "win32")
    found = importlib.util.spec_from_file_location("file_lock_on_windows", file_lock.__file__)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    yield module
    assert min(held, default=2**30) >= 2**30, "Windows lets nobody read what is locked: not where the number stands"


def test_another_process_holds_it(tmp_path: Path) -> None:
    """Who comes second learns the number of the process that holds the lock, and gets it when that one is killed."""
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLDER, str(path)]
    second = file_lock.open_lock_file(path)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(file_lock.LockHeldError) as refused:
            file_lock.take_lock(second)
        assert refused.value.holder == str(first.pid)
        first.kill()
    file_lock.take_lock(second)
    file_lock.note_holder(second)
    assert path.read_text() == f"{os.getpid()}\n"
    os.close(second)


def test_on_windows_the_number_of_the_holder_can_be_read(windows: Any, tmp_path: Path) -> None:
    """There, without fcntl, a byte far behind the number is locked, and the second learns the number."""
    first, second = (windows.open_lock_file(tmp_path / "lock") for _ in range(2))
    windows.take_lock(first)
    windows.note_holder(first)
    with pytest.raises(windows.LockHeldError) as refused:
        windows.take_lock(second)
    assert refused.value.holder == str(os.getpid())
    assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
    for descriptor in (first, second):
        os.close(descriptor)


def test_what_is_no_lock_of_another_is_told_as_it_is(tmp_path: Path) -> None:
    """A file that cannot be locked at all is no lock that somebody holds."""
    descriptor = file_lock.open_lock_file(tmp_path / "lock")
    os.close(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        file_lock.take_lock(descriptor)
