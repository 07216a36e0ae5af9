"""The spool's file and folder before SQLite opens them: whether they are there, whole in size, and nobody else's."""

import contextlib
import os
from pathlib import Path

from device_bridge.spool.errors import SpoolCorruptError

_SMALLEST_DATABASE_BYTES = 512
_OWN_FOLDER = 0o700
_OWN_FILE = 0o600


def spool_exists(path: Path) -> bool:
    """Return whether there is a spool of this name, or what is left of one: its file, or its log alone."""
    return path.exists() or _log_bytes(Path(os.path.realpath(path))) > 0


def spool_bytes(path: Path) -> int:
    """Return the size of a spool with its log."""
    file = Path(os.path.realpath(path))
    return _size_bytes(file) + _log_bytes(file)


def make_folder(folder: Path) -> None:
    """Make the folder of a spool, and those above it that are missing, for this user alone.

    Raises:
        OSError: It cannot be made.
    """
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=_OWN_FOLDER, exist_ok=True)


def make_file(file: Path) -> None:
    """Make an empty spool that only this user can read; one that is there is left as it is.

    SQLite would make it with the rights that the user's umask leaves, and gives the log the rights of the file.

    Raises:
        OSError: It cannot be made.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, _OWN_FILE))


def check_is_database(file: Path) -> None:
    """Return when a file has a size that SQLite will not take for an empty database and write over.

    SQLite takes a file that is shorter than its own header for an empty one, and deletes the log of a file that is
    empty. Only sizes are asked: closing a descriptor of our own would drop the locks that this process holds through
    SQLite.

    Raises:
        SpoolCorruptError: It was cut off or emptied, or only its log is there. Nothing was changed.
    """
    # The log first: another process may make the spool between the two looks, and it writes the file before the log.
    log_bytes = _log_bytes(file)
    size_bytes = _size_bytes(file)
    if 0 < size_bytes < _SMALLEST_DATABASE_BYTES or (size_bytes == 0 and log_bytes > 0):
        raise SpoolCorruptError(
            f"{file} is no spool, or one that was cut off or emptied. Nothing was changed: choose another with "
            "--spool, or set this one aside"
        )


def _log_bytes(file: Path) -> int:
    return _size_bytes(file.with_name(file.name + "-wal"))


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
