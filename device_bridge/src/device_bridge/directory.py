"""A device's directory: which records it holds, read in bounded memory whatever it claims (FORMAT.md 3.2)."""

import contextlib
import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from device_bridge.device import LinkedSmartDot
from device_bridge.pages import ReceivedPage, WantedPage
from smartdot import ERASED_PAGE, DirectorySlot, FormatError, PageKind, read_page
from smartdot.layout import unpack_slot

# A device of 64 MiB with records of two pages has 131,072; real shots take hundreds of pages.
MOST_RECORDS: Final = 65_536


@dataclass(frozen=True, slots=True)
class Directory:
    """What a device's directory says.

    Attributes:
        slots: The records in memory, oldest first; the 65,536 oldest of them when there are more.
        damaged: Slots that stayed damaged, or that say what cannot be.
        beyond: Records that are left out because there are too many.
        is_whole: Whether every slot was read; False when it was stopped.
    """

    slots: tuple[DirectorySlot, ...]
    damaged: int
    beyond: int = 0
    is_whole: bool = True

    @property
    def names_all(self) -> bool:
        """Whether a record that is not in `slots` is certainly not in memory."""
        return self.is_whole and not self.damaged and not self.beyond


def read_directory(device: LinkedSmartDot, should_stop: Callable[[], bool] = lambda: False) -> Directory:
    """Return the records that a device's directory names.

    Args:
        device: A connected device.
        should_stop: Asked again and again; True ends it with what was read so far.

    Raises:
        DisconnectedError: The device went away.
        NotUnderstoodError: It gives pages of another length.
    """
    scan = _Scan(device, should_stop)
    slots = heapq.nsmallest(MOST_RECORDS, scan.slots(), key=lambda slot: slot.record)
    return Directory(tuple(slots), scan.damaged, scan.named - len(slots), scan.is_whole)


class _Scan:
    """One walk through a directory; only the slots that name a record leave it."""

    def __init__(self, device: LinkedSmartDot, should_stop: Callable[[], bool]) -> None:
        self._device = device
        self._should_stop = should_stop
        self.named = 0
        self.damaged = 0
        self.is_whole = True

    def slots(self) -> Iterator[DirectorySlot]:
        """Give the records in the order of their slots."""
        for batch in self._device.read_pages(self._wanted()):
            for page in batch:
                slot = None if page.problem is None and page.data == ERASED_PAGE else self._unpack(page)
                if slot is not None:
                    self.named += 1
                    yield slot
            if self._should_stop():
                self.is_whole = False
                return

    def _wanted(self) -> Iterator[WantedPage]:
        for slot in range(self._device.first.directory_pages):
            yield WantedPage(1 + slot, (PageKind.DIRECTORY,), None, slot, may_be_erased=True)

    def _unpack(self, page: ReceivedPage) -> DirectorySlot | None:
        if page.problem is None:
            with contextlib.suppress(FormatError):
                return unpack_slot(read_page(page.data), self._device.first)
        # Counted, so that whoever reads the directory hears of it.
        self.damaged += 1
        return None
