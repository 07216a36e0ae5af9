"""Captures in the feed by themselves, links of shots to them, and proposals of which belong together."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.devices import claims
from chalicelib.devices.model import NewDevice
from chalicelib.metrics import service
from chalicelib.scorebook.captures import PublishedCapture, publish
from local_cloud.cloud import LocalCloud
from tests.api import Api
from tests.chalicelib.phones import Phone
from tests.chalicelib.scorebook_api import make, make_session, patch, path_of

PATIENCE_S = 30.0
THROWN = datetime(2026, 11, 24, 18, 3, 20, tzinfo=UTC)


def published(phone: Phone, name: str, after_s: float, serial: str = "SD-1") -> str:
    """Put a capture into the feed that began so long after the shot was thrown, and return its id."""
    capture_id, start = hashlib.sha256(name.encode()).hexdigest(), THROWN + timedelta(seconds=after_s)
    publish(phone.user_id, PublishedCapture(capture_id, serial, start, start, "verified", {}))
    return capture_id


def test_a_processed_capture_comes_down_the_feed(cloud: LocalCloud, api: Api, capture: bytes) -> None:
    """With a summary of its metrics, by itself, and an event that comes twice changes nothing."""
    phone = Phone.of_new_user(api)
    posted = phone.bowler.post_capture(capture).json
    cloud.pump.drain(PATIENCE_S)
    (change,) = phone.pull()["changes"]
    assert (change["type"], change["id"]) == ("capture", posted["id"])
    # A second version tells when it began: its event may be handled before its row is there.
    assert change["ver"] in {1, 2}
    assert change["fields"]["serial"] == posted["device"]
    assert set(change["fields"]["metrics"]["rate_peak_rpm"]) == {"value", "unit", "quality"}
    service.process_object(f"raw/{phone.user_id}/{posted['id']}")
    assert phone.everything()["capture", posted["id"]]["ver"] == change["ver"]


def test_a_link_is_kept_unchecked_and_shown(api: Api) -> None:
    """One that leads nowhere is said to, in the tree and at the shot; one that leads to a capture shows it."""
    phone = Phone.of_new_user(api)
    session = make_session(phone.bowler)
    shot = make(phone.bowler, "shot", session_id=session, shot_number=1, count=3, capture_id="no such thing")
    for _ in range(2):
        (seen,) = phone.bowler("GET", f"/v1/sessions/{session}/tree").json["practice"]
        assert (seen["capture"], seen["capture_missing"]) == (None, True)
        assert phone.bowler("GET", path_of("shot", shot)).json == seen
    linked = published(phone, "a", 1)
    assert patch(phone.bowler, "shot", shot, capture_id=linked).status == 200
    seen = phone.bowler("GET", path_of("shot", shot)).json
    assert (seen["capture"]["id"], seen["capture_missing"]) == (linked, False)
    assert patch(phone.bowler, "shot", shot, capture_id=None).status == 200
    seen = phone.bowler("GET", path_of("shot", shot)).json
    assert (seen["capture"], seen["capture_missing"]) == (None, False)


def proposals(phone: Phone, path: str) -> list[dict[str, Any]]:
    """Return what is proposed."""
    answer = phone.bowler("GET", path)
    assert answer.status == 200, answer.data
    items: list[dict[str, Any]] = answer.json["items"]
    return items


def test_captures_are_proposed_by_device_and_time(api: Api) -> None:
    """That of the ball's device comes first, then the nearest; beyond ten minutes none; one taken comes last."""
    phone = Phone.of_new_user(api)
    ball = make(phone.bowler, "ball", name="blue", serial="SD-blue")
    session = make_session(phone.bowler)
    fields = {"session_id": session, "shot_number": 1, "count": 3, "ball_id": ball}
    thrown = {"thrown_at": "2026-11-24T19:03:20+01:00"}
    shot = make(phone.bowler, "shot", **fields, **thrown)
    near, far = published(phone, "near", 2), published(phone, "far", -30)
    own, taken = published(phone, "own", 60, "SD-blue"), published(phone, "taken", 0, "SD-blue")
    published(phone, "too late", 601)
    other = make(phone.bowler, "shot", **{**fields, "shot_number": 2}, capture_id=taken)
    found = proposals(phone, f"/v1/shots/{shot}/capture-proposals")
    assert [each["capture_id"] for each in found] == [own, near, far, taken]
    assert (found[0]["reasons"], found[0]["seconds_apart"]) == (["device", "time"], 60)
    assert (found[1]["reasons"], found[3]["linked_shot_id"]) == (["time"], other)
    assert patch(phone.bowler, "shot", shot, capture_id=own).status == 200
    assert proposals(phone, f"/v1/shots/{shot}/capture-proposals")[0]["reasons"] == ["linked", "device", "time"]
    back = proposals(phone, f"/v1/captures/{own}/shot-proposals")
    assert [(each["shot_id"], each["linked_capture_id"]) for each in back] == [(shot, None), (other, taken)]


def test_a_capture_taken_by_another_sessions_shot_is_told(api: Api) -> None:
    """Practice beside the league at the same hour: what one's shot names comes last for the other's, with that shot."""
    phone = Phone.of_new_user(api)
    league = make_session(phone.bowler)
    practice = make_session(phone.bowler, (THROWN - timedelta(minutes=20)).isoformat())
    taken, free = published(phone, "taken", 0), published(phone, "free", 30)
    other = make(phone.bowler, "shot", session_id=practice, shot_number=1, count=3, capture_id=taken)
    for fields in ({"thrown_at": THROWN.isoformat()}, {}):
        shot = make(phone.bowler, "shot", session_id=league, shot_number=1, count=3, **fields)
        found = proposals(phone, f"/v1/shots/{shot}/capture-proposals")
        assert [(each["capture_id"], each["linked_shot_id"]) for each in found] == [(free, None), (taken, other)]


def test_shots_of_a_deleted_game_are_not_proposed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even before they are removed: neither as a capture's, nor as who has taken one."""
    monkeypatch.setattr("chalicelib.jobs.send", lambda _: None)
    phone = Phone.of_new_user(api)
    session, capture_id = make_session(phone.bowler), published(phone, "one", 0)
    game = make(phone.bowler, "game", session_id=session, game_number=1)
    place = {"session_id": session, "game_id": game, "frame_number": 1}
    make(phone.bowler, "shot", **place, shot_number=1, count=3, capture_id=capture_id)
    kept = make(phone.bowler, "shot", session_id=session, shot_number=1, count=3)
    assert phone.bowler("DELETE", path_of("game", game), headers={"If-Match": "*"}).status == 204
    back = proposals(phone, f"/v1/captures/{capture_id}/shot-proposals")
    assert [each["shot_id"] for each in back] == [kept]
    (found,) = proposals(phone, f"/v1/shots/{kept}/capture-proposals")
    assert (found["capture_id"], found["linked_shot_id"]) == (capture_id, None)


def test_a_claimed_device_tells_the_ball(api: Api) -> None:
    """A device that was claimed for the shot's ball at the throw is a reason, one claimed later or released is none."""
    phone = Phone.of_new_user(api)
    ball = make(phone.bowler, "ball", name="blue")
    serial, start = f"SD-{hashlib.sha256(phone.user_id.encode()).hexdigest()[:10]}", datetime.now(UTC)
    claims.claim(phone.user_id, NewDevice(serial, ball_id=ball, begins=start - timedelta(minutes=30)))
    session = make_session(phone.bowler, (start - timedelta(hours=1)).isoformat())
    shot = make(phone.bowler, "shot", session_id=session, shot_number=1, count=3, ball_id=ball)
    capture_id = hashlib.sha256(serial.encode()).hexdigest()
    publish(phone.user_id, PublishedCapture(capture_id, serial, start, start, "verified", {}))
    other_id, early = hashlib.sha256(capture_id.encode()).hexdigest(), start - timedelta(minutes=31)
    publish(phone.user_id, PublishedCapture(other_id, serial, early, start, "verified", {}))
    found, other = proposals(phone, f"/v1/shots/{shot}/capture-proposals")
    assert (other["capture_id"], other["reasons"]) == (other_id, [])
    assert (found["capture_id"], found["reasons"], found["seconds_apart"]) == (capture_id, ["device"], None)
    (back,) = proposals(phone, f"/v1/captures/{capture_id}/shot-proposals")
    assert (back["shot_id"], back["reasons"]) == (shot, ["device"])
    claims.release(phone.user_id, serial, None)
    after = hashlib.sha256(other_id.encode()).hexdigest()
    publish(phone.user_id, PublishedCapture(after, serial, datetime.now(UTC), start, "verified", {}))
    found = {each["capture_id"]: each for each in proposals(phone, f"/v1/shots/{shot}/capture-proposals")}
    assert (found[capture_id]["reasons"], found[after]["reasons"]) == (["device"], [])
    assert phone.bowler("GET", f"/v1/captures/{'0' * 64}/shot-proposals").status == 404
