"""The types of entries and their fields: what columns they have, and what a user may write into them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

Value: TypeAlias = Any
"""What a field holds: a text, a whole number, a number, true or false; or JSON of a newer server."""
Fields: TypeAlias = dict[str, Value]


class FieldKind(Enum):
    """What a field holds, and so what type its column has."""

    TEXT = "text"
    MOMENT = "moment"
    LINK = "link"
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "flag"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an entry.

    Attributes:
        kind: What it holds.
        least: The smallest number, or the fewest characters.
        most: The largest number, or the most characters.
        choices: The only texts that it may hold; empty for any.
    """

    kind: FieldKind
    least: float = 0
    most: float = 0
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EntryType:
    """A type of entries.

    Attributes:
        name: In the singular, as the server knows it.
        fields: By name, in the order of the table's columns.
        required: The fields that cannot be left out.
        parents: The type of the entry above, by the field that names it; with the one above an entry is deleted.
        references: The type of another entry that must have been there once, by the field that names it.
        fixed: The fields that keep their value for good.
        is_read_only: Whether only the server writes it.
    """

    name: str
    fields: Mapping[str, Field]
    required: tuple[str, ...] = ()
    parents: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()
    is_read_only: bool = False


LABEL = Field(FieldKind.TEXT, 1, 128)
PLACE = Field(FieldKind.TEXT, 0, 128)
SHORT = Field(FieldKind.TEXT, 0, 64)
COMMENT = Field(FieldKind.TEXT, 0, 2000)
MOMENT = Field(FieldKind.MOMENT, 1, 40)
LINK = Field(FieldKind.LINK, 1, 64)
FLAG = Field(FieldKind.FLAG)
LANE = Field(FieldKind.INTEGER, 0, 1000)
BOARD = Field(FieldKind.NUMBER, 0, 60)


def _whole(least: int, most: int) -> Field:
    return Field(FieldKind.INTEGER, least, most)


def _number(least: float, most: float) -> Field:
    return Field(FieldKind.NUMBER, least, most)


_TYPES = (
    EntryType(
        "establishment",
        {"name": LABEL, "lanes": LANE, "kind": SHORT, "location": PLACE, "comment": COMMENT},
        required=("name",),
    ),
    EntryType(
        "ball",
        {
            "name": LABEL,
            "weight_lb": _number(0, 20),
            "core_type": SHORT,
            "colour": SHORT,
            "serial": SHORT,
            "rg_in": _number(0, 10),
            "differential_in": _number(0, 1),
            "diameter_in": _number(0, 20),
            "comment": COMMENT,
        },
        required=("name",),
    ),
    EntryType(
        "event",
        {
            "name": LABEL,
            "kind": Field(FieldKind.TEXT, 1, 64, ("league", "tournament", "practice")),
            "location": PLACE,
            "standings": COMMENT,
            "average": _number(0, 300),
            "comment": COMMENT,
        },
        required=("name", "kind"),
    ),
    EntryType(
        "session",
        {
            "started_at": MOMENT,
            "event_id": LINK,
            "establishment_id": LINK,
            "session_number": _whole(0, 100_000),
            "team_opponent": PLACE,
            "individual_opponent": PLACE,
            "score": _whole(0, 1_000_000),
            "team_record": SHORT,
            "individual_record": SHORT,
            "comment": COMMENT,
        },
        required=("started_at",),
        references={"event_id": "event"},
    ),
    EntryType(
        "game",
        {
            "session_id": LINK,
            "game_number": _whole(1, 1000),
            "lanes": SHORT,
            "starting_lane": LANE,
            "entered_score": _whole(0, 300),
            "won": FLAG,
            "team_result": SHORT,
            "individual_result": SHORT,
            "comment": COMMENT,
        },
        required=("session_id", "game_number"),
        parents={"session_id": "session"},
        fixed=frozenset({"session_id"}),
    ),
    EntryType(
        "frame",
        {"game_id": LINK, "frame_number": _whole(1, 10), "lane": LANE, "comment": COMMENT},
        required=("game_id", "frame_number"),
        parents={"game_id": "game"},
    ),
    EntryType(
        "shot",
        {
            "session_id": LINK,
            "game_id": LINK,
            "frame_number": _whole(1, 10),
            "shot_number": _whole(1, 3),
            "pins_standing": _whole(0, 1023),
            "count": _whole(0, 10),
            "foul": FLAG,
            "ball_id": LINK,
            "lane": LANE,
            "side": SHORT,
            "position": SHORT,
            "board": BOARD,
            "stance": BOARD,
            "target": BOARD,
            "breakpoint": BOARD,
            "impact_board": BOARD,
            "speed_mph": BOARD,
            "thrown_at": MOMENT,
            "comment": COMMENT,
            "capture_id": Field(FieldKind.TEXT, 0, 64),
        },
        required=("session_id", "shot_number"),
        parents={"session_id": "session", "game_id": "game"},
    ),
    EntryType(
        "capture",
        {
            "serial": SHORT,
            "start_at": MOMENT,
            "received_at": MOMENT,
            "state": SHORT,
            "metrics": Field(FieldKind.JSON),
        },
        is_read_only=True,
    ),
)

ENTRY_TYPES: Mapping[str, EntryType] = {each.name: each for each in _TYPES}
"""By name, parents before their children: in this order they are sent."""
