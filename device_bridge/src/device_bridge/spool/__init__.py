"""The spool: one SQLite file that holds every page from the moment it was read until long after it was delivered."""

from device_bridge.spool.disk import check_free_space
from device_bridge.spool.errors import (
    LowDiskError,
    SpoolCorruptError,
    SpoolDamagedError,
    SpoolError,
    SpoolGoneError,
)
from device_bridge.spool.files import spool_bytes, spool_exists
from device_bridge.spool.lock import SpoolLock, SpoolLockedError, lock_path
from device_bridge.spool.model import CaptureRow, CaptureState, DeviceRow, NewCapture, SpooledPage
from device_bridge.spool.open_files import SpoolWatch
from device_bridge.spool.salvage import Salvaged, not_taken_over, note_taken_over, salvage, set_aside
from device_bridge.spool.store import Spool

__all__ = [
    "CaptureRow",
    "CaptureState",
    "DeviceRow",
    "LowDiskError",
    "NewCapture",
    "Salvaged",
    "Spool",
    "SpoolCorruptError",
    "SpoolDamagedError",
    "SpoolError",
    "SpoolGoneError",
    "SpoolLock",
    "SpoolLockedError",
    "SpoolWatch",
    "SpooledPage",
    "check_free_space",
    "lock_path",
    "not_taken_over",
    "note_taken_over",
    "salvage",
    "set_aside",
    "spool_bytes",
    "spool_exists",
]
