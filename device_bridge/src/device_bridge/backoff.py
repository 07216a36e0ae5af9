"""How long to wait after a failure."""

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 300.0

draw_chance = random.SystemRandom().random
"""Draws from 0 to 1, from the operating system: bridges that began as copies of one would otherwise wait alike."""


@dataclass(slots=True)
class Backoff:
    """How long to wait after a failure: full jitter between 0 and a bound that doubles from 1 s to 5 min.

    Attributes:
        failures: Failures in a row.
        draw: A random number from 0 to 1.
    """

    failures: int = 0
    draw: Callable[[], float] = draw_chance

    def delay_s(self, retry_after_s: float | None = None) -> float:
        """Return the wait after one more failure; never less than the API asked for."""
        bound = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return max(bound * self.draw(), retry_after_s or 0.0)

    def reset(self) -> None:
        """Begin anew after a success."""
        self.failures = 0


@dataclass(slots=True)
class _Wait:
    backoff: Backoff
    due_at_s: float


class Waits:
    """When each capture is tried again after what went wrong with it alone, in growing waits of its own.

    Args:
        clock: A steady clock, in seconds.
        draw: A random number from 0 to 1.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, draw: Callable[[], float] = draw_chance) -> None:
        self._clock = clock
        self._draw = draw
        self._waits: dict[int, _Wait] = {}

    def lengthen(self, capture: int, retry_after_s: float | None = None) -> None:
        """Let a capture wait, longer than the last time, and at least as long as the API asked for."""
        wait = self._waits.setdefault(capture, _Wait(Backoff(draw=self._draw), 0.0))
        wait.due_at_s = self._clock() + wait.backoff.delay_s(retry_after_s)

    def end(self, capture: int) -> None:
        """Forget what went wrong with a capture."""
        self._waits.pop(capture, None)

    def is_due(self, capture: int) -> bool:
        """Return whether a capture need not wait any longer."""
        return capture not in self._waits or self._waits[capture].due_at_s <= self._clock()

    def turn_s(self, capture: int) -> float:
        """Return where a capture stands among others: those that never waited first, then by when they were due."""
        return self._waits[capture].due_at_s if capture in self._waits else float("-inf")

    def next_due_s(self, captures: Iterable[int]) -> float | None:
        """Return in how many seconds the first of these captures is due that have to wait; None when none has."""
        due_at_s = [self._waits[capture].due_at_s for capture in captures if capture in self._waits]
        return max(0.0, min(due_at_s) - self._clock()) if due_at_s else None
