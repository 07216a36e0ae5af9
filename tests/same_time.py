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


def assert_same_time(one: Callable[[], Any], other: Callable[[], Any]) -> None:
    """Fail unless the medians of 200 tries, made in turn, are within 5 %; a round that others disturbed is repeated."""
    apart = [_apart(one, other)]
    while min(apart) >= MOST_APART and len(apart) < ROUNDS:
        apart.append(_apart(one, other))
    assert min(apart) < MOST_APART, apart


def _apart(*tried: Callable[[], Any]) -> float:
    times: list[list[float]] = [[] for _ in tried]
    for turn in range(TRIES):
        # Each is first in every other turn.
        for at in (0, 1) if turn % 2 else (1, 0):
            started_s = time.perf_counter()
            with contextlib.suppress(Problem):
                tried[at]()
            times[at].append(time.perf_counter() - started_s)
    one_s, other_s = map(statistics.median, times)
    return abs(one_s / other_s - 1)
