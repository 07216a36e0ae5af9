"""The lines of the audit table that are about one user, who stands in them by a pseudonym."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib import partition
from chalicelib.accounts.holdings import KINDS
from chalicelib.accounts.items import AuditItem, UserItem
from chalicelib.partition import AccountsRow

(_KIND,) = (kind for kind in KINDS if kind.item is AuditItem)
_DAY = timedelta(days=1)


def records(user_id: str, after: str | None) -> Iterator[list[tuple[str, str, dict[str, Any]]]]:
    """Yield, day by day since the user was made, the day, the section and what is told of each line.

    Args:
        user_id: Whom they are about.
        after: Only the days behind this one.
    """
    user = partition.find(AccountsRow, f"U#{user_id}", UserItem.SK)
    pseudonym = None if user is None else user.text("pseudonym")
    if user is None or pseudonym is None:
        return
    day = datetime.fromisoformat(after or str(user.text("created_at"))).date() + (_DAY if after else timedelta())
    while day <= datetime.now(UTC).date():
        about = (AuditItem.actor == pseudonym) | (AuditItem.target == pseudonym)
        lines = AuditItem.query(f"A#{day}", filter_condition=about, consistent_read=True)
        told = [(str(day), _KIND.section, {"key": line.sk, **_told(line)}) for line in lines]
        if told:
            yield told
        day += _DAY


def _told(line: AuditItem) -> dict[str, Any]:
    return {name: getattr(line, name) for name in _KIND.told}
