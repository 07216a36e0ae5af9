"""Removing what belongs to deleted sessions and games: a job, which goes on where it stopped.

Everyone takes a descendant for deleted as soon as its parent is; the job makes tombstones of them, which the feed hands
out, and then forgets that the deletion was under way.
"""

import time
import uuid
from dataclasses import replace

from chalicelib.accounts.closing import AccountClosing
from chalicelib.scorebook import actions, rows, store
from chalicelib.scorebook.busy import ATTEMPTS, ScorebookBusy, wait
from chalicelib.scorebook.changes import Change
from chalicelib.scorebook.rows import CLOSED, Head, Key
from chalicelib.scorebook.writing import write

_AT_ONCE = 95


def sweep(user_id: str) -> int:
    """Remove what belongs to what was deleted, and return how many entries that were; done again it goes on.

    Of an account that is being deleted nothing is removed here: everything of it is.

    Raises:
        ScorebookBusy: Others wrote all the time.
    """
    removed = 0
    try:
        for key, below in store.sweeps(user_id):
            is_finished = False
            while not is_finished:
                removed += _remove_below(user_id, key, below)
                is_finished = _finish(user_id, key, below)
    except AccountClosing:
        return removed
    return removed


class _FinishedError(Exception):
    """Another job finished this deletion: what stands there now was made since, in what was brought back."""


def _remove_below(user_id: str, key: Key, position: str) -> int:
    """Make tombstones of everything below a position; those have none, so that what is left comes first."""

    def still_goes(_: Head) -> None:
        # Whoever takes the mark away moves the head, so that it is there when the tombstones are written.
        if not store.is_swept(user_id, key):
            raise _FinishedError

    removed = 0
    while found := list(store.below(user_id, position, _AT_ONCE)):
        entries = [rows.read_row(item) for item in found]
        deletions = [Change(row.id, row.type, "delete") for row in entries]
        try:
            write(user_id, deletions, guard=still_goes, known=entries, marks=False)
        except _FinishedError:
            return removed
        removed += len(entries)
    return removed


def _finish(user_id: str, key: Key, position: str) -> bool:
    """Forget that a deletion is under way, and return whether nothing is left of it to be done.

    Whoever does so a second time changes nothing.
    """
    for attempt in range(ATTEMPTS):
        head = store.find_head(user_id)
        if head is None or head.state == CLOSED or not store.is_swept(user_id, key):
            return True
        if any(store.below(user_id, position, 1)):
            # The mark is of another deletion than that whose descendants were removed.
            return False
        after = replace(head, sweeping=head.sweeping - 1)
        transaction = [actions.move_head(user_id, head, after), actions.remove(user_id, rows.sweep_key(key))]
        try:
            failed = store.write(transaction, str(uuid.uuid4()))
        except store.CollidedError:
            time.sleep(wait(attempt))
            continue
        if not failed:
            return True
        time.sleep(wait(attempt))
    raise ScorebookBusy.overloaded()
