"""The scorebook as a client without a phone's database uses it: entries made, shown and changed one by one."""

from collections.abc import Iterable
from typing import Any

from tests.api import Answer, Bowler
from tests.chalicelib.phones import STARTED, new_id

NEW = {"If-None-Match": "*"}
PLURALS = {
    "ball": "balls",
    "establishment": "establishments",
    "event": "events",
    "session": "sessions",
    "game": "games",
    "frame": "frames",
    "shot": "shots",
}
PERFECT = [[(10, 0)]] * 9 + [[(10, 0)] * 3]
"""Frames of shots: count and pins that stand."""
NINE_SPARE = [[(9, 512), (1, 0)]] * 9 + [[(9, 512), (1, 0), (9, 512)]]


def path_of(kind: str, entry_id: str) -> str:
    """Return the path of an entry."""
    return f"/v1/{PLURALS[kind]}/{entry_id}"


def put(bowler: Bowler, kind: str, fields: dict[str, Any], entry_id: str | None = None, **headers: str) -> Answer:
    """Make an entry, or replace it when headers say so."""
    return bowler("PUT", path_of(kind, entry_id or new_id()), json={"fields": fields}, headers=headers or NEW)


def make(bowler: Bowler, kind: str, /, **fields: Any) -> str:
    """Make an entry, and return its id."""
    answer = put(bowler, kind, fields)
    assert answer.status == 201, answer.data
    return str(answer.json["id"])


def make_session(bowler: Bowler, started_at: str = STARTED, **fields: Any) -> str:
    """Make a session, and return its id."""
    return make(bowler, "session", started_at=started_at, **fields)


def patch(bowler: Bowler, kind: str, entry_id: str, version: str = "*", /, **fields: Any) -> Answer:
    """Change fields of an entry."""
    return bowler("PATCH", path_of(kind, entry_id), json={"fields": fields}, headers={"If-Match": version})


def shots_of(session_id: str, game_id: str, frames: Iterable[Iterable[tuple[int, int]]]) -> list[dict[str, Any]]:
    """Return the fields of a game's shots."""
    return [
        {
            "session_id": session_id,
            "game_id": game_id,
            "frame_number": frame_number,
            "shot_number": shot_number,
            "count": count,
            "pins_standing": standing,
        }
        for frame_number, frame in enumerate(frames, 1)
        for shot_number, (count, standing) in enumerate(frame, 1)
    ]
