"""Writing a file so that it is there whole or not at all."""

import contextlib
import os
import secrets
from pathlib import Path

OWNER_ONLY = 0o600
AS_THE_UMASK_SAYS = 0o666


def write_atomically(path: Path, data: bytes, mode: int = AS_THE_UMASK_SAYS) -> None:
    """Write a file, replacing what was there in one step, and return when it is on the disk.

    Args:
        path: Where; a link is followed, so that the link stays.
        data: The whole content.
        mode: The permissions, less those that the umask takes away.

    Raises:
        OSError: It could not be written; what was there before is untouched.
    """
    path = path.resolve()
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        _write_new(part, data, mode)
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    _sync_folder(path.parent)


def _write_new(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    # Without this, a power cut may bring back the folder's old entry. Not every system lets a folder be opened.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
