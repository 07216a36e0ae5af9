import base64
import contextlib
import hashlib
import json
import socket
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.api import Api, check_api_url
from device_bridge.api_replies import parse_retry_after
from device_bridge.backoff import Backoff
from device_bridge.errors import UsageError
from device_bridge.spool import CaptureState, NewCapture, Spool, SpooledPage
from device_bridge.uploader import PushResult, Uploader, push_until_done

from .bridge_api_server import BridgeApiServer, BridgeReply, Step, as_usual

SECRET = "s3cret-credential"
HTML = {"Content-Type": "text/html"}
PROXYS_413 = BridgeReply(413, b"<html>too large</html>", HTML)
PROBLEM = b'{"type": "urn:problem-type:revmetrix:bad", "title": "Bad", "detail": "not\\u001b[31m liked"}'


@pytest.fixture
def full_spool(tmp_path: Path) -> Iterator[Spool]:
    """Give a spool with two sealed captures."""
    spool = Spool(tmp_path / "spool.db")
    for record in (1, 2):
        fill(spool, record, 2)
    yield spool
    spool.close()


def fill(spool: Spool, record: int, page_count: int) -> None:
    """Put a sealed capture into a spool."""
    row = spool.begin(NewCapture("DOT-1", record, b"f" * 256, page_count))
    spool.add_pages(row.id, [SpooledPage(number, bytes([record]) * 256, None) for number in range(page_count)])
    spool.seal(row.id, {"device": "DOT-1", "record": record, "started_at": None})


def push(spool: Spool, url: str) -> PushResult:
    """Make one pass over a spool."""
    api = Api(url, SECRET)
    try:
        return Uploader(spool, api).push()
    finally:
        api.close()


class Clock:
    """A steady clock that a test moves, by sleeping as well."""

    def __init__(self) -> None:
        self.at_s = 1000.0

    def now(self) -> float:
        """Return the time."""
        return self.at_s

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.at_s += seconds


@contextlib.contextmanager
def uploading(spool: Spool, server: BridgeApiServer, clock: Clock) -> Iterator[Uploader]:
    """Give an uploader whose waits are as long as they can be."""
    api = Api(server.url, SECRET)
    yield Uploader(spool, api, clock=clock.now, draw=lambda: 1.0)
    api.close()


def states(spool: Spool) -> list[str]:
    """Return the states of all captures."""
    return [row.state.value for row in spool.captures()]


def test_capture_arrives_with_its_hash_and_provenance(bridge_api: BridgeApiServer, full_spool: Spool) -> None:
    """The bytes arrive as they are, with credential, digest and provenance in the headers that the API asks for."""
    result = push(full_spool, bridge_api.url)
    assert len(result.delivered) == 2
    assert states(full_spool) == ["delivered", "delivered"]
    sent, request = full_spool.load(full_spool.captures()[0]), bridge_api.requests[0]
    assert next(iter(bridge_api.stored.values())) == sent
    assert request["path"] == "/v1/captures"
    assert request["authorization"] == f"Bearer {SECRET}"
    assert request["content-type"] == "application/octet-stream"
    digest = base64.b64encode(hashlib.sha256(sent).digest()).decode()
    assert request["content-digest"] == f"sha-256=:{digest}:"
    text = request["capture-provenance"]
    assert "=" not in text
    assert json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))["record"] == 1


def test_capture_that_was_there_is_delivered(bridge_api: BridgeApiServer, full_spool: Spool) -> None:
    """A lost acknowledgement is made good by sending again: 200 means delivered."""
    push(full_spool, bridge_api.url)
    with full_spool._database.transaction() as db:
        db.execute("UPDATE captures SET state = 'sealed'")
    assert len(push(full_spool, bridge_api.url).delivered) == 2
    assert len(bridge_api.stored) == 2
    assert len(bridge_api.arrivals) == 4


def reset(handler: BaseHTTPRequestHandler) -> None:
    """Break the connection off with a reset instead of a reply."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True
    handler.rfile.close()
    handler.wfile = handler.rfile = open("/dev/null", "rb+")  # noqa: SIM115, PTH123 - what the library flushes and closes


def cut_short(handler: BaseHTTPRequestHandler) -> None:
    """Promise more bytes than are sent."""
    handler.send_response(201)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"id"')
    handler.close_connection = True


@pytest.mark.parametrize("fault", [reset, cut_short])
def test_connection_that_breaks_off_keeps_everything(
    bridge_api: BridgeApiServer, full_spool: Spool, fault: Step
) -> None:
    """A reset, or a reply that ends in its middle, leaves every capture sealed; the next pass delivers."""
    bridge_api.script = [fault]
    bridge_api.ask_script = [fault]
    result = push(full_spool, bridge_api.url)
    assert (len(result.delivered), len(result.waiting), result.is_cut_short) == (0, 2, True)
    assert "cannot be reached" in result.problems[0]
    assert states(full_spool) == ["sealed", "sealed"]
    assert len(push(full_spool, bridge_api.url).delivered) == 2


def test_refused_connection_keeps_everything(full_spool: Spool) -> None:
    """With no API there, one capture is tried, everything stays sealed, and nothing counts as sent."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        result = push(full_spool, f"http://127.0.0.1:{free.getsockname()[1]}")
    assert (len(result.waiting), len(result.problems), result.is_cut_short) == (2, 1, True)
    assert states(full_spool) == ["sealed", "sealed"]
    assert [row.attempts for row in full_spool.captures()] == [0, 0]
    assert "cannot be reached" in str(full_spool.captures()[0].last_problem)


@pytest.mark.parametrize("status", [500, 409, 404, 418])
def test_answer_that_is_no_yes_or_no_is_retried(bridge_api: BridgeApiServer, full_spool: Spool, status: int) -> None:
    """An error of the API's own stays sealed, does not hold up the next capture, and is never followed elsewhere."""
    bridge_api.script = [BridgeReply(status, headers={"Location": bridge_api.url})]
    result = push(full_spool, bridge_api.url)
    assert ([row.record for row in result.delivered], [row.record for row in result.waiting]) == ([2], [1])
    assert str(status) in result.problems[0]
    assert states(full_spool) == ["sealed", "delivered"]


NOT_THE_API = [
    *(BridgeReply(status, b"<html>no</html>", HTML) for status in (400, 401, 403, 413, 415, 422, 500)),
    BridgeReply(400, b'{"type": "about:blank"}'),
    BridgeReply(422, PROBLEM, {"Content-Type": "application/json"}),
    *(BridgeReply(status) for status in (301, 502, 503, 504)),
]


@pytest.mark.parametrize("reply", NOT_THE_API)
def test_answer_that_is_not_the_apis_own_ends_the_pass(
    bridge_api: BridgeApiServer, full_spool: Spool, reply: BridgeReply
) -> None:
    """Where something else answers for the API, nothing is set aside, and no other capture is sent in that pass."""
    bridge_api.script = [reply]
    bridge_api.ask_script = [reply]
    result = push(full_spool, bridge_api.url)
    assert [(request["method"], request["path"]) for request in bridge_api.requests] == [
        ("POST", "/v1/captures"),
        ("GET", "/v1/bridges/me"),
    ]
    assert (len(result.waiting), result.is_cut_short) == (2, True)
    assert states(full_spool) == ["sealed", "sealed"]


@pytest.mark.parametrize("reply", NOT_THE_API)
def test_answer_on_the_way_to_one_capture_holds_up_no_other(
    bridge_api: BridgeApiServer, full_spool: Spool, reply: BridgeReply
) -> None:
    """What something else says of one capture, while the API is there, delays that one alone and sets nothing aside."""
    clock = Clock()
    with uploading(full_spool, bridge_api, clock) as uploader:
        bridge_api.script = [reply]
        result = uploader.push()
        assert ([row.record for row in result.delivered], [row.record for row in result.waiting]) == ([2], [1])
        assert (result.is_cut_short, result.credential_problem) == (False, None)
        assert result.next_try_s == 1.0
        fill(full_spool, 3, 2)
        assert [row.record for row in uploader.push().delivered] == [3]
        clock.at_s += 1.0
        assert [row.record for row in uploader.push().delivered] == [1]


def test_capture_that_always_fails_is_tried_last_and_ever_more_rarely(
    bridge_api: BridgeApiServer, full_spool: Spool
) -> None:
    """A capture that a proxy never lets through waits longer each time, to 5 minutes, and behind those that are new."""
    clock = Clock()
    waits = []
    with uploading(full_spool, bridge_api, clock) as uploader:
        bridge_api.script = [PROXYS_413]
        waits.append(uploader.push().next_try_s)
        for record in range(3, 13):
            clock.at_s += waits[-1] or 0.0
            fill(full_spool, record, 2)
            bridge_api.script = [as_usual, PROXYS_413]
            result = uploader.push()
            assert [row.record for row in result.delivered] == [record]
            waits.append(result.next_try_s)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert full_spool.captures()[0].attempts == 11


def test_proxy_that_refuses_all_is_not_asked_for_each(bridge_api: BridgeApiServer, full_spool: Spool) -> None:
    """A firewall's 403 that the API itself would not give pauses as a refused credential when it stands before all."""
    bridge_api.script = [BridgeReply(403, b"no", HTML)]
    bridge_api.ask_script = [BridgeReply(403, b"no", HTML)]
    result = push(full_spool, bridge_api.url)
    assert (len(bridge_api.requests), result.is_cut_short) == (2, True)
    assert "device_bridge enrol" in str(result.credential_problem)


def test_malformed_part_of_the_spool_holds_up_no_other_capture(bridge_api: BridgeApiServer, tmp_path: Path) -> None:
    """A capture whose pages SQLite cannot read any more is passed over, and the next is delivered."""
    path = tmp_path / "spool.db"
    spool = Spool(path)
    fill(spool, 1, 60)
    fill(spool, 2, 60)
    spool.close()
    data = bytearray(path.read_bytes())
    begin = max(range(0, len(data), 4096), key=lambda place: data[place : place + 4096].count(1))
    data[begin : begin + 100] = b"\xff" * 100
    path.write_bytes(data)
    spool = Spool(path)
    result = push(spool, bridge_api.url)
    assert [row.record for row in result.delivered] == [2]
    assert "cannot be read from the spool" in result.problems[0]
    assert states(spool) == ["quarantined", "delivered"]
    spool.close()


def test_bytes_that_changed_on_their_way_are_sent_again(bridge_api: BridgeApiServer, full_spool: Spool) -> None:
    """A digest that did not fit at the API is the line's fault, not the capture's: it stays sealed."""
    bridge_api.script = [BridgeReply(400, b'{"type": "urn:problem-type:revmetrix:digest-mismatch"}')]
    assert len(push(full_spool, bridge_api.url).waiting) == 1
    assert states(full_spool) == ["sealed", "delivered"]


def test_retry_after_ends_the_pass(bridge_api: BridgeApiServer, full_spool: Spool) -> None:
    """An API that asks to wait is asked no more in this pass, and the wait is told."""
    bridge_api.script = [BridgeReply(429, headers={"Retry-After": "17"})]
    result = push(full_spool, bridge_api.url)
    assert (len(result.waiting), result.retry_after_s, len(bridge_api.requests)) == (2, 17.0, 1)


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credential_pauses(bridge_api: BridgeApiServer, full_spool: Spool, status: int) -> None:
    """A refused credential ends the pass with words on how to get a new one, and never shows the credential."""
    bridge_api.script = [BridgeReply(status)]
    result = push(full_spool, bridge_api.url)
    assert len(bridge_api.requests) == 1
    assert result.credential_problem is not None
    assert "new credential" in result.credential_problem
    assert SECRET not in str(result) + str([row.last_problem for row in full_spool.captures()])
    assert states(full_spool) == ["sealed", "sealed"]


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_refused_capture_is_set_aside(bridge_api: BridgeApiServer, full_spool: Spool, status: int) -> None:
    """A capture that the API refuses goes to the quarantine with the API's words, and the next one is sent."""
    bridge_api.script = [BridgeReply(status, PROBLEM)]
    result = push(full_spool, bridge_api.url)
    assert (len(result.quarantined), len(result.delivered)) == (1, 1)
    row = full_spool.captures(CaptureState.QUARANTINED)[0]
    assert row.last_problem == f"the API refuses this capture ({status} Bad: not [31m liked)"
    full_spool.retry_quarantined()
    assert len(push(full_spool, bridge_api.url).delivered) == 1


@pytest.mark.parametrize(
    "body", [b'{"id": "' + b"0" * 64 + b'"}', b"{}", b"[]", b"<html>", b"", b"\xff", b"[" * 100_000, b'{"id": 1}']
)
def test_reply_without_the_captures_hash_is_no_delivery(
    bridge_api: BridgeApiServer, full_spool: Spool, body: bytes
) -> None:
    """Only the capture's own hash counts as an acknowledgement, whatever else a 201 says."""
    bridge_api.script = [BridgeReply(201, body)]
    result = push(full_spool, bridge_api.url)
    assert [row.record for row in result.waiting] == [1]
    assert states(full_spool) == ["sealed", "delivered"]


def test_capture_changed_in_the_spool_is_not_sent(bridge_api: BridgeApiServer, full_spool: Spool) -> None:
    """Every capture is hashed again before it is sent; a changed one is set aside and the next is sent."""
    with full_spool._database.transaction() as db:
        db.execute("UPDATE pages SET data = zeroblob(256) WHERE capture = 1 AND number = 1")
    result = push(full_spool, bridge_api.url)
    assert (len(result.quarantined), len(bridge_api.stored)) == (1, 1)


def test_push_until_done_waits_as_it_is_asked(bridge_api: BridgeApiServer, full_spool: Spool) -> None:
    """With patience the upload is tried again until it is through, waiting at least as long as the API asked."""
    bridge_api.script = [BridgeReply(503, headers={"Retry-After": "7"}), BridgeReply(500), BridgeReply(500)]
    clock = Clock()
    with uploading(full_spool, bridge_api, clock) as uploader:
        result = push_until_done(uploader, 100, clock.sleep, clock.now)
    # The one that met with "later" comes after the other.
    assert ([row.record for row in result.delivered], result.waiting) == ([2, 1], [])
    assert clock.at_s == 1000 + 7 + 2


def test_push_until_done_gives_up_when_its_time_is_over(bridge_api: BridgeApiServer, full_spool: Spool) -> None:
    """Without patience one pass is made; with some, no wait goes beyond it."""
    clock = Clock()
    for patience_s, passes in ((0, 1), (10, 2)):
        bridge_api.script = [BridgeReply(429, headers={"Retry-After": "8"}) for _ in range(3)]
        with uploading(full_spool, bridge_api, clock) as uploader:
            result = push_until_done(uploader, patience_s, clock.sleep, clock.now)
        assert (len(result.waiting), len(bridge_api.script)) == (2, 3 - passes)


def test_success_makes_the_next_wait_short_again(bridge_api: BridgeApiServer, full_spool: Spool) -> None:
    """Waits grow while nothing gets through, and begin anew once something did."""
    waits: list[float] = []
    clock = Clock()

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock.sleep(seconds)

    def unreachable(times: int) -> list[Step]:
        return [BridgeReply(502) for _ in range(times)]

    bridge_api.script = [*unreachable(6), as_usual, *unreachable(1)]
    bridge_api.ask_script = unreachable(7)
    with uploading(full_spool, bridge_api, clock) as uploader:
        backoffs = Backoff(draw=lambda: 1.0)
        result = push_until_done(uploader, 1000, sleep, clock.now, backoffs)
    assert (len(result.delivered), waits) == (2, [1, 2, 4, 8, 16, 32, 1])


def test_backoff_is_jittered_and_bounded() -> None:
    """Waits are drawn between 0 and a bound that doubles from 1 s to 5 min, and never fall below Retry-After."""
    longest = Backoff(draw=lambda: 1.0)
    assert [longest.delay_s(None) for _ in range(10)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert [longest.delay_s(None) for _ in range(2000)][-1] == 300
    longest.reset()
    assert longest.delay_s(None) == 1
    assert Backoff(draw=lambda: 0.0).delay_s(12.0) == 12.0


@given(st.text(max_size=40) | st.integers().map(str))
def test_any_retry_after_is_bounded_or_nothing(value: str) -> None:
    """Whatever the header says, it is a wait of at most an hour, or none."""
    found = parse_retry_after(value)
    assert found is None or 0 <= found <= 3600


def test_retry_after_as_a_date() -> None:
    """Retry-After may be a date; one in the past asks for nothing."""
    soon = parse_retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True))
    assert soon is not None
    assert 60 < soon <= 101
    assert parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0


@pytest.mark.parametrize("url", ["http://example.org", "ftp://x", "example.org", "https://", "", "http://[bad"])
def test_api_address_that_is_refused(url: str) -> None:
    """An address without TLS beyond this computer would show the credential; nonsense is refused as well."""
    with pytest.raises(UsageError):
        check_api_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:s3cret@example.org",
        "https://s3cret@example.org",
        "ftp://user:s3cret@example.org",
        "user:s3cret@[bad",
        "https://example.org?key=s3cret",
        "https://example.org/#s3cret",
    ],
)
def test_api_address_with_a_secret_is_not_repeated(url: str) -> None:
    """A user name, a password, a query and a fragment are refused, and the message does not show them."""
    with pytest.raises(UsageError) as refusal:
        check_api_url(url)
    assert "s3cret" not in str(refusal.value)


def test_api_address_that_is_taken() -> None:
    """TLS anywhere and http on this computer are taken, a slash at the end left out."""
    assert check_api_url("https://example.org/prod/") == "https://example.org/prod"
    assert check_api_url("http://127.0.0.1:8000") == "http://127.0.0.1:8000"
