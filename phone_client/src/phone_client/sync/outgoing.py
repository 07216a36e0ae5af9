"""Batches: made and kept before they are sent, and taken back whole when they cannot be sent like this."""

import sqlite3

import msgspec

from phone_client.database import entries, outbox
from phone_client.database.outbox import Change
from phone_client.database.sync_state import read
from phone_client.sync.messages import PushBatch, PushChange
from phone_client.sync.rebasing import rebase

LARGEST_BATCH_BYTES = 1024 * 1024


def next_batch(db: sqlite3.Connection, new_id: str, now: str) -> PushBatch | None:
    """Return the batch to send: the one that was not acknowledged, else a new one; None when nothing waits.

    Args:
        db: The database, in a transaction: the batch is to be on the disk before it is sent.
        new_id: The id of a new one.
        now: The time.
    """
    batch_id = outbox.open_batch(db)
    if batch_id is None:
        changes = outbox.ready(db, read(db).largest_batch)
        if not changes:
            return None
        batch_id = new_id
        db.execute("INSERT INTO batch (batch_id, made_at) VALUES (?, ?)", (batch_id, now))
        for change in _fitting(db, changes):
            change.batch_id = batch_id
            outbox.keep(db, change)
    return PushBatch(batch_id, tuple(_message(db, change) for change in outbox.in_batch(db, batch_id)))


def _fitting(db: sqlite3.Connection, changes: list[Change]) -> list[Change]:
    size_bytes, count = 0, 0
    for change in changes:
        size_bytes += len(msgspec.json.encode(_message(db, change)))
        if count and size_bytes > LARGEST_BATCH_BYTES:
            break
        count += 1
    return changes[:count]


def _message(db: sqlite3.Connection, change: Change) -> PushChange:
    row = entries.by_number(db, change.entry)
    fields = msgspec.UNSET if change.op == "delete" else change.fields
    return PushChange(row.id, row.type, change.op, change.edited_at, change.base_ver or 0, fields)


def take_back(db: sqlite3.Connection, batch_id: str) -> None:
    """Undo a batch: its changes wait again, together with what was edited meanwhile."""
    for change in list(outbox.in_batch(db, batch_id)):
        wait_again(db, change)
    db.execute("DELETE FROM batch WHERE batch_id = ?", (batch_id,))


def wait_again(db: sqlite3.Connection, change: Change) -> None:
    """Let a change that was sent wait again, together with what was edited meanwhile."""
    waiting = outbox.waiting(db, change.entry)
    if waiting:
        outbox.drop(db, waiting)
        _join(change, waiting)
    change.batch_id = None
    row = entries.by_number(db, change.entry)
    if row.base is not None and not row.is_deleted_there:
        # What was pulled while it was under way, perhaps of another history, is not what it was made to.
        rebase(change, row.base, row.ver)
    outbox.keep(db, change)


def _join(change: Change, later: Change) -> None:
    change.edited_at = later.edited_at
    if later.op == "delete":
        change.op, change.fields, change.seen = "delete", {}, {}
        return
    change.fields = change.onto({}) | later.fields if change.op == "put" else change.fields | later.fields
    change.seen = later.seen | change.seen
    if change.op == "put":
        change.fields = {name: value for name, value in change.fields.items() if value is not None}
