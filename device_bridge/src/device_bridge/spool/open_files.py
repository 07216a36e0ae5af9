"""Which spool files this process has open, and whether they are still there, by their device and inode numbers.

SQLite reads a log from its beginning when the first connection opens a file. What this process has open was checked
before that (`log.check_log`), and need not be read whole again; other processes check for themselves.
"""

import os
import threading
import weakref
from pathlib import Path

from device_bridge.spool.errors import SpoolGoneError

Identity = tuple[int, int]

_identities: "weakref.WeakKeyDictionary[object, Identity]" = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def identify(path: Path) -> Identity | None:
    """Return which file has a name now, None when none has."""
    try:
        found = os.stat(path)  # noqa: PTH116 - asked in every transaction: without a Path's detour
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


class SpoolWatch:
    """Notices when a spool's file is deleted or replaced while it is in use. Any thread may ask.

    Args:
        path: The spool.

    Attributes:
        identity: The file that is taken for the spool, None before it is known.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.identity: Identity | None = None
        self._has_begun = False

    def begin(self) -> None:
        """Take the file that has the spool's name now for the spool; it is open."""
        self.identity = identify(self._path)
        self._has_begun = True

    def check(self) -> None:
        """Return when the file that was taken for the spool still has its name.

        Raises:
            SpoolGoneError: Another file, or none, has it now.
        """
        if self._has_begun and identify(self._path) != self.identity:
            raise SpoolGoneError(
                f"the spool {self._path} was deleted or replaced while it was in use: nothing more is written into the "
                "old one. Put it back, or start again with a new one: records that the devices still hold are read anew"
            )


def note_open(owner: object, identity: Identity | None) -> None:
    """Note that a file is open until its owner closes it, or is no more."""
    if identity is None:
        return
    with _lock:
        _identities[owner] = identity


def note_closed(owner: object) -> None:
    """Note that an owner closes its file; twice does no harm."""
    with _lock:
        _identities.pop(owner, None)


def is_open_here(path: Path) -> bool:
    """Return whether this process has the file of a name open."""
    identity = identify(path)
    with _lock:
        return identity is not None and identity in list(_identities.values())
