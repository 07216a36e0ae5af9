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
from chalicelib.scorebook.rows import CLOSED, Key
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
            removed += _remove_below(user_id, below)
            _finish(user_id, key)
    except AccountClosing:
        return removed
    return removed


def _remove_below(user_id: str, position: str) -> int:
    """Make tombstones of everything below a position; those have none, so that what is left comes first."""
    removed = 0
    while found := list(store.below(user_id, position, _AT_ONCE)):
        entries = [rows.read_row(item) for item in found]
        write(user_id, [Change(row.id, row.type, "delete") for row in entries], known=entries, marks=False)
        removed += len(entries)
    return removed


def _finish(user_id: str, key: Key) -> None:
    """Forget that a deletion is under way; whoever does so a second time changes nothing."""
    for attempt in range(ATTEMPTS):
        head = store.find_head(user_id)
        if head is None or head.state == CLOSED:
            return
        after = replace(head, sweeping=head.sweeping - 1)
        transaction = [actions.move_head(user_id, head, after), actions.remove(user_id, rows.sweep_key(key))]
        try:
            failed = store.write(transaction, str(uuid.uuid4()))
        except store.CollidedError:
            time.sleep(wait(attempt))
            continue
        if not failed or failed[-1].index == 1:
            return
        time.sleep(wait(attempt))
    raise ScorebookBusy.overloaded()
