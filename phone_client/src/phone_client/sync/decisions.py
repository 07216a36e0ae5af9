"""What the server did not take: shown to the user, who keeps it, takes the server's, or writes something else."""

import sqlite3
from dataclasses import dataclass

from phone_client.database import Database, Fields, entries, held_changes, outbox, sync_state
from phone_client.database.held_changes import HeldChange
from phone_client.errors import UsageError
from phone_client.scorebook import editing, reading
from phone_client.scorebook.ids import Ids


@dataclass(frozen=True, slots=True)
class Held:
    """A change that waits for the user's decision.

    Attributes:
        mine: What the user wrote.
        theirs: What is there now; None when the entry is gone, or the server has none of it.
    """

    mine: HeldChange
    theirs: Fields | None


class Decisions:
    """The changes that wait for the user's decision.

    Args:
        database: The phone's database.
        ids: Makes the ids of entries that are made anew.
    """

    def __init__(self, database: Database, ids: Ids | None = None) -> None:
        self._database = database
        self._ids = ids or Ids()

    def every(self) -> list[Held]:
        """Return all of them, the oldest first, with what is there now."""
        with self._database.reading() as db:
            return [Held(held, _theirs(db, held)) for held in held_changes.every(db)]

    def keep(self, number: int, fields: Fields | None = None) -> str | None:
        """Send the user's change again, as one of what is there now.

        Args:
            number: Which.
            fields: What the user writes in its place, field by field; by default nothing else.

        Returns:
            The new id of an entry that is made anew because the server has deleted it, else None.

        Raises:
            UsageError: There is none of this number.
            EntryError: It cannot be written like this; nothing was changed.
        """
        with self._database.transaction() as db:
            held = _found(db, number)
            held_changes.drop(db, held)
            return self._send_again(db, held, held.fields | (fields or {}))

    def take(self, number: int) -> None:
        """Drop the user's change: what the server has stays.

        Raises:
            UsageError: There is none of this number.
        """
        with self._database.transaction() as db:
            held = _found(db, number)
            held_changes.drop(db, held)
            row = entries.find(db, held.type, held.id)
            if row and row.ver == 0 and not outbox.waiting(db, row.entry) and not outbox.sent(db, row.entry):
                # The server never had it.
                entries.remove(db, row)

    def _send_again(self, db: sqlite3.Connection, held: HeldChange, fields: Fields) -> str | None:
        kind, now = editing.known_type(held.type), self._now(db)
        row = entries.find(db, held.type, held.id)
        if held.op == "delete":
            if row and row.hidden_by is None:
                editing.delete(db, kind, held.id, now)
            return None
        if row and row.ver == 0 and not outbox.waiting(db, row.entry) and not outbox.sent(db, row.entry):
            editing.send_whole(db, kind, row, fields, now)
            return None
        if row and row.hidden_by is None:
            editing.change(db, kind, held.id, fields, now)
            return None
        if held.op == "patch":
            raise UsageError(
                f"The {held.type} {held.id} is deleted. Take that, or make a new one. Nothing was changed."
            )
        new_id = self._ids.new() if held.reason == "deleted" else held.id
        editing.create(db, kind, new_id, fields, now)
        return new_id

    def _now(self, db: sqlite3.Connection) -> str:
        return sync_state.now_text(db, self._ids.now_s())


def _found(db: sqlite3.Connection, number: int) -> HeldChange:
    held = held_changes.find(db, number)
    if held is None:
        raise UsageError(f"There is no change {number} that waits for a decision. Nothing was changed.")
    return held


def _theirs(db: sqlite3.Connection, held: HeldChange) -> Fields | None:
    row = entries.find(db, held.type, held.id)
    if row is None or row.ver == 0 or row.is_deleted_there:
        return None
    entry = reading.get(db, editing.known_type(held.type), held.id)
    return (row.base or entry.fields) if entry else None
