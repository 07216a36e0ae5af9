"""Whether a record on a device is the one that a capture holds: records of one number must not be mixed.

A memory that was replaced counts its records anew, and a device whose clock began anew may give another shot the same
length and the same header. So the end page is compared as well, and data pages spread over the record.
"""

from collections.abc import Callable

from device_bridge.device import LinkedSmartDot
from device_bridge.pages import WantedPage
from device_bridge.spool import CaptureRow, Spool
from smartdot import DirectorySlot, FirstPage, PageKind


def record_page(slot: DirectorySlot, number: int, first: FirstPage) -> WantedPage:
    """Return where a page of a record stands in a device's memory, and of what kind it is there (FORMAT.md 3.2)."""
    ring = first.page_count - first.first_ring_page
    memory_page = first.first_ring_page + (slot.first_page - first.first_ring_page + number) % ring
    is_last = number == slot.page_count - 1
    kind = PageKind.HEADER if number == 0 else PageKind.END if is_last else PageKind.DATA
    return WantedPage(memory_page, (kind,), slot.record, number)


def compared_numbers(page_count: int, data_pages: int) -> list[int]:
    """Return which of a record's first pages are compared: the first, the last, and some that are spread between.

    Args:
        page_count: How many there are to choose from.
        data_pages: How many lie between the first and the last.
    """
    last = max(page_count - 1, 0)
    between = {1 + (last - 1) * part // data_pages for part in range(data_pages)} if last > 1 else set()
    return sorted({0, last} | between)


def compare_record(
    device: LinkedSmartDot,
    slot: DirectorySlot,
    spool: Spool,
    row: CaptureRow,
    data_pages: int,
    beat: Callable[[], object] = lambda: None,
) -> set[bool | None]:
    """Compare pages of a record with those that a capture of the same number holds whole.

    Args:
        device: Holds the record.
        slot: Where it is.
        spool: Holds the capture.
        row: The capture; it may be half read.
        data_pages: How many data pages are compared beside the first and the last.
        beat: Called again and again meanwhile.

    Returns:
        What came out: True for pages that are equal, False for pages that are not, None for pages that cannot be read
        whole any more; empty when the capture holds none of them.
    """
    if slot.page_count != row.page_count:
        return {False}
    held = spool.whole_pages(row.id, compared_numbers(row.pages_read, data_pages))
    wanted = [record_page(slot, number, device.first) for number in held]
    pages = []
    for batch in device.read_pages(wanted):
        beat()
        pages += batch
    return {page.data == held[page.wanted.number] if page.problem is None else None for page in pages}
