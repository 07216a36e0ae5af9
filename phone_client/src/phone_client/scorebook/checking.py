"""What a user may write into an entry: judged on the phone as the server will judge it, so that it is told at once."""

import math
import re
from collections.abc import Mapping

from phone_client.database import EntryType, Field, FieldKind, Fields, Value
from phone_client.errors import UsageError

LARGEST_NUMBER = 2**53
ALL_PINS = 10
_MOMENT = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
    r"([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_LINK = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class EntryError(UsageError):
    """An entry cannot be written like this; nothing was changed."""


def check_fields(kind: EntryType, fields: Mapping[str, Value]) -> None:
    """Check fields one by one; a None takes a field away.

    Raises:
        EntryError: A field does not exist, or cannot hold this.
    """
    if kind.is_read_only:
        raise EntryError(f"A {kind.name} is written by the server only. Nothing was changed.")
    for name, value in fields.items():
        field = kind.fields.get(name)
        if field is None:
            raise EntryError(f"A {kind.name} has no field {name}. It has: {', '.join(kind.fields)}.")
        problem = None if value is None else _problem(field, value)
        if problem:
            raise EntryError(f"{kind.name}: {name} {problem}. Nothing was changed.")


def check_whole(kind: EntryType, fields: Fields) -> None:
    """Check what an entry says as a whole.

    Raises:
        EntryError: A field is missing, or two contradict each other.
    """
    for name in kind.required:
        if fields.get(name) is None:
            raise EntryError(f"A {kind.name} needs {name}. Nothing was changed.")
    if kind.name == "shot":
        problem = _shot_problem(fields)
        if problem:
            raise EntryError(f"shot: {problem}. Nothing was changed.")


def _problem(field: Field, value: Value) -> str | None:
    match field.kind:
        case FieldKind.FLAG:
            return None if isinstance(value, bool) else "is true or false"
        case FieldKind.INTEGER | FieldKind.NUMBER:
            return _number_problem(field, value)
    if not isinstance(value, str):
        return "is a text"
    return _text_problem(field, value)


def _number_problem(field: Field, value: Value) -> str | None:
    is_whole = field.kind is FieldKind.INTEGER
    if isinstance(value, bool) or not isinstance(value, int if is_whole else int | float):
        return "is a whole number" if is_whole else "is a number"
    if not math.isfinite(value) or not field.least <= value <= field.most:
        return f"is from {field.least:g} to {field.most:g}"
    return None


def _text_problem(field: Field, text: str) -> str | None:
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "is no valid Unicode"
    if not field.least <= len(text) <= field.most:
        return f"has {field.least:g} to {field.most:g} characters"
    if field.choices and text not in field.choices:
        return f"is one of: {', '.join(field.choices)}"
    if field.kind is FieldKind.MOMENT and not _MOMENT.fullmatch(text):
        return "is a time with its offset, such as 2026-11-24T18:00:00+01:00"
    if field.kind is FieldKind.LINK and not _LINK.fullmatch(text):
        return "is the id of an entry"
    return None


def _shot_problem(fields: Fields) -> str | None:
    standing, count = fields.get("pins_standing"), fields.get("count")
    if standing is None and count is None:
        return "pins_standing or count is needed"
    if fields.get("game_id") is not None and fields.get("frame_number") is None:
        return "a shot of a game needs frame_number"
    if standing is None or count is None:
        return None
    fallen = ALL_PINS - standing.bit_count()
    if count > fallen or (fields["shot_number"] == 1 and count != fallen):
        return f"with these pins standing {fallen} have fallen, and count says {count}"
    return None
