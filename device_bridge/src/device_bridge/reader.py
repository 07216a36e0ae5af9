"""From a device into the spool: finds new records, reads them page by page, seals them as captures."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from device_bridge.commands import CommandRefusedError, DeviceStatus
from device_bridge.device import LinkedSmartDot
from device_bridge.directory import read_directory
from device_bridge.errors import DisconnectedError, NotUnderstoodError
from device_bridge.pages import ReceivedPage, WantedPage
from device_bridge.provenance import provenance
from device_bridge.pulling import Look, Progress, PullResult, describe_pull_problems
from device_bridge.spool import CaptureRow, CaptureState, NewCapture, Spool, SpooledPage
from smartdot import PAGE_SIZE_BYTES, DirectorySlot, FirstPage, PageKind

__all__ = ["Progress", "PullResult", "RecordReader", "describe_pull_problems", "read_directory"]

# The API takes captures of up to 64 MiB; the first page is one of the capture's.
MOST_RECORD_PAGES: Final = 64 * 2**20 // PAGE_SIZE_BYTES - 1
# A commit costs an fsync: on a fast link pages are gathered up to this many, on a slow one for this long.
_PAGES_PER_COMMIT: Final = 256
_COMMIT_EVERY_S: Final = 0.1
# A fault that passes, such as a supply that dips, is over by then.
SECOND_ROUND_AFTER_S: Final = 0.5
# An event may be lost, and a record may come as another goes: the number of records is no proof, so now and then the
# directory is read all the same.
LOOKS_PER_WHOLE_LOOK: Final = 10


class RecordReader:
    """Reads a device's new records into a spool.

    The directory is read whole at the first pull, when the device reported something or tells another number of
    records, after a pull that was cut short, and at every tenth pull.

    Args:
        device: A connected device.
        spool: Where pages are committed.
        on_progress: Called after every commit.
        should_stop: Asked again and again; True ends the pull, and the next one goes on from there.
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
        self._compared: dict[DirectorySlot, int] = {}
        self._last: PullResult | None = None
        self._last_seen: tuple[int, int] | None = None
        self._looks_since_whole = 0

    def pull(self) -> PullResult:
        """Read every record that the spool does not hold yet, oldest first.

        Raises:
            DisconnectedError: The device went away; every page read before stays, and the next pull goes on there.
            NotUnderstoodError: The device contradicts itself; what was read before stays.
        """
        first = self._device.first
        self._note_clock()
        status = self._ask_status()
        battery = None if status is None else status.battery_percent
        self._spool.note_device(first.serial, self._device.place, battery, self._device.errors.total)
        seen = None if status is None else (self._device.news, status.records)
        if self._last is not None and seen == self._last_seen and self._looks_since_whole < LOOKS_PER_WHOLE_LOOK - 1:
            self._looks_since_whole += 1
            return replace(self._last, sealed=(), again=(), held=self._last.held + len(self._last.sealed))
        return self._look(first, seen)

    def _look(self, first: FirstPage, seen: tuple[int, int] | None) -> PullResult:
        # Whatever cuts this short, the next pull looks at everything again.
        self._last = None
        directory = read_directory(self._device, self._should_stop)
        look = Look(first.serial, directory, is_cut_short=not directory.is_whole)
        for slot in directory.slots:
            if look.is_cut_short or self._should_stop():
                look.is_cut_short = True
                break
            self._take(slot, look)
        self._look_at_absent(look)
        result = look.result()
        if seen is not None and not result.is_cut_short:
            self._last, self._last_seen, self._looks_since_whole = result, seen, 0
        return result

    def _take(self, slot: DirectorySlot, look: Look) -> None:
        if slot.page_count > MOST_RECORD_PAGES:
            look.too_large.append(slot.record)
            return
        row = self._find_same(slot) or self._begin(slot, look)
        look.present.add(row.id)
        if row.state is not CaptureState.READING:
            look.held += 1
        elif self._read_record(slot, row):
            self._note_sealed(row, look)
        else:
            look.is_cut_short = True

    def _find_same(self, slot: DirectorySlot) -> CaptureRow | None:
        """Return the capture that this record is; None when the spool holds none, or another."""
        row = self._spool.find(self._device.first.serial, slot.record)
        if row is None or row.wants_reread or not self._is_same(slot, row):
            return None
        self._compared[slot] = row.id
        return row

    def _is_same(self, slot: DirectorySlot, row: CaptureRow) -> bool:
        """Return whether a capture begins with the device's own header: records of one number must not be mixed."""
        if self._compared.get(slot) == row.id:
            return True
        if row.page_count != slot.page_count:
            return False
        held = self._spool.header_bytes(row.id)
        wanted = _record_page(slot, 0, self._device.first)
        if not held or _index_in_capture(wanted) in row.damaged_pages:
            # Nothing to compare with. Reading goes on where it stopped.
            return True
        pages = [page for batch in self._device.read_pages([wanted]) for page in batch]
        return all(page.problem is not None or page.data == held for page in pages)

    def _begin(self, slot: DirectorySlot, look: Look) -> CaptureRow:
        new = NewCapture(look.device, slot.record, self._device.first_bytes, slot.page_count)
        if self._spool.find(look.device, slot.record) is None:
            return self._spool.begin(new)
        look.again.append(slot.record)
        return self._spool.begin_another(new)

    def _look_at_absent(self, look: Look) -> None:
        """Seal what is whole though its record is gone, and name what is not."""
        named = {slot.record for slot in look.directory.slots}
        for row in self._spool.captures(CaptureState.READING):
            if row.device != look.device or row.id in look.present:
                continue
            # A slot that was not read may be that of any record that is not named.
            if row.record not in named and not look.directory.names_all:
                continue
            if row.record in named and look.is_cut_short:
                continue
            if row.pages_read == row.page_count:
                self._seal(row)
                self._note_sealed(row, look)
            else:
                look.vanished.append(row.record)

    def _read_record(self, slot: DirectorySlot, row: CaptureRow) -> bool:
        """Read what is missing of a record, what is damaged twice; return whether it was sealed."""
        if not self._read_wanted(slot, row, row.pages_read):
            return False
        if any(self._spool.wanted_ranges(row.id)):
            self._wait_for_second_round()
            if not self._read_wanted(slot, row, row.page_count):
                return False
        self._seal(row)
        return True

    def _read_wanted(self, slot: DirectorySlot, row: CaptureRow, done: int) -> bool:
        """Read the pages of a record that are missing or damaged; return False when it was stopped."""
        first = self._device.first
        wanted = (
            _record_page(slot, number, first) for numbers in self._spool.wanted_ranges(row.id) for number in numbers
        )
        commits = _Commits(self._spool, row, done, self._on_progress)
        try:
            for batch in self._device.read_pages(wanted):
                if commits.add(batch) and self._should_stop():
                    return False
        except (DisconnectedError, NotUnderstoodError):
            # What arrived before is kept as well.
            commits.commit()
            raise
        commits.commit()
        return True

    def _seal(self, row: CaptureRow) -> None:
        # The pages are all here: a device that goes away at this moment does not hold up the capture.
        with contextlib.suppress(DisconnectedError):
            self._note_clock()
        header = self._spool.header_bytes(row.id)
        notes = self._spool.clock_notes(row.device)
        self._spool.seal(row.id, provenance(row.device, row.record, header, self._device.clock, notes))

    def _note_sealed(self, row: CaptureRow, look: Look) -> None:
        sealed = self._spool.get(row.id) or row
        look.sealed.append(sealed)
        self._on_sealed(sealed)

    def _note_clock(self) -> None:
        serial = self._device.first.serial
        self._device.refresh_clock()
        # A device that does not say how fast its clock runs tells no time.
        if self._device.clock.tick_hz:
            self._spool.note_clock(serial, self._device.clock.note())

    def _ask_status(self) -> DeviceStatus | None:
        """Return the device's status, None when it has none: reading needs none."""
        try:
            return self._device.read_status()
        except (CommandRefusedError, NotUnderstoodError):
            return None


class _Commits:
    """Gathers a record's pages and commits them in batches."""

    def __init__(self, spool: Spool, row: CaptureRow, done: int, on_progress: Callable[[Progress], None]) -> None:
        self._spool = spool
        self._row = row
        self._done = done
        self._on_progress = on_progress
        self._pending: list[SpooledPage] = []
        self._committed_at_s = time.monotonic()

    def add(self, pages: list[ReceivedPage]) -> bool:
        """Take pages, commit when it is time, and return whether it was."""
        self._pending += [SpooledPage(page.wanted.number, page.data, page.problem) for page in pages]
        is_due = len(self._pending) >= _PAGES_PER_COMMIT or time.monotonic() - self._committed_at_s >= _COMMIT_EVERY_S
        if is_due:
            self.commit()
        return is_due

    def commit(self) -> None:
        """Commit what is there."""
        self._committed_at_s = time.monotonic()
        if not self._pending:
            return
        self._spool.add_pages(self._row.id, self._pending)
        # Pages that are read again for their damage are in the spool already.
        self._done = min(self._done + len(self._pending), self._row.page_count)
        self._pending = []
        self._on_progress(Progress(self._row.record, self._done, self._row.page_count))


def _record_page(slot: DirectorySlot, number: int, first: FirstPage) -> WantedPage:
    ring = first.page_count - first.first_ring_page
    memory_page = first.first_ring_page + (slot.first_page - first.first_ring_page + number) % ring
    is_last = number == slot.page_count - 1
    kind = PageKind.HEADER if number == 0 else PageKind.END if is_last else PageKind.DATA
    return WantedPage(memory_page, (kind,), slot.record, number)


def _index_in_capture(page: WantedPage) -> int:
    """Return a record page's index in its capture: the first page stands before it (FORMAT.md 5)."""
    return page.number + 1
