"""The tables of the entry types: fields into columns and back, with nothing changed on the way."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from phone_client.database.entry_types import ENTRY_TYPES, EntryType, FieldKind, Fields, Value

SMALLEST_INTEGER, LARGEST_INTEGER = -(2**63), 2**63 - 1

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """The fields of an entry as they are stored.

    Attributes:
        row: A value for each column of the type's table, in the order of its fields.
        extra: JSON of what has no column, or does not fit into it; None for nothing.
    """

    row: Row
    extra: str | None


def to_columns(kind: EntryType | None, fields: Mapping[str, Value]) -> Columns:
    """Return how fields are stored. A null is the same as no value.

    Args:
        kind: The type; None for one that this version does not know.
        fields: What the server or the user wrote. What a newer server may write and no column can take is kept whole.
    """
    places = _PLACES[kind.name] if kind else {}
    row: list[Any] = [None] * len(places)
    extra: Fields = {}
    # Nine in ten values are of exactly the type that their column has, and go through this loop by the million.
    for name, value in fields.items():
        if name not in places:
            extra[name] = value
            continue
        at, field, plain = places[name]
        if type(value) is plain and (plain is not int or _is_in_64_bits(value)):
            row[at] = value
        elif value is not None:
            row[at] = _stored(field.kind, value)
            if row[at] is None:
                extra[name] = value
    extra = {name: value for name, value in extra.items() if value is not None}
    return Columns(tuple(row), to_json(extra) if extra else None)


def _stored(kind: FieldKind, value: Value) -> Value:
    """Return what a column stores of a value; None when it cannot take it."""
    if not _fits(kind, value):
        return None
    match kind:
        case FieldKind.JSON:
            return to_json(value)
        case FieldKind.FLAG | FieldKind.INTEGER:
            return int(value)
    return value


def _is_in_64_bits(value: Value) -> bool:
    return bool(SMALLEST_INTEGER <= value <= LARGEST_INTEGER)


def _fits(kind: FieldKind, value: Value) -> bool:
    is_flag = isinstance(value, bool)
    match kind:
        case FieldKind.FLAG:
            return is_flag
        case FieldKind.INTEGER:
            # 8.0 is the same number of JSON as 8.
            whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
            return whole and not is_flag and _is_in_64_bits(value)
        case FieldKind.NUMBER:
            return not is_flag and (isinstance(value, float) or (isinstance(value, int) and _is_in_64_bits(value)))
        case FieldKind.JSON:
            return True
        case _:
            return isinstance(value, str)


def to_fields(kind: EntryType | None, row: Sequence[Any], extra: str | None) -> Fields:
    """Return the fields of a stored entry, those without a value left out."""
    fields: Fields = {}
    for (name, field), value in zip(kind.fields.items() if kind else (), row, strict=True):
        if value is not None:
            fields[name] = _from_column(field.kind, value)
    return fields | (from_json(extra) if extra else {})


def _from_column(kind: FieldKind, value: Value) -> Value:
    match kind:
        case FieldKind.FLAG:
            return bool(value)
        case FieldKind.JSON:
            return msgspec.json.decode(value)
    return value


def read_row(db: sqlite3.Connection, kind: EntryType, entry: int) -> Row:
    """Return the columns of an entry."""
    columns = ", ".join(kind.fields)
    query = f"SELECT {columns} FROM {kind.name} WHERE entry = ?"  # noqa: S608 - names of our own
    row: Row = db.execute(query, (entry,)).fetchone()
    return row


def write_rows(db: sqlite3.Connection, kind: EntryType, rows: Iterable[Row]) -> None:
    """Write rows of a type, each the number of its entry and its columns, over what was there."""
    db.executemany(_UPSERTS[kind.name], rows)


def insert_rows(db: sqlite3.Connection, kind: EntryType, rows: Iterable[Row]) -> None:
    """Write rows of entries that are new."""
    db.executemany(_INSERTS[kind.name], rows)


def _insert(kind: EntryType) -> str:
    columns = ", ".join(kind.fields)
    marks = ", ".join("?" * (len(kind.fields) + 1))
    return f"INSERT INTO {kind.name} (entry, {columns}) VALUES ({marks})"  # noqa: S608 - names of our own


def _upsert(kind: EntryType) -> str:
    updates = ", ".join(f"{name} = excluded.{name}" for name in kind.fields)
    return f"{_insert(kind)} ON CONFLICT (entry) DO UPDATE SET {updates}"


_PLAIN_TYPES: Mapping[FieldKind, type | None] = {
    FieldKind.TEXT: str,
    FieldKind.MOMENT: str,
    FieldKind.LINK: str,
    FieldKind.FLAG: bool,
    FieldKind.NUMBER: float,
    FieldKind.INTEGER: int,
    FieldKind.JSON: None,
}
_PLACES = {
    kind.name: {name: (at, field, _PLAIN_TYPES[field.kind]) for at, (name, field) in enumerate(kind.fields.items())}
    for kind in ENTRY_TYPES.values()
}
_INSERTS = {kind.name: _insert(kind) for kind in ENTRY_TYPES.values()}
_UPSERTS = {kind.name: _upsert(kind) for kind in ENTRY_TYPES.values()}


def to_json(value: Any) -> str:
    """Return a value as JSON text."""
    return msgspec.json.encode(value).decode()


def from_json(text: str) -> Fields:
    """Return the object of a JSON text."""
    fields: Fields = msgspec.json.decode(text)
    return fields
