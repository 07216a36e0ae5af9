"""Bridges as they tell of themselves, and as their owners see them."""

import hashlib
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.accounts import service
from chalicelib.accounts.items import CredentialItem
from chalicelib.accounts.tokens import secret_sha256
from chalicelib.administration import grant_admin
from chalicelib.devices.items import BridgeItem
from local_cloud.cloud import LocalCloud
from tests.api import Answer, Api, Bowler
from tests.chalicelib.wire import Wire

HEARTBEAT: dict[str, Any] = {
    "version": "0.2.0",
    "captures_waiting": 3,
    "bytes_waiting": 90_000,
    "captures_quarantined": 1,
    "device": {"serial": "SD-0042", "seen_at": "2026-11-24T07:00:00Z", "battery_percent": 81},
    "sent_at": "2026-11-24T07:00:01.500000Z",
}


@pytest.fixture
def bridge(api: Api, bowler: Bowler) -> Bowler:
    """A bridge of the bowler; its id stands for its name."""
    made = bowler("POST", "/v1/bridges", json={"name": "lane 7"}).json
    return Bowler(api, made["id"], made["credential"], "")


@pytest.fixture
def wire(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Wire:
    """The wire to the shared local cloud."""
    assert cloud.aws_url
    return Wire(monkeypatch)


def _beat(bridge: Bowler, **changed: Any) -> Answer:
    return bridge("PUT", "/v1/bridges/me/heartbeat", json={**HEARTBEAT, **changed})


def _item(bridge: Bowler) -> BridgeItem:
    return next(BridgeItem.scan(BridgeItem.sk == f"BRIDGE#{bridge.username}"))


def _listed(bowler: Bowler) -> dict[str, Any]:
    (only,) = bowler("GET", "/v1/bridges").json["items"]
    found: dict[str, Any] = only
    return found


def test_a_bridge_learns_who_it_is(bridge: Bowler, bowler: Bowler) -> None:
    """The credential's own bridge and the server's clock are told, and nothing is left behind."""
    before = _item(bridge).serialize()
    told = bridge("GET", "/v1/bridges/me")
    assert (told.status, told.json["id"], told.json["name"]) == (200, bridge.username, "lane 7")
    assert abs(datetime.now(UTC) - datetime.fromisoformat(told.json["server_time"])) < timedelta(minutes=1)
    assert _item(bridge).serialize() == before
    assert _listed(bowler)["last_heartbeat"] is None


def test_only_a_bridge_speaks_for_itself(api: Api, bowler: Bowler, bridge: Bowler) -> None:
    """A user has no bridge's identity and sends no heartbeat; a bridge lists no bridges; nobody is asked to log in."""
    for method, path in (("GET", "/v1/bridges/me"), ("PUT", "/v1/bridges/me/heartbeat")):
        for body in (HEARTBEAT, {"not even": "a heartbeat"}):
            refused = bowler(method, path, json=body)
            assert (refused.status, refused.problem) == (403, "not-permitted")
        assert api(method, path).status == 401
    assert bridge("GET", "/v1/bridges").problem == "not-permitted"


def test_a_heartbeat_is_shown_as_it_was_sent(bowler: Bowler, bridge: Bowler) -> None:
    """The last heartbeat takes the place of the one before, and says when it was received."""
    assert _beat(bridge, captures_waiting=9).status == 200
    answered = _beat(bridge)
    assert answered.json["next_s"] == 300
    assert "server_time" in answered.json
    shown = _listed(bowler)
    heard_at = datetime.fromisoformat(shown["last_heartbeat"].pop("received_at"))
    assert abs(datetime.now(UTC) - heard_at) < timedelta(minutes=1)
    assert shown["last_heartbeat"] == HEARTBEAT
    assert (shown["id"], shown["name"], shown["is_silent"]) == (bridge.username, "lane 7", False)


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+01:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00", "9999-12-31T23:59:59Z"]
)
def test_a_clock_that_is_wrong_by_ages_is_shown_as_it_is(bowler: Bowler, bridge: Bowler, moment: str) -> None:
    """A bridge's clock may say whatever can be written as a time: it is kept, and shown to the letter."""
    assert _beat(bridge, sent_at=moment, device={**HEARTBEAT["device"], "seen_at": moment}).status == 200
    shown = _listed(bowler)["last_heartbeat"]
    assert (shown["sent_at"], shown["device"]["seen_at"]) == (moment, moment)


def test_a_lock_stops_the_owners_bridges_until_the_unlock(
    bowler: Bowler, bridge: Bowler, new_bowler: Callable[[], Bowler], capture: bytes
) -> None:
    """While its owner is locked a bridge brings, asks and tells nothing; after the unlock the same credential works."""
    owner_id, admin = service.authenticate(bowler.token).user_id, new_bowler()
    assert grant_admin.grant_admin(admin.username)
    assert admin("POST", f"/v1/admin/users/{owner_id}/lock").status == 200
    sha256 = hashlib.sha256(capture).hexdigest()

    def asked() -> list[Answer]:
        return [
            bridge("GET", "/v1/bridges/me"),
            _beat(bridge),
            bridge.post_capture(capture),
            bridge("POST", "/v1/captures/uploads", json={"sha256": sha256, "size_bytes": len(capture)}),
            bridge("GET", f"/v1/captures/{sha256}"),
        ]

    assert [(answer.status, answer.problem) for answer in asked()] == [(403, "account-locked")] * 5
    assert bridge("GET", "/v1/captures").problem == "not-permitted"
    assert admin("POST", f"/v1/admin/users/{owner_id}/unlock").status == 200
    assert [answer.status for answer in asked()] == [200, 200, 201, 200, 200]


def test_a_locked_owners_bridge_costs_half_a_read(bridge: Bowler, wire: Wire) -> None:
    """Who a bridge is takes a strong read of its credential, and half of one of its owner."""
    wire.heal()
    assert bridge("GET", "/v1/bridges/me").status == 200
    reads = [call for call in wire.calls if call.operation == "GetItem"]
    keys = [(call.json["Key"]["sk"]["S"].partition("#")[0], call.json.get("ConsistentRead")) for call in reads]
    assert keys == [("CREDENTIAL", True), ("USER", False), ("BRIDGE", True)]


@pytest.mark.parametrize("device", [None, {"serial": "SD-1", "seen_at": "2026-11-24T08:00:00+01:00"}])
def test_a_bridge_may_have_seen_no_device_or_no_battery(
    bowler: Bowler, bridge: Bowler, device: dict[str, Any] | None
) -> None:
    """What a bridge does not know is null."""
    assert _beat(bridge, device=device).status == 200
    shown = _listed(bowler)["last_heartbeat"]["device"]
    assert shown is None if device is None else shown["battery_percent"] is None


@pytest.mark.parametrize(
    ("minutes_ago", "has_beaten", "is_silent"),
    [(14, True, False), (16, True, True), (14, False, False), (16, False, True)],
)
def test_a_bridge_that_says_nothing_is_silent(
    bowler: Bowler, bridge: Bowler, minutes_ago: int, *, has_beaten: bool, is_silent: bool
) -> None:
    """After 15 minutes without a heartbeat, or since it was made, a bridge is silent; a heartbeat ends that."""
    past = (datetime.now(UTC) - timedelta(minutes=minutes_ago)).isoformat()
    if has_beaten:
        _beat(bridge)
    field = BridgeItem.heartbeat_received_at if has_beaten else BridgeItem.created_at
    _item(bridge).update(actions=[field.set(past)])
    assert _listed(bowler)["is_silent"] is is_silent
    _beat(bridge)
    assert _listed(bowler)["is_silent"] is False


def test_a_removed_bridge_stays_removed(bowler: Bowler, bridge: Bowler) -> None:
    """A heartbeat of a bridge that is gone is a 401 and makes no bridge; without its credential all is 401."""
    _item(bridge).delete()
    assert bridge("GET", "/v1/bridges/me").problem == "not-authenticated"
    assert _beat(bridge).problem == "not-authenticated"
    assert bowler("GET", "/v1/bridges").json == {"items": [], "next": None}
    CredentialItem(f"B#{secret_sha256(bridge.token)}", CredentialItem.SK).delete()
    assert _beat(bridge).status == 401
    assert bridge("GET", f"/v1/captures/{'0' * 64}").status == 401


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"version": "x" * 65}, "$.version"),
        ({"captures_waiting": -1}, "$.captures_waiting"),
        ({"bytes_waiting": 1.5}, "$.bytes_waiting"),
        ({"captures_quarantined": 2**53}, "$.captures_quarantined"),
        ({"sent_at": "2026-11-24T07:00:00"}, "$.sent_at"),
        ({"sent_at": "yesterday"}, "$.sent_at"),
        ({"device": {"serial": "SD-1"}}, "$.device"),
        ({"device": {**HEARTBEAT["device"], "battery_percent": 101}}, "$.device.battery_percent"),
        ({"device": {**HEARTBEAT["device"], "owner": "x"}}, "$.device"),
        ({"received_at": "2026-11-24T07:00:00Z"}, "$"),
        ({"id": "another"}, "$"),
    ],
)
def test_a_heartbeat_that_does_not_fit_changes_nothing(
    bowler: Bowler, bridge: Bowler, changed: dict[str, Any], path: str
) -> None:
    """Wrong types, ranges and unknown fields are a 422 that names where, and the last heartbeat stays."""
    _beat(bridge)
    before = _listed(bowler)["last_heartbeat"]
    refused = _beat(bridge, **changed)
    assert (refused.status, refused.json["errors"][0]["path"]) == (422, path)
    assert _listed(bowler)["last_heartbeat"] == before


def test_bridges_are_walked_to_their_end(bowler: Bowler, new_bowler: Callable[[], Bowler]) -> None:
    """Parts of two give each of one's own bridges once, and the last part says so."""
    made = {bowler("POST", "/v1/bridges", json={"name": f"lane {lane}"}).json["id"] for lane in range(5)}
    new_bowler()("POST", "/v1/bridges", json={})
    seen: list[str] = []
    path = "/v1/bridges?limit=2"
    while path:
        part = bowler("GET", path).json
        assert len(part["items"]) <= 2
        seen += [item["id"] for item in part["items"]]
        path = f"/v1/bridges?limit=2&cursor={part['next']}" if part["next"] else ""
    assert (set(seen), len(seen)) == (made, 5)


def test_a_cursor_is_only_a_position(bowler: Bowler, new_bowler: Callable[[], Bowler]) -> None:
    """A cursor of another's list, or of another list, leads to nothing that is not one's own."""
    for lane in range(2):
        bowler("POST", "/v1/bridges", json={"name": f"lane {lane}"})
    cursor = bowler("GET", "/v1/bridges?limit=1").json["next"]
    assert new_bowler()("GET", f"/v1/bridges?cursor={cursor}").json["items"] == []
    for query in (f"cursor={cursor}x", "cursor=WyJVU0VSIl0", "limit=0", "limit=101", "page=2"):
        assert bowler("GET", f"/v1/bridges?{query}").problem == "invalid-query", query
    assert bowler("GET", f"/v1/captures?cursor={cursor}").problem == "invalid-query"


def test_a_bridge_of_an_earlier_version_is_shown(bowler: Bowler) -> None:
    """A bridge that was kept before there were heartbeats has none, and is silent."""
    user_id = service.authenticate(bowler.token).user_id
    bridge_id = str(uuid.uuid4())
    earlier = BridgeItem(f"U#{user_id}", f"BRIDGE#{bridge_id}", bridge_id=bridge_id, name="old")
    earlier.created_at, earlier.credential_sha256 = "2026-01-01T00:00:00+00:00", "0" * 64
    earlier.save()
    shown = _listed(bowler)
    assert (shown["name"], shown["last_heartbeat"], shown["is_silent"]) == ("old", None, True)
