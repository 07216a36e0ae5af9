"""A season of games for the account to show: twelve league evenings and a practice, the same at every start."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from phone_client.sync import PushBatch, PushChange

EVENINGS = 12
GAMES_AN_EVENING = 3
_SEED = 300
_FIRST_EVENING = datetime(2026, 9, 1, 19, tzinfo=UTC)
_PRACTICE = datetime(2026, 11, 22, 11, tzinfo=UTC)
_WEEK = timedelta(days=7)
_BETWEEN_SHOTS = timedelta(minutes=2)
_STRIKE_BALL, _SPARE_BALL = "seed-ball-strike", "seed-ball-spare"
_EVENT, _HOUSE = "seed-league", "seed-house"
_STRIKES = 0.38
_LEAVES: dict[tuple[int, ...], tuple[int, float]] = {
    (10,): (30, 0.82),
    (7,): (12, 0.85),
    (6, 10): (10, 0.7),
    (4, 7): (8, 0.72),
    (3, 6, 10): (8, 0.6),
    (2, 4, 5): (5, 0.55),
    (5,): (5, 0.92),
    (3, 10): (4, 0.4),
    (4, 6, 7, 10): (1, 0.02),
    (7, 10): (1, 0.01),
    (1, 2, 4, 7): (3, 0.45),
    (1, 2, 10): (2, 0.3),
}
"""How often a leave comes, and how often it is converted; common ones as bowlers know them, no statistics of anyone."""


def season(capture_ids: Sequence[str]) -> PushBatch:
    """Return the entries of the season.

    Args:
        capture_ids: Captures of the practice's shots, in their order; the shots name them.
    """
    chance = random.Random(_SEED)  # noqa: S311 - games are no secret
    changes = [*_things(), *(change for evening in range(EVENINGS) for change in _evening(chance, evening))]
    return PushBatch("seed-season", (*changes, *_practice(chance, capture_ids)))


def _things() -> Iterator[PushChange]:
    yield _put("ball", _STRIKE_BALL, name="Phaze II 15 lb", weight_lb=15, rg_in=2.48, differential_in=0.051)
    yield _put("ball", _SPARE_BALL, name="White Dot 14 lb", weight_lb=14)
    yield _put("establishment", _HOUSE, name="North House", lanes=24, location="York")
    yield _put("event", _EVENT, name="Tuesday league", kind="league", location="York", standings="4th of 10")


def _put(type_name: str, entry_id: str, at: datetime = _FIRST_EVENING, **fields: Any) -> PushChange:
    return PushChange(id=entry_id, type=type_name, op="put", edited_at=_text(at), fields=fields)


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _evening(chance: random.Random, number: int) -> Iterator[PushChange]:
    at = _FIRST_EVENING + number * _WEEK
    session = f"seed-session-{number + 1:02d}"
    links = {"event_id": _EVENT, "establishment_id": _HOUSE}
    yield _put("session", session, at, started_at=_text(at), session_number=number + 1, **links)
    for game_number in range(1, GAMES_AN_EVENING + 1):
        game = f"{session}-game-{game_number}"
        yield _put("game", game, at, session_id=session, game_number=game_number, lanes="11-12", starting_lane=11)
        for frame in range(1, 11):
            for shot_number, shot in enumerate(_frame(chance, frame), 1):
                at += _BETWEEN_SHOTS / 2
                place = {"session_id": session, "game_id": game, "frame_number": frame, "shot_number": shot_number}
                said = {"lane": 11 + frame % 2, "thrown_at": _text(at)}
                yield _put("shot", f"{game}-{frame}-{shot_number}", at, **place, **said, **shot)


def _practice(chance: random.Random, capture_ids: Sequence[str]) -> Iterator[PushChange]:
    session = "seed-practice"
    yield _put("session", session, _PRACTICE, started_at=_text(_PRACTICE), comment="spares and the new ball")
    for number, capture_id in enumerate(capture_ids):
        at = _PRACTICE + number * _BETWEEN_SHOTS
        shot = _first_ball(chance)
        link = {"session_id": session, "shot_number": 1, "capture_id": capture_id, "thrown_at": _text(at)}
        yield _put("shot", f"{session}-{number + 1}", at, **link, **shot)


def _frame(chance: random.Random, number: int) -> Iterator[dict[str, Any]]:
    """Yield a frame's shots: two, or up to three in the tenth."""
    most = 3 if number == 10 else 2  # noqa: PLR2004 - the tenth
    thrown, marks, standing = 0, 0, 0
    while thrown < most:
        shot = _first_ball(chance) if standing == 0 else _spare_ball(chance, standing)
        yield shot
        thrown, standing = thrown + 1, shot["pins_standing"]
        marks += standing == 0
        if (standing == 0 and number < 10) or (thrown == 2 and not marks):  # noqa: PLR2004 - the tenth; the second ball
            return


def _first_ball(chance: random.Random) -> dict[str, Any]:
    is_pocket = chance.random() < 0.62  # noqa: PLR2004 - of a league bowler's first balls
    said = {
        "ball_id": _STRIKE_BALL,
        "position": chance.choice(["pocket", "h-pocket"] if is_pocket else ["high", "light", "brooklyn"]),
        "board": round(chance.gauss(17.5, 1.5), 1),
        "speed_mph": round(chance.gauss(16.8, 0.5), 1),
    }
    if chance.random() < (_STRIKES * 1.45 if is_pocket else _STRIKES * 0.35):
        return {"count": 10, "pins_standing": 0, **said}
    (pins,) = chance.choices(list(_LEAVES), [often for often, _ in _LEAVES.values()])
    return {"count": 10 - len(pins), "pins_standing": sum(1 << (pin - 1) for pin in pins), **said}


def _spare_ball(chance: random.Random, standing: int) -> dict[str, Any]:
    pins = tuple(pin for pin in range(1, 11) if standing >> (pin - 1) & 1)
    converts = _LEAVES.get(pins, (0, 0.5))[1]
    left = 0 if chance.random() < converts else 1 << (chance.choice(pins) - 1)
    said = {"ball_id": _SPARE_BALL, "count": standing.bit_count() - left.bit_count()}
    return {"pins_standing": left, **said}
