"""Is the spool whole, and has its disk room?"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from device_bridge.doctor.findings import Finding, Level, failed
from device_bridge.errors import BridgeError
from device_bridge.spool import CaptureState, Spool, SpoolCorruptError, not_taken_over, spool_exists

_PLENTY = 4


def check_spool(path: Path) -> Iterator[Finding]:
    """Check the spool's file and hash what is sealed; a spool that does not exist is not made.

    Args:
        path: The spool.
    """
    for aside in not_taken_over(path):
        text = f"{aside} was set aside, and taking over what can be read of it did not come to its end"
        yield Finding("spool", Level.WARN, text, "`device_bridge doctor --set-aside-spool` goes on with it")
    if not spool_exists(path):
        yield Finding("spool", Level.OK, f"{path}: there is none yet, the first pull makes it")
        return
    try:
        with contextlib.closing(Spool(path)) as spool:
            problems, counts = spool.check(), spool.counts()
    except SpoolCorruptError as error:
        yield Finding(
            "spool", Level.FAIL, str(error), "`device_bridge doctor --set-aside-spool` makes room for a new one"
        )
        return
    except BridgeError as error:
        yield failed("spool", error)
        return
    for problem in problems:
        yield Finding(
            "spool", Level.FAIL, problem, "have the disk checked, then `device_bridge doctor --set-aside-spool`"
        )
    held = ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "empty"
    if not problems:
        yield Finding("spool", Level.OK, f"{path}: whole, {held}")
    if counts[CaptureState.QUARANTINED]:
        text = f"{counts[CaptureState.QUARANTINED]} captures are in quarantine"
        yield Finding("quarantine", Level.WARN, text, "`device_bridge quarantine` says why")


def check_disk(path: Path, min_free_bytes: int) -> Finding:
    """Check the room on the spool's disk.

    Args:
        path: The spool.
        min_free_bytes: With less, nothing more is read from devices.
    """
    folder = next(place for place in (path.absolute(), *path.absolute().parents) if place.is_dir())
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding("disk", Level.FAIL, f"{folder} cannot be asked: {error.strerror}")
    text = f"{free >> 20} MiB free where the spool is, reading stops below {min_free_bytes >> 20} MiB"
    advice = "make room, or put the spool on another disk with --spool"
    if free < min_free_bytes:
        return Finding("disk", Level.FAIL, f"{text}: nothing is read from devices now", advice)
    return (
        Finding("disk", Level.WARN, text, advice)
        if free < _PLENTY * min_free_bytes
        else Finding("disk", Level.OK, text)
    )
