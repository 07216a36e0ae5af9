"""Edits: an entry and its change in the outbox, in one transaction."""

import sqlite3

from phone_client.database import ENTRY_TYPES, EntryType, Fields, entries, held_changes, outbox
from phone_client.database.entries import EntryRow
from phone_client.database.outbox import Change
from phone_client.scorebook.checking import EntryError, check_fields, check_whole


def known_type(name: str) -> EntryType:
    """Return a type of entries.

    Raises:
        EntryError: There is none of this name.
    """
    kind = ENTRY_TYPES.get(name)
    if kind is None:
        raise EntryError(f"There are no entries of type {name}. There are: {', '.join(ENTRY_TYPES)}.")
    return kind


def create(db: sqlite3.Connection, kind: EntryType, entry_id: str, fields: Fields, edited_at: str) -> None:
    """Add an entry.

    Raises:
        EntryError: It cannot be written like this, or there is one of this id.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    check_fields(kind, given)
    check_whole(kind, given)
    if entries.find(db, kind.name, entry_id):
        raise EntryError(f"There is a {kind.name} {entry_id} already. Nothing was changed.")
    row = EntryRow(entries.next_number(db), kind.name, entry_id)
    entries.add(db, row, given)
    outbox.keep(db, Change(row.entry, "put", edited_at, given, base_ver=0))


def change(db: sqlite3.Connection, kind: EntryType, entry_id: str, fields: Fields, edited_at: str) -> bool:
    """Change some fields of an entry; a None takes a field away.

    Returns:
        Whether there was anything to change.

    Raises:
        EntryError: It cannot be written like this, or there is no such entry.
    """
    row = visible(db, kind, entry_id)
    check_fields(kind, fields)
    shown = entries.shown(db, row)
    new = {name: value for name, value in fields.items() if not is_same(value, shown.get(name))}
    if not new:
        return False
    for name in kind.fixed & new.keys():
        raise EntryError(
            f"The {name} of a {kind.name} stays as it is: delete it and make it anew. Nothing was changed."
        )
    merged = Change(row.entry, "patch", edited_at, new).onto(shown)
    check_whole(kind, merged)
    _queue(db, row, shown, new, edited_at)
    held_changes.supersede(db, row, new)
    entries.show(db, row, merged)
    return True


def send_whole(db: sqlite3.Connection, kind: EntryType, row: EntryRow, fields: Fields, edited_at: str) -> None:
    """Send an entry anew that the server has none of, and show it like this.

    Raises:
        EntryError: It cannot be written like this.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    check_fields(kind, given)
    check_whole(kind, given)
    held_changes.forget_entry(db, row)
    entries.show(db, row, given)
    outbox.keep(db, Change(row.entry, "put", edited_at, given, base_ver=0))


def is_same(value: object, other: object) -> bool:
    """Whether two values of a field are the same to JSON: true is not 1."""
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def _queue(db: sqlite3.Connection, row: EntryRow, shown: Fields, new: Fields, edited_at: str) -> None:
    waiting, sent = _unacknowledged(db, row, shown)
    if waiting is None:
        is_unknown_there = row.ver == 0 and sent is None
        waiting = Change(row.entry, "put" if is_unknown_there else "patch", edited_at)
        waiting.base_ver = _seen_ver(row, sent)
        if is_unknown_there:
            # The server refused it before: all of it is sent again, and what was refused is of no more interest.
            waiting.fields = dict(shown)
            held_changes.forget_entry(db, row)
    waiting.seen = {name: shown.get(name) for name in new} | waiting.seen
    waiting.fields |= new
    waiting.edited_at = edited_at
    if waiting.op == "put":
        waiting.fields = {name: value for name, value in waiting.fields.items() if value is not None}
        waiting.seen = {}
    outbox.keep(db, waiting)


def delete(db: sqlite3.Connection, kind: EntryType, entry_id: str, edited_at: str) -> None:
    """Delete an entry and what stands below it.

    Raises:
        EntryError: There is no such entry.
    """
    if kind.is_read_only:
        raise EntryError(f"A {kind.name} is written by the server only. Nothing was changed.")
    row = visible(db, kind, entry_id)
    waiting, sent = _unacknowledged(db, row, entries.shown(db, row))
    entries.keep(db, row)
    entries.hide(db, row)
    if row.ver == 0 and sent is None:
        held_changes.forget_entry(db, row)
        forget(db, row)
        return
    # What is sent is the user's own: it is no reason to ask whether what others wrote is to go as well.
    change = Change(row.entry, "delete", edited_at, seen=outbox.over(row.base or {}, sent))
    change.base_ver = _seen_ver(row, sent)
    if waiting:
        change.number = waiting.number
        if waiting.op == "patch":
            # What the user's edit hid, and was not seen, is not seen by deleting it either.
            change.base_ver = waiting.base_ver
            change.seen |= waiting.seen
    outbox.keep(db, change)


def _seen_ver(row: EntryRow, sent: Change | None) -> int:
    """Return the version that the user has seen: what was sent hides what has come from others since."""
    return row.ver if sent is None else min(row.ver, sent.base_ver or 0)


def _unacknowledged(db: sqlite3.Connection, row: EntryRow, shown: Fields) -> tuple[Change | None, Change | None]:
    """Return the change that waits and the one that was sent; before the first, set the server's fields apart."""
    waiting, sent = outbox.waiting(db, row.entry), outbox.sent(db, row.entry)
    if waiting is None and sent is None:
        row.base = shown if row.ver else None
    return waiting, sent


def forget(db: sqlite3.Connection, row: EntryRow) -> None:
    """Remove an entry that is no more, and what stood below it and was never sent.

    What the server has below it stays hidden, with its changes, until the server says that it is gone, or that another
    phone has brought it back.
    """
    entries.remove(db, row)
    never_sent = "NOT EXISTS (SELECT 1 FROM outbox AS o WHERE o.entry = entry.entry AND o.batch_id IS NOT NULL)"
    db.execute(f"DELETE FROM entry WHERE hidden_by = ? AND ver = 0 AND {never_sent}", (row.key,))  # noqa: S608 - names of our own


def visible(db: sqlite3.Connection, kind: EntryType, entry_id: str) -> EntryRow:
    """Return an entry that the user sees.

    Raises:
        EntryError: There is no such entry.
    """
    row = entries.find(db, kind.name, entry_id)
    if row is None or row.hidden_by is not None:
        raise EntryError(f"There is no {kind.name} {entry_id} on this phone. Nothing was changed.")
    return row
