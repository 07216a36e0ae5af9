"""The random part of a wait."""

import random
import subprocess
import sys

import pytest

from chalicelib.jitter import JITTER
from chalicelib.scorebook import busy
from device_bridge.backoff import draw_chance

_TWO_COPIES = """
import os
{setup}
ours, theirs = os.pipe()
if os.fork() == 0:
    os.write(theirs, str({draw}).encode())
    os._exit(0)
os.wait()
print({draw}, os.read(ours, 100).decode())
"""


@pytest.mark.parametrize(
    ("setup", "draw"),
    [
        ("from chalicelib.jitter import JITTER", "JITTER.uniform(0, 1)"),
        ("from device_bridge.backoff import draw_chance", "draw_chance()"),
    ],
)
def test_copies_of_one_process_wait_differently(setup: str, draw: str) -> None:
    """A process and its copy, which has the same state of every generator, draw other waits."""
    command = [sys.executable, "-c", _TWO_COPIES.format(setup=setup, draw=draw)]
    one, other = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True).stdout.split()
    assert float(one) != float(other)


def test_waits_leave_the_shared_generator_alone() -> None:
    """Whoever else draws from `random` in this process, repeatably, is not disturbed."""
    state = random.getstate()
    assert 0 <= JITTER.uniform(0, 1) <= 1
    assert 0 <= draw_chance() < 1
    assert busy.wait(5) >= 0
    assert busy.ScorebookBusy.overloaded().headers["Retry-After"].isdigit()
    assert random.getstate() == state
