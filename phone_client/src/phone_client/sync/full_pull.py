"""The end of a pull of everything: what it did not bring is no more, unless it is unsent."""

import sqlite3

from phone_client.database import ENTRY_TYPES, entries, outbox
from phone_client.database.entries import EntryRow
from phone_client.database.outbox import Change
from phone_client.database.typed_rows import to_json
from phone_client.scorebook.editing import forget
from phone_client.sync.outgoing import take_back

_MISSING = "ver > 0 AND run < ?"
_UNSENT = "entry IN (SELECT entry FROM outbox)"
# Of what is sent only because something unsent needs it, every edit by another phone is later.
_UNEDITED = "1970-01-01T00:00:00+00:00"


def sweep(db: sqlite3.Connection, run: int) -> int:
    """Remove the entries that a pull of everything did not bring.

    Those with unsent edits are sent as new ones, and so is what they need: the game and the session of an unsent shot.

    Args:
        db: The database, in a transaction.
        run: The number of the pull.

    Returns:
        How many entries that the user saw were removed.
    """
    needed = to_json([number for (number,) in db.execute(_NEEDED, {"run": run})])
    is_needed = "entry IN (SELECT value FROM json_each(?))"
    gone = f"FROM entry WHERE {_MISSING} AND NOT {_UNSENT} AND NOT {is_needed}"
    (removed,) = db.execute(f"SELECT count(*) {gone} AND hidden_by IS NULL", (run, needed)).fetchone()
    db.execute(f"DELETE {gone}", (run, needed))
    numbers = db.execute(f"SELECT entry FROM entry WHERE {_MISSING}", (run,)).fetchall()  # noqa: S608 - the same
    kept = [entries.by_number(db, number) for (number,) in numbers]
    batch_id = outbox.open_batch(db)
    if batch_id is not None and kept:
        # The server knows nothing of what it counts from or stands below: it goes out anew, under another id.
        take_back(db, batch_id)
    for row in kept:
        _send_anew(db, row)
    return int(removed)


def _send_anew(db: sqlite3.Connection, row: EntryRow) -> None:
    waiting = outbox.waiting(db, row.entry)
    if waiting and waiting.op == "delete":
        forget(db, row)
        return
    shown = entries.shown(db, row)
    row.ver, row.base, row.is_deleted_there = 0, None, False
    entries.keep(db, row)
    edited_at, number = (waiting.edited_at, waiting.number) if waiting else (_UNEDITED, 0)
    outbox.keep(db, Change(row.entry, "put", edited_at, shown, base_ver=0, number=number))


def _needed() -> str:
    steps = " UNION ".join(
        f"SELECT above.entry FROM needing JOIN {kind.name} AS t ON t.entry = needing.entry "  # noqa: S608 - names of our own
        f"JOIN entry AS above ON above.id = t.{field} AND above.type = '{parent}' "
        "WHERE above.hidden_by IS NULL AND above.ver > 0 AND above.run < :run"
        for kind in ENTRY_TYPES.values()
        for field, parent in (*kind.parents.items(), *kind.references.items())
    )
    # An entry that was rejected may be put right and sent again.
    return (
        "WITH RECURSIVE needing (entry) AS (SELECT e.entry FROM entry AS e WHERE e.hidden_by IS NULL AND ("  # noqa: S608 - names of our own
        "e.entry IN (SELECT entry FROM outbox WHERE op <> 'delete') OR e.ver = 0) "
        f"UNION {steps}) SELECT entry FROM needing"
    )


_NEEDED = _needed()
