"""The spool: one SQLite file that holds every page from the moment it was read until long after it was delivered."""

from device_bridge.spool.database import SpoolError
from device_bridge.spool.lock import SpoolLock, SpoolLockedError
from device_bridge.spool.model import CaptureRow, CaptureState, NewCapture, SpooledPage
from device_bridge.spool.store import Spool, SpoolDamagedError

__all__ = [
    "CaptureRow",
    "CaptureState",
    "NewCapture",
    "Spool",
    "SpoolDamagedError",
    "SpoolError",
    "SpoolLock",
    "SpoolLockedError",
    "SpooledPage",
]
