"""Reading single entries as everyone sees them: what was deleted is not there, nor what belongs to it.

Descendants of what was deleted become tombstones by a job. While there are none to be made, which the head says, a live
entry is all that must be looked at.
"""

from collections.abc import Iterable

from chalicelib.accounts.closing import AccountClosing, check_open
from chalicelib.errors import NotFound
from chalicelib.scorebook import store
from chalicelib.scorebook.entry_types import type_of
from chalicelib.scorebook.merging import Row
from chalicelib.scorebook.rows import CLOSED, Head, Key

_SESSION = 1


def open_head(user_id: str) -> Head | None:
    """Return the head of a user's feed; None before the first write.

    Raises:
        AccountClosing: The account is being deleted, or was.
    """
    head = store.find_head(user_id)
    if head is None:
        check_open(user_id)
    elif head.state == CLOSED:
        raise AccountClosing("There is nothing to be had of this account any more.")
    return head


def find(user_id: str, key: Key) -> Row:
    """Return an entry that is there.

    Raises:
        NotFound: It is not there, was deleted, or what it belongs to was; one of another user looks the same.
        AccountClosing: The account is being deleted, or was.
    """
    head = open_head(user_id)
    row = None if head is None else store.find_row(user_id, key)
    if head is None or row is None or not visible(user_id, head, [row]):
        raise missing(key)
    return row


def missing(key: Key) -> NotFound:
    """Return the problem of an entry that is not there."""
    return NotFound(f"There is no such {key[0]} in your account.")


def visible(user_id: str, head: Head, rows: Iterable[Row]) -> list[Row]:
    """Return those of some entries that are live and belong to what is live.

    Args:
        user_id: Whose.
        head: The head as it was before they were read.
        rows: The entries.
    """
    live = [row for row in rows if not row.deleted]
    if not head.sweeping or not live:
        return live
    parents = store.find_rows(user_id, {key for row in live for key in _above(row)})
    return [row for row in live if all(_is_live(parents[key]) for key in _above(row))]


def _is_live(row: Row | None) -> bool:
    return row is not None and not row.deleted


def _above(row: Row) -> list[Key]:
    """Return what an entry belongs to, the session of a frame's game included."""
    named = {kind: row.fields.get(name) for name, kind in type_of(row.type).parents.items()}
    if row.type == "frame" and row.tree is not None:
        named["session"] = row.tree.split("#")[_SESSION]
    return [(kind, parent_id) for kind, parent_id in named.items() if parent_id is not None]
