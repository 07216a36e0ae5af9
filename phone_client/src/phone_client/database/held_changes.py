"""Changes that the server did not take, kept until the user decides."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from phone_client.database.entries import EntryRow
from phone_client.database.entry_types import Fields
from phone_client.database.outbox import Operation
from phone_client.database.typed_rows import from_json, to_json

Reason = Literal["conflict", "rejected", "deleted"]
_COLUMNS = "held, type, id, reason, op, fields, edited_at, problem, held_at"


@dataclass(slots=True)
class HeldChange:
    """A change that the server did not take.

    Attributes:
        type: The entry's type.
        id: The entry's id.
        reason: `conflict`: another phone changed the same. `deleted`: the entry is deleted, and `fields` is all of it.
            `rejected`: the server cannot keep this, as `problem` says.
        op: What was to be done.
        fields: What the user wrote.
        edited_at: When.
        held_at: When the server's answer came.
        problem: Why it was rejected, as a problem document.
        number: Its number, by which the user names it.
    """

    type: str
    id: str
    reason: Reason
    op: Operation
    fields: Fields
    edited_at: str
    held_at: str
    problem: Fields = field(default_factory=dict)
    number: int = 0


def _read(row: tuple[int, str, str, Reason, Operation, str, str, str | None, str]) -> HeldChange:
    number, type_name, entry_id, reason, op, fields, edited_at, problem, held_at = row
    document = from_json(problem) if problem else {}
    return HeldChange(type_name, entry_id, reason, op, from_json(fields), edited_at, held_at, document, number)


def hold(db: sqlite3.Connection, held: HeldChange) -> None:
    """Keep a change for the user's decision."""
    problem = to_json(held.problem) if held.problem else None
    fields = to_json(held.fields)
    row = (held.type, held.id, held.reason, held.op, fields, held.edited_at, problem, held.held_at)
    db.execute(f"INSERT INTO held_change ({_COLUMNS}) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608 - names of our own


def every(db: sqlite3.Connection) -> list[HeldChange]:
    """Return all of them, the oldest first."""
    return [_read(row) for row in db.execute(f"SELECT {_COLUMNS} FROM held_change ORDER BY held")]  # noqa: S608 - names of our own


def find(db: sqlite3.Connection, number: int) -> HeldChange | None:
    """Return the one of a number."""
    row = db.execute(f"SELECT {_COLUMNS} FROM held_change WHERE held = ?", (number,)).fetchone()  # noqa: S608 - names of our own
    return _read(row) if row else None


def drop(db: sqlite3.Connection, held: HeldChange) -> None:
    """Forget one: the user has decided."""
    db.execute("DELETE FROM held_change WHERE held = ?", (held.number,))


def supersede(db: sqlite3.Connection, row: EntryRow, names: Iterable[str]) -> None:
    """Take fields out of the held patches of an entry: the user has written them anew, which is a decision."""
    for held in every(db):
        if (held.type, held.id, held.op) == (row.type, row.id, "patch"):
            left = {name: value for name, value in held.fields.items() if name not in names}
            if not left:
                drop(db, held)
            elif left != held.fields:
                db.execute("UPDATE held_change SET fields = ? WHERE held = ?", (to_json(left), held.number))


def forget_entry(db: sqlite3.Connection, row: EntryRow) -> None:
    """Forget those of an entry."""
    db.execute("DELETE FROM held_change WHERE type = ? AND id = ?", (row.type, row.id))
