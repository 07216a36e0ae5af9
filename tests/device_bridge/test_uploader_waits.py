import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from device_bridge.api import MAX_INLINE_BYTES, Api
from device_bridge.spool import LowDiskError, NewCapture, Spool, SpooledPage
from device_bridge.uploader import Uploader

from .bridge_api_server import BridgeApiServer, BridgeReply

PROXYS_429 = BridgeReply(429, b"<html>slow down</html>", {"Content-Type": "text/html", "Retry-After": "60"})
PROXYS_503 = BridgeReply(503, b"<html>no</html>", {"Content-Type": "text/html", "Retry-After": "60"})
OWN_429 = BridgeReply(429, headers={"Retry-After": "5"})


class Clock:
    """A steady clock that a test moves."""

    def __init__(self) -> None:
        self.at_s = 1000.0

    def now(self) -> float:
        """Return the time."""
        return self.at_s


@pytest.fixture
def clock() -> Clock:
    """Give a clock."""
    return Clock()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """Give a spool with three sealed captures."""
    opened = Spool(tmp_path / "spool.db")
    for record in (1, 2, 3):
        fill(opened, record, 2)
    yield opened
    opened.close()


def fill(spool: Spool, record: int, page_count: int) -> None:
    """Put a sealed capture into a spool."""
    row = spool.begin(NewCapture("DOT-1", record, b"f" * 256, page_count))
    spool.add_pages(row.id, [SpooledPage(number, bytes([record]) * 256, None) for number in range(page_count)])
    spool.seal(row.id, {"device": "DOT-1", "record": record, "started_at": None})


@pytest.fixture
def uploader(bridge_api: BridgeApiServer, spool: Spool, clock: Clock) -> Iterator[Uploader]:
    """Give an uploader whose waits are as long as they can be."""
    with contextlib.closing(Api(bridge_api.url, "credential")) as api:
        yield Uploader(spool, api, clock=clock.now, draw=lambda: 1.0)


@pytest.mark.parametrize("reply", [PROXYS_429, PROXYS_503])
def test_a_later_that_is_not_the_apis_own_holds_up_one_capture(
    bridge_api: BridgeApiServer, uploader: Uploader, reply: BridgeReply
) -> None:
    """A proxy that says "later" to one capture while the API itself answers keeps that one waiting, and no other."""
    bridge_api.script = [reply]
    result = uploader.push()
    assert ([row.record for row in result.delivered], [row.record for row in result.waiting]) == ([2, 3], [1])
    assert (result.is_cut_short, result.next_try_s) == (False, 60.0)


def test_a_later_of_the_api_begins_with_another_the_next_time(
    bridge_api: BridgeApiServer, uploader: Uploader, clock: Clock
) -> None:
    """The API's own 429 ends the pass; whichever capture met it comes after the others, and in turn."""
    bridge_api.script = [OWN_429]
    assert uploader.push().retry_after_s == 5.0
    clock.at_s += 5.0
    bridge_api.script = [BridgeReply(500), OWN_429]
    assert uploader.push().delivered == []
    clock.at_s += 300.0
    assert [row.record for row in uploader.push().delivered] == [1, 2, 3]
    assert len(bridge_api.stored) == 3


def test_a_later_to_one_capture_alone_does_not_stop_the_rest(
    bridge_api: BridgeApiServer, uploader: Uploader, clock: Clock, spool: Spool
) -> None:
    """An API that says 429 in its own words whenever it sees one capture gets all others in a few passes."""
    poison = spool.load(spool.captures()[0])
    take = bridge_api._take
    bridge_api._take = lambda body: OWN_429 if body == poison else take(body)  # type: ignore[method-assign]
    delivered = []
    for _ in range(3):
        delivered += uploader.push().delivered
        clock.at_s += 5.0
    assert [row.record for row in delivered] == [2, 3]


def test_full_disk_at_one_capture_lets_the_next_go(
    bridge_api: BridgeApiServer, spool: Spool, uploader: Uploader, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is sent by ticket and cannot be noted waits, others are sent; later it is not sent a second time."""
    fill(spool, 0, MAX_INLINE_BYTES // 256)

    def full(*_: object) -> None:
        raise LowDiskError("the disk is full")

    with monkeypatch.context() as low:
        low.setattr(spool, "mark_sent", full)
        result = uploader.push()
        assert ([row.record for row in result.delivered], [row.record for row in result.waiting]) == ([1, 2, 3], [0])
        assert result.problems == ["record 0 of DOT-1: the disk is full"]
        assert uploader.push().problems == []
    clock.at_s += 1.0
    assert [row.record for row in uploader.push().delivered] == [0]
    assert len(bridge_api.arrivals) == 4


@pytest.mark.parametrize(("was_sent", "is_again"), [(timedelta(minutes=-50), False), (timedelta(hours=-2), True)])
def test_clock_that_was_set_back_does_not_stop_the_resend(
    bridge_api: BridgeApiServer,
    spool: Spool,
    uploader: Uploader,
    clock: Clock,
    was_sent: timedelta,
    is_again: bool,  # noqa: FBT001 - a parameter
) -> None:
    """A capture that by this clock was sent hours from now is sent again, as one that was sent hours ago."""
    fill(spool, 9, MAX_INLINE_BYTES // 256)
    bridge_api.pending_asks = 5
    uploader.push()
    with spool._database.transaction() as db:
        moment = (datetime.now(UTC) - was_sent).isoformat()
        db.execute("UPDATE captures SET sent_at = ? WHERE state = 'sent'", (moment,))
    clock.at_s += 1.0
    assert any("it is sent again" in problem for problem in uploader.push().problems) is is_again
