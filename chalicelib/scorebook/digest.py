"""The checksum of everything, kept with the head: a job, at most once a day for a user.

It reads every entry, so no request does it. As long as nothing is written after it, every pull can tell it for nothing.
"""

import time

from chalicelib.scorebook import rows, store
from chalicelib.scorebook.checksum import checksum_of
from chalicelib.scorebook.merging import MICROS
from chalicelib.scorebook.rows import OPEN, Head

_DAY = 24 * 3600 * MICROS


def is_due(head: Head, now: int) -> bool:
    """Return whether the checksum is to be computed: it is not known, and was not tried within the last day."""
    return head.digest_seq != head.n and not head.sweeping and now - head.digest_at >= _DAY


def refresh(user_id: str) -> None:
    """Compute the checksum, if it is due, and keep it with the head, unless something was written meanwhile."""
    head, now = store.find_head(user_id), time.time_ns() // 1000
    if head is None or head.state != OPEN or not is_due(head, now):
        return
    live = [
        (rows.entry_key(item["sk"]["S"])[1], int(item["ver"]["N"]))
        for item in store.all_entries(user_id)
        if "deleted" not in item
    ]
    store.keep_digest(user_id, head, checksum_of(live), now)
