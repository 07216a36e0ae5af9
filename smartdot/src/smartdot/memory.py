"""A device's memory as one array of bytes: first page, directory, ring of records (FORMAT.md section 3)."""

from collections.abc import Iterator

from smartdot.errors import PageError
from smartdot.layout import pack_first, pack_slot, unpack_end, unpack_first, unpack_header, unpack_slot
from smartdot.model import DirectorySlot, FirstPage
from smartdot.page import ERASED_PAGE, PAGE_SIZE_BYTES, PageKind, expect_page, read_page
from smartdot.restart import MemoryScan

LAST_RECORD = 2**32 - 1


class MemoryFullError(Exception):
    """The record does not fit: free records first, or give the device more pages."""


class RecordNumbersUsedUpError(MemoryFullError):
    """The device has given all 2^32 - 1 record numbers; it stores no more, and its records can still be read."""


class MemoryImage:
    """A SmartDot's memory.

    Args:
        data: The bytes, used in place; `MemoryImage.blank` makes new ones.

    Attributes:
        data: The bytes as a device holds them.
        first: What the first page says.

    Raises:
        FormatError: The bytes do not begin with a first page of version 1, or are of another length than it says.
    """

    def __init__(self, data: bytearray) -> None:
        self.data = data
        self._highest: int | None = None
        try:
            self.first = unpack_first(expect_page(bytes(data[:PAGE_SIZE_BYTES]), (PageKind.FIRST,), 0, 0))
        except PageError as error:
            raise PageError(error.problem, f"the memory's first page, page 0: {error}") from error
        expected = self.first.page_count * PAGE_SIZE_BYTES
        if len(data) != expected:
            raise PageError("incomplete", f"the memory has {len(data)} bytes, its first page says {expected}")
        self._scan = MemoryScan(self.first, self.page)

    @classmethod
    def blank(cls, first: FirstPage) -> "MemoryImage":
        """Return a memory as it leaves manufacture: the first page, everything else erased."""
        erased = ERASED_PAGE * (first.page_count - 1)
        return cls(bytearray(pack_first(first) + erased))

    def page(self, number: int) -> bytes:
        """Return a page of memory by its number.

        Raises:
            IndexError: There is no such page.
        """
        return bytes(self.data[self._place(number)])

    def write_page(self, number: int, data: bytes) -> None:
        """Write a page of memory by its number.

        Raises:
            IndexError: There is no such page.
            ValueError: The data is not one page.
        """
        if len(data) != PAGE_SIZE_BYTES:
            raise ValueError(f"a page has {PAGE_SIZE_BYTES} bytes, not {len(data)}")
        self.data[self._place(number)] = data
        if self._highest is None:
            return
        page = self._scan.whole_page(number)
        if page is not None:
            # As a firmware, which holds the number it gave last while it has power.
            self._highest = max(self._highest, page.record)

    def _place(self, number: int) -> slice:
        if not 0 <= number < self.first.page_count:
            raise IndexError(f"page {number} is not in a memory of {self.first.page_count} pages")
        return slice(number * PAGE_SIZE_BYTES, (number + 1) * PAGE_SIZE_BYTES)

    def slots(self) -> list[DirectorySlot]:
        """Return the records that the directory names, oldest first; empty and damaged slots are left out."""
        return sorted(self._readable_slots(), key=lambda slot: slot.record)

    def _readable_slots(self) -> Iterator[DirectorySlot]:
        for number in range(self.first.directory_pages):
            try:
                page = read_page(self.page(1 + number))
                expect_page(page.data, (PageKind.DIRECTORY,), page.record, number)
                slot = unpack_slot(page, self.first)
            except PageError:
                continue
            yield slot

    def next_record(self) -> int:
        """Return the number of the next record: one more than the highest that any page carries (FORMAT.md 3.3).

        Raises:
            RecordNumbersUsedUpError: That was the last number there is.
        """
        highest = self._highest_record()
        if highest >= LAST_RECORD:
            raise RecordNumbersUsedUpError(
                f"record {LAST_RECORD} was the last number that a SmartDot can give; this device stores no more records"
            )
        return highest + 1

    def _highest_record(self) -> int:
        if self._highest is None:
            self._highest = self._scan.highest_record()
        return self._highest

    def damaged_pages(self) -> list[int]:
        """Return the pages of memory that are neither erased nor carry a right checksum.

        Bits that changed by themselves, and what a power cut tore: also where no record stands any more.
        """
        return [number for number in range(self.first.page_count) if self._scan.is_damaged(number)]

    def store_record(self, pages: list[bytes]) -> DirectorySlot:
        """Write a record's pages where FORMAT.md 3.3 says, then its directory slot.

        Slots that a power cut tore are repaired first, so no whole record is ever written over.

        Args:
            pages: The record, header to end; its number is higher than any other's.

        Raises:
            FormatError: The pages are not one whole record; nothing was written.
            ValueError: Its number is not above all that were given before; nothing was written.
            MemoryFullError: Records that are still in memory stand where it would go, or hold its slot.
        """
        record = self._record_of(pages)
        self.repair()
        held = self.slots()
        slot = DirectorySlot(record, self._begin(held), len(pages))
        self._check_room(slot, held)
        for number, data in zip(slot.pages(self.first), pages, strict=True):
            self.write_page(number, data)
        self.write_page(self.first.slot_page(record), pack_slot(slot, self.first.directory_pages))
        return slot

    def _record_of(self, pages: list[bytes]) -> int:
        """Return the number of the record that these pages are."""
        if len(pages) < 2:  # noqa: PLR2004 - header and end
            raise PageError("missing", f"a record has at least a header and an end, not {len(pages)} pages")
        record = unpack_header(read_page(pages[0])).record
        for number, data in enumerate(pages):
            expect_page(data, _kinds_at(number, len(pages)), record, number)
        unpack_end(read_page(pages[-1]))
        if record <= self._highest_record():
            raise ValueError(f"record {record} cannot follow record {self._highest_record()}")
        return record

    def _begin(self, held: list[DirectorySlot]) -> int:
        """Return the page of memory where the next record begins (FORMAT.md 3.3)."""
        begin = self.first.page_after(held[-1].pages(self.first)[-1]) if held else self.first.first_ring_page
        there, highest = self._scan.whole_page(begin), self._highest_record()
        if there is None or there.record != highest or self._scan.is_carried_elsewhere(highest, begin):
            return begin
        # Torn, this page would take the highest number with it, and the number would be given twice.
        return self.first.page_after(begin)

    def repair(self) -> list[int]:
        """Do what a firmware does at its start (FORMAT.md 3.3) and return the pages of memory that were written.

        A slot that is damaged is written again when the record it stood for is whole, and erased otherwise. Records
        that were cut off, and those that were freed, are left alone.
        """
        sound = {self.first.slot_page(slot.record) for slot in self._readable_slots()}
        damaged = [
            number
            for number in range(1, self.first.first_ring_page)
            if number not in sound and self.page(number) != ERASED_PAGE
        ]
        for number in damaged:
            slot = self._scan.newest_whole_record(number - 1)
            self.write_page(number, ERASED_PAGE if slot is None else pack_slot(slot, self.first.directory_pages))
        return damaged

    def _check_room(self, slot: DirectorySlot, held: list[DirectorySlot]) -> None:
        taken = self._taken(held)
        if slot.page_count > self.first.ring_pages - len(taken):
            raise MemoryFullError(f"record {slot.record} needs {slot.page_count} pages, and fewer are free")
        if self._holds_slot_of(slot.record, held):
            raise MemoryFullError(f"the directory slot of record {slot.record} is still in use")
        if not taken.isdisjoint(slot.pages(self.first)):
            raise MemoryFullError(f"records that are still kept stand where record {slot.record} would go")

    def room(self) -> int:
        """Return how many pages the next record may have, 0 when its slot is in use (FORMAT.md 3.3).

        Raises:
            RecordNumbersUsedUpError: There is no next record.
        """
        held = self.slots()
        if self._holds_slot_of(self.next_record(), held):
            return 0
        taken, number = self._taken(held), self._begin(held)
        for count in range(self.first.ring_pages):
            if number in taken:
                return count
            number = self.first.page_after(number)
        return self.first.ring_pages

    def _taken(self, held: list[DirectorySlot]) -> set[int]:
        """Return the pages of memory that records stand on; damaged slots may name a page twice."""
        return {number for slot in held for number in slot.pages(self.first)}

    def _holds_slot_of(self, record: int, held: list[DirectorySlot]) -> bool:
        slots = self.first.directory_pages
        return any(slot.record % slots == record % slots for slot in held)

    def erase_record(self, record: int) -> bool:
        """Free a record by erasing its directory slot; return whether it was there."""
        if all(slot.record != record for slot in self.slots()):
            return False
        self.write_page(self.first.slot_page(record), ERASED_PAGE)
        return True

    def capture(self, record: int) -> bytes:
        """Return the capture of a record: the first page and its pages, byte for byte.

        Raises:
            KeyError: The directory does not name the record.
        """
        slot = {slot.record: slot for slot in self.slots()}[record]
        return b"".join([self.page(0), *(self.page(number) for number in slot.pages(self.first))])


def _kinds_at(number: int, page_count: int) -> tuple[PageKind, ...]:
    """Return which kind of page stands at a place of a record."""
    if number == 0:
        return (PageKind.HEADER,)
    return (PageKind.END,) if number == page_count - 1 else (PageKind.DATA,)
