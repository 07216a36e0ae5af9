"""A change as it was sent, read and judged by itself. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec

from chalicelib.errors import FieldError
from chalicelib.scorebook.entry_fields import EntryId
from chalicelib.scorebook.entry_types import ENTRY_TYPES, EntryType, type_of
from chalicelib.scorebook.field_checks import field_errors
from chalicelib.scorebook.moments import micros_of, read_moment

Op = Literal["put", "patch", "delete"]
LARGEST_VERSION = 2**53
LONGEST_ECHO = 64
LONGEST_DETAIL = 120
MOST_ERRORS = 5
"""Of a change: what is wrong with it is remembered with the push, and goes into a reply beside that of 999 others."""


class SentChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change of an entry.

    Attributes:
        id: The entry's id, made by the client.
        type: The entry's type, in the singular.
        op: `put` writes all fields, `patch` some, `delete` removes the entry.
        base_ver: The version that the client changed; 0 or absent for a new entry.
        fields: The fields; none for a `delete`.
        edited_at: When the user made the change (RFC 3339); absent for now.
    """

    id: EntryId
    type: str
    op: Op
    base_ver: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_VERSION)] | None = None
    fields: dict[str, Any] | None = None
    edited_at: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A change that can be decided about.

    Attributes:
        id: The entry's id.
        type: The entry's type.
        op: What it does.
        base: The version that it was made from, 0 for none.
        fields: The fields, exactly as they were sent.
        edited: When it was made, in microseconds since 1970; None for now.
    """

    id: str
    type: str
    op: Op
    base: int = 0
    fields: Mapping[str, Any] = field(default_factory=dict)
    edited: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Which entry it is of: type and id."""
        return self.type, self.id

    @property
    def entry_type(self) -> EntryType:
        """The type."""
        return type_of(self.type)


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a change was not taken.

    Attributes:
        kind: A stable word for it.
        detail: What happened, what to do.
        errors: The fields that it is about.
    """

    kind: str
    detail: str
    errors: tuple[FieldError, ...] = ()


INVALID = "invalid-change"


def read_change(raw: bytes | memoryview | msgspec.Raw) -> Change | Rejection:
    """Return a change, or why it cannot be one.

    Args:
        raw: Its JSON.
    """
    try:
        sent = _decoder.decode(raw)
    except msgspec.ValidationError as error:
        detail, _, path = str(error).partition(" - at `")
        if " matching regex" in detail:
            detail = "It does not have the form of an id: 1 to 64 of A-Z, a-z, 0-9, _, . and -"
        return _invalid(FieldError(path.rstrip("`") or "$", detail))
    except (ValueError, RecursionError):
        return _invalid(FieldError("$", "It could not be read as JSON with Unicode text and finite numbers"))
    return checked_change(sent)


_decoder = msgspec.json.Decoder(SentChange)


def checked_change(sent: SentChange) -> Change | Rejection:
    """Return a change of which each field fits its type, or why it is none."""
    if sent.type not in ENTRY_TYPES:
        return _invalid(FieldError("$.type", f"Expected one of {', '.join(ENTRY_TYPES)}"))
    try:
        edited = None if sent.edited_at is None else micros_of(read_moment(sent.edited_at))
    except ValueError as error:
        return _invalid(FieldError("$.edited_at", str(error)))
    errors = _errors(sent, ENTRY_TYPES[sent.type])
    if errors:
        return _invalid(*errors)
    return Change(
        sent.id,
        sent.type,
        sent.op,
        sent.base_ver or 0,
        sent.fields or {},
        edited,
    )


def _errors(sent: SentChange, entry_type: EntryType) -> tuple[FieldError, ...]:
    if sent.op == "delete":
        return (FieldError("$.fields", "A delete has no fields"),) if sent.fields else ()
    if sent.fields is None:
        return (FieldError("$.fields", "It is required"),)
    return field_errors(entry_type, sent.fields, is_whole=sent.op == "put")


def _invalid(*errors: FieldError) -> Rejection:
    told = tuple(FieldError(_cut(error.path), _cut(error.detail)) for error in errors[:MOST_ERRORS])
    detail = f"{told[0].path}: {told[0].detail}. Nothing was changed; correct it and send it again."
    return Rejection(INVALID, detail, told)


def _cut(text: str) -> str:
    """Return the beginning of a text that may hold as much of a change as its sender liked."""
    return text if len(text) <= LONGEST_DETAIL else f"{text[:LONGEST_DETAIL]}..."


def names_of(raw: bytes | memoryview | msgspec.Raw) -> tuple[str, str]:
    """Return what a change that may be none calls its id and its type, for its result."""
    try:
        found = msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(found, dict):
        return "", ""
    return _text(found.get("id")), _text(found.get("type"))


def _text(value: Any) -> str:
    return value[:LONGEST_ECHO] if isinstance(value, str) else ""
