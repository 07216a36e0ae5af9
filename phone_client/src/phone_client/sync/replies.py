"""The reply to a batch: it acknowledges exactly what was in the batch, and what was edited meanwhile stays."""

import sqlite3
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from phone_client.database import Fields, entries, held_changes, outbox
from phone_client.database import sync_state as states
from phone_client.database.entries import EntryRow
from phone_client.database.held_changes import HeldChange, Reason
from phone_client.database.outbox import Change
from phone_client.errors import WrongAnswerError
from phone_client.scorebook.editing import forget, is_same
from phone_client.sync.losses import Want, find_want
from phone_client.sync.messages import PushReply, PushResult, ServerEntry
from phone_client.sync.outgoing import wait_again
from phone_client.sync.rebasing import show, take, without_nulls

DEFAULT_BATCH = 200


class Fate(Enum):
    """What becomes of a change that was sent."""

    TAKEN = "taken"
    HELD = "held"
    SENT_AGAIN = "sent again"
    LOST = "sent again after a pull of everything"


@dataclass(slots=True)
class Settled:
    """What became of the changes of a batch.

    Attributes:
        taken: How many the server took, merged ones among them.
        held: How many wait for the user's decision.
        lost: How many wait for a pull of everything, for the server has lost what they change or need.
    """

    taken: int = 0
    held: int = 0
    lost: int = 0


def take_reply(
    db: sqlite3.Connection, batch_id: str, reply: PushReply, now: str, *, may_pull_all: bool = False
) -> Settled:
    """Take in the reply to a batch, in one transaction.

    Args:
        db: The database, in a transaction.
        batch_id: The batch.
        reply: The reply.
        now: The time.
        may_pull_all: Whether a pull of everything may begin when the server is found to have lost something. It cannot
            help a second time, so then the change is held.

    Raises:
        WrongAnswerError: It does not answer for each change; nothing was taken in.
    """
    settled = Settled()
    if outbox.open_batch(db) != batch_id:
        return settled  # another process had the same reply
    state = states.read(db)
    results = {(result.type, result.id): result for result in reply.results}
    for change in list(outbox.in_batch(db, batch_id)):
        row = entries.by_number(db, change.entry)
        result = results.get((row.type, row.id))
        if result is None:
            raise WrongAnswerError(f"The server does not say what became of {row.type} {row.id}. It is sent again.")
        if result.status != "rejected":
            # The server has it, whether or not a pull of everything that is going on was early enough to bring it.
            row.run = state.run
        fate = _settle(db, row, change, result, now, may_pull_all=may_pull_all)
        settled.taken += fate is Fate.TAKEN
        settled.held += fate is Fate.HELD
        settled.lost += fate is Fate.LOST
    db.execute("DELETE FROM batch WHERE batch_id = ?", (batch_id,))
    state.batches_acknowledged += 1
    state.largest_batch = min(DEFAULT_BATCH, state.largest_batch * 2)
    if settled.lost:
        state.begin_full_pull()
    states.write(db, state)
    return settled


def reject(db: sqlite3.Connection, batch_id: str, problem: Fields, now: str) -> Settled:
    """Hold the only change of a batch that the server refuses whole."""
    (change,) = outbox.in_batch(db, batch_id)
    row = entries.by_number(db, change.entry)
    result = PushResult(row.id, row.type, "rejected", problem=problem)
    return take_reply(db, batch_id, PushReply((result,)), now)


def _settle(
    db: sqlite3.Connection, row: EntryRow, sent: Change, result: PushResult, now: str, *, may_pull_all: bool
) -> Fate:
    """Settle one change."""
    outbox.drop(db, sent)
    want = find_want(db, row, sent, result.problem) if result.status == "rejected" else None
    if want is Want.UNSENT or (want is Want.LOST and may_pull_all):
        wait_again(db, sent)
        return Fate.SENT_AGAIN if want is Want.UNSENT else Fate.LOST
    match result.status:
        case "applied" | "duplicate":
            _take_applied(db, row, sent, result.status, result.ver or 0)
            return Fate.TAKEN
        case "merged":
            return _take_merged(db, row, sent, result, now)
        case "conflict":
            return _take_conflict(db, row, sent, result.server, now)
        case "rejected":
            return _take_rejected(db, row, sent, result.problem, now)
    raise WrongAnswerError(f"The server says {result.status} of {row.type} {row.id}, which this client does not know.")


def _take_applied(db: sqlite3.Connection, row: EntryRow, sent: Change, status: str, ver: int) -> None:
    if sent.op == "delete":
        forget(db, row)
        return
    is_news, was_deleted = ver > row.ver, row.is_deleted_there
    is_exact = status == "duplicate" or (ver == (sent.base_ver or 0) + 1 and not was_deleted)
    if is_news or was_deleted:
        # A deletion comes without fields: what was sent is a part of what the entry said before it.
        row.base = sent.onto(row.base or {})
    if is_news:
        row.ver, row.is_deleted_there = ver, False
    if is_exact:
        _count_from(db, sent, ver)
    # Otherwise a pull has brought this or a later version already.
    show(db, row)
    if is_news and not is_exact:
        # It came back from a deletion, perhaps with what others had written before that: the next pull is to bring it.
        row.ver = ver - 1
        entries.keep(db, row)


def _count_from(db: sqlite3.Connection, sent: Change, ver: int) -> None:
    """Let what was written behind a change count from it: nobody else had written before that one, so it was seen."""
    waiting = outbox.waiting(db, sent.entry)
    if waiting and waiting.base_ver in (None, sent.base_ver or 0):
        waiting.base_ver = ver
        outbox.keep(db, waiting)


def _take_merged(db: sqlite3.Connection, row: EntryRow, sent: Change, result: PushResult, now: str) -> Fate:
    server = result.server
    if _is_gone(row, server):
        return _hold_whole(db, row, sent, now)
    if server and server.ver > row.ver:
        take(db, row, server)
        return Fate.TAKEN
    if server is None and (result.ver or 0) > row.ver:
        # The reply of a repeated batch may come without the entry. The next pull brings it; until then this is shown.
        row.base = sent.onto(row.base or {})
    show(db, row)
    return Fate.TAKEN


def _take_conflict(db: sqlite3.Connection, row: EntryRow, sent: Change, server: ServerEntry | None, now: str) -> Fate:
    if _is_gone(row, server):
        return _hold_whole(db, row, sent, now)
    if sent.op == "delete":
        entries.unhide(db, row.key)
        row.hidden_by = None
    if server and server.ver > row.ver:
        row.ver, row.base = server.ver, without_nulls(server.fields)
    contested = _contested(row.base or {}, sent)
    if contested or sent.op == "delete":
        _hold(db, row, replace(sent, fields=contested), "conflict", now)
    if sent.op == "patch":
        _send_uncontested(db, row, sent, contested)
    if row.ver:
        show(db, row)
    # A new entry that met one whose row the reply does not show stays as the user wrote it until a pull brings that.
    return Fate.HELD if contested or sent.op == "delete" else Fate.SENT_AGAIN


def _contested(base: Fields, sent: Change) -> Fields:
    """Return the fields of a change that another phone has changed as well, to something else.

    Whoever made an entry saw nothing of the one that another phone made of the same id: all that differs is contested.
    """
    return {
        name: value
        for name, value in sent.fields.items()
        if not is_same(base.get(name), value) and (sent.op == "put" or not is_same(base.get(name), sent.seen.get(name)))
    }


def _is_gone(row: EntryRow, server: ServerEntry | None) -> bool:
    """Whether the server has deleted an entry, also when the reply had no room for its row and a pull has told it."""
    return server.deleted if server else row.is_deleted_there


def _send_uncontested(db: sqlite3.Connection, row: EntryRow, sent: Change, contested: Fields) -> None:
    """Send again, as a change of the server's version, what the server refused only for what stood beside it."""
    base = row.base or {}
    spared = {name: value for name, value in sent.fields.items() if name not in contested}
    waiting = outbox.waiting(db, row.entry)
    if waiting is None and all(is_same(base.get(name), value) for name, value in spared.items()):
        return
    change = waiting or Change(row.entry, "patch", sent.edited_at)
    if change.op == "patch":
        change.fields = spared | change.fields
        change.seen |= {name: base.get(name) for name in spared}
        outbox.keep(db, change)


def _take_rejected(
    db: sqlite3.Connection, row: EntryRow, sent: Change, problem: dict[str, Any] | None, now: str
) -> Fate:
    waiting = outbox.waiting(db, row.entry)
    if row.ver == 0 and waiting and waiting.op == "delete":
        forget(db, row)
        return Fate.TAKEN
    if row.ver == 0 and waiting:
        # What was edited meanwhile may have put it right: all of it is sent again.
        waiting.op, waiting.seen, waiting.base_ver = "put", {}, 0
        waiting.fields = waiting.onto(sent.fields)
        outbox.keep(db, waiting)
        return Fate.SENT_AGAIN
    if row.is_deleted_there and sent.op != "delete":
        # Such as a score in a game that is deleted with its session. It goes from here, so all of it is kept.
        return _hold_whole(db, row, sent, now)
    _hold(db, row, sent, "rejected", now, problem)
    if sent.op == "delete":
        entries.unhide(db, row.key)
        row.hidden_by = None
    if row.ver:
        show(db, row)
    # An entry that the server has none of stays as the user wrote it.
    return Fate.HELD


def _hold_whole(db: sqlite3.Connection, row: EntryRow, sent: Change, now: str) -> Fate:
    """Hold all of an entry that is gone while the user changed it, so that it can be made anew."""
    waiting = outbox.waiting(db, row.entry)
    is_wanted = waiting is None or waiting.op != "delete"
    if is_wanted:
        whole = Change(row.entry, "put", sent.edited_at, outbox.over(row.base or {}, sent, waiting))
        _hold(db, row, whole, "deleted", now)
    forget(db, row)
    return Fate.HELD if is_wanted else Fate.TAKEN


def _hold(
    db: sqlite3.Connection,
    row: EntryRow,
    change: Change,
    reason: Reason,
    now: str,
    problem: dict[str, Any] | None = None,
) -> None:
    held = HeldChange(row.type, row.id, reason, change.op, change.fields, change.edited_at, now, problem or {})
    held_changes.hold(db, held)
