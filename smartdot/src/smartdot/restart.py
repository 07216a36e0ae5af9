"""What a firmware finds at its start: the highest record number, and records whose slot was torn (FORMAT.md 3.3)."""

from collections.abc import Callable

from smartdot.errors import PageError
from smartdot.model import DirectorySlot, FirstPage
from smartdot.page import ERASED_PAGE, Page, PageKind, read_page

_NUMBERED_KINDS = (PageKind.DIRECTORY, PageKind.HEADER, PageKind.DATA, PageKind.END)


class MemoryScan:
    """Looks through a memory page by page; it changes nothing.

    Args:
        first: What the first page says.
        read: Returns a page of memory by its number.
    """

    def __init__(self, first: FirstPage, read: Callable[[int], bytes]) -> None:
        self._first = first
        self._read = read

    def whole_page(self, number: int) -> Page | None:
        """Return a page of the directory or of a record; None where none stands whole."""
        data = self._read(number)
        if data == ERASED_PAGE:
            return None
        try:
            page = read_page(data)
        except PageError:
            return None
        return page if page.kind in _NUMBERED_KINDS else None

    def is_damaged(self, number: int) -> bool:
        """Tell whether a page is neither erased nor carries a right checksum."""
        data = self._read(number)
        if data == ERASED_PAGE:
            return False
        try:
            read_page(data)
        except PageError:
            return True
        return False

    def highest_record(self) -> int:
        """Return the highest record number that any whole page carries, 0 when there is none."""
        pages = map(self.whole_page, range(1, self._first.page_count))
        return max((page.record for page in pages if page is not None), default=0)

    def is_carried_elsewhere(self, record: int, number: int) -> bool:
        """Tell whether a whole page other than this one carries a record's number."""
        # From the next page on: the rest of the record most likely follows.
        others = (*range(number + 1, self._first.page_count), *range(1, number))
        return any(page.record == record for page in map(self.whole_page, others) if page is not None)

    def newest_whole_record(self, slot_number: int) -> DirectorySlot | None:
        """Return where the record with the highest number of a slot stands whole in the ring; None when none does."""
        found = map(self._whole_record_at, range(self._first.first_ring_page, self._first.page_count))
        belonging = [slot for slot in found if slot and slot.record % self._first.directory_pages == slot_number]
        return max(belonging, key=lambda slot: slot.record, default=None)

    def _whole_record_at(self, first_page: int) -> DirectorySlot | None:
        header = self.whole_page(first_page)
        if header is None or (header.kind, header.number) != (PageKind.HEADER, 0) or header.record == 0:
            return None
        number = first_page
        for count in range(1, self._first.ring_pages):
            number = self._first.page_after(number)
            page = self.whole_page(number)
            if page is None or (page.record, page.number) != (header.record, count):
                return None
            if page.kind == PageKind.END:
                return DirectorySlot(header.record, first_page, count + 1)
            if page.kind != PageKind.DATA:
                return None
        return None
