"""Every operation of the scorebook once, for the tests that watch what the app asks of AWS."""

import hashlib
from datetime import UTC, datetime, timedelta

from chalicelib.scorebook.captures import PublishedCapture, publish
from local_cloud.cloud import LocalCloud
from tests.api import Bowler
from tests.chalicelib.phones import Phone, new_id
from tests.chalicelib.scorebook_api import PLURALS, make, patch, path_of

ANY = {"If-Match": "*"}


def use_scorebook(cloud: LocalCloud, bowler: Bowler) -> None:
    """Make, list, show, change and delete one of each type, with all that hangs together; push and pull."""
    ids = _make_one_of_each(bowler)
    lists = [f"/v1/{plural}" for plural in PLURALS.values()]
    lists += [f"/v1/shots?session_id={ids['session']}", f"/v1/frames?game_id={ids['game']}"]
    shown = [path_of(kind, entry_id) for kind, entry_id in ids.items()]
    capture_id = _publish(bowler)
    seen = [f"/v1/sessions/{ids['session']}/tree", "/v1/statistics", f"/v1/captures/{capture_id}/shot-proposals"]
    seen.append(f"/v1/shots/{ids['shot']}/capture-proposals")
    assert patch(bowler, "shot", ids["shot"], capture_id=capture_id).status == 200
    for path in (*lists, *shown, *seen):
        assert bowler("GET", path).status == 200, path
    _push_and_pull(bowler, ids)
    for kind in reversed(PLURALS):
        assert bowler("DELETE", path_of(kind, ids[kind]), headers=ANY).status == 204, kind
    cloud.pump.drain(30)


def _make_one_of_each(bowler: Bowler) -> dict[str, str]:
    ids = {"ball": make(bowler, "ball", name="blue"), "establishment": make(bowler, "establishment", name="Olympia")}
    ids["event"] = make(bowler, "event", name="Tuesdays", kind="league")
    started_at = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    ids["session"] = make(bowler, "session", started_at=started_at, event_id=ids["event"])
    ids["game"] = make(bowler, "game", session_id=ids["session"], game_number=1)
    ids["frame"] = make(bowler, "frame", game_id=ids["game"], frame_number=1)
    place = {"session_id": ids["session"], "game_id": ids["game"], "frame_number": 1, "shot_number": 1}
    return {**ids, "shot": make(bowler, "shot", **place, count=3, ball_id=ids["ball"])}


def _publish(bowler: Bowler) -> str:
    capture_id, now = hashlib.sha256(new_id().encode()).hexdigest(), datetime.now(UTC)
    publish(Phone(bowler).user_id, PublishedCapture(capture_id, "SD-1", now, now, "verified", {}))
    return capture_id


def _push_and_pull(bowler: Bowler, ids: dict[str, str]) -> None:
    phone = Phone(bowler)
    change = phone.put("ball", {"name": "red"})
    assert [phone.send([change], batch).status for batch in (new_id(), "again", "again")] == [200] * 3
    shot = {"id": ids["shot"], "type": "shot"}
    assert phone.push(phone.patch(shot, 1, comment="late"))[0]["status"] == "merged"
    for page in phone.pages(limit=5):
        assert page["changes"]
