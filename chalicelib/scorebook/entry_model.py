"""What the routes of entries ask for and answer, made for each type from its fields.

Fields go out as they came in, so an answer's own type holds plain values; what is declared of it names the fields.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec

from chalicelib.operation import ListQuery
from chalicelib.schemas import REFERENCE, attribute_meanings, inline_schema
from chalicelib.scorebook.entry_fields import EntryId, Moment
from chalicelib.scorebook.entry_types import EntryType


class EntryAnswer(msgspec.Struct, frozen=True):
    """An entry.

    Attributes:
        id: Its id.
        ver: Its version.
        updated_at: When it was written last, by the server's clock.
        fields: Its fields, as they were sent.
    """

    id: str
    ver: int
    updated_at: datetime
    fields: dict[str, Any]


class EntryList(msgspec.Struct, frozen=True):
    """A page of a list; it may hold fewer entries than were asked for, or none, and still not be the last.

    Attributes:
        items: The entries.
        next: The cursor of the next page; null on the last one.
    """

    items: tuple[EntryAnswer, ...]
    next: str | None


class SessionListQuery(ListQuery, frozen=True, forbid_unknown_fields=True, rename={"begins": "from", "ends": "to"}):
    """The query of the list of sessions.

    Attributes:
        begins: As `from`: only sessions that started then or later (RFC 3339 with its offset).
        ends: As `to`: only sessions that started before then.
        event_id: Only sessions of this event.
        establishment_id: Only sessions at this establishment.
    """

    begins: Moment | None = None
    ends: Moment | None = None
    event_id: EntryId | None = None
    establishment_id: EntryId | None = None


class GameListQuery(ListQuery, frozen=True, forbid_unknown_fields=True):
    """The query of the list of games.

    Attributes:
        session_id: Only games of this session.
    """

    session_id: EntryId | None = None


class FrameListQuery(ListQuery, frozen=True, forbid_unknown_fields=True):
    """The query of the list of notes about frames.

    Attributes:
        game_id: Only notes of this game.
    """

    game_id: EntryId | None = None


class ShotListQuery(ListQuery, frozen=True, forbid_unknown_fields=True):
    """The query of the list of shots.

    Attributes:
        session_id: Only shots of this session.
        game_id: Only shots of this game.
        ball_id: Only shots with this ball.
        capture_id: Only shots that name this capture.
    """

    session_id: EntryId | None = None
    game_id: EntryId | None = None
    ball_id: EntryId | None = None
    capture_id: Annotated[str, msgspec.Meta(max_length=64)] | None = None


_QUERIES: dict[str, type[ListQuery]] = {
    "session": SessionListQuery,
    "game": GameListQuery,
    "frame": FrameListQuery,
    "shot": ShotListQuery,
}


@dataclass(frozen=True, slots=True)
class EntryForms:
    """What the routes of a type ask for and answer.

    Attributes:
        query: The query of its list.
        entry: An entry.
        answer: What shows one alone, which may be more.
        list: A page of its list.
        content: The body that makes or replaces an entry.
        change: The body that changes some fields of one.
    """

    query: type[ListQuery]
    entry: type[msgspec.Struct]
    answer: type[msgspec.Struct]
    list: type[msgspec.Struct]
    content: type[msgspec.Struct]
    change: type[msgspec.Struct]


def forms_of(entry_type: EntryType, answer: type[msgspec.Struct] | None = None) -> EntryForms:
    """Return the forms of a type.

    Args:
        entry_type: The type.
        answer: What shows one, when that is more than an entry.
    """
    name = entry_type.fields.__name__.removesuffix("Fields")
    one = _extended(f"{name}Entry", f"One of the {entry_type.plural}.", EntryAnswer, fields=entry_type.fields)
    page = _extended(
        f"{name}List",
        f"A page of the list of {entry_type.plural}.",
        EntryList,
        items=tuple[one, ...],  # type: ignore[valid-type]
    )
    whole: Any = Annotated[dict[str, Any], whole_schema(entry_type.fields)]
    part: Any = Annotated[dict[str, Any], msgspec.Meta(extra_json_schema=_part_schema(entry_type))]
    return EntryForms(
        query=_QUERIES.get(entry_type.name, ListQuery),
        entry=one,
        answer=answer or one,
        list=page,
        content=_body(f"{name}Content", f"The body of `PUT /v1/{entry_type.plural}/{{id}}`.", whole, "All fields."),
        change=_body(
            f"{name}Change",
            f"The body of `PATCH /v1/{entry_type.plural}/{{id}}`.",
            part,
            "The fields that change, each with its new value; null for none.",
        ),
    )


def _extended(name: str, summary: str, base: type[msgspec.Struct], **fields: Any) -> type[msgspec.Struct]:
    return msgspec.defstruct(name, list(fields.items()), bases=(base,), namespace={"__doc__": summary}, frozen=True)


def _body(name: str, summary: str, fields: Any, meaning: str) -> type[msgspec.Struct]:
    documentation = f"{summary}\n\n    Attributes:\n        fields: {meaning}\n"
    return msgspec.defstruct(
        name, [("fields", fields)], namespace={"__doc__": documentation}, frozen=True, forbid_unknown_fields=True
    )


def whole_schema(fields: type[msgspec.Struct]) -> msgspec.Meta:
    """Return what says that plain values are the fields of a type; they are not read as such, to stay as sent."""
    return msgspec.Meta(extra_json_schema={"$ref": REFERENCE.format(name=fields.__name__)})


def _part_schema(entry_type: EntryType) -> dict[str, Any]:
    meanings = attribute_meanings(entry_type.fields)
    fields = inline_schema(entry_type.fields)["properties"]
    described = {name: {**_without_default(fields[name]), "description": meanings[name]} for name in fields}
    return {"properties": described, "additionalProperties": False}


def _without_default(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != "default"}
