"""How much room the spool's disk has, and why a write to it failed."""

import errno
import os
import shutil
import tempfile
from pathlib import Path

from device_bridge.spool.errors import LowDiskError, SpoolError

MIN_FREE_BYTES = 200 * 2**20
DISK_FULL = "the disk is full"
_PROBE = bytes(65536)
_NO_ROOM = {
    errno.ENOSPC: DISK_FULL,
    getattr(errno, "EDQUOT", errno.ENOSPC): "this user's share of the disk is used up",
    errno.EFBIG: "a file may not grow any further here",
}


def check_free_space(path: Path, needed_bytes: int) -> None:
    """Return when the disk that holds a spool has this much room.

    Args:
        path: The spool's file.
        needed_bytes: What must be free, beside all that is there.

    Raises:
        LowDiskError: It has less. Nothing is deleted; uploading goes on.
        SpoolError: The folder cannot be asked.
    """
    try:
        free_bytes = shutil.disk_usage(path.parent).free
    except OSError as error:
        raise SpoolError(f"the folder of the spool {path} cannot be read: {error.strerror}") from error
    if free_bytes < needed_bytes:
        raise LowDiskError(
            f"the disk of the spool {path} has only {free_bytes // 2**20} MiB free and {needed_bytes // 2**20} MiB are "
            "wanted: reading stops, uploading goes on, nothing is deleted. Free some space: `run` reads on then"
        )


def why_writing_fails(path: Path) -> str | None:
    """Return why the disk takes no more bytes of a spool, None when it takes them.

    SQLite calls only ENOSPC a full disk. What stands behind its other failures is asked of the disk by a write of our
    own into a file without a name.
    """
    log = path.with_name(path.name + "-wal")
    try:
        with tempfile.TemporaryFile(dir=path.parent) as file:
            # As far into the file as SQLite would have written: a limit on a file's size shows only there.
            file.seek(max((name.stat().st_size for name in (path, log) if name.exists()), default=0))
            file.write(_PROBE)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return _NO_ROOM.get(error.errno or 0)
    return None
