"""Inboxes: what waits there, and how it comes to whoever had the device."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib import queue
from chalicelib.accounts.items import UserItem, user_key
from chalicelib.captures import bucket, inbox, inbox_store, service, store
from chalicelib.captures.items import BroughtItem, CaptureItem, WaitingItem
from chalicelib.captures.places import inbox_of
from chalicelib.devices import bridges, claims
from chalicelib.devices.model import DeviceChange, NewDevice
from chalicelib.metrics import service as metrics
from chalicelib.settings import settings
from local_cloud.cloud import LocalCloud
from tests.api import Api, Bowler, upload_headers
from tests.chalicelib.lanes import EARLIER, bring, capture_of, kept_form, new_bridge, new_serial, new_user
from tests.chalicelib.tickets import ask, objects, put, sha256_of

NOW = datetime.now(UTC)
WEEK_AGO = NOW - timedelta(days=7)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Messages that were sent to the queue, and that only the test handles."""
    messages: list[dict[str, Any]] = []
    monkeypatch.setattr(queue, "_send", messages.append)
    return messages


def _handle_all(messages: list[dict[str, Any]]) -> int:
    count = 0
    while messages:
        inbox.handle(messages.pop(0))
        count += 1
    return count


def _waiting(serial: str) -> list[str]:
    return [str(item.sk) for item in WaitingItem.query(inbox_store.device_partition(serial))]


def _objects(place: str) -> list[str]:
    with objects() as client:
        listed = client.list_objects_v2(Bucket=settings().raw_bucket, Prefix=f"raw/{place}/").get("Contents", [])
    return [found["Key"].rpartition("/")[2] for found in listed]


def test_a_capture_waits_until_its_device_is_claimed(
    cloud: LocalCloud, sent: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    """A claim over its start brings it over: bytes, row, where it went; and nothing is left behind in the inbox."""
    assert cloud.aws_url
    owner, holder, serial = new_user(), new_user(), new_serial()
    bridge, data = new_bridge(owner, "lane"), capture_of(serial)
    bring(bridge, data)
    assert (sent, len(_waiting(serial))) == ([], 1)
    waited = store.find(inbox_of(owner), sha256_of(data))
    claims.claim(holder, NewDevice(serial, begins=WEEK_AGO))
    with caplog.at_level(logging.WARNING):
        # Of the claim, and of what waits. Where S3's event of the copy was handled before its row, the row tells of it.
        assert _handle_all(sent) in {2, 3}
    assert caplog.records == []
    assert service.raw(holder, sha256_of(data)) == data
    row = store.find(holder, sha256_of(data))
    assert row is not None
    assert waited is not None
    unchanged = set(CaptureItem.get_attributes()) - {"pk", "object_key", "write_id"}
    assert {name: getattr(row, name) for name in unchanged} == {name: getattr(waited, name) for name in unchanged}
    assert store.find(inbox_of(owner), sha256_of(data)) is None
    assert (_waiting(serial), _objects(inbox_of(owner)), _objects(holder)) == ([], [], [sha256_of(data)])
    brought = inbox_store.find_brought(owner, sha256_of(data))
    assert brought is not None
    assert (brought.place, brought.bridge_id) == (holder, bridge.bridge_id)
    assert service.show(bridge, sha256_of(data)).state == "verified"
    assert bring(bridge, data)[1] is False


@pytest.mark.parametrize(
    "why", ["it began later", "another's personal bridge", "lane bridges are refused", "nothing is known of it"]
)
def test_a_capture_that_may_not_come_stays(cloud: LocalCloud, sent: list[dict[str, Any]], why: str) -> None:
    """A claim that does not cover the start, or whose user has not agreed to the bridge, moves nothing."""
    assert cloud.aws_url
    owner, serial = new_user(), new_serial()
    holder = new_user(accepts_lane_bridges=why != "lane bridges are refused")
    bridge = new_bridge(owner, "personal" if "personal" in why else "lane")
    data = capture_of(serial)
    bring(bridge, data, EARLIER)
    begins = datetime.fromisoformat(EARLIER) + timedelta(seconds=1) if "later" in why else WEEK_AGO
    claims.claim(holder, NewDevice(new_serial() if "nothing" in why else serial, begins=begins))
    _handle_all(sent)
    inbox.deliver(serial, _waiting(serial)[0])
    assert store.find(holder, sha256_of(data)) is None
    assert store.find(inbox_of(owner), sha256_of(data)) is not None
    assert _objects(inbox_of(owner)) == [sha256_of(data)]


def test_the_owner_of_a_bridge_gets_what_waited_by_claiming(cloud: LocalCloud, sent: list[dict[str, Any]]) -> None:
    """What one's own personal bridge brought before the device was claimed comes with the claim."""
    assert cloud.aws_url
    owner, serial = new_user(), new_serial()
    data = capture_of(serial)
    bring(new_bridge(owner, "personal"), data)
    claims.claim(owner, NewDevice(serial, begins=WEEK_AGO))
    _handle_all(sent)
    assert service.raw(owner, sha256_of(data)) == data
    assert inbox.overview(owner, 10, None).items == ()


def test_a_claim_let_begin_earlier_brings_what_waited(cloud: LocalCloud, sent: list[dict[str, Any]]) -> None:
    """Who claims a device too late moves the beginning, and gets the rest."""
    assert cloud.aws_url
    owner, holder, serial = new_user(), new_user(), new_serial()
    data = capture_of(serial)
    bring(new_bridge(owner, "lane"), data)
    claims.claim(holder, NewDevice(serial))
    _handle_all(sent)
    assert store.find(holder, sha256_of(data)) is None
    claims.change(holder, serial, DeviceChange(begins=WEEK_AGO), None)
    _handle_all(sent)
    assert service.raw(holder, sha256_of(data)) == data


def test_a_claim_repeated_looks_again(cloud: LocalCloud, sent: list[dict[str, Any]]) -> None:
    """Whose process died after the claim, or who accepts lane bridges only now, claims again and gets what waits."""
    assert cloud.aws_url
    owner, holder, serial = new_user(), new_user(accepts_lane_bridges=False), new_serial()
    data = capture_of(serial)
    bring(new_bridge(owner, "lane"), data)
    claims.claim(holder, NewDevice(serial, begins=WEEK_AGO))
    _handle_all(sent)
    UserItem(user_key(holder), UserItem.SK).update(actions=[UserItem.accepts_lane_bridges.set(True)])
    claims.claim(holder, NewDevice(serial))
    _handle_all(sent)
    assert service.raw(holder, sha256_of(data)) == data


def test_many_wait_and_all_come(cloud: LocalCloud, sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim sends one message, whatever waits; that one makes others page by page, and each capture comes once."""
    assert cloud.aws_url
    monkeypatch.setattr(inbox, "PAGE", 4)
    owner, holder, serial = new_user(), new_user(), new_serial()
    bridge, captures = new_bridge(owner, "lane"), [capture_of(serial) for _ in range(11)]
    for hour, data in enumerate(captures):
        bring(bridge, data, f"2026-11-20T{hour:02}:00:00Z")
    claims.claim(holder, NewDevice(serial, begins=WEEK_AGO))
    assert sent == [{"claimed": {"serial": serial, "since": kept_form(WEEK_AGO.isoformat())}}]
    _handle_all(sent)
    assert sorted(_objects(holder)) == sorted(map(sha256_of, captures))
    assert (_waiting(serial), inbox.overview(owner, 100, None).items) == ([], ())


def test_a_claim_looks_at_its_own_time_alone(cloud: LocalCloud, sent: list[dict[str, Any]]) -> None:
    """What waits of the time before a claim begins costs no message."""
    assert cloud.aws_url
    owner, serial = new_user(), new_serial()
    bring(new_bridge(owner, "lane"), capture_of(serial), "2026-10-01T00:00:00Z")
    claims.claim(new_user(), NewDevice(serial, begins=WEEK_AGO))
    assert _handle_all(sent) == 1


def test_a_claim_made_while_a_capture_arrives_is_noticed(
    cloud: LocalCloud, sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim between the decision and the row would overlook the capture: so the capture looks for the claim again."""
    assert cloud.aws_url
    owner, holder, serial = new_user(), new_user(), new_serial()
    put_once = bucket.put_once

    def claim_meanwhile(*given: Any) -> None:
        claims.claim(holder, NewDevice(serial, begins=WEEK_AGO))
        _handle_all(sent)
        put_once(*given)

    monkeypatch.setattr(bucket, "put_once", claim_meanwhile)
    data = capture_of(serial)
    bring(new_bridge(owner, "lane"), data)
    monkeypatch.undo()
    monkeypatch.setattr(queue, "_send", sent.append)
    _handle_all(sent)
    assert service.raw(holder, sha256_of(data)) == data


def test_two_lanes_may_bring_the_same(cloud: LocalCloud, sent: list[dict[str, Any]]) -> None:
    """The same bytes wait at two lanes; the claim brings both over, and there is one capture."""
    assert cloud.aws_url
    owners, holder, serial = [new_user(), new_user()], new_user(), new_serial()
    data = capture_of(serial)
    for owner in owners:
        assert bring(new_bridge(owner, "lane"), data)[1]
    claims.claim(holder, NewDevice(serial, begins=WEEK_AGO))
    _handle_all(sent)
    assert len(list(CaptureItem.query(store.partition(holder), CaptureItem.sk.startswith("C#")))) == 1
    assert [_objects(inbox_of(owner)) for owner in owners] == [[], []]


def test_messages_doubled_and_at_once_change_nothing(cloud: LocalCloud, sent: list[dict[str, Any]]) -> None:
    """Eight deliveries of one capture at the same moment end in one row and one object."""
    assert cloud.aws_url
    owner, holder, serial = new_user(), new_user(), new_serial()
    data = capture_of(serial)
    bring(new_bridge(owner, "lane"), data)
    (key,) = _waiting(serial)
    claims.claim(holder, NewDevice(serial, begins=WEEK_AGO))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: inbox.deliver(serial, key), range(8)))
    _handle_all(sent)
    assert service.raw(holder, sha256_of(data)) == data
    assert (_waiting(serial), _objects(inbox_of(owner)), _objects(holder)) == ([], [], [sha256_of(data)])


def test_bytes_that_are_gone_or_others_are_not_delivered(cloud: LocalCloud, sent: list[dict[str, Any]]) -> None:
    """The message fails, and what the inbox knows stays for an operator to look at."""
    assert cloud.aws_url
    for change in ("gone", "others"):
        owner, holder, serial = new_user(), new_user(), new_serial()
        data = capture_of(serial)
        bring(new_bridge(owner, "lane"), data)
        key = bucket.object_key(inbox_of(owner), sha256_of(data))
        with objects() as client:
            client.delete_object(Bucket=settings().raw_bucket, Key=key)
            if change == "others":
                client.put_object(Bucket=settings().raw_bucket, Key=key, Body=b"others")
        claims.claim(holder, NewDevice(serial, begins=WEEK_AGO))
        with pytest.raises(inbox.InboxObjectMissingError):
            _handle_all(sent)
        assert store.find(inbox_of(owner), sha256_of(data)) is not None
        assert store.find(holder, sha256_of(data)) is None
        sent.clear()


def test_nothing_is_computed_of_what_waits(cloud: LocalCloud, sent: list[dict[str, Any]]) -> None:
    """An object in an inbox is nobody's, and the event of its arrival leaves it alone."""
    assert cloud.aws_url
    owner = new_user()
    data = capture_of(new_serial())
    bring(new_bridge(owner, "lane"), data)
    metrics.process_object(bucket.object_key(inbox_of(owner), sha256_of(data)))
    partition = list(CaptureItem.query(store.partition(inbox_of(owner))))
    assert [str(item.sk) for item in partition] == [f"C#{sha256_of(data)}"]
    assert sent == []


def test_a_removed_bridges_captures_are_delivered_still(cloud: LocalCloud, sent: list[dict[str, Any]]) -> None:
    """What kind of bridge brought a capture is kept with it, so it comes also when the bridge is gone."""
    assert cloud.aws_url
    owner, holder, serial = new_user(), new_user(), new_serial()
    bridge, data = new_bridge(owner, "lane"), capture_of(serial)
    bring(bridge, data)
    bridges.remove_bridge(owner, str(bridge.bridge_id))
    claims.claim(holder, NewDevice(serial, begins=WEEK_AGO))
    _handle_all(sent)
    assert service.raw(holder, sha256_of(data)) == data


@pytest.fixture
def lane(api: Api, bowler: Bowler) -> Bowler:
    """A lane bridge of the bowler."""
    made = bowler("POST", "/v1/bridges", json={"name": "lane 7", "kind": "lane"}).json
    return Bowler(api, made["id"], made["credential"], "")


def test_the_inbox_is_shown_to_its_owner_alone(bowler: Bowler, lane: Bowler, new_bowler: Callable[[], Bowler]) -> None:
    """It tells device, start, size and bridge of what waits, newest first; the bytes are not for the owner."""
    captures = [capture_of(new_serial()) for _ in range(3)]
    for data in captures:
        assert lane("POST", "/v1/captures", body=data, headers=upload_headers(data)).status == 201
    listed = bowler("GET", "/v1/inbox?limit=2").json
    rest = bowler("GET", f"/v1/inbox?limit=2&cursor={listed['next']}").json
    assert [item["id"] for item in listed["items"] + rest["items"]] == [sha256_of(data) for data in captures[::-1]]
    assert rest["next"] is None
    newest = listed["items"][0]
    assert (newest["size_bytes"], newest["state"], newest["bridge_id"]) == (len(captures[2]), "verified", lane.username)
    assert newest["started_at"] == newest["received_at"]
    one = f"/v1/captures/{sha256_of(captures[0])}"
    assert [bowler("GET", path).status for path in (one, f"{one}/raw", f"{one}/metrics")] == [404] * 3
    assert bowler("GET", "/v1/captures").json["items"] == []
    other = new_bowler()
    assert other("GET", "/v1/inbox").json == {"items": [], "next": None}
    assert other("GET", f"/v1/inbox?cursor={listed['next']}").json["items"] == []
    assert lane("GET", "/v1/inbox").problem == "not-permitted"


def test_from_a_lane_to_the_phone(
    cloud: LocalCloud, bowler: Bowler, lane: Bowler, new_bowler: Callable[[], Bowler]
) -> None:
    """Inline and by ticket a stranger's captures wait; she claims her device, and has both with their metrics."""
    serial = new_serial()
    inline, by_ticket = capture_of(serial, 3.0), capture_of(serial, 3.0)
    assert lane("POST", "/v1/captures", body=inline, headers=upload_headers(inline)).status == 201
    assert put(ask(lane, by_ticket, provenance={"device": serial}).json, by_ticket) == 200
    cloud.pump.drain(30)
    assert lane("GET", f"/v1/captures/{sha256_of(by_ticket)}").json["state"] == "verified"
    assert len(bowler("GET", "/v1/inbox").json["items"]) == 2
    stranger = new_bowler()
    began = (NOW - timedelta(minutes=30)).isoformat()
    assert stranger("POST", "/v1/devices", json={"serial": serial, "from": began}).status == 201
    cloud.pump.drain(30)
    for data in (inline, by_ticket):
        one = f"/v1/captures/{sha256_of(data)}"
        assert stranger("GET", f"{one}/raw").data == data
        assert stranger("GET", f"{one}/metrics").json["state"] == "ready"
        assert lane("GET", one).json["state"] == "verified"
    assert bowler("GET", "/v1/inbox").json["items"] == []
    assert lane("POST", "/v1/captures", body=inline, headers=upload_headers(inline)).status == 200
    assert ask(lane, by_ticket).status == 200


def test_junk_by_ticket_is_rejected_in_the_inbox(cloud: LocalCloud, bowler: Bowler, lane: Bowler) -> None:
    """Bytes that are no capture are told to the bridge and to its owner, and wait for nobody."""
    junk = sha256_of(capture_of(new_serial())).encode() * 10
    assert put(ask(lane, junk, provenance={"device": "SD-J"}).json, junk) == 200
    cloud.pump.drain(30)
    assert lane("GET", f"/v1/captures/{sha256_of(junk)}").json["state"] == "rejected"
    assert [item["state"] for item in bowler("GET", "/v1/inbox").json["items"]] == ["rejected"]
    assert sha256_of(junk) not in "".join(_waiting("SD-J"))


def test_where_a_capture_went_is_on_record_for_each(cloud: LocalCloud) -> None:
    """Also what goes straight into an account has its record with the bridge's owner."""
    assert cloud.aws_url
    owner, serial = new_user(), new_serial()
    claims.claim(owner, NewDevice(serial, begins=WEEK_AGO))
    data = capture_of(serial)
    bridge = new_bridge(owner, "personal")
    bring(bridge, data)
    item = BroughtItem.get(store.partition(owner), f"B#{sha256_of(data)}")
    assert (item.place, item.bridge_id) == (owner, bridge.bridge_id)
