"""The emulated device's own work: a new shot from time to time while it is plugged in."""

import time
from collections.abc import Callable

from device_bridge.emulator.flash import Flash
from device_bridge.emulator.source import ShotSource
from smartdot import MemoryFullError


class Recorder:
    """Records a shot at even intervals until memory is full.

    Args:
        flash: The device's memory.
        shots: Where the shots come from.
        every_s: Seconds between two shots, above 0.
        read_ticks: The device's clock, in microseconds.
    """

    def __init__(self, flash: Flash, shots: ShotSource, every_s: float, read_ticks: Callable[[], int]) -> None:
        self._flash = flash
        self._shots = shots
        self._every_s = every_s
        self._read_ticks = read_ticks
        self._due_at_s = time.monotonic() + every_s

    def due_in_s(self) -> float:
        """Return the seconds until the next shot, 0 when it is time."""
        return max(0.0, self._due_at_s - time.monotonic())

    def record(self) -> int | None:
        """Record a shot and return its number; None when memory is full, and freed records make room for the next."""
        self._due_at_s = time.monotonic() + self._every_s
        number = self._flash.image.next_record()
        pages, _ = self._shots.write(number, self._read_ticks())
        try:
            self._flash.store_record(pages)
        except MemoryFullError:
            return None
        return number
