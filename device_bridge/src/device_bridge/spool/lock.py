"""One process at a time reads devices into a spool and uploads from it; others may look."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from device_bridge.errors import BridgeError
from device_bridge.file_lock import LockHeldError, note_holder, open_lock_file, take_lock
from device_bridge.spool.errors import SpoolError
from device_bridge.spool.files import make_folder


def lock_path(spool: Path) -> Path:
    """Return the file that a spool is locked by; two names of one spool have one."""
    spool = Path(os.path.realpath(spool))
    return spool.with_name(spool.name + ".lock")


class SpoolLockedError(BridgeError):
    """Another process works with the spool."""


class SpoolLock:
    """Holds a spool's lock within a `with`. The system frees it when the process ends, however it ends.

    Args:
        spool: The spool's path; the lock is a file beside it.

    Raises:
        SpoolLockedError: On entering, when another process holds it.
        SpoolError: On entering, when there is no place for the file.
    """

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._descriptor = -1

    def __enter__(self) -> Self:
        self._descriptor = self._open()
        try:
            self._take()
        except BaseException:
            os.close(self._descriptor)
            raise
        return self

    def _open(self) -> int:
        if self._spool.is_dir():
            raise SpoolError(f"the spool {self._spool} is a folder: name a file with --spool")
        try:
            path = lock_path(self._spool)
            make_folder(path.parent)
            return open_lock_file(path)
        except OSError as error:
            raise SpoolError(
                f"the spool {self._spool} cannot be opened: {error.strerror}. Choose another with --spool"
            ) from error

    def _take(self) -> None:
        try:
            take_lock(self._descriptor)
        except LockHeldError as error:
            raise SpoolLockedError(
                f"another device_bridge (process {error.holder or 'unknown'}) works with the spool {self._spool}: "
                "stop that one first, or use another --spool. `device_bridge status` works meanwhile"
            ) from error
        except OSError as error:
            raise SpoolError(f"the spool {self._spool} cannot be locked: {error.strerror}") from error
        note_holder(self._descriptor)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The file stays: removing it would let two processes hold locks on two files of one name.
        os.close(self._descriptor)
