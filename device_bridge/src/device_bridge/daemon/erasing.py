"""Frees a device's memory of records that the cloud has verified; only ever called where a person asked for it."""

import time
from collections.abc import Callable

from device_bridge.daemon.journal import Event, Journal, Level
from device_bridge.device import CommandRefusedError, LinkedSmartDot
from device_bridge.reader import read_directory
from device_bridge.same_record import compare_record
from device_bridge.spool import CaptureRow, Spool, SpoolDamagedError
from smartdot import DirectorySlot

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
        should_stop: Asked for every batch of pages and every record; True ends it.
    """

    def __init__(
        self,
        spool: Spool,
        journal: Journal,
        read_s: Callable[[], float] = time.monotonic,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._spool = spool
        self._journal = journal
        self._read_s = read_s
        self._should_stop = should_stop
        self._retry_at_s: dict[int, float] = {}

    def erase(self, device: LinkedSmartDot) -> None:
        """Erase the device's copy of every capture that the cloud verified, and note it in the spool afterwards.

        Raises:
            DeviceChangedError: Another device answers: nothing of it is erased, and nothing noted.
            DisconnectedError: The device went away; what is not noted as erased is looked at again.
            SpoolError: The spool failed.
        """
        rows = [row for row in self._spool.erasable(device.first.serial) if self._is_due(row)]
        if not rows:
            return
        directory = read_directory(device, self._should_stop)
        device.check_identity()
        slots = {slot.record: slot for slot in directory.slots}
        for row in rows:
            if self._should_stop():
                return
            slot = slots.get(row.record)
            if slot is not None:
                self._erase_one(device, row, slot)
            elif directory.names_all:
                self._note_absent(row)

    def _note_absent(self, row: CaptureRow) -> None:
        """Note as erased what is gone: the answer to an earlier erasure was lost, or the ring went over it."""
        if len(self._spool.generations(row.device, row.record)) > 1:
            # Two devices may have this serial: the other one may still hold it.
            self._retry_at_s[row.id] = self._read_s() + RETRY_REFUSED_S
        else:
            self._spool.mark_erased(row.id)

    def _is_due(self, row: CaptureRow) -> bool:
        # The spool gives no others; what is not whole in the cloud must stay on the device, so it is looked at twice.
        is_safe = row.cloud_state == _VERIFIED and not row.damaged_pages
        return is_safe and self._read_s() >= self._retry_at_s.get(row.id, 0.0)

    def _erase_one(self, device: LinkedSmartDot, row: CaptureRow, slot: DirectorySlot) -> None:
        try:
            is_same = self._is_same(device, row, slot)
            if self._should_stop():
                return
            if not is_same:
                self._postpone(row, "another record has its number on the device now: that one is left alone")
                return
            # The last thing before it: a line stays open while the device behind it is swapped.
            device.check_identity()
            device.erase(row.record)
        except (CommandRefusedError, SpoolDamagedError) as error:
            self._postpone(row, f"{error}. Trying again later")
            return
        self._spool.mark_erased(row.id)
        message = f"{row.device} record {row.record}: erased on the device, the cloud has verified it"
        self._journal.say(Event("record-erased", message, is_result=True, facts=_facts(row)))

    def _is_same(self, device: LinkedSmartDot, row: CaptureRow, slot: DirectorySlot) -> bool:
        """Tell whether what is on the device is what was delivered, which is hashed again for it."""
        self._spool.verify(row)
        return compare_record(device, slot, self._spool, row, _DATA_PAGES_COMPARED, self._should_stop) == {True}

    def _postpone(self, row: CaptureRow, why: str) -> None:
        self._retry_at_s[row.id] = self._read_s() + RETRY_REFUSED_S
        message = f"{row.device} record {row.record} is not erased on the device: {why}"
        self._journal.say_once(
            f"erasing {row.id}", Event("record-not-erased", message, Level.WARNING, facts=_facts(row))
        )


def _facts(row: CaptureRow) -> dict[str, object]:
    return {"device": row.device, "record": row.record, "sha256": row.sha256}
