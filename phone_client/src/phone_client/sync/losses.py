"""What the server turns out to have lost: it refuses a change of what this phone had from it, or of what needs that."""

import sqlite3
from collections.abc import Mapping
from enum import Enum
from typing import Any

from phone_client.database import entries, outbox
from phone_client.database.entries import EntryRow
from phone_client.database.outbox import Change


class Want(Enum):
    """What a refused change lacks."""

    LOST = "lost"
    """Something that the server had once: a pull of everything tells what it still has, and sends the rest again."""
    UNSENT = "unsent"
    """Something that goes out before it, the next time."""


def find_want(db: sqlite3.Connection, row: EntryRow, sent: Change, problem: Mapping[str, Any] | None) -> Want | None:
    """Return what a refused change lacks that this phone can send; None when there is no such thing.

    Args:
        db: The database, in a transaction.
        row: The entry.
        sent: The change.
        problem: Why the server refuses it.
    """
    kind = row.kind
    if kind is None or row.is_deleted_there or (row.ver == 0 and row.hidden_by is not None):
        return None
    match str((problem or {}).get("type", "")).rpartition(":")[2]:
        case "nothing-there":
            return Want.LOST
        case "parent-missing":
            return _of_named(db, row, sent, kind.parents)
        case "reference-missing":
            return _of_named(db, row, sent, kind.references)
    return None


def _of_named(db: sqlite3.Connection, row: EntryRow, sent: Change, links: Mapping[str, str]) -> Want | None:
    """Judge by the entries that this one names."""
    fields = outbox.over(row.base or {}, sent)
    named = [entries.find(db, kind, str(fields[name])) for name, kind in links.items() if name in fields]
    wants = {_of_one(db, each) for each in named}
    if not wants or None in wants:
        return None
    # One that is new here explains the refusal; that it is new to the server is no loss.
    return Want.UNSENT if Want.UNSENT in wants else Want.LOST


def _of_one(db: sqlite3.Connection, row: EntryRow | None) -> Want | None:
    if row is None:
        return None
    if row.ver:
        return Want.LOST
    return Want.UNSENT if outbox.waiting(db, row.entry) else None
