"""The changes that the server has not acknowledged, and the batch that is on its way."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from phone_client.database.entry_types import ENTRY_TYPES, Fields
from phone_client.database.typed_rows import from_json, to_json

Operation = Literal["put", "patch", "delete"]

_COLUMNS = "change, entry, op, fields, seen, base_ver, edited_at, batch_id"
# Parents before their children, also over several batches; otherwise in the order of the edits.
_RANK = "CASE e.type " + " ".join(f"WHEN '{name}' THEN {at}" for at, name in enumerate(ENTRY_TYPES)) + " ELSE 99 END"
_SENDABLE = "(e.hidden_by IS NULL OR o.op = 'delete')"
_IN_ORDER = f"ORDER BY {_RANK}, o.change"


@dataclass(slots=True)
class Change:
    """A change of an entry that the server has not acknowledged.

    Attributes:
        entry: The entry's number.
        op: What to do.
        edited_at: When the user did it last, by this phone's clock, set right by the server's.
        fields: What the user wrote; a None takes a field away.
        seen: What the user saw in these fields before; of a deletion, in all fields.
        base_ver: The version that the user saw, below a change that was sent; None only by an earlier client.
        batch_id: The batch that it was sent in; None while it waits.
        number: Its number; 0 before it was kept.
    """

    entry: int
    op: Operation
    edited_at: str
    fields: Fields = field(default_factory=dict)
    seen: Fields = field(default_factory=dict)
    base_ver: int | None = None
    batch_id: str | None = None
    number: int = 0

    def onto(self, fields: Fields) -> Fields:
        """Return fields with this change in them."""
        return {name: value for name, value in (fields | self.fields).items() if value is not None}


def _read(row: tuple[int, int, Operation, str, str, int | None, str, str | None]) -> Change:
    number, entry, op, fields, seen, base_ver, edited_at, batch_id = row
    return Change(entry, op, edited_at, from_json(fields), from_json(seen), base_ver, batch_id, number)


def keep(db: sqlite3.Connection, change: Change) -> None:
    """Write a change, a new one or one that was read."""
    db.execute(
        f"INSERT INTO outbox ({_COLUMNS}) VALUES (nullif(?, 0), ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608 - names of our own
        "ON CONFLICT (change) DO UPDATE SET op = excluded.op, fields = excluded.fields, seen = excluded.seen, "
        "base_ver = excluded.base_ver, edited_at = excluded.edited_at, batch_id = excluded.batch_id",
        (
            change.number,
            change.entry,
            change.op,
            to_json(change.fields),
            to_json(change.seen),
            change.base_ver,
            change.edited_at,
            change.batch_id,
        ),
    )


def drop(db: sqlite3.Connection, change: Change) -> None:
    """Remove a change."""
    db.execute("DELETE FROM outbox WHERE change = ?", (change.number,))


def waiting(db: sqlite3.Connection, entry: int) -> Change | None:
    """Return the change of an entry that waits to be sent."""
    return _one(db, entry, "batch_id IS NULL")


def sent(db: sqlite3.Connection, entry: int) -> Change | None:
    """Return the change of an entry that was sent and not acknowledged."""
    return _one(db, entry, "batch_id IS NOT NULL")


def _one(db: sqlite3.Connection, entry: int, condition: str) -> Change | None:
    query = f"SELECT {_COLUMNS} FROM outbox WHERE entry = ? AND {condition}"  # noqa: S608 - names of our own
    row = db.execute(query, (entry,)).fetchone()
    return _read(row) if row else None


def over(base: Fields, *changes: Change | None) -> Fields:
    """Return what the user sees: the server's fields and over them what was not acknowledged, in order."""
    for change in changes:
        base = base if change is None else change.onto(base)
    return base


def ready(db: sqlite3.Connection, limit: int) -> list[Change]:
    """Return the changes that may be sent now, at most so many.

    What stands below an entry that the user deleted is not sent any more: it goes with that one.
    """
    columns = ", ".join(f"o.{name}" for name in _COLUMNS.split(", "))
    query = (
        f"SELECT {columns} FROM outbox AS o JOIN entry AS e USING (entry) "  # noqa: S608 - names of our own
        f"WHERE o.batch_id IS NULL AND {_SENDABLE} "
        f"{_IN_ORDER} LIMIT ?"
    )
    return [_read(row) for row in db.execute(query, (limit,))]


def open_batch(db: sqlite3.Connection) -> str | None:
    """Return the batch that was made and not acknowledged; there is at most one."""
    row = db.execute("SELECT batch_id FROM batch").fetchone()
    return row[0] if row else None


def in_batch(db: sqlite3.Connection, batch_id: str) -> Iterator[Change]:
    """Return the changes of a batch, in the order in which they are sent."""
    columns = ", ".join(f"o.{name}" for name in _COLUMNS.split(", "))
    query = f"SELECT {columns} FROM outbox AS o JOIN entry AS e USING (entry) WHERE o.batch_id = ? {_IN_ORDER}"  # noqa: S608 - names of our own
    return map(_read, db.execute(query, (batch_id,)).fetchall())


def unsent_count(db: sqlite3.Connection) -> int:
    """Return how many changes the server has not acknowledged, less those below what the user deleted."""
    query = (
        f"SELECT count(*) FROM outbox AS o JOIN entry AS e USING (entry) WHERE o.batch_id IS NOT NULL OR {_SENDABLE}"  # noqa: S608 - names of our own
    )
    return int(db.execute(query).fetchone()[0])
