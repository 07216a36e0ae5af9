"""A bowler's sessions as the scorebook's table holds them, with the same games as statistics read them."""

import random
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bench.capacity import Item
from bench.games import league_leave, random_game
from chalicelib.scorebook import rows, tree
from chalicelib.scorebook.merging import Row
from chalicelib.scorebook.rows import OPEN, Head
from chalicelib.scorebook.scoring import bowled_shot
from tenpin import GameOfShots

_AT_MICROS = 1_764_000_000_000_000
_GAMES_A_SESSION = 3
_POSITIONS = ("pocket", "pocket", "h-pocket", "high", "light", "brooklyn")

Entry = tuple[str, str, dict[str, Any]]
"""Type, id and fields."""


@dataclass(slots=True)
class Bowled:
    """Sessions of three games each.

    Attributes:
        user_id: Whose.
        items: The entries and the head as items of the table.
        games: The games as `tenpin` reads them.
    """

    user_id: str
    items: list[Item] = field(default_factory=list)
    games: list[GameOfShots] = field(default_factory=list)


def bowl(starts: Iterable[datetime], seed: int = 7) -> Bowled:
    """Return sessions that began at these times; the same games in every run."""
    chance = random.Random(seed)  # noqa: S311 - the same games in every run
    bowled = Bowled(_id(chance))
    for start in starts:
        for kind, entry_id, fields in _session(chance, start, bowled):
            seq = len(bowled.items) + 1
            position = tree.position_of(kind, entry_id, fields)
            row = Row(
                entry_id,
                kind,
                1,
                seq,
                deleted=False,
                fields=fields,
                created=_AT_MICROS,
                updated=_AT_MICROS,
                tree=position,
            )
            bowled.items.append(rows.row_item(bowled.user_id, row))
    n = len(bowled.items)
    bowled.items.append(rows.head_item(bowled.user_id, Head(n, n - 1, _AT_MICROS, "e" * 32, 0, OPEN, n, 0)))
    return bowled


def _session(chance: random.Random, start: datetime, bowled: Bowled) -> Iterator[Entry]:
    session_id, ball_id = _id(chance), _id(chance)
    yield "session", session_id, {"started_at": start.isoformat(), "session_number": 1, "establishment_id": _id(chance)}
    for number in range(1, _GAMES_A_SESSION + 1):
        game_id = _id(chance)
        yield "game", game_id, {"session_id": session_id, "game_number": number, "starting_lane": 7}
        links = {"session_id": session_id, "game_id": game_id, "ball_id": ball_id, "thrown_at": start.isoformat()}
        shots = [{**links, **shot} for shot in _shots(chance)]
        bowled.games.append(GameOfShots([bowled_shot(shot) for shot in shots], None))
        yield from (("shot", _id(chance), shot) for shot in shots)


def _shots(chance: random.Random) -> Iterator[dict[str, Any]]:
    frames, rolls = random_game(chance, league_leave)
    counts = iter(rolls)
    for frame_number, shots in frames.items():
        for shot_number, shot in enumerate(shots, 1):
            yield {
                "frame_number": frame_number,
                "shot_number": shot_number,
                "count": next(counts),
                "pins_standing": shot.pins_standing,
                "position": chance.choice(_POSITIONS),
                "board": 17.5,
                "speed_mph": 16.2,
                "lane": 7,
            }


def _id(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128)))
