"""From a device into the spool: finds new records, reads them page by page, seals them as captures."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from device_bridge.device import LinkedSmartDot
from device_bridge.pages import ReceivedPage, WantedPage
from device_bridge.provenance import provenance
from device_bridge.spool import CaptureRow, CaptureState, NewCapture, Spool, SpooledPage
from smartdot import ERASED_PAGE, DirectorySlot, FormatError, PageKind, read_page
from smartdot.layout import unpack_slot

# A commit costs an fsync: on a fast link pages are gathered up to this many, on a slow one for this long.
_PAGES_PER_COMMIT = 256
_COMMIT_EVERY_S = 0.1
# A fault that passes, such as a supply that dips, is over by then.
SECOND_ROUND_AFTER_S = 0.5


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
            if page.problem is not None:
                damaged += 1
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
        wait_for_second_round: Called before damaged pages are read once more.
    """

    def __init__(
        self,
        device: LinkedSmartDot,
        spool: Spool,
        on_progress: Callable[[Progress], None] = lambda _: None,
        should_stop: Callable[[], bool] = lambda: False,
        on_sealed: Callable[[CaptureRow], None] = lambda _: None,
        wait_for_second_round: Callable[[], object] = lambda: time.sleep(SECOND_ROUND_AFTER_S),
    ) -> None:
        self._device = device
        self._spool = spool
        self._on_progress = on_progress
        self._should_stop = should_stop
        self._on_sealed = on_sealed
        self._wait_for_second_round = wait_for_second_round

    def pull(self) -> PullResult:
        """Read every record that the spool does not hold yet, oldest first.

        Raises:
            DisconnectedError: The device went away; every page read before stays, and the next pull goes on there.
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
        return PullResult(serial, tuple(sealed), held, directory.damaged, self._vanished(directory, there))

    def _begin(self, slot: DirectorySlot) -> CaptureRow:
        new = NewCapture(self._device.first.serial, slot.record, self._device.first_bytes, slot.page_count)
        return self._spool.begin(new)

    def _is_as_it_was(self, slot: DirectorySlot) -> bool:
        row = self._spool.find(self._device.first.serial, slot.record)
        if row is None or row.state is not CaptureState.READING:
            return True
        return row.page_count == slot.page_count and self._has_same_header(slot, row)

    def _has_same_header(self, slot: DirectorySlot, row: CaptureRow) -> bool:
        """Return False when another record has the number of one that is half read; the two must not be mixed."""
        if 0 in self._spool.wanted_pages(row.id):
            return True
        held = self._spool.header_bytes(row.id)
        header = _record_page(slot, 0, slot.pages(self._device.first)[0])
        return all(
            page.problem is not None or page.data == held
            for batch in self._device.read_pages([header])
            for page in batch
        )

    def _vanished(self, directory: Directory, as_they_were: list[DirectorySlot]) -> tuple[int, ...]:
        there = {slot.record for slot in as_they_were}
        if directory.damaged:
            # A slot that cannot be read may be that of any record that is not named.
            named = {slot.record for slot in directory.slots}
            there |= {row.record for row in self._spool.captures(CaptureState.READING)} - named
        half_read = self._spool.captures(CaptureState.READING)
        serial = self._device.first.serial
        return tuple(row.record for row in half_read if row.device == serial and row.record not in there)

    def _read_record(self, slot: DirectorySlot, row: CaptureRow) -> bool:
        """Read what is missing of a record, what is damaged twice; return whether it was sealed."""
        if not self._read_wanted(slot, row):
            return False
        if self._spool.wanted_pages(row.id):
            self._wait_for_second_round()
            if not self._read_wanted(slot, row):
                return False
        self._seal(row)
        return True

    def _read_wanted(self, slot: DirectorySlot, row: CaptureRow) -> bool:
        """Read the pages of a record that are missing or damaged; return False when it was stopped."""
        numbers = self._spool.wanted_pages(row.id)
        places = slot.pages(self._device.first)
        wanted = [_record_page(slot, number, places[number]) for number in numbers]
        done = row.page_count - len(numbers)
        pending: list[SpooledPage] = []
        committed_at_s = time.monotonic()
        try:
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
        finally:
            # What arrived before an unplug is kept as well.
            if pending:
                self._spool.add_pages(row.id, pending)
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
