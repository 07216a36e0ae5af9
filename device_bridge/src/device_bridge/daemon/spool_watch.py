"""Notices when the spool's file is deleted or replaced under the bridge."""

from pathlib import Path

from device_bridge.spool import SpoolGoneError


class SpoolWatch:
    """Remembers which file the spool is.

    Args:
        path: The spool.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity: tuple[int, int] | None = None

    def begin(self) -> None:
        """Take the file that has the spool's name now for the spool; it is open."""
        self._identity = _identity(self._path)

    def check(self) -> None:
        """Raise `SpoolGoneError` when another file, or none, has the spool's name now."""
        found = _identity(self._path)
        if self._identity is not None and found != self._identity:
            what = "was deleted" if found is None else "was replaced by another file"
            raise SpoolGoneError(
                f"the spool {self._path} {what} while it was in use: stopped, so that nothing is written where it "
                "would be lost. Put the file back if you have it, and start again: whatever the devices still hold "
                "and the spool does not is read then"
            )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return (state.st_dev, state.st_ino)
