"""The end of a pull of everything: what it did not bring is no more, unless it is unsent."""

import sqlite3

from phone_client.database import entries, outbox
from phone_client.database.entries import EntryRow
from phone_client.database.outbox import Change
from phone_client.scorebook.editing import forget
from phone_client.sync.outgoing import take_back

_MISSING = "ver > 0 AND run < ?"
_UNSENT = "EXISTS (SELECT 1 FROM outbox AS o WHERE o.entry = entry.entry)"


def sweep(db: sqlite3.Connection, run: int) -> None:
    """Remove the entries that a pull of everything did not bring; those with unsent edits are sent as new ones.

    Args:
        db: The database, in a transaction.
        run: The number of the pull.
    """
    db.execute(f"DELETE FROM entry WHERE {_MISSING} AND NOT {_UNSENT}", (run,))  # noqa: S608 - texts of our own
    numbers = db.execute(f"SELECT entry FROM entry WHERE {_MISSING}", (run,)).fetchall()  # noqa: S608 - the same
    unsent = [entries.by_number(db, number) for (number,) in numbers]
    batch_id = outbox.open_batch(db)
    if batch_id is not None and any(outbox.sent(db, row.entry) for row in unsent):
        # The server knows nothing of what it counts from: its changes go out anew, under another id.
        take_back(db, batch_id)
    for row in unsent:
        _send_anew(db, row)


def _send_anew(db: sqlite3.Connection, row: EntryRow) -> None:
    waiting = outbox.waiting(db, row.entry)
    if waiting is None or waiting.op == "delete":
        forget(db, row)
        return
    shown = entries.shown(db, row)
    row.ver, row.base, row.is_deleted_there = 0, None, False
    entries.keep(db, row)
    whole = Change(row.entry, "put", waiting.edited_at, shown, base_ver=0, number=waiting.number)
    outbox.keep(db, whole)
