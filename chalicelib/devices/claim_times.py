"""When a claim on a device may begin (docs/decisions/0019-devices-and-ownership.md)."""

from datetime import UTC, datetime, timedelta

from chalicelib.devices import store
from chalicelib.errors import FieldError, InvalidRequest, Problem

LONGEST_AGO = timedelta(days=90)
"""How far back a claim may begin: long enough for a season's captures that waited, and no licence to fish for more."""
CLOCKS_DIFFER = timedelta(minutes=5)
"""A phone's clock may be so far ahead: what it calls now is now."""


class ClaimOverlaps(Problem):
    """The device was claimed at that time already."""

    status = 409
    name = "claim-overlaps"


def now() -> datetime:
    """Return the time by the server's clock."""
    return datetime.now(UTC)


def beginning(wanted: datetime | None, free_since: str | None) -> str:
    """Return when a claim begins, in the form that is kept.

    Args:
        wanted: What was asked for, None for now.
        free_since: When the claim before it ended, None when there was none.

    Raises:
        InvalidRequest: It is in the future, or too long ago.
        ClaimOverlaps: The device was claimed then.
    """
    present = now()
    if wanted is not None and wanted > present + CLOCKS_DIFFER:
        raise _misfit("A claim cannot begin in the future.")
    if wanted is None or wanted >= present:
        # Two servers' clocks may differ: a claim of now is never refused for the release of a moment ago.
        return max(store.kept_form(present), free_since or "")
    return _past_beginning(wanted, free_since)


def _past_beginning(wanted: datetime, free_since: str | None) -> str:
    if wanted < now() - LONGEST_AGO:
        raise _misfit(f"A claim begins at most {LONGEST_AGO.days} days ago.")
    begins = store.kept_form(wanted)
    if free_since is not None and begins < free_since:
        raise ClaimOverlaps("Leave `from` out to claim it from now on, or name a later time.")
    return begins


def _misfit(detail: str) -> InvalidRequest:
    return InvalidRequest(f"$.from: {detail}", errors=(FieldError("$.from", detail),))


def earlier(current: str, wanted: datetime, not_before: str | None) -> str:
    """Return an earlier beginning of a claim, in the form that is kept.

    Args:
        current: When it begins now.
        wanted: What was asked for.
        not_before: When the claim before it ended, None when there was none.

    Raises:
        InvalidRequest: It is later, or too long ago.
        ClaimOverlaps: The device was claimed then.
    """
    # Compared, not converted: a moment at either end of the calendar is in no other zone.
    begins = datetime.fromisoformat(current)
    if wanted == begins:
        return current
    if wanted > begins:
        raise _misfit("A claim can begin earlier, not later: what came since then is in your account.")
    return _past_beginning(wanted, not_before)
