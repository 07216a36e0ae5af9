"""Giving a client what changed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib import jobs
from chalicelib.accounts.closing import AccountClosing, check_open
from chalicelib.scorebook import cursor as cursors
from chalicelib.scorebook import digest, rows, store
from chalicelib.scorebook.checksum import checksum_of
from chalicelib.scorebook.cursor import Cursor
from chalicelib.scorebook.items import EntryItem
from chalicelib.scorebook.merging import MICROS
from chalicelib.scorebook.model import LARGEST_REPLY_BYTES, PullQuery, PullReply
from chalicelib.scorebook.pushing import checksum_at, count_of
from chalicelib.scorebook.rows import CLOSED, Head
from chalicelib.scorebook.views import view_of_item
from chalicelib.versions import RawItem

SETTLES_IN = 10 * MICROS
"""After a write, some of its rows may still read as before for a moment, though the head reads as after it."""
FEW = 250
"""Entries and tombstones: so many are read for a checksum."""
_SWEEP_AGAIN_AFTER = 60 * MICROS


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the feed.

    Attributes:
        after: The sequence that it begins after.
        items: The entries, as plain items of today's form.
        is_cut: Whether there may be more.
    """

    after: int
    items: Sequence[RawItem]
    is_cut: bool


def pull(user_id: str, query: PullQuery) -> PullReply:
    """Return what changed since a cursor.

    Raises:
        InvalidQuery: The cursor is no cursor.
        AccountClosing: The account is being deleted, or was.
    """
    cursor = None if query.cursor is None else cursors.decode(query.cursor)
    now = time.time_ns() // 1000
    head = store.find_head(user_id)
    if head is None:
        check_open(user_id)
        return _empty(cursor, now)
    if head.state == CLOSED:
        raise AccountClosing("There is nothing to be had of this account any more.")
    if head.sweeping and now - head.at > _SWEEP_AGAIN_AFTER:
        jobs.send(jobs.Job(jobs.DESCENDANTS, user_id))
    is_reset = cursor is not None and not _is_of(cursor, head, now)
    after = 0 if cursor is None or is_reset else cursor.seq
    page = _read(user_id, after, head.n, query.limit)
    until = settled_until(page, head, now)
    count, checksum = _integrity(user_id, page, head) if until == head.n else (None, None)
    if page.items and until == head.n > FEW and checksum is None and digest.is_due(head, now):
        jobs.send(jobs.Job(jobs.DIGEST, user_id))
    return PullReply(
        changes=tuple(view_of_item(item) for item in page.items),
        cursor=cursors.encode(head.epoch, until, now // MICROS),
        more=page.is_cut and after < until < head.n,
        reset=is_reset,
        count=count,
        checksum=checksum,
    )


def _empty(cursor: Cursor | None, now: int) -> PullReply:
    is_reset = cursor is not None and cursor.epoch != cursors.NO_EPOCH
    text = cursors.encode(cursors.NO_EPOCH, 0, now // MICROS)
    return PullReply((), text, more=False, reset=is_reset, count=0, checksum=checksum_of(()))


def _is_of(cursor: Cursor, head: Head, now: int) -> bool:
    """Return whether a cursor is a place in this feed from which nothing is missed."""
    if cursor.seq == 0 and cursor.epoch == cursors.NO_EPOCH:
        return True
    is_known = cursor.epoch == head.epoch and cursor.schema == cursors.SCHEMA
    return is_known and head.min_seq <= cursor.seq <= head.n and not cursor.is_too_old(now // MICROS)


def _read(user_id: str, after: int, until: int, limit: int) -> Page:
    """Read a part of the feed, as many entries as are asked for and have room in a reply."""
    room = LARGEST_REPLY_BYTES
    items: list[RawItem] = []
    for item in store.changed_between(user_id, after, until, limit):
        entry = rows.today(EntryItem, item)
        room -= len(entry["fields"]["S"].encode())
        if room < 0 and items:
            return Page(after, items, is_cut=True)
        items.append(entry)
    return Page(after, items, is_cut=len(items) == limit and seq_of(items[-1]) < until)


def seq_of(item: RawItem) -> int:
    """Return where a plain item stands in the feed."""
    return int(item["seq"]["N"])


def settled_until(page: Page, head: Head, now: int) -> int:
    """Return the sequence up to which a client has everything once it has this page.

    While the last write is young, that is where it began; or further, where the page shows each of its rows: they have
    the sequences from there on, without a gap.
    """
    end = seq_of(page.items[-1]) if page.is_cut else head.n
    if now - head.at >= SETTLES_IN or end <= head.prev:
        return end
    seen = {seq_of(item) for item in page.items}
    until = max(page.after, head.prev)
    while until < end and until + 1 in seen:
        until += 1
    return until


def _integrity(user_id: str, page: Page, head: Head) -> tuple[int | None, str | None]:
    """Return the count and the checksum of what a client has that has everything, as far as they are known."""
    known = count_of(head), checksum_at(head)
    if not page.items:
        return known
    now = store.find_head(user_id)
    if head.sweeping or now is None or now.n != head.n:
        # An entry that was changed meanwhile has left the page for a later one.
        return None, None
    if known[1] is None and page.after == 0:
        return _of_items(page.items)
    if known[1] is None and head.n <= FEW:
        return _of_items(list(store.all_entries(user_id)))
    return known


def _of_items(items: Sequence[RawItem]) -> tuple[int, str]:
    live = {rows.entry_key(item["sk"]["S"]): int(item["ver"]["N"]) for item in items if "deleted" not in item}
    return len(live), checksum_of((entry_id, ver) for (_, entry_id), ver in live.items())
