"""Files that are whole or not there, and never put in the place of one that is."""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from device_bridge.errors import BridgeError, UsageError


class FileNotWrittenError(BridgeError):
    """A file could not be written; nothing of it was left behind."""


def check_is_new(path: Path, *, force: bool) -> None:
    """Return when a file may be written. Raises `UsageError` when there is one that is not to be overwritten."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder: choose another name with --output")
    if not force and path.exists():
        raise UsageError(f"{path} is there already and was left as it is: --force overwrites it")


@contextlib.contextmanager
def new_file(path: Path, *, force: bool) -> Iterator[Path]:
    """Give the path of an unfinished file; it gets its name when the `with` ends without an error.

    Raises:
        UsageError: There is one already, and it is not to be overwritten.
        FileNotWrittenError: It cannot be written; nothing of it is left.
    """
    check_is_new(path, force=force)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        try:
            yield unfinished
            with unfinished.open("rb") as file:
                os.fsync(file.fileno())
            _give_name(unfinished, path, force=force)
        finally:
            with contextlib.suppress(FileNotFoundError):
                unfinished.unlink()
    except FileExistsError as error:
        raise UsageError(f"{path} is there already and was left as it is: --force overwrites it") from error
    except OSError as error:
        raise FileNotWrittenError(
            f"{path} cannot be written: {error.strerror or error}; nothing of it was left behind"
        ) from error


def _give_name(unfinished: Path, path: Path, *, force: bool) -> None:
    if not force:
        try:
            # Fails when another program has made one meanwhile, which a rename would overwrite.
            path.hardlink_to(unfinished)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EACCES):
                raise
        else:
            return
    unfinished.replace(path)


@contextlib.contextmanager
def written(path: Path, *, force: bool) -> Iterator[BinaryIO]:
    """Give a file to write to (`new_file`)."""
    with new_file(path, force=force) as unfinished, unfinished.open("xb") as file:
        yield file
        file.flush()
