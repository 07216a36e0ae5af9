"""The rows of entries: what the server has of each, and what the user sees."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from phone_client.database.entry_types import ENTRY_TYPES, EntryType, Fields
from phone_client.database.typed_rows import from_json, read_row, to_columns, to_fields, to_json, write_rows

_COLUMNS = "entry, type, id, ver, is_deleted_there, hidden_by, base, extra, run"


@dataclass(slots=True)
class EntryRow:
    """An entry's bookkeeping.

    Attributes:
        entry: Its number in this database.
        type: Its type.
        id: Its id.
        ver: The server's version as last seen, 0 while the server has none.
        is_deleted_there: Whether the server has deleted it while a change of it is unsent.
        hidden_by: What the user deleted, this entry or one above it, as `type/id`; None: it is shown.
        base: The server's fields while changes of them are unsent, None when what is shown is the server's.
        extra: Fields without a column, JSON.
        run: The last pull of everything that brought it.
    """

    entry: int
    type: str
    id: str
    ver: int = 0
    is_deleted_there: bool = False
    hidden_by: str | None = None
    base: Fields | None = None
    extra: str | None = None
    run: int = 0

    @property
    def key(self) -> str:
        """Its name in `hidden_by`."""
        return f"{self.type}/{self.id}"

    @property
    def kind(self) -> EntryType | None:
        """Its type; None for one that this version does not know."""
        return ENTRY_TYPES.get(self.type)


def _read(row: tuple[int, str, str, int, int, str | None, str | None, str | None, int]) -> EntryRow:
    entry, type_name, entry_id, ver, is_deleted_there, hidden_by, base, extra, run = row
    fields = None if base is None else from_json(base)
    return EntryRow(entry, type_name, entry_id, ver, bool(is_deleted_there), hidden_by, fields, extra, run)


def find(db: sqlite3.Connection, type_name: str, entry_id: str) -> EntryRow | None:
    """Return an entry, None when this phone does not know it."""
    row = db.execute(f"SELECT {_COLUMNS} FROM entry WHERE id = ? AND type = ?", (entry_id, type_name)).fetchone()  # noqa: S608 - names of our own
    return _read(row) if row else None


def by_number(db: sqlite3.Connection, entry: int) -> EntryRow:
    """Return the entry of a number."""
    return _read(db.execute(f"SELECT {_COLUMNS} FROM entry WHERE entry = ?", (entry,)).fetchone())  # noqa: S608 - names of our own


def find_all(db: sqlite3.Connection, ids: Iterable[str]) -> dict[tuple[str, str], EntryRow]:
    """Return the entries of some ids, by type and id."""
    query = f"SELECT {_COLUMNS} FROM entry WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608 - names of our own
    found = map(_read, db.execute(query, (to_json(list(ids)),)))
    return {(row.type, row.id): row for row in found}


def next_number(db: sqlite3.Connection) -> int:
    """Return the number of the next new entry."""
    return int(db.execute("SELECT coalesce(max(entry), 0) + 1 FROM entry").fetchone()[0])


def add(db: sqlite3.Connection, row: EntryRow, fields: Fields) -> None:
    """Add an entry that is new."""
    db.execute("INSERT INTO entry (entry, type, id) VALUES (?, ?, ?)", (row.entry, row.type, row.id))
    show(db, row, fields)


def keep(db: sqlite3.Connection, row: EntryRow) -> None:
    """Write an entry's bookkeeping."""
    base = None if row.base is None else to_json(row.base)
    db.execute(
        "UPDATE entry SET ver = ?, is_deleted_there = ?, hidden_by = ?, base = ?, extra = ?, run = ? WHERE entry = ?",
        (row.ver, row.is_deleted_there, row.hidden_by, base, row.extra, row.run, row.entry),
    )


def show(db: sqlite3.Connection, row: EntryRow, fields: Fields) -> None:
    """Write what the user sees of an entry, with its bookkeeping."""
    columns = to_columns(row.kind, fields)
    row.extra = columns.extra
    keep(db, row)
    if row.kind:
        write_rows(db, row.kind, [(row.entry, *columns.row)])


def shown(db: sqlite3.Connection, row: EntryRow) -> Fields:
    """Return what the user sees of an entry."""
    return to_fields(row.kind, read_row(db, row.kind, row.entry) if row.kind else (), row.extra)


def remove(db: sqlite3.Connection, row: EntryRow) -> None:
    """Remove an entry, with its changes."""
    db.execute("DELETE FROM entry WHERE entry = ?", (row.entry,))


def hide(db: sqlite3.Connection, row: EntryRow) -> None:
    """Hide an entry and all below it, as deleted by the user."""
    db.execute(_HIDE, {"key": row.key, "entry": row.entry, "id": row.id, "type": row.type})


def unhide(db: sqlite3.Connection, key: str) -> None:
    """Show again what was hidden by the deletion of an entry."""
    db.execute("UPDATE entry SET hidden_by = NULL WHERE hidden_by = ?", (key,))


def _hide() -> str:
    steps = " UNION ".join(
        f"SELECT t.entry, '{kind.name}', e.id FROM {kind.name} AS t JOIN gone ON t.{field} = gone.id "  # noqa: S608 - names of our own
        f"JOIN entry AS e ON e.entry = t.entry WHERE gone.type = '{parent}'"
        for kind in ENTRY_TYPES.values()
        for field, parent in kind.parents.items()
    )
    return (
        "WITH RECURSIVE gone (entry, type, id) AS (SELECT :entry, :type, :id "  # noqa: S608 - names of our own
        f"UNION {steps}) "
        "UPDATE entry SET hidden_by = :key WHERE hidden_by IS NULL AND entry IN (SELECT entry FROM gone)"
    )


_HIDE = _hide()
