"""The random part of a wait."""

import random

from chalicelib.jitter import JITTER
from chalicelib.scorebook import busy


def test_copies_of_one_process_wait_differently() -> None:
    """Waits are drawn from the system: with `random` in one and the same state they differ, and that state stays."""
    state = random.getstate()
    first = JITTER.uniform(0, 1), busy.wait(5)
    assert random.getstate() == state
    second = JITTER.uniform(0, 1), busy.wait(5)
    assert first != second
    assert busy.ScorebookBusy.overloaded().headers["Retry-After"].isdigit()
    assert random.getstate() == state
