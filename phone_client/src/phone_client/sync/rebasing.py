"""What the server has of an entry and what the user changed meanwhile, brought together: nothing unsent is lost."""

import sqlite3

from phone_client.database import Fields, entries, outbox
from phone_client.database.entries import EntryRow
from phone_client.database.outbox import Change
from phone_client.scorebook.editing import forget, is_same
from phone_client.sync.messages import ServerEntry


def take(db: sqlite3.Connection, row: EntryRow, server: ServerEntry) -> None:
    """Take in a version of the server, under the changes that it has not acknowledged."""
    fields = without_nulls(server.fields)
    row.ver = server.ver
    if server.deleted:
        _take_deleted(db, row, fields)
        return
    row.is_deleted_there = False
    row.base = fields
    if row.hidden_by is not None and not _is_below(db, row):
        # Another phone has moved it away from what the user deleted here.
        row.hidden_by = None
    show(db, row)


def show(db: sqlite3.Connection, row: EntryRow) -> None:
    """Show an entry: what the server has, `row.base`, and over it what it has not acknowledged."""
    waiting, sent = outbox.waiting(db, row.entry), outbox.sent(db, row.entry)
    base = row.base or {}
    shown = outbox.over(base, sent, waiting)
    if waiting is None and sent is None and row.is_deleted_there:
        forget(db, row)
        return
    if waiting is None and sent is None:
        row.base = None
    elif waiting and sent is None:
        rebase(waiting, base, row.ver)
        outbox.keep(db, waiting)
    entries.show(db, row, shown)


def without_nulls(fields: Fields | None) -> Fields:
    """Return the fields that have a value."""
    return {name: value for name, value in (fields or {}).items() if value is not None}


def rebase(change: Change, base: Fields, ver: int) -> None:
    """Set the version that a waiting change counts from, now that the server has another one.

    When nobody else changed its fields it is a change of that version. Otherwise it stays one of an older version, so
    that the server merges it or asks the user, and never takes it for an answer to what the user has not seen.
    """
    if change.op == "put":
        return
    if change.op == "delete":
        is_as_seen = bool(change.seen) and without_nulls(change.seen) == base
        # Without a version it would pass over whatever others wrote: of a new entry the first one was seen.
        change.base_ver = ver if is_as_seen else max(min(change.base_ver or 1, ver - 1), 1)
        return
    untouched = all(
        is_same(base.get(name), change.seen.get(name)) or is_same(base.get(name), value)
        for name, value in change.fields.items()
    )
    change.base_ver = ver if untouched else max(min(change.base_ver or 0, ver - 1), 0)


def _take_deleted(db: sqlite3.Connection, row: EntryRow, fields: Fields) -> None:
    waiting, sent = outbox.waiting(db, row.entry), outbox.sent(db, row.entry)
    if sent is None and (waiting is None or waiting.op == "delete" or row.hidden_by is not None):
        forget(db, row)
        return
    # The edit goes out all the same: the server decides whether it brings the entry back.
    row.is_deleted_there = True
    row.base = fields or row.base or {}
    entries.keep(db, row)


def _is_below(db: sqlite3.Connection, row: EntryRow) -> bool:
    """Whether an entry is, or stands below, what hides it."""
    fields = outbox.over(row.base or {}, outbox.sent(db, row.entry), outbox.waiting(db, row.entry))
    links = [
        (kind, str(fields[name])) for name, kind in (row.kind.parents if row.kind else {}).items() if name in fields
    ]
    above = [entries.find(db, *link) for link in links]
    keys = {row.key, *map("/".join, links), *(each.hidden_by for each in above if each)}
    return row.hidden_by in keys
