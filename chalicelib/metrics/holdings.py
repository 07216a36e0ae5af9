"""What an export tells of the algorithm unit: its results."""

from collections.abc import Iterator
from typing import Any

from chalicelib import partition
from chalicelib.metrics.items import MetricsItem
from chalicelib.partition import CapturesRow, Kind

KINDS = (
    Kind(
        MetricsItem,
        "U#",
        MetricsItem.SK_PREFIX,
        section="captures/metrics",
        told=("v", "state", "result", "reason", "computed_at"),
    ),
)
"""All classes of items of this domain."""


def records(user_id: str, after: str | None) -> Iterator[list[tuple[str, str, dict[str, Any]]]]:
    """Yield, in pages, each row's sort key, its section and what is told of it."""
    (kind,) = KINDS
    for found in partition.pages(CapturesRow, f"U#{user_id}", MetricsItem.SK_PREFIX, after):
        yield [(row.sk, kind.section, kind.tell(row)) for row in found]
