"""Entries as the user sees them."""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from phone_client.database import EntryType, Fields, entries, outbox
from phone_client.database.typed_rows import to_fields

_BATCH = 500
# The waiting and the sent changes have an index each; asked for together they would be read one by one for each entry.
_IS_UNSENT = " OR ".join(
    f"EXISTS (SELECT 1 FROM outbox AS o WHERE o.entry = e.entry AND o.batch_id {which})"  # noqa: S608 - as it stands
    for which in ("IS NULL", "IS NOT NULL")
)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as the user sees it.

    Attributes:
        type: Its type.
        id: Its id.
        fields: What it says; a field without a value is not there.
        ver: The server's version, 0 while the server has none.
        is_unsent: Whether the server has not acknowledged all of it.
    """

    type: str
    id: str
    fields: Fields
    ver: int = 0
    is_unsent: bool = False


def get(db: sqlite3.Connection, kind: EntryType, entry_id: str) -> Entry | None:
    """Return an entry, None when there is none or the user has deleted it."""
    row = entries.find(db, kind.name, entry_id)
    if row is None or row.hidden_by is not None:
        return None
    is_unsent = bool(outbox.waiting(db, row.entry) or outbox.sent(db, row.entry))
    return Entry(kind.name, row.id, entries.shown(db, row), row.ver, is_unsent)


def walk(db: sqlite3.Connection, kind: EntryType, links: Mapping[str, str], order: tuple[str, ...]) -> Iterator[Entry]:
    """Return the entries of a type, read in parts.

    Args:
        db: The database.
        kind: The type.
        links: What some fields have to hold, such as the session of a game.
        order: The fields to sort by, a minus before those that go downwards; then by id.
    """
    columns = ", ".join(f"t.{name}" for name in kind.fields)
    conditions = "".join(f" AND t.{_checked(kind, name)} = ?" for name in links)
    sorting = ", ".join((*(_sorting(kind, name) for name in order), "e.id"))
    query = (
        f"SELECT e.id, e.ver, e.extra, {_IS_UNSENT}, {columns} "  # noqa: S608 - names of our own
        f"FROM {kind.name} AS t JOIN entry AS e USING (entry) "
        f"WHERE e.hidden_by IS NULL{conditions} ORDER BY {sorting}"
    )
    cursor = db.execute(query, tuple(links.values()))
    while rows := cursor.fetchmany(_BATCH):
        for entry_id, ver, extra, is_unsent, *row in rows:
            yield Entry(kind.name, entry_id, to_fields(kind, row, extra), ver, bool(is_unsent))


def _checked(kind: EntryType, name: str) -> str:
    if name not in kind.fields:
        raise KeyError(name)
    return name


def _sorting(kind: EntryType, name: str) -> str:
    field = _checked(kind, name.removeprefix("-"))
    return f"t.{field} DESC" if name.startswith("-") else f"t.{field}"
