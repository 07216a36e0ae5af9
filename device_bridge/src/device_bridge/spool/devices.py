"""The spool's verbs about devices: when they were seen, how their clocks ran, which of their records may be erased."""

import math
from datetime import UTC
from pathlib import Path

from device_bridge.moments import moment_text, read_moment
from device_bridge.spool.database import Connection
from device_bridge.spool.disk import check_free_space
from device_bridge.spool.errors import LowDiskError, SpoolError
from device_bridge.spool.model import CaptureRow, DeviceRow
from device_bridge.spool.reading import SpoolFile
from device_bridge.spool.rows import now, read_count, read_row
from smartdot.clocks import ClockNote

_MOST_NOTES = 64
# Of all power-ups together: a device chooses what it says of them.
_MOST_NOTES_OF_DEVICE = 1024
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_BOOT_MOMENT_S = 600
_NOTES_OF_BOOT = "FROM clock_notes WHERE device = ? AND power_up = ? AND host_boot = ?"


class DeviceVerbs(SpoolFile):
    """What is known of the devices themselves."""

    def note_device(
        self,
        device: str,
        place: str,
        battery_percent: int | None,
        link_errors: int,
        clock: ClockNote | None = None,
    ) -> None:
        """Note that a device answered just now, and its clock in the same commit.

        Args:
            device: Its serial.
            place: Where it is connected.
            battery_percent: Its battery, None when it does not say.
            link_errors: Link errors since it was connected.
            clock: Its clock beside the host's (`note_clock`), None when it is not to be noted. When the disk is low it
                is left out: the device's row is replaced, notes grow.
        """
        with self._database.transaction() as db:
            db.execute(
                "INSERT INTO devices VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET place = excluded.place, "
                "seen_at = excluded.seen_at, battery_percent = excluded.battery_percent, "
                "link_errors = excluded.link_errors",
                (device, place, now(), battery_percent, link_errors),
            )
            if clock is not None and self._has_room():
                _add_clock_note(db, device, clock)

    def _has_room(self) -> bool:
        try:
            check_free_space(self.path, self._min_free_bytes)
        except LowDiskError:
            return False
        return True

    def devices(self) -> list[DeviceRow]:
        """Return every device that was ever seen, the one seen last first."""
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT serial, place, seen_at, battery_percent, link_errors, "
                "(SELECT count(DISTINCT record) FROM captures WHERE device = serial) FROM devices ORDER BY seen_at DESC"
            ).fetchall()
        # A row that rotted is left out; the device writes it anew when it is seen again.
        return [
            DeviceRow(str(serial), str(place), seen, _percent(battery), read_count(errors), held)
            for serial, place, seen_at, battery, errors, held in rows
            if (seen := read_moment(seen_at)) is not None
        ]

    def note_clock(self, device: str, note: ClockNote) -> None:
        """Note a device's clock beside the host's. Of one power-up at most 64 are kept, spread over its time."""
        with self._database.transaction() as db:
            _add_clock_note(db, device, note)

    def clock_notes(self, device: str) -> list[ClockNote]:
        """Return the notes of a device's latest power-up that this start of the host took, in their order."""
        with self._database.reading() as db:
            last = db.execute(
                "SELECT power_up, host_boot FROM clock_notes WHERE device = ? ORDER BY id DESC LIMIT 1", (device,)
            ).fetchone()
            if last is None:
                return []
            rows = db.execute(
                f"SELECT device_ticks, tick_hz, power_up, host_monotonic_s, host_utc, round_trip_s {_NOTES_OF_BOOT} "
                "ORDER BY id",
                (device, *last),
            ).fetchall()
        return [note for row in rows if (note := _read_note(*row)) is not None]

    def erasable(self, device: str) -> list[CaptureRow]:
        """Return the captures whose copy on the device may be erased: verified by the cloud, and nothing read since.

        A damaged one is never among them, nor a record of which a later generation is held.
        """
        with self._database.reading() as db:
            found = db.execute(
                "SELECT id FROM captures AS own WHERE device = ? AND state = 'delivered' AND cloud_state = 'verified' "
                "AND erased_at IS NULL AND generation = (SELECT max(generation) FROM captures "
                "WHERE device = own.device AND record = own.record) ORDER BY record",
                (device,),
            ).fetchall()
            return [row for (number,) in found if (row := read_row(db, number)) is not None]

    def mark_erased(self, capture: int) -> None:
        """Note that the device's copy of a verified capture is gone; the spool's stays.

        Raises:
            SpoolError: The capture is not verified: its copy should not have been erased.
        """
        with self._database.transaction() as db:
            changed = db.execute(
                "UPDATE captures SET erased_at = coalesce(erased_at, ?) WHERE id = ? AND state = 'delivered' "
                "AND cloud_state = 'verified'",
                (now(), capture),
            ).rowcount
            if not changed:
                raise SpoolError(f"capture {capture} is not verified by the cloud: its copy on the device must stay")


def _percent(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _read_note(
    ticks: object, tick_hz: object, power_up: object, monotonic_s: object, utc: object, round_trip_s: object
) -> ClockNote | None:
    """Return a note, None for one that rotted."""
    moment = read_moment(utc)
    is_ticks = isinstance(ticks, str) and ticks.isascii() and ticks.isdecimal()
    seconds = [value for value in (monotonic_s, round_trip_s) if isinstance(value, float) and math.isfinite(value)]
    if moment is None or not is_ticks or len(seconds) < 2 or read_count(tick_hz) == 0:  # noqa: PLR2004 - both
        return None
    return ClockNote(int(str(ticks)), read_count(tick_hz), read_count(power_up), seconds[0], moment, seconds[1])


def _add_clock_note(db: Connection, device: str, note: ClockNote) -> None:
    group = (device, note.power_up, _host_boot(note))
    clock = (str(note.device_ticks), note.tick_hz, note.host_monotonic_s, moment_text(note.host_utc), note.round_trip_s)
    db.execute(
        "INSERT INTO clock_notes (device, power_up, host_boot, device_ticks, tick_hz, host_monotonic_s, host_utc, "
        "round_trip_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*group, *clock),
    )
    _thin_out(db, group)
    # One comes, so at most one goes, but in a file of an earlier version.
    db.execute(
        "DELETE FROM clock_notes WHERE id IN "
        "(SELECT id FROM clock_notes WHERE device = ? ORDER BY id DESC LIMIT -1 OFFSET ?)",
        (device, _MOST_NOTES_OF_DEVICE),
    )


def _thin_out(db: Connection, group: tuple[str, int, str]) -> None:
    """Once there are too many notes, leave out the one whose neighbours are the nearest: the rest stays spread."""
    moments_s = "coalesce(CAST(host_monotonic_s AS REAL), 0)"
    notes = db.execute(f"SELECT id, {moments_s} {_NOTES_OF_BOOT} ORDER BY id", group).fetchall()
    if len(notes) > _MOST_NOTES:
        between = zip(notes[1:-1], notes, notes[2:], strict=False)
        (number, _), _, _ = min(between, key=lambda three: three[2][1] - three[1][1])
        db.execute("DELETE FROM clock_notes WHERE id = ?", (number,))


def _host_boot(note: ClockNote) -> str:
    """Return which start of the host a note belongs to: its steady clock begins anew with each."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        started_s = note.host_utc.astimezone(UTC).timestamp() - note.host_monotonic_s
        return f"about {round(started_s / _BOOT_MOMENT_S)}"
