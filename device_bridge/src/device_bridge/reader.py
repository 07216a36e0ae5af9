"""From a device into the spool: finds new records, reads them page by page, seals them as captures."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from device_bridge.commands import CommandRefusedError, DeviceStatus
from device_bridge.device import LinkedSmartDot
from device_bridge.directory import read_directory
from device_bridge.errors import DeviceChangedError, NotUnderstoodError
from device_bridge.provenance import provenance
from device_bridge.pulling import Look, Progress, PullResult, describe_pull_problems
from device_bridge.rounds import Round, Rounds
from device_bridge.same_record import compare_record
from device_bridge.spool import CaptureRow, CaptureState, NewCapture, Spool
from device_bridge.stumbling import Stumbles
from smartdot import PAGE_SIZE_BYTES, DirectorySlot, FirstPage
from smartdot.clocks import ClockNote

__all__ = ["Progress", "PullResult", "RecordReader", "describe_pull_problems", "read_directory"]

# The API takes captures of up to 64 MiB; the first page is one of the capture's.
MOST_RECORD_PAGES: Final = 64 * 2**20 // PAGE_SIZE_BYTES - 1
# A fault that passes, such as a supply that dips, is over by then.
SECOND_ROUND_AFTER_S: Final = 0.5
# An event may be lost, and a record may come as another goes: the number of records is no proof, so now and then the
# directory is read all the same.
LOOKS_PER_WHOLE_LOOK: Final = 10
# A note costs a commit, and with it an fsync: while nothing happens there is one in this time.
NOTE_EVERY_S: Final = 60.0
# With header and end page they fill half a window of the link, for each record that is there at a connect.
_DATA_PAGES_COMPARED: Final = 2


class RecordReader:
    """Reads a device's new records into a spool.

    The directory is read whole at the first pull, when the device reported something or tells another number of
    records, after a pull that was cut short, and at every tenth pull. Device and clock are noted at the first pull,
    when the battery's charge changed, and once a minute; the clock before each seal as well.

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
        self._should_stop = should_stop
        self._on_sealed = on_sealed
        self._rounds = Rounds(device, spool, on_progress, should_stop, wait_for_second_round)
        self._noted: tuple[float, int | None] | None = None
        self._compared: dict[DirectorySlot, int] = {}
        self._last: PullResult | None = None
        self._last_seen: tuple[int, int] | None = None
        self._looks_since_whole = 0

    def remember(self, stumbles: Stumbles) -> None:
        """Use what an earlier reader of this place learnt of records at which a device goes away."""
        self._rounds.stumbles = stumbles

    def pull(self) -> PullResult:
        """Read every record that the spool does not hold yet, oldest first.

        Raises:
            DeviceChangedError: Another device answers, or it began anew: it has to be connected again.
            DisconnectedError: The device went away; every page read before stays, and the next pull goes on there.
            NotUnderstoodError: The device contradicts itself; what was read before stays.
        """
        try:
            return self._pull()
        except DeviceChangedError:
            self._compared.clear()
            raise

    def _pull(self) -> PullResult:
        first = self._device.first
        status = self._ask_status()
        self._device.check_identity(status)
        self._note_device(None if status is None else status.battery_percent)
        seen = None if status is None else (self._device.news, status.records)
        if self._last is not None and seen == self._last_seen and self._looks_since_whole < LOOKS_PER_WHOLE_LOOK - 1:
            self._looks_since_whole += 1
            held = self._last.held + len(self._last.sealed)
            return replace(self._last, sealed=(), again=(), reread=(), held=held)
        return self._look(first, seen)

    def _look(self, first: FirstPage, seen: tuple[int, int] | None) -> PullResult:
        # Whatever cuts this short, the next pull looks at everything again.
        self._last = None
        directory = read_directory(self._device, self._should_stop)
        # Whose directory it is: what is no longer in it counts as gone.
        self._device.check_identity()
        look = Look(first.serial, directory, is_cut_short=not directory.is_whole)
        in_order = sorted(directory.slots, key=lambda slot: self._rounds.stumbles.is_last(look.device, slot.record))
        for slot in in_order:
            if look.is_cut_short or self._should_stop():
                look.is_cut_short = True
                break
            self._take(slot, look)
        self._read_unread(look)
        self._look_at_absent(look)
        result = look.result()
        if seen is not None and not result.is_cut_short and not result.postponed:
            self._last, self._last_seen, self._looks_since_whole = result, seen, 0
        return result

    def _take(self, slot: DirectorySlot, look: Look) -> None:
        if slot.page_count > MOST_RECORD_PAGES:
            look.too_large.append(slot.record)
            return
        if self._rounds.stumbles.is_to_wait(look.device, slot.record):
            look.postponed.append(slot.record)
            return
        row = self._find_same(slot) or self._begin(slot, look)
        look.present.add(row.id)
        if row.state is not CaptureState.READING:
            look.held += 1
            return
        how = self._rounds.read(slot, row)
        if how is Round.UNREAD:
            # The others come first.
            look.unread.append((slot, row))
            return
        self._finish(row, look, how)

    def _read_unread(self, look: Look) -> None:
        """Ask again for pages that the device did not give, and seal their records all the same in the end."""
        for slot, row in look.unread:
            if look.is_cut_short:
                return
            self._finish(row, look, self._rounds.ask_again(slot, row))

    def _finish(self, row: CaptureRow, look: Look, how: Round) -> None:
        if how is Round.STOPPED:
            look.is_cut_short = True
            return
        self._seal(row)
        self._note_sealed(row, look)

    def _find_same(self, slot: DirectorySlot) -> CaptureRow | None:
        """Return the capture that this record is; None when the spool holds none, or others.

        Every generation is looked at: two devices of one serial may come in turns.
        """
        generations = self._spool.generations(self._device.first.serial, slot.record)
        rows = [row for row in reversed(generations) if not row.wants_reread]
        row = next((row for row in rows if self._compared.get(slot) == row.id), None) or self._compare(slot, rows)
        if row is not None:
            self._compared[slot] = row.id
        return row

    def _compare(self, slot: DirectorySlot, rows: list[CaptureRow]) -> CaptureRow | None:
        unknown = None
        for row in rows:
            found = compare_record(self._device, slot, self._spool, row, _DATA_PAGES_COMPARED, self._should_stop)
            if False in found:
                continue
            if True in found:
                return row
            # Nothing to compare with: when no other is the same, reading goes on where it stopped.
            unknown = unknown or row
        return unknown

    def _begin(self, slot: DirectorySlot, look: Look) -> CaptureRow:
        new = NewCapture(look.device, slot.record, self._device.first_bytes, slot.page_count)
        if self._spool.find(look.device, slot.record) is None:
            return self._spool.begin(new)
        generations = self._spool.generations(look.device, slot.record)
        # What rotted in the spool is read once more; anything else is another shot.
        is_reread = all(row.wants_reread for row in generations)
        (look.reread if is_reread else look.again).append(slot.record)
        return self._spool.begin_another(new)

    def _look_at_absent(self, look: Look) -> None:
        """Seal what is whole though its record is gone, and name what is not."""
        named = {slot.record for slot in look.directory.slots}
        for row in self._spool.captures(CaptureState.READING):
            if row.device != look.device or row.id in look.present or row.record in look.postponed:
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

    def _seal(self, row: CaptureRow) -> None:
        note = self._clock_note()
        if note is not None:
            self._spool.note_clock(row.device, note)
        header = self._spool.header_bytes(row.id)
        notes = self._spool.clock_notes(row.device)
        self._spool.seal(row.id, provenance(row.device, row.record, header, self._device.clock, notes))

    def _note_sealed(self, row: CaptureRow, look: Look) -> None:
        sealed = self._spool.get(row.id) or row
        look.sealed.append(sealed)
        self._on_sealed(sealed)

    def _clock_note(self) -> ClockNote | None:
        """Return the clocks at the last hello; None for a device that does not say how fast its clock runs."""
        return self._device.clock.note() if self._device.clock.tick_hz else None

    def _note_device(self, battery_percent: int | None) -> None:
        """Note in one commit that the device is there and what its clock says, if it is time to."""
        now_s = time.monotonic()
        if self._noted is not None:
            noted_at_s, battery_then = self._noted
            if now_s - noted_at_s < NOTE_EVERY_S and battery_then == battery_percent:
                return
        device = self._device
        device.refresh_clock()
        clock = self._clock_note()
        self._spool.note_device(device.first.serial, device.place, battery_percent, device.errors.total, clock)
        self._noted = now_s, battery_percent

    def _ask_status(self) -> DeviceStatus | None:
        """Return the device's status, None when it has none: reading needs none."""
        try:
            return self._device.read_status()
        except (CommandRefusedError, NotUnderstoodError):
            return None
