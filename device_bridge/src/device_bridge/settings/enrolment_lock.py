"""One `enrol` at a time works for a credential's file: two would each keep a secret in the place of the other's."""

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from device_bridge.errors import BridgeError, UsageError
from device_bridge.file_lock import LockHeldError, note_holder, open_lock_file, take_lock

_PRIVATE_FOLDER = 0o700


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
                    note_holder(self._descriptor)
                    return self
            except BaseException:
                os.close(self._descriptor)
                raise
            # Its holder removed it between our two steps: a lock on it keeps nobody away.
            os.close(self._descriptor)

    def _open(self) -> int:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_FOLDER)
            return open_lock_file(self._path)
        except OSError as error:
            raise UsageError(
                f"{self._path} cannot be written: {error.strerror}; what was there before is kept"
            ) from error

    def _take(self) -> None:
        try:
            take_lock(self._descriptor)
        except LockHeldError as error:
            holder = error.holder
            who, stop = (f"process {holder}", f"`kill {holder}`") if holder.isdecimal() else ("its process", "Ctrl-C")
            raise EnrolmentLockedError(
                f"another `device_bridge enrol` ({who}) is at work for the credential file {self._credential_file}; "
                f"nothing was changed. Have the code approved that it shows, or end it ({stop}) and enrol again"
            ) from error
        except OSError as error:
            raise UsageError(f"{self._path} cannot be locked: {error.strerror}; nothing was changed") from error

    def _is_still_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Removed while it is held, and looked for by whoever takes it. Windows removes no file that is open: it stays.
        with contextlib.suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)
