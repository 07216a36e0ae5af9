import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from device_bridge.api import MAX_CAPTURE_BYTES, MAX_INLINE_BYTES, Api
from device_bridge.spool import CaptureRow, CaptureState, LowDiskError, NewCapture, Spool, SpooledPage
from device_bridge.uploader import Uploader

from .bridge_api_server import BridgeApiServer, BridgeReply, Step, as_usual, storage_reply

SECRET = "s3cret-credential"
LARGE_PAGES = MAX_INLINE_BYTES // 256


class Clock:
    """A steady clock that a test moves."""

    def __init__(self) -> None:
        self.at_s = 1000.0

    def now(self) -> float:
        """Return the time."""
        return self.at_s


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a closed spool with a capture of one page more than the API takes inline, and a small one after it."""
    path = tmp_path_factory.mktemp("filled") / "spool.db"
    with contextlib.closing(Spool(path)) as opened:
        fill(opened, 1, LARGE_PAGES)
        fill(opened, 2, 2)
    return path


@pytest.fixture
def spool(filled: Path, tmp_path: Path) -> Iterator[Spool]:
    """Give a spool of a test's own, filled in the same way."""
    path = tmp_path / "spool.db"
    shutil.copy(filled, path)
    opened = Spool(path)
    yield opened
    opened.close()


def fill(spool: Spool, record: int, page_count: int) -> None:
    """Put a sealed capture into a spool."""
    row = spool.begin(NewCapture("DOT-1", record, b"f" * 256, page_count))
    spool.add_pages(row.id, [SpooledPage(number, bytes([record]) * 256, None) for number in range(page_count)])
    spool.seal(row.id, {"device": "DOT-1", "record": record, "started_at": None})


@contextlib.contextmanager
def uploading(spool: Spool, server: BridgeApiServer, clock: Clock) -> Iterator[Uploader]:
    """Give an uploader whose waits are as long as they can be."""
    api = Api(server.url, SECRET)
    yield Uploader(spool, api, clock=clock.now, draw=lambda: 1.0)
    api.close()


def states(spool: Spool) -> list[str]:
    """Return the states of all captures."""
    return [row.state.value for row in spool.captures()]


def puts(server: BridgeApiServer) -> list[dict[str, str]]:
    """Return the requests that the storage got."""
    return [request for request in server.requests if request["method"] == "PUT"]


def test_large_capture_goes_by_ticket_and_is_delivered_once_it_was_looked_at(
    bridge_api: BridgeApiServer, spool: Spool
) -> None:
    """Above 4 MiB the bytes go to the storage, the verdict is asked for with growing waits, and others go meanwhile."""
    bridge_api.pending_asks = 2
    clock = Clock()
    with uploading(spool, bridge_api, clock) as uploader:
        result = uploader.push()
        assert ([row.record for row in result.sent], [row.record for row in result.delivered]) == ([1], [2])
        assert (states(spool), result.next_try_s) == (["sent", "delivered"], 1.0)
        large = spool.captures()[0]
        assert bridge_api.stored[str(large.sha256)] == spool.load(large)
        assert (large.sent_at is not None, large.attempts) == (True, 1)
        waits = []
        for _ in range(2):
            clock.at_s += result.next_try_s or 0.0
            result = uploader.push()
            waits.append(result.next_try_s)
        assert (waits, result.problems, spool.captures()[0].attempts) == ([2.0, 4.0], [], 1)
        clock.at_s += 3.9
        assert uploader.push().delivered == []
        clock.at_s += 0.1
        assert [row.cloud_state for row in uploader.push().delivered] == ["verified"]
    assert (states(spool), spool.captures()[0].attempts) == (["delivered", "delivered"], 1)


def test_ticket_is_used_exactly_as_it_was_given(bridge_api: BridgeApiServer, spool: Spool) -> None:
    """The storage gets the ticket's headers and the length, and neither the credential nor the provenance."""
    with uploading(spool, bridge_api, Clock()) as uploader:
        uploader.push()
    (request,) = puts(bridge_api)
    own = {"path", "method", "host"}
    assert request.keys() - own == {"if-none-match", "x-ticket", "content-length"}
    assert request["content-length"] == str((LARGE_PAGES + 1) * 256)


def test_capture_of_4_mib_goes_inline(bridge_api: BridgeApiServer, tmp_path: Path) -> None:
    """A capture of exactly 4 MiB needs no ticket."""
    spool = Spool(tmp_path / "other.db")
    fill(spool, 3, LARGE_PAGES - 1)
    with uploading(spool, bridge_api, Clock()) as uploader:
        assert len(uploader.push().delivered) == 1
    assert [request["path"] for request in bridge_api.requests] == ["/v1/captures"]
    spool.close()


def test_large_capture_that_is_there_needs_no_bytes(bridge_api: BridgeApiServer, spool: Spool) -> None:
    """When the API has the hash it is delivered without a ticket."""
    large = spool.captures()[0]
    bridge_api.stored[str(large.sha256)] = spool.load(large)
    with uploading(spool, bridge_api, Clock()) as uploader:
        assert len(uploader.push().delivered) == 2
    assert puts(bridge_api) == []


@pytest.mark.parametrize(
    ("answer", "is_sent"),
    [
        (storage_reply(412, "PreconditionFailed"), True),
        (storage_reply(409, "ConditionalRequestConflict"), False),
        (storage_reply(503, "SlowDown"), False),
        (storage_reply(500, "InternalError"), False),
        (storage_reply(400, "BadDigest"), False),
        (BridgeReply(307, b"", {"Location": "http://127.0.0.1:9/"}), False),
    ],
)
def test_what_the_storage_answers(
    bridge_api: BridgeApiServer, spool: Spool, answer: BridgeReply, *, is_sent: bool
) -> None:
    """412 means the bytes are there already; anything else is tried again later, and holds up no other capture."""
    bridge_api.storage_script = [answer]
    clock = Clock()
    with uploading(spool, bridge_api, clock) as uploader:
        result = uploader.push()
        assert [row.record for row in result.delivered] == [2]
        assert states(spool)[0] == ("sent" if is_sent else "sealed")
        assert len(puts(bridge_api)) == 1
        # What is only said to be there is not: it is asked after, found missing, and sent again.
        for _ in range(4):
            clock.at_s += 300.0
            uploader.push()
    assert states(spool) == ["delivered", "delivered"]
    assert len(bridge_api.stored) == 2


def test_expired_ticket_is_replaced_at_once(bridge_api: BridgeApiServer, spool: Spool) -> None:
    """A ticket that the storage no longer takes costs one more ticket, not a wait; a second one waits."""
    clock = Clock()
    with uploading(spool, bridge_api, clock) as uploader:
        bridge_api.storage_script = [storage_reply(403, "AccessDenied"), storage_reply(403, "AccessDenied")]
        result = uploader.push()
        assert (states(spool), result.credential_problem) == (["sealed", "delivered"], None)
        assert "403 AccessDenied" in result.problems[0]
        clock.at_s += 1.0
        bridge_api.storage_script = [storage_reply(403, "AccessDenied")]
        uploader.push()
    assert states(spool) == ["sent", "delivered"]
    assert len(puts(bridge_api)) == 4


def test_storage_that_breaks_off_is_the_captures_own_trouble(bridge_api: BridgeApiServer, spool: Spool) -> None:
    """When the storage breaks off while the API is there, the next capture is sent all the same."""

    def break_off(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    bridge_api.storage_script = [break_off]
    with uploading(spool, bridge_api, Clock()) as uploader:
        result = uploader.push()
    assert ([row.record for row in result.delivered], result.is_cut_short) == ([2], False)
    assert "storage" in result.problems[0]
    assert "/storage/" not in str(result.problems)


def test_rejected_capture_is_set_aside_with_the_reason(bridge_api: BridgeApiServer, spool: Spool) -> None:
    """A rejected capture is kept in the quarantine with the cloud's words, and can be sent again singly."""
    clock = Clock()
    with uploading(spool, bridge_api, clock) as uploader:
        uploader.push()
        bridge_api.state, bridge_api.reason = "rejected", "not a SmartDot capture"
        clock.at_s += 1.0
        (row,) = uploader.push().quarantined
        assert (row.state, row.last_problem) == (
            CaptureState.QUARANTINED,
            "the cloud rejected it: not a SmartDot capture",
        )
        assert spool.retry_quarantined([row.id + 1]) == 0
        assert spool.retry_quarantined([row.id]) == 1
        bridge_api.state = "verified"
        bridge_api.stored.pop(str(row.sha256))
        uploader.push()
        clock.at_s += 1.0
        uploader.push()
    assert states(spool) == ["delivered", "delivered"]


def test_capture_that_nobody_looks_at_is_sent_again_after_an_hour(bridge_api: BridgeApiServer, spool: Spool) -> None:
    """Pending for more than an hour by the spool's own times means a new ticket, and it is said."""
    clock = Clock()
    bridge_api.pending_asks = 2
    with uploading(spool, bridge_api, clock) as uploader:
        uploader.push()
        clock.at_s += 1.0
        assert uploader.push().problems == []
        long_ago = (datetime.now(UTC) - timedelta(minutes=61)).isoformat()
        with spool._database.transaction() as db:
            db.execute("UPDATE captures SET sent_at = ? WHERE record = 1", (long_ago,))
        clock.at_s += 2.0
        assert "more than an hour: it is sent again" in uploader.push().problems[0]
        assert states(spool)[0] == "sealed"
        clock.at_s += 4.0
        # The API has it by now, and says so instead of a ticket.
        assert len(uploader.push().delivered) == 1


def test_capture_that_the_cloud_forgot_is_sent_again(bridge_api: BridgeApiServer, spool: Spool) -> None:
    """A sent capture that the API does not know goes back to be sent, by a new ticket."""
    clock = Clock()
    with uploading(spool, bridge_api, clock) as uploader:
        uploader.push()
        bridge_api.stored.clear()
        clock.at_s += 1.0
        assert "does not know it" in uploader.push().problems[0]
        for _ in range(2):
            clock.at_s += 300.0
            uploader.push()
    assert (states(spool), len(puts(bridge_api))) == (["delivered", "delivered"], 2)


@pytest.mark.parametrize(
    "ticket",
    [
        '{"sha256": "%s", "method": "PUT", "url": "http://example.org/x", "headers": {}}',
        '{"sha256": "%s", "method": "PUT", "url": "ftp://127.0.0.1/x", "headers": {}}',
        '{"sha256": "%s", "method": "POST", "url": "https://example.org/x", "headers": {}}',
        '{"sha256": "%s", "method": "PUT", "url": 5, "headers": {}}',
        '{"sha256": "%s", "method": "PUT", "url": "https://example.org/x"}',
        '{"sha256": "%s", "method": "PUT", "url": "https://example.org/x", "headers": {"A": 1}}',
        '{"sha256": "%s", "method": "PUT", "url": "https://example.org/x", "headers": {"A": "b\\r\\nC: d"}}',
        '{"sha256": "%s", "method": "PUT", "url": "https://example.org/x", "headers": {"A b": "c"}}',
        '{"sha256": "other%.0s", "method": "PUT", "url": "https://example.org/x", "headers": {}}',
        "{%.0s}",
    ],
)
def test_ticket_that_makes_no_sense_is_not_used(bridge_api: BridgeApiServer, spool: Spool, ticket: str) -> None:
    """Bytes go only by a ticket for their own hash, to an https address or this computer, with well-formed headers."""
    bridge_api.script = [BridgeReply(201, (ticket % spool.captures()[0].sha256).encode()), as_usual]
    with uploading(spool, bridge_api, Clock()) as uploader:
        result = uploader.push()
    assert ([row.record for row in result.waiting], [row.record for row in result.delivered]) == ([1], [2])
    assert puts(bridge_api) == []


def test_capture_above_64_mib_is_kept_aside(bridge_api: BridgeApiServer, spool: Spool) -> None:
    """What is larger than the API takes at all is set aside unsent, with words on where to go from there."""
    with spool._database.transaction() as db:
        db.execute("UPDATE captures SET size_bytes = ? WHERE record = 1", (MAX_CAPTURE_BYTES + 256,))
    with uploading(spool, bridge_api, Clock()) as uploader:
        (row,) = uploader.push().quarantined
    assert (row.state, row.attempts) == (CaptureState.QUARANTINED, 0)
    assert "64 MiB" in str(row.last_problem)
    assert "device_bridge export" in str(row.last_problem)
    assert len(bridge_api.stored) == 1


def test_large_capture_that_rots_while_it_is_sent_never_arrives(bridge_api: BridgeApiServer, spool: Spool) -> None:
    """Bytes that change after the first look are noticed before the last of them is sent."""
    verify = spool.verify

    def rot(capture: CaptureRow) -> None:
        verify(capture)
        with spool._database.transaction() as db:
            db.execute("UPDATE pages SET data = zeroblob(256) WHERE capture = 1 AND number = ?", (LARGE_PAGES - 1,))

    spool.verify = rot  # type: ignore[method-assign]
    with uploading(spool, bridge_api, Clock()) as uploader:
        result = uploader.push()
    (row,) = result.quarantined
    assert (row.wants_reread, row.attempts, [other.record for other in result.delivered]) == (True, 0, [2])
    assert str(row.sha256) not in bridge_api.stored


def test_stop_breaks_a_large_upload_off(bridge_api: BridgeApiServer, spool: Spool) -> None:
    """Asked to stop while a large capture is on its way, the uploader ends at once and blames nothing."""
    api = Api(bridge_api.url, SECRET)
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 5

    result = Uploader(spool, api, should_stop=should_stop).push()
    api.close()
    assert (result.is_cut_short, result.problems, asked) == (True, [], 6)
    assert (states(spool), spool.captures()[0].attempts) == (["sealed", "sealed"], 0)


def test_full_disk_does_not_make_it_send_twice(
    bridge_api: BridgeApiServer, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the cloud confirmed while the spool cannot be written is remembered, said, and noted once it can be."""

    def full(*_: object) -> None:
        raise LowDiskError("the disk is full")

    with uploading(spool, bridge_api, Clock()) as uploader:
        with monkeypatch.context() as patched:
            patched.setattr(spool, "mark_delivered", full)
            result = uploader.push()
            assert ([row.record for row in result.waiting], result.delivered) == ([1, 2], [])
            assert "the cloud has it" in result.problems[0]
        assert [row.record for row in uploader.push().delivered] == [2]
    assert bridge_api.arrivals.count(hashlib.sha256(spool.load(spool.captures()[1])).hexdigest()) == 1


def test_refusal_of_a_question_sets_nothing_aside(bridge_api: BridgeApiServer, spool: Spool) -> None:
    """Only an answer to the bytes, or to a ticket's request, can refuse a capture; one to a question cannot."""
    clock = Clock()
    script: list[Step] = [BridgeReply(422)]
    with uploading(spool, bridge_api, clock) as uploader:
        uploader.push()
        bridge_api.ask_script = script
        clock.at_s += 1.0
        assert uploader.push().quarantined == []
    assert states(spool) == ["sent", "delivered"]
