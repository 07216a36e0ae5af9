"""A bowler's history of any length, as a server's pages: made page by page, so that it is never in memory whole."""

import hashlib
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

PAGE_ENTRIES = 1000
_SHOTS_A_GAME = 20
_GAMES_A_SESSION = 3
_COMMENT = "moved two left, ball read early; lane 12 dries up 🎳"


def entries(count: int) -> Iterator[dict[str, Any]]:
    """Yield entries in the order of their ids: sessions, their games, their shots with most of their fields."""
    return islice(_all_entries(), count)


def _all_entries() -> Iterator[dict[str, Any]]:
    number = 0
    while True:
        session_id = _id(number)
        yield _entry(number, "session", {"started_at": "2026-11-24T18:00:00+01:00", "comment": _COMMENT})
        number += 1
        for game_number in range(1, _GAMES_A_SESSION + 1):
            game_id = _id(number)
            yield _entry(number, "game", {"session_id": session_id, "game_number": game_number, "lanes": "11-12"})
            number += 1
            for at in range(_SHOTS_A_GAME):
                yield _entry(number, "shot", _shot(session_id, game_id, at))
                number += 1


def _shot(session_id: str, game_id: str, at: int) -> dict[str, Any]:
    frame, shot = at // 2 + 1, at % 2 + 1
    return {
        "session_id": session_id,
        "game_id": game_id,
        "frame_number": frame,
        "shot_number": shot,
        "pins_standing": 0b1001000000 if shot == 1 else 0b1000000000,
        "count": 8 if shot == 1 else 1,
        "ball_id": _id(10**9),
        "lane": 11 + at % 2,
        "position": "pocket",
        "board": 17.5,
        "stance": 25,
        "speed_mph": 16.25,
        "thrown_at": "2026-11-24T18:05:00+01:00",
        "comment": _COMMENT,
    }


def _entry(number: int, type_name: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"id": _id(number), "type": type_name, "ver": 1, "deleted": False, "fields": fields}


def _id(number: int) -> str:
    return f"01a20e13-76db-72ba-a906-{number:012x}"


def pages(count: int) -> Iterator[bytes]:
    """Yield the replies to the pulls of a first sync, as JSON; the last one has the count and the checksum."""
    digest, separator, done = hashlib.sha256(), "", 0
    found = entries(count)
    while done < count:
        page = list(islice(found, PAGE_ENTRIES))
        done += len(page)
        for entry in page:
            digest.update(f"{separator}{entry['id']}:{entry['ver']}".encode())
            separator = "\n"
        reply: dict[str, Any] = {"changes": page, "cursor": str(done), "more": done < count, "reset": False}
        if done >= count:
            reply |= {"count": done, "checksum": digest.hexdigest()[:16]}
        yield msgspec.json.encode(reply)
