"""When a shot began, as far as that can be known. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

EARLIEST_START = datetime(2020, 1, 1, tzinfo=UTC)
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
CLOCKS_DIFFER = timedelta(minutes=5)


def start_time(provenance: Mapping[str, Any] | None, received_at: datetime) -> datetime:
    """Return when a shot began: the sender's word while it can be true, else when the capture was received.

    It can be true when it is RFC 3339 with an offset, not of the time before there were such devices, and not of the
    future by more than the sender's clock may be wrong.
    """
    said = str((provenance or {}).get("started_at"))
    try:
        claimed = datetime.fromisoformat(said.upper()) if _RFC_3339.fullmatch(said) else None
    except ValueError:
        claimed = None
    # What cannot be true is kept as it was sent, and counts for nothing.
    is_plausible = claimed is not None and EARLIEST_START <= claimed <= received_at + CLOCKS_DIFFER
    return claimed.astimezone(UTC) if claimed is not None and is_plausible else received_at
