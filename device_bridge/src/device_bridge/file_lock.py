"""The system's lock on a file that names its holder. The system frees it when the process ends, however it ends."""

import contextlib
import errno
import os
import sys
from pathlib import Path

from device_bridge.errors import BridgeError

_PRIVATE_FILE = 0o600
_NOT_INHERITED = getattr(os, "O_CLOEXEC", 0)
_HELD = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
_LONGEST_NUMBER_BYTES = 32

if sys.platform == "win32":
    import msvcrt

    # Windows keeps others from reading what is locked: a byte far behind the number of the holder.
    _LOCKED_BYTE = 2**30

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class LockHeldError(BridgeError):
    """Another process holds the lock.

    Attributes:
        holder: What the file says of it: the number of its process, or nothing.
    """

    def __init__(self, holder: str) -> None:
        super().__init__(f"process {holder or 'unknown'} holds the lock")
        self.holder = holder


def open_lock_file(path: Path) -> int:
    """Return a descriptor of a lock's file, which is made for this user alone and handed to no child process.

    Raises:
        OSError: It cannot be made or opened.
    """
    return os.open(path, os.O_RDWR | os.O_CREAT | _NOT_INHERITED, _PRIVATE_FILE)


def take_lock(descriptor: int) -> None:
    """Lock the file of `descriptor`; closing the descriptor frees it.

    Raises:
        LockHeldError: Another holds it.
        OSError: It cannot be locked at all.
    """
    try:
        _lock(descriptor)
    except OSError as error:
        if error.errno not in _HELD:
            raise
        os.lseek(descriptor, 0, os.SEEK_SET)
        said = os.read(descriptor, _LONGEST_NUMBER_BYTES).decode("ascii", errors="replace")
        raise LockHeldError(said.strip()) from error


def note_holder(descriptor: int) -> None:
    """Write the number of this process into a file that it has locked."""
    # The number is for people; a full disk keeps nobody from working.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
