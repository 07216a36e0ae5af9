"""What an export tells of the scorebook: entries and tombstones, and where the feed stands."""

from collections.abc import Iterator
from typing import Any

import msgspec

from chalicelib import partition
from chalicelib.partition import Kind, Row, kind_of
from chalicelib.scorebook import rows
from chalicelib.scorebook.items import BatchItem, EntryItem, HeadItem, ScorebookRow, SweepItem

KINDS = (
    Kind(
        HeadItem,
        "U#",
        HeadItem.SK,
        section="scorebook/head",
        told=("v", "n", "at", "state", "live", "sweeping", "digest"),
        withheld=("prev", "epoch", "min_seq", "digest_seq", "digest_at"),
    ),
    Kind(
        EntryItem,
        "U#",
        EntryItem.SK_PREFIX,
        section="scorebook/entries",
        told=(
            "v",
            "ver",
            "deleted",
            "fields",
            "created",
            "field_vers",
            "field_times",
            "updated",
            "expires_at",
        ),
        withheld=("seq", "tree"),
    ),
    Kind(
        BatchItem,
        "U#",
        BatchItem.SK_PREFIX,
        section="scorebook/pushes",
        told=("v", "outcomes", "expires_at"),
        withheld=("digest", "begins"),
    ),
    Kind(SweepItem, "U#", SweepItem.SK_PREFIX, section="scorebook/deletions", told=("v",), withheld=("below",)),
)
"""All classes of items of this domain; withheld is what only orders the feed and the tree, and its random marks."""
_JSON = ("fields", "field_vers", "field_times", "outcomes")


def records(user_id: str, after: str | None) -> Iterator[list[tuple[str, str, dict[str, Any]]]]:
    """Yield, in pages, each row's sort key, its section and what is told of it.

    Args:
        user_id: Whose.
        after: Only those behind this sort key.
    """
    for found in partition.pages(ScorebookRow, rows.partition(user_id), after=after):
        yield [(row.sk, (kind := kind_of(KINDS, row.raw)).section, _tell(kind, row)) for row in found]


def _tell(kind: Kind, row: Row) -> dict[str, Any]:
    """Return what is told of a row, and what is kept as JSON as what it says."""
    return {
        name: msgspec.json.decode(value) if name in _JSON and value is not None else value
        for name, value in kind.tell(row).items()
    }
