"""From a device into the spool: finds new records, reads them page by page, seals them as captures."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from device_bridge.device import ClockFacts, LinkedSmartDot
from device_bridge.pages import ReceivedPage, WantedPage
from device_bridge.spool import CaptureRow, CaptureState, NewCapture, Spool, SpooledPage
from smartdot import ERASED_PAGE, DirectorySlot, FormatError, PageKind, read_page
from smartdot.layout import unpack_header, unpack_slot

# A commit costs an fsync: on a fast link pages are gathered up to this many, on a slow one for this long.
_PAGES_PER_COMMIT = 256
_COMMIT_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far reading a record is.

    Attributes:
        record: The record's number.
        pages_read: Its pages that are in the spool.
        page_count: Its pages.
    """

    record: int
    pages_read: int
    page_count: int


@dataclass(frozen=True, slots=True)
class Directory:
    """What a device's directory says (FORMAT.md 3.2).

    Attributes:
        slots: The records in memory, oldest first.
        damaged: Slots that stayed damaged: the firmware writes them again at its next start.
    """

    slots: tuple[DirectorySlot, ...]
    damaged: int


@dataclass(frozen=True, slots=True)
class PullResult:
    """What one look at a device gave.

    Attributes:
        device: The device's serial.
        sealed: Captures that were read to their end now.
        held: Records on the device that the spool held already.
        damaged_slots: Directory slots that could not be read.
        vanished: Records half read earlier that are no longer on the device as they were; their pages are kept.
    """

    device: str
    sealed: tuple[CaptureRow, ...]
    held: int
    damaged_slots: int
    vanished: tuple[int, ...]


def read_directory(device: LinkedSmartDot) -> Directory:
    """Return the records that a device's directory names.

    Raises:
        DisconnectedError: The device went away.
    """
    slots = []
    damaged = 0
    for batch in device.read_pages(_directory_pages(device)):
        for page in batch:
            if page.data == ERASED_PAGE:
                continue
            try:
                slots.append(unpack_slot(read_page(page.data), device.first))
            except FormatError:
                damaged += 1
    return Directory(tuple(sorted(slots, key=lambda slot: slot.record)), damaged)


def _directory_pages(device: LinkedSmartDot) -> Iterator[WantedPage]:
    first = device.first
    return (
        WantedPage(1 + slot, (PageKind.DIRECTORY,), None, slot, may_be_erased=True)
        for slot in range(first.directory_pages)
    )


class RecordReader:
    """Reads a device's new records into a spool.

    Args:
        device: A connected device.
        spool: Where pages are committed.
        on_progress: Called after every commit.
        should_stop: Asked after every commit; True ends the pull, and the next one goes on from there.
        on_sealed: Called with each capture as soon as it is sealed, also when the device goes away after it.
    """

    def __init__(
        self,
        device: LinkedSmartDot,
        spool: Spool,
        on_progress: Callable[[Progress], None] = lambda _: None,
        should_stop: Callable[[], bool] = lambda: False,
        on_sealed: Callable[[CaptureRow], None] = lambda _: None,
    ) -> None:
        self._device = device
        self._spool = spool
        self._on_progress = on_progress
        self._should_stop = should_stop
        self._on_sealed = on_sealed

    def pull(self) -> PullResult:
        """Read every record that the spool does not hold yet, oldest first.

        Raises:
            DisconnectedError: The device went away; every page committed before stays, and the next pull goes on there.
        """
        serial = self._device.first.serial
        directory = read_directory(self._device)
        sealed = []
        held = 0
        # What is no longer there as it was cannot be read to its end.
        there = [slot for slot in directory.slots if self._is_as_it_was(slot)]
        for slot in there:
            if self._should_stop():
                break
            row = self._spool.find(serial, slot.record)
            if row is not None and row.state is not CaptureState.READING:
                held += 1
            elif self._read_record(slot, row or self._begin(slot)):
                sealed.append(self._begin(slot))
                self._on_sealed(sealed[-1])
        return PullResult(serial, tuple(sealed), held, directory.damaged, self._vanished(there))

    def _begin(self, slot: DirectorySlot) -> CaptureRow:
        new = NewCapture(self._device.first.serial, slot.record, self._device.first_bytes, slot.page_count)
        return self._spool.begin(new)

    def _is_as_it_was(self, slot: DirectorySlot) -> bool:
        row = self._spool.find(self._device.first.serial, slot.record)
        return row is None or row.state is not CaptureState.READING or row.page_count == slot.page_count

    def _vanished(self, slots: list[DirectorySlot]) -> tuple[int, ...]:
        there = {slot.record for slot in slots}
        half_read = self._spool.captures(CaptureState.READING)
        serial = self._device.first.serial
        return tuple(row.record for row in half_read if row.device == serial and row.record not in there)

    def _read_record(self, slot: DirectorySlot, row: CaptureRow) -> bool:
        """Read what is missing of a record; return whether it was sealed."""
        missing = self._spool.missing_pages(row.id)
        places = slot.pages(self._device.first)
        wanted = [_record_page(slot, number, places[number]) for number in missing]
        done = row.page_count - len(missing)
        pending: list[SpooledPage] = []
        committed_at_s = time.monotonic()
        for batch in self._device.read_pages(wanted):
            pending += map(_spooled, batch)
            is_due = len(pending) >= _PAGES_PER_COMMIT or time.monotonic() - committed_at_s >= _COMMIT_EVERY_S
            if is_due or done + len(pending) == row.page_count:
                self._spool.add_pages(row.id, pending)
                done += len(pending)
                pending = []
                committed_at_s = time.monotonic()
                self._on_progress(Progress(slot.record, done, row.page_count))
                if self._should_stop():
                    return False
        self._seal(row)
        return True

    def _seal(self, row: CaptureRow) -> None:
        header = self._spool.header_bytes(row.id)
        self._spool.seal(row.id, provenance(row.device, row.record, header, self._device.clock))


def _record_page(slot: DirectorySlot, number: int, memory_page: int) -> WantedPage:
    is_last = number == slot.page_count - 1
    kind = PageKind.HEADER if number == 0 else PageKind.END if is_last else PageKind.DATA
    return WantedPage(memory_page, (kind,), slot.record, number)


def _spooled(page: ReceivedPage) -> SpooledPage:
    return SpooledPage(page.wanted.number, page.data, page.problem)


def provenance(device: str, record: int, header: bytes, clock: ClockFacts) -> dict[str, object]:
    """Return what is known of a capture beside its bytes, as the API takes it with the upload.

    Args:
        device: The device's serial.
        record: The record's number.
        header: The record's header page as it was read.
        clock: The clocks of device and host, noted when this reading began.
    """
    started_at = _started_at(header, clock)
    return {
        "device": device,
        "record": record,
        "started_at": None if started_at is None else _utc_text(started_at),
        "read_at": _utc_text(datetime.now(UTC)),
        "clock": {
            "device_ticks": clock.device_ticks,
            "tick_hz": clock.tick_hz,
            "host_monotonic_s": round(clock.host_monotonic_s, 6),
            "host_utc": _utc_text(clock.host_utc),
        },
    }


def _started_at(header: bytes, clock: ClockFacts) -> datetime | None:
    """Return when the record began by the host's UTC, None when the device's clock cannot tell."""
    try:
        start_ticks = unpack_header(read_page(header)).start_ticks
    except FormatError:
        return None
    ago_ticks = clock.device_ticks - start_ticks
    # Ticks begin anew when the device is switched on; a record of the future is one from before that.
    if ago_ticks < 0 or clock.tick_hz == 0:
        return None
    try:
        return clock.host_utc - timedelta(seconds=ago_ticks / clock.tick_hz)
    except OverflowError:
        return None


def _utc_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
