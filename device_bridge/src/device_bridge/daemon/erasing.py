"""Frees a device's memory of records that the cloud has verified; only ever called where a person asked for it."""

import time
from collections.abc import Callable, Iterable

from device_bridge.daemon.journal import Event, Journal, Level
from device_bridge.device import CommandRefusedError, LinkedSmartDot
from device_bridge.pages import WantedPage
from device_bridge.reader import read_directory
from device_bridge.spool import CaptureRow, Spool, SpoolDamagedError
from smartdot import PAGE_SIZE_BYTES, DirectorySlot, PageKind

_VERIFIED = "verified"
RETRY_REFUSED_S = 300.0
# With header and end page they fill one window of the link.
_DATA_PAGES_COMPARED = 6


class Eraser:
    """Erases records of one connected device.

    Args:
        spool: Knows which captures the cloud has verified.
        journal: Where it says what it erased.
        read_s: The steady clock.
    """

    def __init__(self, spool: Spool, journal: Journal, read_s: Callable[[], float] = time.monotonic) -> None:
        self._spool = spool
        self._journal = journal
        self._read_s = read_s
        self._retry_at_s: dict[int, float] = {}

    def erase(self, device: LinkedSmartDot) -> None:
        """Erase the device's copy of every capture that the cloud verified, and note it in the spool afterwards.

        Raises:
            DisconnectedError: The device went away; what is not noted as erased is looked at again.
            SpoolError: The spool failed.
        """
        rows = [row for row in self._spool.erasable(device.first.serial) if self._is_due(row)]
        if not rows:
            return
        directory = read_directory(device)
        slots = {slot.record: slot for slot in directory.slots}
        for row in rows:
            slot = slots.get(row.record)
            if slot is not None:
                self._erase_one(device, row, slot)
            elif directory.names_all:
                # The answer to an earlier erasure was lost, or the ring went over it.
                self._spool.mark_erased(row.id)

    def _is_due(self, row: CaptureRow) -> bool:
        # The spool gives no others; what is not whole in the cloud must stay on the device, so it is looked at twice.
        is_safe = row.cloud_state == _VERIFIED and not row.damaged_pages
        return is_safe and self._read_s() >= self._retry_at_s.get(row.id, 0.0)

    def _erase_one(self, device: LinkedSmartDot, row: CaptureRow, slot: DirectorySlot) -> None:
        try:
            if not self._is_same(device, row, slot):
                self._postpone(row, "another record has its number on the device now: that one is left alone")
                return
            device.erase(row.record)
        except (CommandRefusedError, SpoolDamagedError) as error:
            self._postpone(row, f"{error}. Trying again later")
            return
        self._spool.mark_erased(row.id)
        message = f"{row.device} record {row.record}: erased on the device, the cloud has verified it"
        self._journal.say(Event("record-erased", message, is_result=True, facts=_facts(row)))

    def _is_same(self, device: LinkedSmartDot, row: CaptureRow, slot: DirectorySlot) -> bool:
        """Tell whether what is on the device is what was delivered: a memory that was replaced counts anew.

        Its length, header and end page are compared, and data pages spread over it: a device whose clock began anew
        may have given another shot the same header.
        """
        if slot.page_count != row.page_count:
            return False
        held = self._held_pages(row, _compared_numbers(row.page_count))
        places = slot.pages(device.first)
        wanted = [
            WantedPage(places[number], (kind,), row.record, number)
            for number, kind in _compared_numbers(row.page_count).items()
        ]
        pages = [page for batch in device.read_pages(wanted) for page in batch]
        return all(page.problem is None and page.data == held[page.wanted.number] for page in pages)

    def _held_pages(self, row: CaptureRow, numbers: Iterable[int]) -> dict[int, bytes]:
        """Return some pages of a record as they were delivered, by their numbers; its whole capture is hashed again."""
        # The device's first page stands before the record's pages in the capture (FORMAT.md 5).
        begins = {(number + 1) * PAGE_SIZE_BYTES: number for number in numbers}
        held = {}
        position = 0
        for chunk in self._spool.stream(row):
            for begin in range(0, len(chunk), PAGE_SIZE_BYTES):
                number = begins.get(position + begin)
                if number is not None:
                    held[number] = chunk[begin : begin + PAGE_SIZE_BYTES]
            position += len(chunk)
        return held

    def _postpone(self, row: CaptureRow, why: str) -> None:
        self._retry_at_s[row.id] = self._read_s() + RETRY_REFUSED_S
        message = f"{row.device} record {row.record} is not erased on the device: {why}"
        self._journal.say_once(
            f"erasing {row.id}", Event("record-not-erased", message, Level.WARNING, facts=_facts(row))
        )


def _compared_numbers(page_count: int) -> dict[int, PageKind]:
    """Return which pages of a record are compared, and what each is."""
    last = page_count - 1
    spread = {1 + (last - 1) * part // _DATA_PAGES_COMPARED for part in range(_DATA_PAGES_COMPARED)} - {last}
    return {0: PageKind.HEADER, **dict.fromkeys(sorted(spread), PageKind.DATA), last: PageKind.END}


def _facts(row: CaptureRow) -> dict[str, object]:
    return {"device": row.device, "record": row.record, "sha256": row.sha256}
