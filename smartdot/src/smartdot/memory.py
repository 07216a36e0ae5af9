"""A device's memory as one array of bytes: first page, directory, ring of records (FORMAT.md section 3)."""

from collections.abc import Iterator

from smartdot.errors import PageError
from smartdot.layout import pack_first, pack_slot, unpack_first, unpack_slot
from smartdot.model import DirectorySlot, FirstPage
from smartdot.page import ERASED_PAGE, PAGE_SIZE_BYTES, PageKind, expect_page, read_page


class MemoryFullError(Exception):
    """The record does not fit: free records first, or give the device more pages."""


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
        self.first = unpack_first(expect_page(bytes(data[:PAGE_SIZE_BYTES]), (PageKind.FIRST,), 0, 0))
        expected = self.first.page_count * PAGE_SIZE_BYTES
        if len(data) != expected:
            raise PageError("incomplete", f"the memory has {len(data)} bytes, its first page says {expected}")

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
        """Return the number of the next record: one more than the highest that any page carries."""
        highest = 0
        for number in range(1, self.first.page_count):
            data = self.page(number)
            if data == ERASED_PAGE:
                continue
            try:
                highest = max(highest, read_page(data).record)
            except PageError:
                continue
        return highest + 1

    def store_record(self, pages: list[bytes]) -> DirectorySlot:
        """Write a record's pages after the newest record, then its directory slot.

        Raises:
            MemoryFullError: Records that are still in memory stand where it would go, or hold its slot.
        """
        record = read_page(pages[0]).record
        held = self.slots()
        newest = held[-1] if held else None
        begin = self._page_after(newest) if newest else self.first.first_ring_page
        slot = DirectorySlot(record, begin, len(pages))
        self._check_room(slot, held)
        for number, data in zip(slot.pages(self.first), pages, strict=True):
            self.write_page(number, data)
        self.write_page(1 + record % self.first.directory_pages, pack_slot(slot, self.first.directory_pages))
        return slot

    def _page_after(self, slot: DirectorySlot) -> int:
        last = slot.pages(self.first)[-1]
        return last + 1 if last + 1 < self.first.page_count else self.first.first_ring_page

    def _check_room(self, slot: DirectorySlot, held: list[DirectorySlot]) -> None:
        ring = self.first.page_count - self.first.first_ring_page
        if slot.page_count > ring - sum(other.page_count for other in held):
            raise MemoryFullError(f"record {slot.record} needs {slot.page_count} pages, and fewer are free")
        slots = self.first.directory_pages
        if any(other.record % slots == slot.record % slots for other in held):
            raise MemoryFullError(f"the directory slot of record {slot.record} is still in use")
        taken = {number for other in held for number in other.pages(self.first)}
        if not taken.isdisjoint(slot.pages(self.first)):
            raise MemoryFullError(f"records that are still kept stand where record {slot.record} would go")

    def erase_record(self, record: int) -> bool:
        """Free a record by erasing its directory slot; return whether it was there."""
        if all(slot.record != record for slot in self.slots()):
            return False
        self.write_page(1 + record % self.first.directory_pages, ERASED_PAGE)
        return True

    def capture(self, record: int) -> bytes:
        """Return the capture of a record: the first page and its pages, byte for byte.

        Raises:
            KeyError: The directory does not name the record.
        """
        slot = {slot.record: slot for slot in self.slots()}[record]
        return b"".join([self.page(0), *(self.page(number) for number in slot.pages(self.first))])
