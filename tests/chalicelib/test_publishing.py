"""Captures on their way into the feed: before their row is there, out of an inbox, and into an account that closes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib import jobs, partition
from chalicelib.accounts import erasure as accounts
from chalicelib.call import Caller
from chalicelib.captures import bucket, service, store
from chalicelib.captures.items import CaptureItem
from chalicelib.devices import claims
from chalicelib.devices.model import NewDevice
from chalicelib.metrics import service as metrics
from chalicelib.metrics import store as metrics_store
from chalicelib.metrics.items import MetricsItem
from chalicelib.privacy import erasing
from chalicelib.scorebook.items import ScorebookRow
from local_cloud.cloud import LocalCloud
from tests.api import Api
from tests.chalicelib.lanes import EARLIER, bring, capture_of, new_bridge, new_serial, new_user
from tests.chalicelib.phones import Phone
from tests.chalicelib.tickets import sha256_of, without_events

PATIENCE_S = 30.0


def _published(phone: Phone) -> list[dict[str, Any]]:
    return [change for (kind, _), change in phone.everything().items() if kind == "capture"]


def _put_without_row(user_id: str, data: bytes) -> str:
    """Do what is left of an upload that died between its object and its row, and return the object's key."""
    key = bucket.object_key(user_id, sha256_of(data))
    with without_events():
        bucket.put_once(key, data, sha256_of(data))
    return key


def test_bytes_before_their_row(cloud: LocalCloud, api: Api) -> None:
    """Their event tells of what they say alone, however often it comes; the row then tells when the throw began."""
    phone, serial = Phone.of_new_user(api), new_serial()
    data, before = capture_of(serial), datetime.now(UTC) - timedelta(seconds=2)
    key = _put_without_row(phone.user_id, data)
    for _ in range(2):
        metrics.process_object(key)
        (change,) = _published(phone)
        assert (change["id"], change["ver"]) == (sha256_of(data), 1)
        assert (change["fields"]["serial"], change["fields"]["state"]) == (serial, "verified")
        assert before <= datetime.fromisoformat(change["fields"]["start_at"]) <= datetime.now(UTC)
    caller = Caller(user_id=phone.user_id)
    assert bring(caller, data, EARLIER)[1] is True
    cloud.pump.drain(PATIENCE_S)
    (change,) = _published(phone)
    assert (change["ver"], change["fields"]["start_at"]) == (2, EARLIER)
    assert change["fields"]["metrics"]["rate_peak_rpm"]["value"] is not None
    assert bring(caller, data, EARLIER)[1] is False
    cloud.pump.drain(PATIENCE_S)
    assert _published(phone) == [change]


@pytest.mark.usefixtures("cloud")
def test_a_row_in_time_has_nothing_looked_at_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload of which nothing was computed yet sends no message, for S3 does; nor does one that is repeated."""
    caller, data, sent = Caller(user_id=new_user()), capture_of(new_serial()), list[Any]()
    monkeypatch.setattr("chalicelib.queue._send", sent.append)
    # Its event might be handled before the row is written: then it would have to be told once more.
    with without_events():
        assert bring(caller, data)[1] is True
    metrics.process_object(bucket.object_key(caller.user_id, sha256_of(data)))
    assert metrics_store.find(caller.user_id, sha256_of(data)) is not None
    assert bring(caller, data)[1] is False
    assert sent == []


def test_what_stands_beside_rows_is_found() -> None:
    """The prefix that captures look for is the one that the algorithm unit writes."""
    assert MetricsItem.SK_PREFIX == store.RESULT_PREFIX


def _claimed_from_inbox(cloud: LocalCloud, phone: Phone) -> str:
    """Let a capture wait, then claim its device, and return the capture's id."""
    serial, owner = new_serial(), new_user()
    view, _ = bring(new_bridge(owner, "lane"), capture_of(serial), EARLIER)
    cloud.pump.drain(PATIENCE_S)
    assert phone.everything() == {}
    claims.claim(phone.user_id, NewDevice(serial, begins=datetime.fromisoformat(EARLIER) - timedelta(days=1)))
    cloud.pump.drain(PATIENCE_S)
    assert list(partition.pages(ScorebookRow, f"U#{owner}")) == []
    return view.id


def test_what_waited_in_an_inbox_comes_into_the_feed(cloud: LocalCloud, api: Api) -> None:
    """Of whoever claims its device, with the time of its throw; in the bridge's owner's feed it never is."""
    phone = Phone.of_new_user(api)
    capture_id = _claimed_from_inbox(cloud, phone)
    (change,) = _published(phone)
    assert (change["id"], change["fields"]["start_at"], change["fields"]["state"]) == (capture_id, EARLIER, "verified")
    assert change["fields"]["metrics"]["rate_peak_rpm"]["value"] is not None


def test_a_delivery_overtaken_by_its_event_ends_the_same(
    cloud: LocalCloud, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy's event may be handled before the copy has its row: the feed has the time of the throw all the same."""
    phone = Phone.of_new_user(api)

    add = store.add

    def overtaken(row: CaptureItem) -> Any:
        metrics.process_object(str(row.object_key))
        return add(row)

    monkeypatch.setattr(store, "add", overtaken)
    # S3's own word of the copy, which would come later here, is taken away.
    with without_events():
        capture_id = _claimed_from_inbox(cloud, phone)
    (change,) = _published(phone)
    assert (change["id"], change["fields"]["start_at"]) == (capture_id, EARLIER)
    assert service.raw(phone.user_id, capture_id)


def test_erasure_takes_what_was_published_and_nothing_comes_after(
    cloud: LocalCloud, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Captures go from the feed with everything else, and an event that is handled later puts none there again."""
    cloud.pump.drain(PATIENCE_S)
    sent: list[jobs.Job] = []
    monkeypatch.setattr(jobs, "send", lambda job, _delay_s=0.0: sent.append(job))
    phone, data = Phone.of_new_user(api), capture_of(new_serial())
    key = _put_without_row(phone.user_id, data)
    metrics.process_object(key)
    assert len(_published(phone)) == 1
    erasing.run(phone.user_id)
    assert partition.page(ScorebookRow, f"U#{phone.user_id}") == []
    # It arrived while the account was open, and is handled only now.
    assert _put_without_row(phone.user_id, data) == key
    metrics.process_object(key)
    assert partition.page(ScorebookRow, f"U#{phone.user_id}") == []
    assert [job.kind for job in sent] == [jobs.ERASURE, jobs.LATE_OBJECTS]


def test_a_capture_is_not_published_between_closing_and_sweep(
    cloud: LocalCloud, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account closes after the result was kept and before the feed is told: the feed stays as it was."""
    assert cloud.aws_url
    monkeypatch.setattr(jobs, "send", lambda *_: None)
    phone, data = Phone.of_new_user(api), capture_of(new_serial())
    key, put = _put_without_row(phone.user_id, data), metrics_store.put

    def put_and_close(item: MetricsItem) -> None:
        put(item)
        accounts.close(phone.user_id)

    monkeypatch.setattr(metrics_store, "put", put_and_close)
    user_id = phone.user_id
    metrics.process_object(key)
    assert partition.page(ScorebookRow, f"U#{user_id}") == []
