"""From older versions of the items of captures to today's (`chalicelib.versions`)."""

import json
from datetime import datetime

from chalicelib.captures.start_times import start_time
from chalicelib.versions import RawItem


def capture_with_start(row: RawItem) -> None:
    """From 1 to 2: when the shot began, and of a bridge's capture whose bridge it was.

    Before there were inboxes a bridge was its owner's own, and all that it brought went into the owner's account.
    """
    provenance = json.loads(row["provenance"]["S"]) if "S" in row.get("provenance", {}) else None
    begun = start_time(provenance, datetime.fromisoformat(row["received_at"]["S"]))
    row.setdefault("start_at", {"S": begun.isoformat(timespec="microseconds")})
    _name_the_bringer(row)


def ticket_with_bringer(ticket: RawItem) -> None:
    """From 1 to 2: of a bridge's ticket whose bridge it was."""
    _name_the_bringer(ticket)


def _name_the_bringer(item: RawItem) -> None:
    if "S" in item.get("bridge_id", {}):
        item.setdefault("brought_by", {"S": item["pk"]["S"].removeprefix("U#")})
        item.setdefault("bridge_kind", {"S": "personal"})
