"""After a restore of the scorebook: every user's feed gets a new epoch, so that every phone pulls everything.

What was written since the moment of the restore is gone from the table, and the sequences count on from an older one.
A cursor from before would pass over what comes under the same numbers (docs/operations.md, "The scorebook").
"""

from chalicelib.scorebook.cursor import new_epoch
from chalicelib.scorebook.items import HeadItem
from chalicelib.versions import RawItem
from maintenance.table import Table
from maintenance.walk import WRITTEN, Deed, Pace, rewrite

FEED = "feeds"
OTHERS = "other items: left as they are"


def renewing(table: Table, pace: Pace, *, is_dry: bool) -> Deed:
    """Return what is done with an item: a head gets a new epoch, all else stays as it is.

    Done twice it does no harm: a phone that began anew begins anew once more.

    Args:
        table: The scorebook.
        pace: How fast it may go.
        is_dry: Whether nothing is written.
    """

    def renew(item: RawItem) -> str:
        if item["sk"]["S"] != HeadItem.SK:
            return OTHERS
        if is_dry:
            return f"{FEED}: would get a new epoch"
        outcome = rewrite(table, pace, item, lambda found: _renewed(found, item["epoch"]))
        return f"{FEED}: {'got a new epoch' if outcome == WRITTEN else outcome}"

    return renew


def _renewed(head: RawItem, before: dict[str, str]) -> RawItem | None:
    return {**head, "epoch": {"S": new_epoch()}} if head["epoch"] == before else None
