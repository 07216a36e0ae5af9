"""The walks through the pages of one record: all of them, then those that were damaged or that the device refused."""

from collections.abc import Callable
from enum import Enum
from typing import Final

from device_bridge.committing import Commits
from device_bridge.device import LinkedSmartDot
from device_bridge.errors import DeviceChangedError, DisconnectedError, NotUnderstoodError
from device_bridge.pulling import Progress
from device_bridge.same_record import record_page
from device_bridge.spool import CaptureRow, Spool
from device_bridge.stumbling import Stumbles
from smartdot import DirectorySlot

# A page that the device refuses, or never answers for, is asked for in so many rounds.
UNREAD_ROUNDS: Final = 3


class Round(Enum):
    """How a walk through the missing pages of a record ended.

    `UNREAD`: the device gave others and not all of them; erased bytes stand for those, named damaged.
    """

    READ = "read"
    UNREAD = "unread"
    STOPPED = "stopped"


class Rounds:
    """Reads what the spool lacks of a record.

    Args:
        device: Holds the record.
        spool: Where its pages are committed.
        on_progress: Called after every commit.
        should_stop: Asked again and again; True ends a walk.
        wait: Called before pages are asked for once more.

    Attributes:
        stumbles: Records at which the device went away.
    """

    def __init__(
        self,
        device: LinkedSmartDot,
        spool: Spool,
        on_progress: Callable[[Progress], None],
        should_stop: Callable[[], bool],
        wait: Callable[[], object],
    ) -> None:
        self.stumbles = Stumbles()
        self._device = device
        self._spool = spool
        self._on_progress = on_progress
        self._should_stop = should_stop
        self._wait = wait

    def read(self, slot: DirectorySlot, row: CaptureRow) -> Round:
        """Read the pages of a record that are missing, and once more those that came damaged.

        Raises:
            DeviceChangedError: Another device answers; what it gave is dropped.
            DisconnectedError: The device went away; what was committed stays.
            NotUnderstoodError: It contradicts itself; the same.
        """
        how = self._walk(slot, row, row.pages_read)
        if how is Round.READ and any(self._spool.wanted_ranges(row.id)):
            self._wait()
            how = self._walk(slot, row, row.page_count)
        return how

    def ask_again(self, slot: DirectorySlot, row: CaptureRow) -> Round:
        """Ask again for pages that the device did not give, as often as is worth it. Raises as `read`."""
        how = Round.UNREAD
        for _ in range(UNREAD_ROUNDS - 1):
            if how is Round.UNREAD:
                self._wait()
                how = self._walk(slot, row, row.page_count)
        return how

    def _walk(self, slot: DirectorySlot, row: CaptureRow, done: int) -> Round:
        first, device = self._device.first, self._device
        wanted = (record_page(slot, number, first) for part in self._spool.wanted_ranges(row.id) for number in part)
        commits = Commits(device, self._spool, row, done, self._on_progress)
        try:
            for batch in device.read_pages(commits.interleave(wanted)):
                commits.add(batch)
                if self._should_stop():
                    return Round.STOPPED
            commits.finish()
        except NotUnderstoodError:
            # What arrived before is kept, if it is this device's.
            commits.finish()
            raise
        except DeviceChangedError:
            raise
        except DisconnectedError:
            self._note_stumble(row, commits)
            raise
        self.stumbles.forget(row.device, row.record)
        return Round.UNREAD if commits.unread else Round.READ

    def _note_stumble(self, row: CaptureRow, commits: Commits) -> None:
        if commits.has_kept:
            self.stumbles.forget(row.device, row.record)
        else:
            self.stumbles.note(row.device, row.record)
