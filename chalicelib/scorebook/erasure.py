"""Taking a user out of the scorebook: the head is closed first, so that no write comes after it."""

from chalicelib import partition
from chalicelib.scorebook import rows, store
from chalicelib.scorebook.items import HeadItem, ScorebookRow

close = store.close_head


def sweep(user_id: str) -> None:
    """Remove everything of a user whose account is closed, the closed head last.

    Without the head a write would make one, and for that the account must be open.
    """
    store.close_head(user_id)
    key = rows.partition(user_id)
    partition.sweep(ScorebookRow, key, keep=lambda row: row.sk == HeadItem.SK)
    partition.sweep(ScorebookRow, key)
