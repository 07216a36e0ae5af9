"""In whose account a capture belongs: by its device, its start, and the bridge that brought it."""

import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import jobs
from chalicelib.accounts import erasure
from chalicelib.accounts.closing import AccountClosing
from chalicelib.call import Caller
from chalicelib.captures import inbox, ownership, rows, service, store, uploads
from chalicelib.captures.model import Provenance, UploadRequest
from chalicelib.captures.places import inbox_of, is_inbox, owner_of
from chalicelib.captures.start_times import start_time
from chalicelib.devices import bridges, claim_times, claims
from chalicelib.devices.bridge_model import BridgeKind
from chalicelib.devices.model import NewDevice
from chalicelib.errors import NotAuthenticated, NotFound
from local_cloud.cloud import LocalCloud
from tests.api import Api, Bowler, upload_headers
from tests.chalicelib.lanes import bring, capture_of, new_bridge, new_serial, new_user
from tests.chalicelib.tickets import ask, put, sha256_of

RECEIVED = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NOW = datetime.now(UTC)


def _at(days_ago: float) -> str:
    return (NOW - timedelta(days=days_ago)).isoformat()


def _claim(user_id: str, serial: str, days_ago: float) -> None:
    claims.claim(user_id, NewDevice(serial, begins=NOW - timedelta(days=days_ago)))


def _places_of(data: bytes, *user_ids: str) -> list[str]:
    """Return where the bytes have a row, among the users' accounts and inboxes."""
    places = [place for user_id in user_ids for place in (user_id, inbox_of(user_id))]
    return [place for place in places if store.find(place, sha256_of(data)) is not None]


@pytest.mark.parametrize("kind", ["personal", "lane"])
@pytest.mark.parametrize("whose", ["own", "accepting", "refusing", "nobody's"])
def test_a_capture_goes_to_whoever_has_agreed(cloud: LocalCloud, kind: BridgeKind, whose: str) -> None:
    """Into the account of its device's holder by the holder's own bridge, or by a lane bridge that is accepted."""
    assert cloud.aws_url
    owner, holder, serial = new_user(), new_user(accepts_lane_bridges=whose != "refusing"), new_serial()
    if whose != "nobody's":
        _claim(owner if whose == "own" else holder, serial, 3)
    data = capture_of(serial)
    view, is_new = bring(new_bridge(owner, kind), data, _at(2))
    goes_to = {"own": owner, "accepting": holder if kind == "lane" else inbox_of(owner)}.get(whose, inbox_of(owner))
    assert (view.state, is_new) == ("verified", True)
    assert _places_of(data, owner, holder) == [goes_to]


@pytest.mark.parametrize(("days_ago", "holder"), [(9.5, None), (7, 0), (4.5, None), (2, 1), (0.01, 1)])
def test_the_holder_is_the_one_at_its_start(cloud: LocalCloud, days_ago: float, holder: int | None) -> None:
    """Of two users after each other, each gets what was thrown in her own time; the gap between is nobody's."""
    assert cloud.aws_url
    owner, users, serial = new_user(), [new_user(), new_user()], new_serial()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claim_times, "now", lambda: NOW - 5 * DAY)
        _claim(users[0], serial, 9)
        claims.release(users[0], serial, None)
    _claim(users[1], serial, 4)
    data = capture_of(serial)
    bring(new_bridge(owner, "lane"), data, _at(days_ago))
    assert _places_of(data, owner, *users) == [inbox_of(owner) if holder is None else users[holder]]


def test_a_user_keeps_what_the_user_sends(cloud: LocalCloud) -> None:
    """Bytes sent with one's own access token stay in one's own account, whoever has the device."""
    assert cloud.aws_url
    user_id, holder, serial = new_user(), new_user(), new_serial()
    _claim(holder, serial, 3)
    data = capture_of(serial)
    bring(user_of(user_id), data, _at(2))
    assert _places_of(data, user_id, holder) == [user_id]


def user_of(user_id: str) -> Caller:
    """Return a user as a caller."""
    return Caller(user_id=user_id, login_id="login")


def test_the_bridge_is_on_record_and_sees_the_state_alone(cloud: LocalCloud) -> None:
    """The owner's row names the bridge; another bridge of the same owner sees the state and nothing that was said."""
    assert cloud.aws_url
    owner, holder, serial = new_user(), new_user(), new_serial()
    _claim(holder, serial, 3)
    first, second, strange = new_bridge(owner, "lane"), new_bridge(owner, "lane"), new_bridge(new_user(), "lane")
    data = capture_of(serial)
    bring(first, data, _at(2))
    row = store.find(holder, sha256_of(data))
    assert row is not None
    assert (row.bridge_id, row.brought_by, row.bridge_kind) == (first.bridge_id, owner, "lane")
    assert service.show(first, sha256_of(data)).provenance == {"started_at": _at(2)}
    seen = service.show(second, sha256_of(data))
    assert (seen.state, seen.provenance, seen.bridge_id, seen.received_at) == ("verified", None, None, None)
    with pytest.raises(NotFound):
        service.show(strange, sha256_of(data))
    with pytest.raises(NotFound):
        service.show(user_of(owner), sha256_of(data))


def test_what_the_owner_sent_already_is_not_told_to_a_bridge(cloud: LocalCloud) -> None:
    """A bridge whose bytes are there gets a 200; what their owner said of them stays the owner's, and on the row."""
    assert cloud.aws_url
    owner, holder, serial = new_user(), new_user(), new_serial()
    _claim(holder, serial, 3)
    data = capture_of(serial)
    bring(user_of(holder), data, _at(2.5))
    bridge = new_bridge(owner, "lane")
    view, is_new = bring(bridge, data, _at(2))
    assert (view.state, is_new, view.provenance, view.received_at) == ("verified", False, None, None)
    assert service.show(bridge, sha256_of(data)).provenance is None
    assert service.find(holder, sha256_of(data)).provenance == {"started_at": _at(2.5)}


def test_the_same_bytes_again_are_known_wherever_they_went(cloud: LocalCloud) -> None:
    """Sent again by any bridge of the owner they are a 200, also without their start, also once the device moved on."""
    assert cloud.aws_url
    owner, holder, serial = new_user(), new_user(), new_serial()
    own, other_serial = new_serial(), new_serial()
    _claim(holder, serial, 3)
    _claim(owner, own, 3)
    bridge = new_bridge(owner, "lane")
    sent = [capture_of(one) for one in (serial, own, other_serial)]
    assert [bring(bridge, data, _at(2))[1] for data in sent] == [True] * 3
    claims.release(holder, serial, None)
    claims.release(owner, own, None)
    claims.claim(new_user(), NewDevice(own))
    for data in sent:
        again, is_new = bring(new_bridge(owner, "lane"), data, None)
        assert (again.state, is_new) == ("verified", False)
    where = [_places_of(data, owner, holder) for data in sent]
    assert where == [[holder], [owner], [inbox_of(owner)]]


def test_captures_of_the_time_before_there_were_inboxes_stay(cloud: LocalCloud) -> None:
    """A bridge's capture that lies in its owner's account without a record is known, and makes no second one."""
    assert cloud.aws_url
    owner = new_user()
    bridge, data = new_bridge(owner, "personal"), capture_of(new_serial())
    upload = rows.Upload(owner, sha256_of(data), len(data), None, bridge.bridge_id)
    service._keep(upload, service._inspect(data), data)
    assert bring(bridge, data)[1] is False
    assert service.show(bridge, sha256_of(data)).state == "verified"
    assert _places_of(data, owner) == [owner]


def test_a_removed_bridge_brings_nothing(cloud: LocalCloud) -> None:
    """A request that was under way when its bridge was removed ends as one without a credential."""
    assert cloud.aws_url
    owner = new_user()
    bridge = new_bridge(owner, "lane")
    bridges.remove_bridge(owner, str(bridge.bridge_id))
    data = capture_of(new_serial())
    with pytest.raises(NotAuthenticated):
        bring(bridge, data)
    assert _places_of(data, owner) == []


@pytest.mark.parametrize("by_ticket", [False, True])
def test_another_who_closes_the_account_costs_a_bridge_nothing(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch, *, by_ticket: bool
) -> None:
    """The bowler's account is closed between the look-up and the write: the capture waits, and no 401 comes."""
    assert cloud.aws_url
    owner, holder, serial = new_user(), new_user(), new_serial()
    _claim(holder, serial, 3)
    note = ownership.note

    def note_and_close(caller: Caller, sha256: str, place: str) -> None:
        note(caller, sha256, place)
        erasure.close(holder)

    monkeypatch.setattr(ownership, "note", note_and_close)
    bridge, data = new_bridge(owner, "lane"), capture_of(serial)
    if by_ticket:
        claim = Provenance(device=serial, started_at=_at(2))
        uploads.request(bridge, UploadRequest(sha256_of(data), len(data), claim))
        assert store.find_ticket(inbox_of(owner), sha256_of(data)) is not None
        assert store.find_ticket(holder, sha256_of(data)) is None
    else:
        bring(bridge, data, _at(2))
        assert _places_of(data, owner, holder) == [inbox_of(owner)]
    erasure.close(owner)
    with pytest.raises(AccountClosing):
        bring(bridge, capture_of(serial), _at(2))
    # Whoever closes an account has it erased; what asks for late objects asks until it is.
    for user_id in (owner, holder):
        jobs.send(jobs.Job(jobs.ERASURE, user_id))
    while not (erasure.was_erased(owner) and erasure.was_erased(holder)):
        time.sleep(0.1)


@pytest.fixture
def lane(api: Api, new_bowler: Callable[[], Bowler]) -> Bowler:
    """A lane bridge of somebody else."""
    made = new_bowler()("POST", "/v1/bridges", json={"kind": "lane"}).json
    return Bowler(api, made["id"], made["credential"], "")


def test_a_ticket_leads_into_the_account_of_the_named_device(cloud: LocalCloud, bowler: Bowler, lane: Bowler) -> None:
    """A lane bridge's ticket for a claimed device leads to the holder, who sees the capture; the bridge sees it too."""
    serial = new_serial()
    assert bowler("POST", "/v1/devices", json={"serial": serial}).status == 201
    data = capture_of(serial)
    ticket = ask(lane, data, provenance={"device": serial}).json
    assert put(ticket, data) == 200
    cloud.pump.drain(30)
    path = f"/v1/captures/{sha256_of(data)}"
    assert [who("GET", path).json["state"] for who in (bowler, lane)] == ["verified"] * 2
    assert bowler("GET", f"{path}/metrics").json["state"] == "ready"
    assert ask(lane, data, provenance={"device": serial}).status == 200


def test_a_ticket_for_one_device_takes_no_bytes_of_another(cloud: LocalCloud, bowler: Bowler, lane: Bowler) -> None:
    """A bridge that names a claimed device and sends another's bytes is refused; named rightly, they wait."""
    serial, other = new_serial(), new_serial()
    bowler("POST", "/v1/devices", json={"serial": serial})
    data = capture_of(other)
    assert put(ask(lane, data, provenance={"device": serial}).json, data) == 200
    cloud.pump.drain(30)
    path = f"/v1/captures/{sha256_of(data)}"
    refused = lane("GET", path).json
    assert refused["state"] == "rejected"
    assert "another device" in refused["reason"]
    assert bowler("GET", f"{path}/raw").status == 404
    assert put(ask(lane, data, provenance={"device": other}).json, data) == 200
    cloud.pump.drain(30)
    assert lane("GET", path).json["state"] == "verified"
    assert bowler("GET", path).json["state"] == "rejected"


def test_over_http_nobody_is_given_what_he_has_not_agreed_to(
    bowler: Bowler, lane: Bowler, new_bowler: Callable[[], Bowler]
) -> None:
    """Once a user refuses lane bridges, what they bring no longer comes into the account."""
    serial = new_serial()
    bowler("POST", "/v1/devices", json={"serial": serial})
    profile = bowler("GET", "/v1/users/me")
    changed = bowler(
        "PATCH",
        "/v1/users/me",
        json={"accepts_lane_bridges": False},
        headers={"If-Match": profile.headers["etag"]},
    )
    assert changed.status == 200
    data = capture_of(serial)
    assert lane("POST", "/v1/captures", body=data, headers=upload_headers(data)).status == 201
    assert bowler("GET", "/v1/captures").json["items"] == []
    assert new_bowler()("GET", f"/v1/captures/{hashlib.sha256(data).hexdigest()}").status == 404


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        ("2026-11-24T11:00:00Z", datetime(2026, 11, 24, 11, tzinfo=UTC)),
        ("2026-11-24t11:00:00.123456z", datetime(2026, 11, 24, 11, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-24T12:00:00+01:00", datetime(2026, 11, 24, 11, tzinfo=UTC)),
        ("2026-11-24T12:05:00Z", datetime(2026, 11, 24, 12, 5, tzinfo=UTC)),
        ("2026-11-24T12:05:01Z", RECEIVED),
        ("2019-12-31T23:59:59Z", RECEIVED),
        ("2026-11-24T11:00:00", RECEIVED),
        ("2026-11-24", RECEIVED),
        ("20261124T110000Z", RECEIVED),
        ("2026-02-30T11:00:00Z", RECEIVED),
        ("0001-01-01T00:00:00+14:00", RECEIVED),
        ("9999-12-31T23:59:59-14:00", RECEIVED),
        ("yesterday", RECEIVED),
        (None, RECEIVED),
    ],
)
def test_a_start_that_cannot_be_is_the_time_of_arrival(said: str | None, counts: datetime) -> None:
    """RFC 3339 with an offset, from 2020 on and at most five minutes ahead; anything else counts for nothing."""
    assert start_time({"started_at": said}, RECEIVED) == counts
    assert start_time(None, RECEIVED) == RECEIVED


@given(st.text(max_size=64))
def test_no_start_breaks_an_upload(said: str) -> None:
    """Whatever a bridge says, there is a start, of now or of the past."""
    assert start_time({"started_at": said}, RECEIVED) <= RECEIVED + timedelta(minutes=5)


def test_places_are_told_apart() -> None:
    """An inbox is its owner's, and no account."""
    assert (is_inbox("u1"), is_inbox(inbox_of("u1"))) == (False, True)
    assert (owner_of("u1"), owner_of(inbox_of("u1"))) == ("u1", "u1")
    assert inbox.PAGE == 100
