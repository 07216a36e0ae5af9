"""The pages of a record under way: committed in batches, each only once it is sure which device they came from."""

import time
from collections.abc import Callable, Iterator
from typing import Final

from device_bridge.device import LinkedSmartDot
from device_bridge.identity import FIRST_PAGE
from device_bridge.pages import ReceivedPage, WantedPage
from device_bridge.pulling import Progress
from device_bridge.spool import CaptureRow, Spool, SpooledPage

# A commit costs an fsync, and a read of the first page before it: on a fast link pages are gathered up to this many, on
# a slow one for this long, but not for fewer than some.
_PAGES_PER_COMMIT: Final = 256
_COMMIT_EVERY_S: Final = 0.1
_LEAST_PAGES: Final = 16


class Commits:
    """Gathers a record's pages, and commits those after which the device's first page was read as it was.

    A page names its record and not its device. Behind a serial server the line stays open while one device is taken
    off and another put on: pages count only once the first page, asked for after they had arrived, is the known one.

    Args:
        device: Gives the pages.
        spool: Where they are committed.
        row: The record's capture.
        done: How many of its pages are there already.
        on_progress: Called after every commit.

    Attributes:
        unread: Pages that the device refused, or never answered for.
        has_kept: Whether anything was committed.
    """

    def __init__(
        self, device: LinkedSmartDot, spool: Spool, row: CaptureRow, done: int, on_progress: Callable[[Progress], None]
    ) -> None:
        self.unread = 0
        self.has_kept = False
        self._device = device
        self._spool = spool
        self._row = row
        self._done = done
        self._on_progress = on_progress
        self._arrived: list[SpooledPage] = []
        self._asked_after: list[SpooledPage] = []
        self._is_asked = False
        self._asked_at_s = time.monotonic()

    def interleave(self, wanted: Iterator[WantedPage]) -> Iterator[WantedPage]:
        """Give pages to read, and the first page between them whenever enough has arrived."""
        for page in wanted:
            if self._is_due():
                self._asked_after, self._arrived = self._arrived, []
                self._is_asked = True
                self._asked_at_s = time.monotonic()
                yield FIRST_PAGE
            yield page

    def add(self, pages: list[ReceivedPage]) -> bool:
        """Take pages; commit those that are confirmed, and return whether any were.

        Raises:
            DeviceChangedError: Another device answers: what is not committed yet is dropped.
        """
        confirmed = False
        for page in pages:
            if page.wanted is FIRST_PAGE:
                self._device.confirm(page)
                self._commit(self._asked_after)
                self._asked_after, self._is_asked, confirmed = [], False, True
                continue
            self.unread += page.is_unread
            self._arrived.append(SpooledPage(page.wanted.number, page.data, page.problem))
        return confirmed

    def finish(self) -> None:
        """Ask for clock and first page once more, and commit what is left.

        Raises:
            DeviceChangedError: Another device answers, or the same began anew: what is left is dropped.
            DisconnectedError: It went away: the same.
        """
        self._device.refresh_clock()
        self._device.check_identity()
        self._commit([*self._asked_after, *self._arrived])
        self._asked_after, self._arrived = [], []

    def _is_due(self) -> bool:
        if self._is_asked or len(self._arrived) < _LEAST_PAGES:
            return False
        return len(self._arrived) >= _PAGES_PER_COMMIT or time.monotonic() - self._asked_at_s >= _COMMIT_EVERY_S

    def _commit(self, pages: list[SpooledPage]) -> None:
        if not pages:
            return
        self._spool.add_pages(self._row.id, pages)
        self.has_kept = True
        # Pages that are read again for their damage are in the spool already.
        self._done = min(self._done + len(pages), self._row.page_count)
        self._on_progress(Progress(self._row.record, self._done, self._row.page_count))
