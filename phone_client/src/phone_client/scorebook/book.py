"""The scorebook as an app uses it: every operation is on this phone and needs no network."""

import sqlite3
from collections.abc import Callable, Iterable

from phone_client.database import Database, Fields, Value, entries, outbox, sync_state
from phone_client.scorebook import editing, reading
from phone_client.scorebook.ids import Ids, checked_id
from phone_client.scorebook.reading import Entry


class Scorebook:
    """The entries of a phone, for any number of threads.

    What a method has written is on the disk when it returns, with what has to be sent to the server.

    Args:
        database: The phone's database.
        ids: Makes ids; its clock, set right by the server's, is the one that edits are told by.
        on_edit: Called after each edit, such as `BackgroundSync.wake`.
    """

    def __init__(
        self, database: Database, ids: Ids | None = None, on_edit: Callable[[], object] = lambda: None
    ) -> None:
        self._database = database
        self._ids = ids or Ids()
        self._on_edit = on_edit

    def add(self, type_name: str, entry_id: str | None = None, **fields: Value) -> str:
        """Add an entry and return its id.

        Args:
            type_name: Its type, such as `game`.
            entry_id: Its id; by default a new one.
            fields: What it says.

        Raises:
            EntryError: It cannot be written like this; nothing was changed.
        """
        return self.add_all([(type_name, entry_id, fields)])[0]

    def add_all(self, new: Iterable[tuple[str, str | None, Fields]]) -> list[str]:
        """Add entries, all or none, and return their ids; each is a type, an id or None, and fields."""
        ids = []
        with self._database.transaction() as db:
            for type_name, entry_id, fields in new:
                own_id = self._ids.new() if entry_id is None else checked_id(entry_id)
                editing.create(db, editing.known_type(type_name), own_id, fields, self._now(db))
                ids.append(own_id)
        self._on_edit()
        return ids

    def change(self, type_name: str, entry_id: str, fields: Fields) -> bool:
        """Change some fields of an entry; a None takes a field away.

        Returns:
            Whether there was anything to change.

        Raises:
            EntryError: There is no such entry, or it cannot be written like this; nothing was changed.
        """
        with self._database.transaction() as db:
            is_changed = editing.change(db, editing.known_type(type_name), entry_id, fields, self._now(db))
        self._on_edit()
        return is_changed

    def replace(self, type_name: str, entry_id: str, fields: Fields) -> bool:
        """Change an entry to hold exactly these fields; errors as of `change`."""
        with self._database.transaction() as db:
            kind = editing.known_type(type_name)
            shown = reading.get(db, kind, entry_id)
            gone = dict.fromkeys(name for name in (shown.fields if shown else {}) if name in kind.fields)
            is_changed = editing.change(db, kind, entry_id, {**gone, **fields}, self._now(db))
        self._on_edit()
        return is_changed

    def delete(self, type_name: str, entry_id: str) -> None:
        """Delete an entry and what stands below it.

        Raises:
            EntryError: There is no such entry.
        """
        with self._database.transaction() as db:
            editing.delete(db, editing.known_type(type_name), entry_id, self._now(db))
        self._on_edit()

    def get(self, type_name: str, entry_id: str) -> Entry | None:
        """Return an entry, None when there is none or it is deleted."""
        with self._database.reading() as db:
            return reading.get(db, editing.known_type(type_name), entry_id)

    def knows(self, type_name: str, entry_id: str) -> bool:
        """Return whether this phone has an entry of this id, also a deleted one that the server has not heard of."""
        with self._database.reading() as db:
            return entries.find(db, type_name, entry_id) is not None

    def every(self, type_name: str, order: tuple[str, ...] = (), **links: str) -> list[Entry]:
        """Return the entries of a type.

        Args:
            type_name: The type.
            order: The fields to sort by, a minus before those that go downwards.
            links: What some fields have to hold, such as `session_id="..."`.
        """
        with self._database.reading() as db:
            return list(reading.walk(db, editing.known_type(type_name), links, order))

    def unsent(self) -> int:
        """Return how many changes the server has not acknowledged."""
        with self._database.reading() as db:
            return outbox.unsent_count(db)

    def _now(self, db: sqlite3.Connection) -> str:
        return sync_state.now_text(db, self._ids.now_s())
