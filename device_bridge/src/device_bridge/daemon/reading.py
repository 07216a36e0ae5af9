"""The reading loop of one place: whatever device is there is read into the spool, whatever happens to it."""

import contextlib
import os
import threading
import time
import traceback
from collections.abc import Iterator

from device_bridge.daemon.erasing import Eraser
from device_bridge.daemon.journal import Event, Level
from device_bridge.daemon.reports import Reports
from device_bridge.daemon.shared import DISK_RETRY_S, Shared
from device_bridge.daemon.wording import pull_warnings, read_event
from device_bridge.device import LinkedSmartDot
from device_bridge.errors import (
    DisconnectedError,
    NotUnderstoodError,
    PortBusyError,
    PortError,
    PortMissingError,
)
from device_bridge.reader import RecordReader
from device_bridge.spool import CaptureRow, LowDiskError, Spool, SpoolError
from device_bridge.stumbling import Stumbles
from device_bridge.transport import list_serial_ports

RECONNECT_S = 1.0
# What is no device of ours, or is broken, is not asked every second.
LONGEST_RECONNECT_S = 30.0
# A device that reports something all the time is looked at no more often than this.
_SHORTEST_GAP_S = 0.5
# A page is read four times by requests that give up after 50 s at most, and a commit waits 30 s for another program's.
_LONGEST_SILENCE_S = 300.0


class ReadingLoop:
    """Reads the device at one place until the daemon ends.

    Args:
        place: Where it is (`open_transport`).
        shared: What the loops share.
        is_fixed: Whether the place was named by a person; the loop of one that was found ends when it is gone.

    Attributes:
        place: Where it is.
        failure: What ended the whole loop, None while nothing did.
    """

    def __init__(self, place: str, shared: Shared, *, is_fixed: bool) -> None:
        self.place = place
        self.failure: BaseException | None = None
        self._shared = shared
        self._is_fixed = is_fixed
        self._failures = 0
        self._something_new = threading.Event()
        self._is_disk_low = False
        self._spool: Spool | None = None
        self._stumbles = Stumbles()
        self._reports = Reports(shared.journal)
        self._pulse = shared.pulses.add(f"reading {place}", _LONGEST_SILENCE_S)

    def run(self) -> None:
        """Read until the daemon ends; an error that no device can be blamed for is left in `failure`."""
        try:
            while not self._shared.stop.is_set() and self._is_to_go_on():
                self._shared.wait(self._pulse, self._reconnect_s())
        except BaseException as error:  # noqa: BLE001 - carried to the main thread, which ends with it
            self.failure = error
        finally:
            self._close_spool()
            self._shared.pulses.remove(self._pulse)

    def _open_spool(self) -> Spool:
        # Kept while devices come and go: opening it checks its log, which takes a while.
        if self._spool is None:
            settings = self._shared.settings
            self._spool = Spool(settings.spool, settings.min_free_bytes)
        return self._spool

    def _close_spool(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def _is_to_go_on(self) -> bool:
        """Read until the device or the spool fails, and say why; return whether to try again."""
        try:
            self._read_until_gone()
        except (PortError, NotUnderstoodError) as error:
            return self._note_lost(error)
        except SpoolError as error:
            self._close_spool()
            self._shared.wait_for_disk(self._pulse, self._topic, error)
        except Exception as error:  # noqa: BLE001 - one device must not stop the others, whatever it does
            self._note_unexpected(error)
        return True

    @property
    def _topic(self) -> str:
        return f"place {self.place}"

    def _say(self, name: str, message: str, level: Level = Level.INFO, identity: str = "", **facts: object) -> None:
        event = Event(name, message, level, facts={"place": self.place, **facts}, identity=identity)
        self._shared.journal.say_once(self._topic, event)

    def _reconnect_s(self) -> float:
        return min(LONGEST_RECONNECT_S, RECONNECT_S * 2.0 ** max(0, self._failures - 1))

    def _note_lost(self, error: PortError | NotUnderstoodError) -> bool:
        # A device that comes back is greeted at once; what is no SmartDot is asked less and less often.
        is_away = isinstance(error, (PortMissingError, DisconnectedError))
        self._failures = 0 if is_away else self._failures + 1
        holder = self._read_elsewhere() if isinstance(error, PortBusyError) else None
        if holder is not None:
            serial, place = holder
            if serial is None:
                # Another loop of ours is about to learn who is there.
                self._failures = 0
            else:
                self._say_read_elsewhere(serial, place)
            return True
        name = "device-away" if is_away else "device-refused"
        # A device that is gone has no port a second later: that is no second thing to say.
        identity = "away" if is_away else ""
        if not self._is_fixed and isinstance(error, PortMissingError):
            self._say(name, f"{self.place} is unplugged: it is read again when it is back", Level.WARNING, identity)
            return False
        self._say(name, f"{error}. Trying again", Level.WARNING, identity)
        return True

    def _note_unexpected(self, error: Exception) -> None:
        self._failures = max(5, self._failures + 1)
        text = "".join(traceback.format_exception(error)).rstrip()
        message = f"reading {self.place} failed in a way that nobody foresaw; what was committed is kept. Trying again"
        event = Event("device-failed", f"{message}\n{text}", Level.ERROR, facts={"place": self.place}, has_lines=True)
        self._shared.journal.say_once(self._topic, event)

    def _read_elsewhere(self) -> tuple[str | None, str] | None:
        """Return the serial, if it is known, and the place by which another loop of ours holds this port."""
        port = os.path.realpath(self.place)
        serials = [found.serial for found in list_serial_ports() if os.path.realpath(found.path) == port]
        # The last part of VID:PID:SERIAL.
        return self._shared.claims.find_port(self.place, [*serials, self.place.rpartition(":")[2]])

    def _say_read_elsewhere(self, serial: str, holder: str) -> None:
        message = (
            f"{serial} at {self.place} is read at {holder} already: left alone here. Two devices with one serial "
            "cannot be told apart"
        )
        self._failures = max(3, self._failures)
        self._say("device-read-elsewhere", message, device=serial, read_at=holder)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[LinkedSmartDot]:
        device = LinkedSmartDot(self._shared.open_transport)
        try:
            with self._shared.claims.using(self.place):
                device.open(self.place)
                yield device
        finally:
            device.close()

    def _read_until_gone(self) -> None:
        with self._connected() as device:
            serial = device.first.serial
            with self._shared.claims.holding(serial, self.place) as holder:
                if holder != self.place:
                    self._say_read_elsewhere(serial, holder)
                    return
                self._failures = 0
                self._say("device-connected", f"{serial} is connected at {self.place}", device=serial)
                self._shared.changed.set()
                self._attend(device, self._open_spool())

    def _attend(self, device: LinkedSmartDot, spool: Spool) -> None:
        """Pull whenever there may be something new, until the device is gone or the daemon ends."""
        device.on_event = lambda text: self._hear(device.first.serial, text)
        reader = RecordReader(device, spool, should_stop=self._is_to_stop, on_sealed=self._note_sealed)
        reader.remember(self._stumbles)
        eraser = Eraser(spool, self._shared.journal, should_stop=self._is_to_stop)
        while not self._shared.stop.is_set():
            self._something_new.clear()
            try:
                self._pull(reader)
                if self._shared.settings.erase_verified:
                    eraser.erase(device)
            except LowDiskError as error:
                self._note_low_disk(error)
            except (SpoolError, OSError) as error:
                self._shared.wait_for_disk(self._pulse, f"disk {self.place}", error)
                continue
            self._listen(device)

    def _pull(self, reader: RecordReader) -> None:
        result = reader.pull()
        self._shared.journal.say_changes(f"memory {self.place}", pull_warnings(result))
        self._shared.journal.forget(f"disk {self.place}")
        # One that was stopped tells nothing about the disk.
        if self._is_disk_low and not result.is_cut_short:
            self._note_room()

    def _listen(self, device: LinkedSmartDot) -> None:
        """Wait for the next look at the device, or until it reports something."""
        poll_s = self._shared.settings.poll_s
        begun_at_s = time.monotonic()
        ends_at_s = begun_at_s + (min(poll_s, DISK_RETRY_S) if self._is_disk_low else poll_s)
        while (now_s := time.monotonic()) < ends_at_s and not self._shared.stop.is_set():
            if self._something_new.is_set() and now_s - begun_at_s >= _SHORTEST_GAP_S:
                return
            self._pulse.beat()
            device.wait_for_event()

    def _is_to_stop(self) -> bool:
        # Asked after every commit: each is a sign of life.
        self._pulse.beat()
        return self._shared.stop.is_set()

    def _note_low_disk(self, error: LowDiskError) -> None:
        self._is_disk_low = True
        self._shared.journal.say_once("low disk", Event("disk-low", str(error), Level.ERROR, identity="low"))

    def _note_room(self) -> None:
        self._is_disk_low = False
        if self._shared.journal.forget("low disk"):
            self._shared.journal.say(Event("disk-has-room", "the disk has room again: reading goes on"))

    def _hear(self, serial: str, text: str) -> None:
        """Note what a device reports (docs/protocol.md 4.5); whatever it is, it is a reason to look."""
        self._something_new.set()
        if text.startswith("record ready"):
            return
        self._reports.hear(serial, self.place, text)
        self._shared.changed.set()

    def _note_sealed(self, row: CaptureRow) -> None:
        self._shared.journal.say(read_event(row))
        self._shared.sealed.set()
        self._shared.changed.set()
