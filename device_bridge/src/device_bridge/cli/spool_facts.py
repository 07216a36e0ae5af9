"""What `status` knows: the spool, its captures and devices, the disk, and whether a bridge is at work on them."""

import contextlib
import shutil
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from device_bridge.moments import moment_text
from device_bridge.settings import Settings
from device_bridge.spool import CaptureRow, CaptureState, DeviceRow, Spool, lock_path, spool_exists
from smartdot.clocks import fit_clocks

_LOCKS = Path("/proc/locks")


@dataclass(frozen=True, slots=True)
class SpoolFacts:
    """A look at the spool.

    Attributes:
        spool: Its file.
        process: The process that works with it, None when none does.
        free_bytes: Free bytes of its disk, None when its folder is not there.
        min_free_bytes: With less, nothing more is read.
        counts: Captures by state.
        bytes_waiting: Bytes that the cloud has not confirmed yet.
        devices: What is known of each device.
        captures: What is known of each capture, by device and record.
    """

    spool: str
    process: int | None
    free_bytes: int | None
    min_free_bytes: int
    counts: dict[str, int]
    bytes_waiting: int
    devices: list[dict[str, object]]
    captures: list[dict[str, object]]

    @property
    def is_disk_low(self) -> bool:
        """Whether the disk is too full to read on."""
        return self.free_bytes is not None and self.free_bytes < self.min_free_bytes

    def as_json(self) -> dict[str, object]:
        """Return it for programs."""
        return {**asdict(self), "is_running": self.process is not None, "is_disk_low": self.is_disk_low}


def read_facts(settings: Settings) -> SpoolFacts:
    """Look at the spool that the settings name; one that does not exist yet is empty, and is not made.

    Raises:
        SpoolError: It cannot be read.
    """
    counts = {state.value: 0 for state in CaptureState}
    captures: list[dict[str, object]] = []
    devices: list[dict[str, object]] = []
    bytes_waiting = 0
    if spool_exists(settings.spool):
        with contextlib.closing(Spool(settings.spool)) as spool:
            counts = {state.value: count for state, count in spool.counts().items()}
            bytes_waiting = spool.waiting_bytes()
            captures = [_capture_facts(row) for row in spool.iter_captures()]
            devices = [_device_facts(row, spool) for row in spool.devices()]
    return SpoolFacts(
        spool=str(settings.spool),
        process=find_holder(settings.spool),
        free_bytes=_free_bytes(settings.spool),
        min_free_bytes=settings.min_free_bytes,
        counts=counts,
        bytes_waiting=bytes_waiting,
        devices=devices,
        captures=captures,
    )


def find_holder(spool: Path) -> int | None:
    """Return the process that holds a spool's lock (`SpoolLock`), 0 when it cannot be named, None when none does.

    The lock itself is not touched: a bridge that starts at this moment must not find it taken.
    """
    path = lock_path(spool)
    try:
        state, written = path.stat(), path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None
    process = int(written) if written.isascii() and written.isdecimal() else 0
    try:
        locks = _LOCKS.read_text(encoding="ascii").splitlines()
    except OSError:
        # Without a list of locks, the process whose number stands there is asked for.
        return process if process and Path(f"/proc/{process}").exists() else None
    mine = f":{state.st_ino}"
    return process if any(" FLOCK " in lock and lock.split()[5].endswith(mine) for lock in locks) else None


def _free_bytes(spool: Path) -> int | None:
    try:
        return shutil.disk_usage(spool.parent).free
    except OSError:
        return None


def _device_facts(row: DeviceRow, spool: Spool) -> dict[str, object]:
    fit = fit_clocks(spool.clock_notes(row.serial))
    return {
        "serial": row.serial,
        "place": row.place,
        "seen_at": _utc_text(row.seen_at),
        "battery_percent": row.battery_percent,
        "link_errors": row.link_errors,
        "records_held": row.records_held,
        "clock_drift_ppm": None if fit is None else fit.drift_ppm,
        "clock_uncertainty_ppm": None if fit is None else fit.uncertainty_ppm,
    }


def _capture_facts(row: CaptureRow) -> dict[str, object]:
    return {
        "id": row.id,
        "device": row.device,
        "record": row.record,
        "generation": row.generation,
        "state": row.state.value,
        "pages_read": row.pages_read,
        "page_count": row.page_count,
        "damaged_pages": list(row.damaged_pages),
        "damaged_count": row.damaged_count,
        "sha256": row.sha256,
        "size_bytes": row.size_bytes,
        "provenance": row.provenance,
        "cloud_state": row.cloud_state,
        "attempts": row.attempts,
        "last_problem": row.last_problem,
        "sealed_at": _utc_text(row.sealed_at),
        "delivered_at": _utc_text(row.delivered_at),
        "erased_at": _utc_text(row.erased_at),
    }


def _utc_text(moment: datetime | None) -> str | None:
    return None if moment is None else moment_text(moment, "seconds")
