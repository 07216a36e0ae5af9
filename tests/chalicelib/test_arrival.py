"""Objects that came by ticket: whatever the order of events, there is one row, and only what is wrong is removed."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.captures import arrival, bucket, service, store
from chalicelib.captures.model import CaptureView, Provenance, UploadTicket
from chalicelib.captures.rows import Upload, rejected_row
from chalicelib.errors import NotFound
from chalicelib.metrics import service as metrics
from chalicelib.metrics import store as metrics_store
from local_cloud.cloud import LocalCloud
from tests.chalicelib.tickets import CLAIM, Account, new_capture, sha256_of, without_events

JUNK = b"no SmartDot's" * 50
CLAIMED = {"device": "SD-7", "record": 41}


@pytest.fixture
def account(cloud: LocalCloud) -> Iterator[Account]:
    """An account in whose time the bucket tells nobody of new objects."""
    assert cloud.aws_url
    cloud.pump.drain(30)
    with without_events():
        yield Account()


def _keep_inline(account: Account, data: bytes, provenance: Provenance | None = CLAIM) -> tuple[CaptureView, bool]:
    return service.keep(account.caller, data, sha256_of(data), provenance)


def _state(account: Account, capture_id: str) -> str:
    return service.find(account.user_id, capture_id).state


def test_the_object_is_looked_at_once_however_often_it_is_told(account: Account) -> None:
    """A doubled event finds the row and changes no letter of it."""
    capture_id = account.arrive(new_capture())
    assert _state(account, capture_id) == "pending"
    assert account.verify(capture_id) == "verified"
    first = service.find(account.user_id, capture_id)
    assert (first.provenance, first.bridge_id) == (CLAIMED, None)
    assert account.verify(capture_id) == "verified"
    assert service.find(account.user_id, capture_id) == first
    assert len(account.rows()) == 1


def test_an_event_after_the_ticket_expired_counts(account: Account) -> None:
    """The object's arrival is what counts: an expired ticket with its object is pending, and then verified."""
    capture_id = account.arrive(new_capture())
    account.expire(capture_id)
    assert _state(account, capture_id) == "pending"
    assert account.verify(capture_id) == "verified"
    account.expire(capture_id)
    assert _state(account, capture_id) == "verified"


def test_an_expired_ticket_without_an_object_is_nothing(account: Account) -> None:
    """Nothing came in time, so there is no capture, as if nobody had asked; a new ticket is given."""
    data = new_capture()
    account.ask(data)
    assert _state(account, sha256_of(data)) == "pending"
    account.expire(sha256_of(data))
    with pytest.raises(NotFound) as gone:
        service.find(account.user_id, sha256_of(data))
    with pytest.raises(NotFound) as missing:
        service.find(account.user_id, "0" * 64)
    assert gone.value.document() == missing.value.document()
    assert isinstance(account.ask(data), UploadTicket)


def test_an_event_before_the_object_or_after_its_removal_does_nothing(account: Account) -> None:
    """An event that finds no object leaves everything as it was: the ticket goes on."""
    data = new_capture()
    account.ask(data)
    assert account.verify(sha256_of(data)) is None
    account.put(data)
    account.remove_object(sha256_of(data))
    metrics.process_object(bucket.object_key(account.user_id, sha256_of(data)))
    assert account.rows() == []
    assert _state(account, sha256_of(data)) == "pending"


def test_a_row_is_enough(account: Account) -> None:
    """Once the row is there a late event reads no object, and finds the capture also when its object is gone."""
    capture_id = account.arrive(new_capture())
    account.verify(capture_id)
    account.remove_object(capture_id)
    assert account.verify(capture_id) == "verified"


def test_without_a_ticket_an_object_gets_no_row(account: Account) -> None:
    """An object whose inline upload crashed before its row has metrics and no row, until it is sent again."""
    data = new_capture()
    capture_id = account.put(data)
    metrics.process_object(bucket.object_key(account.user_id, capture_id))
    assert account.rows() == []
    result = metrics_store.find(account.user_id, capture_id)
    assert result is not None
    assert result.state == "ready"
    assert _keep_inline(account, data)[1] is True


@pytest.mark.parametrize(
    ("bytes_of", "reason"),
    [
        (lambda _: JUNK, "no capture"),
        (lambda data: data[:200], "other bytes"),
        (lambda data: data[:-1], "where {size} were announced"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "other bytes"),
        (lambda _: new_capture(), "other bytes"),
    ],
    ids=["no capture", "less than a page", "shorter", "other bytes", "another capture"],
)
def test_wrong_bytes_are_rejected_and_removed(
    account: Account, bytes_of: Callable[[bytes], bytes], reason: str
) -> None:
    """No capture, another hash or another length: the object goes, the row says why, nothing is computed."""
    data = new_capture()
    named = JUNK if bytes_of(data) == JUNK else data
    capture_id = account.arrive(bytes_of(data), named=named)
    metrics.process_object(bucket.object_key(account.user_id, capture_id))
    shown = service.find(account.user_id, capture_id)
    assert (shown.state, shown.provenance, shown.size_bytes) == ("rejected", CLAIMED, len(bytes_of(data)))
    assert shown.reason is not None
    assert reason.format(size=len(data)) in shown.reason
    assert not account.has_object(capture_id)
    assert metrics_store.find(account.user_id, capture_id) is None


def test_what_is_less_than_a_page_is_rejected_by_its_own_hash(account: Account) -> None:
    """Fewer bytes than a first page are no capture, also when they are those that were announced."""
    assert account.verify(account.arrive(b"short")) == "rejected"


def test_a_right_object_replaces_a_rejected_row(account: Account) -> None:
    """After a rejection the right bytes may come: pending once a ticket is open, then verified, in the same row."""
    data = new_capture()
    capture_id = account.arrive(JUNK, named=data)
    assert account.verify(capture_id) == "rejected"
    assert isinstance(account.ask(data), UploadTicket)
    assert _state(account, capture_id) == "pending"
    account.put(data)
    assert account.verify(capture_id) == "verified"
    assert [row.state for row in account.rows()] == ["verified"]
    assert service.raw(account.user_id, capture_id) == data


def test_a_new_ticket_that_brought_nothing_leaves_the_rejection(account: Account) -> None:
    """The row of a rejected upload is shown again when the next ticket expired unused."""
    data = new_capture()
    capture_id = account.arrive(JUNK, named=data)
    account.verify(capture_id)
    account.ask(data)
    account.expire(capture_id)
    assert _state(account, capture_id) == "rejected"


def test_an_inline_upload_replaces_a_rejected_row(account: Account) -> None:
    """The right bytes inline are new, and stay when late events tell of the rejected ones."""
    data = new_capture()
    capture_id = account.arrive(JUNK, named=data)
    account.verify(capture_id)
    view, is_new = _keep_inline(account, data)
    assert (view.state, view.reason, is_new) == ("verified", None, True)
    assert account.verify(capture_id) == "verified"
    assert account.has_object(capture_id)


@pytest.mark.parametrize("inline_first", [True, False])
def test_inline_and_event_end_in_one_row(account: Account, *, inline_first: bool) -> None:
    """An inline upload while a ticket is open, before or after the event: one row, and its claim is kept."""
    data = new_capture()
    account.ask(data)
    if inline_first:
        _keep_inline(account, data)
        assert account.verify(sha256_of(data)) == "verified"
    else:
        account.put(data)
        assert account.verify(sha256_of(data)) == "verified"
        assert _keep_inline(account, data)[1] is False
    assert [(row.state, row.provenance) for row in account.rows()] == [("verified", CLAIMED)]


def _slowly(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> None:
    """Let something happen once, between the reading of the object and the writing of its row."""
    add, done = store.add, threading.Event()

    def late(row: Any) -> Any:
        if not done.is_set():
            done.set()
            meanwhile()
        return add(row)

    monkeypatch.setattr(store, "add", late)


def test_a_late_rejection_changes_nothing_of_what_is_right(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one look at wrong bytes is slow, they are removed and the right ones verified: those stay, row and all."""
    data = new_capture()
    capture_id = account.arrive(JUNK, named=data)

    def others() -> None:
        assert account.verify(capture_id) == "rejected"
        account.ask(data)
        account.put(data)
        assert account.verify(capture_id) == "verified"

    _slowly(monkeypatch, others)
    assert account.verify(capture_id) == "verified"
    assert [row.state for row in account.rows()] == ["verified"]
    assert account.has_object(capture_id)


def test_a_late_removal_spares_the_right_object(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Right bytes that took the wrong ones' place before these were removed are not removed in their stead."""
    data = new_capture()
    capture_id = account.arrive(JUNK, named=data)
    remove = bucket.remove

    def late(key: str, etag: str) -> None:
        monkeypatch.setattr(bucket, "remove", remove)
        account.put(data)
        remove(key, etag)

    monkeypatch.setattr(bucket, "remove", late)
    assert account.verify(capture_id) == "rejected"
    assert account.has_object(capture_id)
    assert account.verify(capture_id) == "verified"


def test_a_crash_before_the_removal_is_mended_by_the_next_delivery(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row stands and the object is still there: the event comes again and removes it, and the row is the same."""
    capture_id = account.arrive(JUNK)
    with monkeypatch.context() as broken:
        broken.setattr(bucket, "remove", lambda *_: (_ for _ in ()).throw(ConnectionError("gone")))
        with pytest.raises(ConnectionError):
            account.verify(capture_id)
    first = service.find(account.user_id, capture_id)
    assert first.state == "rejected"
    assert account.has_object(capture_id)
    assert account.verify(capture_id) == "rejected"
    assert not account.has_object(capture_id)
    assert service.find(account.user_id, capture_id) == first


@pytest.mark.parametrize("data", [None, JUNK], ids=["right", "wrong"])
def test_many_at_once_write_one_row(account: Account, data: bytes | None) -> None:
    """Eight deliveries of one event at the same moment agree, and the row was written once."""
    capture_id = account.arrive(data or new_capture())
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: arrival.verify(account.user_id, capture_id), range(8)))
    seen = {(view.state, view.received_at) for view in found if view is not None}
    assert len(seen) == 1
    assert len(account.rows()) == 1
    assert service.find(account.user_id, capture_id).received_at == seen.pop()[1]


def test_an_object_without_a_row_is_looked_at_when_it_is_asked_for(account: Account, cloud: LocalCloud) -> None:
    """S3 tells of an object once; asking for a ticket lets one that was left without a row be looked at again."""
    data = new_capture()
    capture_id = account.put(data)
    answered = account.ask(data)
    assert isinstance(answered, CaptureView)
    assert answered.state == "pending"
    cloud.pump.drain(30)
    shown = service.find(account.user_id, capture_id)
    assert (shown.state, shown.provenance) == ("verified", CLAIMED)


def test_the_same_verdict_is_not_written_again(account: Account) -> None:
    """Of two rejections by one ticket the first stands; by another ticket the later one does."""
    data = new_capture()
    for ticket_id, is_written in (("t1", True), ("t1", False), ("t2", True)):
        upload = Upload(account.user_id, sha256_of(data), 5, None, None, ticket_id)
        assert store.add(rejected_row(upload, "why"))[1] is is_written


def test_a_capture_above_the_limit_has_no_metrics_and_says_why(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Metrics of a capture that would not fit the function's memory fail with a plain reason; the capture is kept."""
    data = new_capture()
    monkeypatch.setattr(metrics, "LARGEST_COMPUTED_BYTES", len(data) - 1)
    capture_id = account.arrive(data)
    metrics.process_object(bucket.object_key(account.user_id, capture_id))
    shown = metrics.show(account.user_id, capture_id)
    assert (shown.state, shown.reason) == (
        "failed",
        f"The capture has {len(data)} bytes; metrics are computed of up to {len(data) - 1}.",
    )
    assert _state(account, capture_id) == "verified"
