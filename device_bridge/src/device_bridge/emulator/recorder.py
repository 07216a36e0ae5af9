"""The emulated device's own work: a new shot from time to time while it is plugged in."""

import math
import threading
import time
from collections.abc import Callable

from device_bridge.emulator.device_state import DeviceState, Sampling
from device_bridge.emulator.flash import Flash
from device_bridge.emulator.source import PreparedShot, ShotSource
from device_bridge.emulator.truth_file import TruthFile
from smartdot import EndReason, MemoryFullError, RecordNumbersUsedUpError, read_page
from smartdot.layout import unpack_end

_SOON_S = 0.02
_FEWEST_PAGES = 2


class Recorder:
    """Records a shot at even intervals until memory is full, as the device's sampling mode says.

    The next shot is simulated by a thread of its own, so that the link is answered meanwhile.

    Args:
        flash: The device's memory.
        shots: Where the shots come from.
        every_s: Seconds between two shots, above 0.
        read_ticks: The device's clock, in microseconds.
        state: The device's state; None records without end.
        truth: Where what is true of the shots is written.
    """

    def __init__(
        self,
        flash: Flash,
        shots: ShotSource,
        every_s: float,
        read_ticks: Callable[[], int],
        state: DeviceState | None = None,
        truth: TruthFile | None = None,
    ) -> None:
        self._flash = flash
        self._shots = shots
        self._every_s = every_s
        self._read_ticks = read_ticks
        self._state = state or DeviceState()
        self._truth = truth
        self._due_at_s = time.monotonic() + every_s
        self._told_full = False
        number = self._next_number()
        self._next = None if number is None else _NextShot(shots, number)

    def _next_number(self) -> int | None:
        """Return the next record's number; None when a SmartDot has no more to give."""
        try:
            return self._flash.image.next_record()
        except RecordNumbersUsedUpError:
            return None

    def due_in_s(self) -> float:
        """Return the seconds until the next shot, 0 when it is time; infinite while sampling is off."""
        if self._state.sampling is Sampling.OFF:
            return math.inf
        due_s = max(0.0, self._due_at_s - time.monotonic())
        return due_s if due_s or self._next is None or self._next.is_ready() else _SOON_S

    def record(self) -> list[str]:
        """Record a shot and return the events of it: that it is ready, and once that memory is full.

        A shot for which there are too few pages is cut short. Freed records make room for the next.
        """
        self._due_at_s = time.monotonic() + self._every_s
        number = self._next_number()
        if number is None or self._next is None:
            return self._tell_full()
        try:
            is_whole = self._store(number, self._next.take(number))
        except MemoryFullError:
            return self._tell_full()
        finally:
            following = self._next_number()
            self._next = None if following is None else self._next.following(following)
        if self._state.sampling is Sampling.SINGLE:
            self._state.set_sampling(Sampling.OFF)
        self._told_full = self._told_full and not is_whole
        return [f"record ready {number}", *([] if is_whole else self._tell_full())]

    def _store(self, number: int, shot: PreparedShot) -> bool:
        """Store a shot; return whether all of it is there."""
        start_ticks, power_up = self._read_ticks(), self._state.power_up
        if self._truth is not None and shot.simulation is not None:
            self._truth.note(number, start_ticks, power_up, shot.simulation)
        # A slot that is repaired takes room.
        self._flash.repair()
        pages = shot.write(number, start_ticks, power_up, max(_FEWEST_PAGES, self._flash.image.room()))
        self._flash.store_record(pages)
        if self._truth is not None:
            self._truth.write(self._flash.image)
        return unpack_end(read_page(pages[-1])).reason is not EndReason.MEMORY_FULL

    def _tell_full(self) -> list[str]:
        told, self._told_full = self._told_full, True
        return [] if told else ["memory full"]


class _NextShot:
    """A shot that is being prepared.

    Args:
        shots: Where it comes from.
        number: Its record's number.
    """

    def __init__(self, shots: ShotSource, number: int) -> None:
        self._shots = shots
        self._number = number
        self._shot: PreparedShot | None = None
        self._thread = threading.Thread(target=self._prepare, name="next-shot", daemon=True)
        self._thread.start()

    def _prepare(self) -> None:
        self._shot = self._shots.prepare(self._number)

    def is_ready(self) -> bool:
        """Tell whether it can be taken without waiting."""
        return not self._thread.is_alive()

    def take(self, number: int) -> PreparedShot:
        """Return the shot of a number, which is this one unless a host wrote into the memory meanwhile."""
        self._thread.join()
        if self._shot is None or number != self._number:
            return self._shots.prepare(number)
        return self._shot

    def following(self, number: int) -> "_NextShot":
        """Return what to wait for next: this one again when it was not stored."""
        return self if number == self._number else _NextShot(self._shots, number)
