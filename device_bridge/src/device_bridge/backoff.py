"""How long to wait after a failure."""

import random
from collections.abc import Callable
from dataclasses import dataclass

FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 300.0


@dataclass(slots=True)
class Backoff:
    """How long to wait after a failure: full jitter between 0 and a bound that doubles from 1 s to 5 min.

    Attributes:
        failures: Failures in a row.
        draw: A random number from 0 to 1.
    """

    failures: int = 0
    draw: Callable[[], float] = random.random

    def delay_s(self, retry_after_s: float | None = None) -> float:
        """Return the wait after one more failure; never less than the API asked for."""
        bound = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return max(bound * self.draw(), retry_after_s or 0.0)

    def reset(self) -> None:
        """Begin anew after a success."""
        self.failures = 0
