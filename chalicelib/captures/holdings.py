"""What an export tells of the Raw database: rows, tickets, and the bytes themselves."""

from collections.abc import Iterator
from typing import Any

from chalicelib import partition
from chalicelib.captures import object_versions, rows
from chalicelib.captures.items import BroughtItem, CaptureItem, TicketItem, WaitingItem
from chalicelib.captures.places import is_inbox
from chalicelib.partition import CapturesRow, Kind, kind_of

KINDS = (
    Kind(
        CaptureItem,
        "U#",
        CaptureItem.SK_PREFIX,
        section="captures/captures",
        told=(
            "v",
            "object_key",
            "size_bytes",
            "state",
            "reason",
            "bad_pages",
            "bad_page_count",
            "device",
            "record",
            "format_version",
            "provenance",
            "bridge_id",
            "bridge_kind",
            "start_at",
            "ticket_id",
            "received_at",
        ),
        withheld=("received_key", "write_id", "brought_by"),
    ),
    Kind(
        TicketItem,
        "U#",
        TicketItem.SK_PREFIX,
        section="captures/tickets",
        told=("v", "ticket_id", "size_bytes", "provenance", "bridge_id", "bridge_kind", "open_until", "expires_at"),
        withheld=("brought_by",),
    ),
    Kind(
        BroughtItem,
        "U#",
        BroughtItem.SK_PREFIX,
        section="captures/brought",
        told=("v", "bridge_id", "brought_at"),
        withheld=("place",),
    ),
    Kind(WaitingItem, "D#", WaitingItem.SK_PREFIX, withheld=("v",)),
)
"""All classes of items of this domain.

Withheld is what only orders the list, what tells one write from another, and the ids of other users: the owner of the
bridge that brought a capture, and the account that a capture of one's own bridge belongs to.
"""
_NOT_OURS = ("M#",)
"""Results stand beside the rows and are told by their own domain."""


def records(place: str, after: str | None) -> Iterator[list[tuple[str, str, dict[str, Any]]]]:
    """Yield, in pages, each row's sort key, its section and what is told of it.

    Args:
        place: The account or the inbox.
        after: Only those behind this sort key.
    """
    folder = "inbox/" if is_inbox(place) else ""
    for found in partition.pages(CapturesRow, rows.partition(place), after=after):
        ours = [row for row in found if not row.sk.startswith(_NOT_OURS)]
        told = [(row.sk, folder + (kind := kind_of(KINDS, row.raw)).section, kind.tell(row)) for row in ours]
        if told:
            yield told


def objects(user_id: str, after: tuple[str, str] | None) -> Iterator[object_versions.ObjectVersion]:
    """Yield every version of every object of a user's account, behind the key and version given.

    The bytes of an inbox are none of them: they are for whoever had the device, and its owner may not read them; nor
    those that were delivered from there, which stay for a while as versions that are not current.
    """
    for version in object_versions.versions(rows.object_prefix(user_id), after):
        if not is_inbox(version.key.rpartition("/")[0]):
            yield version


open_version = object_versions.open_version
