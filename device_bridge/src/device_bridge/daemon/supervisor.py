"""The daemon: a reading loop for each place, an uploading loop, a heartbeat loop, and whoever looks after them."""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from device_bridge.daemon.heartbeat import HeartbeatLoop
from device_bridge.daemon.journal import Event, Level
from device_bridge.daemon.notify import Notifier
from device_bridge.daemon.reading import ReadingLoop
from device_bridge.daemon.shared import DISK_RETRY_S, Shared
from device_bridge.daemon.uploading import UploadingLoop
from device_bridge.spool import LowDiskError, Spool
from device_bridge.transport import find_places

JOIN_S = 5.0
_PINGS_PER_WATCHDOG = 2


@dataclass
class _Running:
    """A loop and the thread that it runs in."""

    loop: ReadingLoop | UploadingLoop | HeartbeatLoop
    thread: threading.Thread


@dataclass
class Daemon:
    """Runs the loops until it is asked to stop.

    Attributes:
        shared: What the loops share.
        wait_for_stop: Waits for at most so many seconds; returns whether it was asked to stop.
        notifier: Tells systemd how things are.
        find_places: Finds the devices that are plugged in, when no place was named.
        tick_s: How often it looks after the loops.
        look_for_devices_s: How often it looks for devices.
    """

    shared: Shared
    wait_for_stop: Callable[[float], bool]
    notifier: Notifier = field(default_factory=Notifier)
    find_places: Callable[[], list[str]] = find_places
    tick_s: float = 1.0
    look_for_devices_s: float = 2.0

    def __post_init__(self) -> None:
        """Prepare the loops that there is one of."""
        self._uploading = UploadingLoop(self.shared)
        self._heartbeat = HeartbeatLoop(self.shared)
        self._running: dict[str, _Running] = {}
        self._looked_for_devices_s = 0.0
        self._pinged_s = 0.0
        self._last_status = ""

    def run(self) -> None:
        """Run until it is asked to stop.

        Raises:
            SpoolCorruptError: The spool is damaged; nothing was begun.
            SpoolGoneError: The spool was deleted or replaced.
            BridgeError: A loop failed for good.
        """
        # Opened here first: a spool that cannot be used is one message, not one of each loop.
        spool = self._open_spool()
        if spool is None:
            return
        with contextlib.closing(spool):
            self.shared.spool_watch.begin()
            try:
                self._begin()
                while not self.wait_for_stop(self._tick_s()):
                    self._look_after()
            finally:
                self._end()

    def _open_spool(self) -> Spool | None:
        """Open the spool, also when its full disk leaves no room for that before a while; None when asked to stop."""
        while True:
            try:
                spool = Spool(self.shared.settings.spool)
            except LowDiskError as error:
                self.shared.journal.say_once("spool disk", Event("disk-low", str(error), Level.ERROR))
                # Waiting is all there is to do: a restart would find the same disk.
                self.notifier.ready()
                self.notifier.alive()
                if self.wait_for_stop(DISK_RETRY_S):
                    return None
            else:
                self.shared.journal.forget("spool disk")
                return spool

    def _begin(self) -> None:
        self._start("uploading", self._uploading)
        self._start("heartbeat", self._heartbeat)
        self._read_places()
        self.notifier.ready()

    def _end(self) -> None:
        self.notifier.stopping()
        self.shared.wake_everyone()
        ends_at_s = time.monotonic() + JOIN_S
        # A request under way, or a device that does not answer, may hold a loop up: what it committed stays, the rest
        # is read and sent again at the next start.
        for running in self._running.values():
            running.thread.join(max(0.0, ends_at_s - time.monotonic()))

    def _tick_s(self) -> float:
        watchdog_s = self.notifier.watchdog_s
        return self.tick_s if watchdog_s is None else min(self.tick_s, watchdog_s / _PINGS_PER_WATCHDOG / 2)

    def _start(self, name: str, loop: ReadingLoop | UploadingLoop | HeartbeatLoop) -> None:
        thread = threading.Thread(target=loop.run, name=name, daemon=True)
        self._running[name] = _Running(loop, thread)
        thread.start()

    def _look_after(self) -> None:
        self._raise_failure()
        self.shared.spool_watch.check()
        if time.monotonic() - self._looked_for_devices_s >= self.look_for_devices_s:
            self._read_places()
        self._tell_systemd()

    def _raise_failure(self) -> None:
        for running in self._running.values():
            if running.loop.failure is not None:
                raise running.loop.failure

    def _read_places(self) -> None:
        """Keep a reading loop at every place: those that were named, or wherever a SmartDot is plugged in now."""
        self._looked_for_devices_s = time.monotonic()
        named = self.shared.settings.ports
        for place in dict.fromkeys(named or self._found_places()):
            name = f"reading {place}"
            running = self._running.get(name)
            # A failure is raised first; only then could its loop begin anew.
            if running is None or (running.loop.failure is None and not running.thread.is_alive()):
                self._start(name, ReadingLoop(place, self.shared, is_fixed=bool(named)))

    def _found_places(self) -> list[str]:
        try:
            places = self.find_places()
        except OSError as error:
            message = f"this computer's ports cannot be listed: {error}. Trying again"
            self.shared.journal.say_once("places", Event("ports-not-listed", message, Level.ERROR))
            return []
        if places or any(name.startswith("reading ") for name in self._running):
            self.shared.journal.forget("places")
        else:
            message = "no SmartDot is plugged in yet (USB 1915:D978): it is read as soon as it is"
            self.shared.journal.say_once("places", Event("no-device", message))
        return places

    def _tell_systemd(self) -> None:
        held = self.shared.claims.held()
        devices = ", ".join(sorted(held)) or "no device"
        status = f"reading {devices}; {self._uploading.waiting} captures wait"
        stuck = self.shared.pulses.stuck()
        if stuck:
            status = "; ".join(f"{pulse.name} has not moved for {pulse.silent_s():.0f} s" for pulse in stuck)
            names = ", ".join(pulse.name for pulse in stuck)
            message = f"{names} does not move any more: systemd is no longer told that the bridge is alive"
            self.shared.journal.say_once("stuck", Event("loop-stuck", message, Level.ERROR))
        elif self.shared.journal.forget("stuck"):
            self.shared.journal.say(Event("loop-moves", "every loop moves again"))
        if status != self._last_status:
            self.notifier.status(status)
            self._last_status = status
        watchdog_s = self.notifier.watchdog_s
        if watchdog_s and not stuck and time.monotonic() - self._pinged_s >= watchdog_s / _PINGS_PER_WATCHDOG:
            self.notifier.alive()
            self._pinged_s = time.monotonic()
