"""Whether time tells one thing from another."""

import contextlib
import statistics
import time
from collections.abc import Callable
from typing import Any

from chalicelib.errors import Problem

TRIES = 200
ROUNDS = 3
MOST_APART = 0.05


class OwnClock:
    """Goes only while the test's thread works, and by as much as it would sleep: what else runs changes nothing.

    In place of the module `time` it lets nobody sleep for real.
    """

    def __init__(self) -> None:
        self._slept_s = 0.0

    def monotonic(self) -> float:
        """Return how long this thread has worked and slept, in seconds."""
        return time.thread_time() + self._slept_s

    def sleep(self, seconds: float) -> None:
        """Be so much later."""
        self._slept_s += seconds


def assert_same_time(one: Callable[[], Any], other: Callable[[], Any], clock: OwnClock) -> None:
    """Fail unless the medians of 200 tries, made in turn, are within 5 %; a round that others disturbed is repeated."""
    apart = [_apart(clock, one, other)]
    while min(apart) >= MOST_APART and len(apart) < ROUNDS:
        apart.append(_apart(clock, one, other))
    assert min(apart) < MOST_APART, apart


def _apart(clock: OwnClock, *tried: Callable[[], Any]) -> float:
    times: list[list[float]] = [[] for _ in tried]
    for turn in range(TRIES):
        # Each is first in every other turn.
        for at in (0, 1) if turn % 2 else (1, 0):
            started_s = clock.monotonic()
            with contextlib.suppress(Problem):
                tried[at]()
            times[at].append(clock.monotonic() - started_s)
    one_s, other_s = map(statistics.median, times)
    return abs(one_s / other_s - 1)
