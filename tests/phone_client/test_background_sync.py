"""Sync in the background: soon after an edit, patient with a server in trouble, and ended at once."""

import queue
import threading
from collections.abc import Callable

import pytest

from phone_client import ClientError, NotSentError, ServerTroubleError, Timing
from phone_client.model import Problem
from phone_client.sync import BackgroundSync, SyncOutcome, SyncStatus

LONGEST_S = 30.0


class Script:
    """A sync that does what a test says, and tells that it was asked."""

    def __init__(self, *results: SyncOutcome | ClientError) -> None:
        self.results = iter(results)
        self.statuses: queue.Queue[SyncStatus] = queue.Queue()
        self.may_end = threading.Event()
        self.may_end.set()

    def __call__(self) -> SyncOutcome:
        """Do one sync."""
        assert self.may_end.wait(LONGEST_S)
        result = next(self.results, SyncOutcome())
        if isinstance(result, ClientError):
            raise result
        return result

    def next_status(self) -> SyncStatus:
        """Wait for the end of a sync."""
        return self.statuses.get(timeout=LONGEST_S)


def _background(
    script: Script, poll_s: float = 3600.0, jitter_s: Callable[[float], float] = lambda _: 3600.0
) -> BackgroundSync:
    return BackgroundSync(script, Timing(jitter_s=jitter_s), script.statuses.put, poll_s=poll_s, gather_s=0.0)


def test_it_syncs_at_the_start_and_after_an_edit() -> None:
    """Woken by an edit it syncs again although the next poll is an hour away."""
    script = Script(SyncOutcome(pulled=1), SyncOutcome(pushed=2))
    background = _background(script)
    background.start()
    assert script.next_status() == SyncStatus(SyncOutcome(pulled=1))
    background.wake()
    assert script.next_status() == SyncStatus(SyncOutcome(pushed=2))
    assert background.status.outcome == SyncOutcome(pushed=2)
    background.stop(LONGEST_S)


def test_an_edit_during_a_sync_is_followed_by_another_sync() -> None:
    """What is edited while a sync goes on, perhaps too late for it, is not left until the next poll."""
    script = Script()
    background = _background(script)
    script.may_end.clear()
    background.start()
    background.wake()
    script.may_end.set()
    assert [script.next_status() for _ in range(2)] == [SyncStatus(SyncOutcome())] * 2
    background.stop(LONGEST_S)


def test_it_polls() -> None:
    """Without any edit it asks again and again."""
    script = Script()
    background = _background(script, poll_s=0.001)
    background.start()
    assert [script.next_status() for _ in range(3)] == [SyncStatus(SyncOutcome())] * 3
    background.stop(LONGEST_S)


def test_trouble_is_shown_and_tried_again() -> None:
    """Failures are counted and named, waits grow with dice between nothing and five minutes, and success ends them."""
    lost = NotSentError("There is no network.")
    script = Script(*[lost] * 12, SyncOutcome(pushed=1))
    asked_s: list[float] = []

    def roll(longest_s: float) -> float:
        asked_s.append(longest_s)
        return 0.0

    background = _background(script, jitter_s=roll)
    background.start()
    statuses = [script.next_status() for _ in range(13)]
    assert [status.failures for status in statuses] == [*range(1, 13), 0]
    assert statuses[0].problem is lost
    assert asked_s == [4, 8, 16, 32, 64, 128, 256, *[300.0] * 5]
    background.stop(LONGEST_S)


def test_a_server_that_asks_to_wait_is_left_alone_even_after_an_edit() -> None:
    """An edit does not break off the wait that the server asked for; the end of the program does."""
    script = Script(ServerTroubleError(Problem("Busy.", 429), retry_after_s=3600.0))
    background = _background(script, jitter_s=lambda _: 0.0)
    background.start()
    assert script.next_status().failures == 1
    background.wake()
    with pytest.raises(queue.Empty):
        script.statuses.get(timeout=0.05)
    background.stop(LONGEST_S)


def test_a_fault_of_the_program_is_seen_by_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that is none of the client's ends the thread, is told in the status, and is not swallowed."""
    raised: list[type[BaseException] | None] = []
    monkeypatch.setattr(threading, "excepthook", lambda told: raised.append(told.exc_type))
    statuses: list[SyncStatus] = []

    def fail() -> SyncOutcome:
        raise ZeroDivisionError("by nought")

    background = BackgroundSync(fail, on_status=statuses.append)
    background.start()
    background.stop(LONGEST_S)
    assert raised == [ZeroDivisionError]
    assert "by nought" in str(statuses[0].problem)
