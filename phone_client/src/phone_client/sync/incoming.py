"""Pages of the feed: each in one transaction together with the cursor after it."""

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter

from phone_client.database import ENTRY_TYPES, entries
from phone_client.database.entries import EntryRow
from phone_client.database.typed_rows import Columns, insert_rows, to_columns, write_rows
from phone_client.sync.messages import ServerEntry
from phone_client.sync.rebasing import take

_by_type = attrgetter("type")


def take_page(db: sqlite3.Connection, changes: Sequence[ServerEntry], run: int, *, is_full_pull: bool) -> None:
    """Take in the entries of a page.

    Args:
        db: The database, in a transaction.
        changes: The entries.
        run: The number of the pull of everything.
        is_full_pull: Whether it is going on. It brings what the server has, also where that is of a lower version than
            what is here, as after a restore; otherwise a lower version is an echo.
    """
    known: dict[tuple[str, str], EntryRow | None] = {**entries.find_all(db, (change.id for change in changes))}
    new: dict[tuple[str, str], ServerEntry] = {}
    clean: dict[int, ServerEntry] = {}
    for change in changes:
        key = change.type, change.id
        row = known.get(key)
        if row is None:
            # An entry may come twice on a page; the later one counts.
            new.pop(key, None)
            if not change.deleted:
                new[key] = change
        elif is_full_pull or change.ver > row.ver:
            row.run = run
            if change.deleted or _is_touched(row):
                clean.pop(row.entry, None)
                take(db, row, change)
                known[key] = entries.find(db, *key)
            else:
                clean[row.entry] = change
    _add(db, new.values(), run)
    _unhide_below(db, new.values())
    _update(db, clean, run)


def _is_touched(row: EntryRow) -> bool:
    return row.base is not None or row.ver == 0 or row.is_deleted_there or row.hidden_by is not None


def _add(db: sqlite3.Connection, changes: Iterable[ServerEntry], run: int) -> None:
    numbered = list(enumerate(sorted(changes, key=_by_type), entries.next_number(db)))
    stored = [(entry, change, _columns(change)) for entry, change in numbered]
    db.executemany(
        "INSERT INTO entry (entry, type, id, ver, extra, run) VALUES (?, ?, ?, ?, ?, ?)",
        [(entry, change.type, change.id, change.ver, columns.extra, run) for entry, change, columns in stored],
    )
    for type_name, group in groupby(stored, key=lambda each: each[1].type):
        if kind := ENTRY_TYPES.get(type_name):
            insert_rows(db, kind, [(entry, *columns.row) for entry, _, columns in group])


def _unhide_below(db: sqlite3.Connection, changes: Iterable[ServerEntry]) -> None:
    """Show again what stands below an entry that the user deleted here and another phone has brought back."""
    hidden = {key for (key,) in db.execute("SELECT DISTINCT hidden_by FROM entry WHERE hidden_by IS NOT NULL")}
    for change in changes:
        key = f"{change.type}/{change.id}"
        if key in hidden:
            entries.unhide(db, key)


def _update(db: sqlite3.Connection, changes: dict[int, ServerEntry], run: int) -> None:
    stored = [(entry, change, _columns(change)) for entry, change in changes.items()]
    db.executemany(
        "UPDATE entry SET ver = ?, extra = ?, run = ? WHERE entry = ?",
        [(change.ver, columns.extra, run, entry) for entry, change, columns in stored],
    )
    stored.sort(key=lambda each: each[1].type)
    for type_name, group in groupby(stored, key=lambda each: each[1].type):
        if kind := ENTRY_TYPES.get(type_name):
            write_rows(db, kind, [(entry, *columns.row) for entry, _, columns in group])


def _columns(change: ServerEntry) -> Columns:
    return to_columns(ENTRY_TYPES.get(change.type), change.fields or {})
