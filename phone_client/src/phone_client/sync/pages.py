"""What to ask the server for next, and what to do with its answer."""

import sqlite3
from dataclasses import dataclass

from phone_client.database import sync_state as states
from phone_client.database.sync_state import SyncState
from phone_client.errors import WrongAnswerError
from phone_client.sync.full_pull import sweep
from phone_client.sync.incoming import take_page
from phone_client.sync.integrity import verify
from phone_client.sync.messages import PullReply


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a page.

    Attributes:
        is_last: Whether there is nothing more to pull now.
        entries: How many entries it brought.
        begins_anew: Whether everything is to be pulled from here on.
        is_same: Whether this phone has what the server has, as far as the server said.
        removed: How many entries went from here that the server has no more.
    """

    is_last: bool
    entries: int = 0
    begins_anew: bool = False
    is_same: bool = True
    removed: int = 0


def take_pull(db: sqlite3.Connection, asked: SyncState, reply: PullReply, now: str) -> Taken:
    """Take in a page of the feed and move the cursor, in one transaction.

    Args:
        db: The database, in a transaction.
        asked: How far the sync was when the page was asked for.
        reply: The page.
        now: The time.

    Raises:
        WrongAnswerError: It would lead on for ever.
    """
    state = states.read(db)
    if (state.cursor, state.run) != (asked.cursor, asked.run):
        return Taken(is_last=False)  # another process has gone on meanwhile
    begins_anew = reply.reset and asked.cursor is not None
    if begins_anew:
        # This page is the first one of everything.
        state.begin_full_pull()
    elif reply.more and reply.cursor == asked.cursor:
        raise WrongAnswerError("The server's feed leads back to itself; what came so far is good.")
    take_page(db, reply.changes, state.run, is_full_pull=state.is_full_pull)
    state.cursor = reply.cursor
    taken = Taken(is_last=False, entries=len(reply.changes), begins_anew=begins_anew)
    if not reply.more:
        taken = _end(db, state, asked, reply, taken)
        state.synced_at = now
    states.write(db, state)
    return taken


def begin_anew(db: sqlite3.Connection, asked: SyncState) -> None:
    """Pull everything, for the server does not know the cursor."""
    state = states.read(db)
    if (state.cursor, state.run) == (asked.cursor, asked.run):
        state.begin_full_pull()
        states.write(db, state)


def _end(db: sqlite3.Connection, state: SyncState, asked: SyncState, reply: PullReply, taken: Taken) -> Taken:
    after_full_pull, removed = state.is_full_pull, 0
    if after_full_pull:
        removed = sweep(db, state.run)
        state.is_full_pull = False
    is_same = True
    if state.batches_acknowledged == asked.batches_acknowledged:
        is_same = verify(db, state, reply, after_full_pull=after_full_pull)
    begins_anew = taken.begins_anew or state.is_full_pull
    return Taken(not state.is_full_pull, taken.entries, begins_anew, is_same, removed)
