"""Whether every loop still moves: each beats, and a loop that is silent for too long is stuck."""

import threading
import time
from collections.abc import Callable


class Pulse:
    """One loop's sign of life.

    Args:
        name: The loop, for messages.
        longest_silence_s: How long a loop that is alive may take between two beats.
        read_s: The steady clock.
    """

    def __init__(self, name: str, longest_silence_s: float, read_s: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self._longest_silence_s = longest_silence_s
        self._read_s = read_s
        self._beat_at_s = read_s()

    def beat(self) -> None:
        """Show that the loop moves."""
        self._beat_at_s = self._read_s()

    def is_stuck(self) -> bool:
        """Tell whether the loop was silent for too long."""
        return self._read_s() - self._beat_at_s > self._longest_silence_s

    def silent_s(self) -> float:
        """Return the seconds since the last beat."""
        return self._read_s() - self._beat_at_s


class Pulses:
    """The pulses of all loops that run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pulses: list[Pulse] = []

    def add(self, name: str, longest_silence_s: float) -> Pulse:
        """Watch a loop from now on; return the pulse that it beats."""
        pulse = Pulse(name, longest_silence_s)
        with self._lock:
            self._pulses.append(pulse)
        return pulse

    def remove(self, pulse: Pulse) -> None:
        """Stop watching a loop that has ended."""
        with self._lock:
            self._pulses.remove(pulse)

    def all(self) -> list[Pulse]:
        """Return the pulses of the loops that run."""
        with self._lock:
            return list(self._pulses)

    def stuck(self) -> list[Pulse]:
        """Return those of the loops that no longer move."""
        return [pulse for pulse in self.all() if pulse.is_stuck()]
