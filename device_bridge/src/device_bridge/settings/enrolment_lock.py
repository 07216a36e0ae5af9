"""One `enrol` at a time works for a credential's file: two would each keep a secret in the place of the other's."""

import contextlib
import errno
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from device_bridge.errors import BridgeError, UsageError

_PRIVATE_FOLDER = 0o700
_PRIVATE_FILE = 0o600
_NOT_INHERITED = getattr(os, "O_CLOEXEC", 0)

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


class EnrolmentLockedError(BridgeError):
    """Another `enrol` is at work for the same credential's file."""


class EnrolmentLock:
    """Holds a credential file's place within a `with`. The system frees it when the process ends, however it ends.

    Args:
        credential_file: Where the credential is to be; two names of one file have one lock, a file beside it.

    Raises:
        EnrolmentLockedError: On entering, when another process holds it.
        UsageError: On entering, when there is no place for the lock's file.
    """

    def __init__(self, credential_file: Path) -> None:
        self._credential_file = credential_file
        place = Path(os.path.realpath(credential_file))
        self._path = place.with_name(f"{place.name}.lock")
        self._descriptor = -1

    def __enter__(self) -> Self:
        while True:
            self._descriptor = self._open()
            try:
                self._take()
                if self._is_still_there():
                    self._note_holder()
                    return self
            except BaseException:
                os.close(self._descriptor)
                raise
            # Its holder removed it between our two steps: a lock on it keeps nobody away.
            os.close(self._descriptor)

    def _open(self) -> int:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_FOLDER)
            return os.open(self._path, os.O_RDWR | os.O_CREAT | _NOT_INHERITED, _PRIVATE_FILE)
        except OSError as error:
            raise UsageError(
                f"{self._path} cannot be written: {error.strerror}; what was there before is kept"
            ) from error

    def _take(self) -> None:
        try:
            _lock(self._descriptor)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK):
                raise UsageError(f"{self._path} cannot be locked: {error.strerror}; nothing was changed") from error
            holder = os.read(self._descriptor, 32).decode("ascii", errors="replace").strip()
            who, stop = (f"process {holder}", f"`kill {holder}`") if holder.isdecimal() else ("its process", "Ctrl-C")
            raise EnrolmentLockedError(
                f"another `device_bridge enrol` ({who}) is at work for the credential file {self._credential_file}; "
                f"nothing was changed. Have the code approved that it shows, or end it ({stop}) and enrol again"
            ) from error

    def _is_still_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def _note_holder(self) -> None:
        # The number is for people; a full disk keeps nobody from working.
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, f"{os.getpid()}\n".encode("ascii"))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Removed while it is held, and looked for by whoever takes it. Windows removes no file that is open: it stays.
        with contextlib.suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)
