"""Writing a file so that it is there whole or not at all."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

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
    with replacing(path, mode) as file:
        file.write(data)


@contextlib.contextmanager
def replacing(path: Path, mode: int = AS_THE_UMASK_SAYS) -> Iterator[BinaryIO]:
    """Give a new file to write into, which takes the place of `path` when the body ends without an error.

    Args:
        path: Where; a link is followed, so that the link stays.
        mode: The permissions, less those that the umask takes away.

    Raises:
        OSError: It could not be written; what was there before is untouched.
    """
    path = path.resolve()
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        with _new_file(part, mode) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    _sync_folder(path.parent)


def _new_file(path: Path, mode: int) -> BinaryIO:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    return os.fdopen(descriptor, "w+b")


def _sync_folder(folder: Path) -> None:
    # Without this, a power cut may bring back the folder's old entry. Not every system lets a folder be opened.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
