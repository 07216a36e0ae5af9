"""Captures from before there was a scorebook: each is put into its user's feed, as new ones are when they arrive."""

from chalicelib.accounts.closing import AccountClosing
from chalicelib.captures.items import CaptureItem
from chalicelib.captures.places import is_inbox
from chalicelib.metrics import publishing
from chalicelib.metrics import store as metrics
from chalicelib.scorebook import store as scorebook
from chalicelib.scorebook.busy import ScorebookBusy
from chalicelib.scorebook.entry_types import CAPTURE
from chalicelib.versions import RawItem
from maintenance.walk import CHANGED, Deed, Pace

CAPTURES = "captures"
WITHOUT_RESULT = "captures without a result of today's algorithm: left as they are"
OTHERS = "other items: left as they are"
_UNITS = 12.0
"""What it takes to look for the result and the entry, and to write the entry, its head and the outcome, about."""


def publishing_old(pace: Pace, *, is_dry: bool) -> Deed:
    """Return what is done with an item: a capture that its user's feed lacks is put there, all else stays as it is.

    Args:
        pace: How fast it may go.
        is_dry: Whether nothing is written.
    """

    def publish(item: RawItem) -> str:
        place, is_capture = item["pk"]["S"].removeprefix("U#"), item["sk"]["S"].startswith(CaptureItem.SK_PREFIX)
        if not is_capture or is_inbox(place):
            return OTHERS
        pace.spend(_UNITS)
        return _publish(place, item["sk"]["S"].removeprefix(CaptureItem.SK_PREFIX), is_dry=is_dry)

    return publish


def _publish(user_id: str, sha256: str, *, is_dry: bool) -> str:
    result = metrics.find(user_id, sha256)
    if result is None:
        return WITHOUT_RESULT
    if scorebook.find_row(user_id, (CAPTURE, sha256)) is not None:
        return f"{CAPTURES}: in the feed already"
    if is_dry:
        return f"{CAPTURES}: would be put into the feed"
    try:
        publishing.publish(user_id, sha256, result, None)
    except AccountClosing:
        return f"{CAPTURES} of an account that is being deleted: left as they are"
    except ScorebookBusy:
        return f"{CAPTURES}: {CHANGED}"
    return f"{CAPTURES}: put into the feed"
