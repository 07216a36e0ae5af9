"""The types of entries: how they hang together, and which of their fields make the score."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import msgspec

from chalicelib.scorebook.entry_fields import (
    BallFields,
    CaptureFields,
    EstablishmentFields,
    EventFields,
    FrameFields,
    GameFields,
    SessionFields,
    ShotFields,
)


@dataclass(frozen=True, slots=True)
class EntryType:
    """A type of entries.

    Attributes:
        name: Its name in the singular, as a change names it.
        plural: The same in paths.
        fields: What may stand in an entry.
        score_fields: The fields that scores follow from: two changes of one of them are a conflict.
        parents: The fields that name what an entry belongs to and goes with, each with the type of the parent.
        references: The fields that name an entry which must have been there once, each with its type.
        fixed: The fields that keep their value for good.
        rank: Where it stands in the order in which entries are written: what others belong to comes first.
    """

    name: str
    plural: str
    fields: type[msgspec.Struct]
    rank: int
    score_fields: frozenset[str] = frozenset()
    parents: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()


ENTRY_TYPES: Mapping[str, EntryType] = MappingProxyType(
    {
        each.name: each
        for each in (
            EntryType("ball", "balls", BallFields, 0),
            EntryType("establishment", "establishments", EstablishmentFields, 0),
            EntryType("event", "events", EventFields, 0),
            EntryType("session", "sessions", SessionFields, 1, references={"event_id": "event"}),
            EntryType(
                "game",
                "games",
                GameFields,
                2,
                score_fields=frozenset({"entered_score"}),
                parents={"session_id": "session"},
                fixed=frozenset({"session_id"}),
            ),
            EntryType("frame", "frames", FrameFields, 3, parents={"game_id": "game"}),
            EntryType(
                "shot",
                "shots",
                ShotFields,
                3,
                score_fields=frozenset({"pins_standing", "count", "foul", "frame_number", "shot_number"}),
                parents={"session_id": "session", "game_id": "game"},
            ),
        )
    }
)
"""By name; captures come down the feed as well, as entries of a type that nobody writes but the server."""
CAPTURE = "capture"
CAPTURE_TYPE = EntryType(CAPTURE, "captures", CaptureFields, 0)


def type_of(name: str) -> EntryType:
    """Return a type, that of captures included."""
    return CAPTURE_TYPE if name == CAPTURE else ENTRY_TYPES[name]
