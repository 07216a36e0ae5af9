"""From what is known of bytes to a row, and from a row to what the API shows. Pure."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from chalicelib.captures.items import CaptureItem, TicketItem
from chalicelib.captures.model import PENDING, REJECTED, BadPage, CaptureView
from chalicelib.captures.start_times import start_time
from smartdot import Inspection

MOST_BAD_PAGES_NAMED = 100


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload: where to, which bytes, and what was said beside them.

    Attributes:
        place: The account or the inbox.
        sha256: The hash that it goes by, in hex.
        size_bytes: How many bytes arrived.
        provenance: The sender's claim, as plain values.
        bridge_id: The bridge that brought it.
        ticket_id: The ticket that it came by, None for one that came inline.
        brought_by: The bridge's owner.
        bridge_kind: The bridge's kind.
    """

    place: str
    sha256: str
    size_bytes: int
    provenance: dict[str, Any] | None
    bridge_id: str | None
    ticket_id: str | None = None
    brought_by: str | None = None
    bridge_kind: str | None = None


def partition(place: str) -> str:
    """Return the partition of a place's captures and tickets."""
    return f"U#{place}"


def object_key(place: str, sha256: str) -> str:
    """Return the key of a capture's object: `raw/<place>/<sha256>`."""
    return f"{object_prefix(place)}{sha256}"


def object_prefix(place: str) -> str:
    """Return how the keys of a place's objects begin; those of an inbox stand below those of its account."""
    return f"raw/{place}/"


def inspected_row(upload: Upload, inspection: Inspection) -> CaptureItem:
    """Return the row of a capture that is kept."""
    named = inspection.problems[:MOST_BAD_PAGES_NAMED]
    row = _row(upload, str(inspection.state))
    row.bad_pages = [{"page": bad.page, "problem": bad.problem, "detail": bad.detail} for bad in named]
    row.bad_page_count = inspection.problem_count
    row.device = inspection.first.serial if inspection.first else None
    row.record = inspection.header.record if inspection.header else None
    row.format_version = inspection.format_version
    return row


def rejected_row(upload: Upload, reason: str) -> CaptureItem:
    """Return the row of an upload whose bytes are not kept."""
    row = _row(upload, REJECTED)
    row.reason = reason
    return row


def _row(upload: Upload, state: str) -> CaptureItem:
    now = datetime.now(UTC)
    received_at = now.isoformat(timespec="microseconds")
    return CaptureItem(
        partition(upload.place),
        CaptureItem.SK_PREFIX + upload.sha256,
        received_key=f"{received_at}#{upload.sha256}",
        object_key=object_key(upload.place, upload.sha256),
        size_bytes=upload.size_bytes,
        state=state,
        bad_pages=[],
        bad_page_count=0,
        provenance=upload.provenance,
        bridge_id=upload.bridge_id,
        brought_by=upload.brought_by,
        bridge_kind=upload.bridge_kind,
        ticket_id=upload.ticket_id,
        start_at=start_time(upload.provenance, now).isoformat(timespec="microseconds"),
        received_at=received_at,
        write_id=str(uuid.uuid4()),
    )


def moved_row(item: CaptureItem, place: str) -> CaptureItem:
    """Return a capture's row for another place: the same capture, as it was received."""
    sha256 = sha256_of(item)
    moved = CaptureItem(partition(place), item.sk, **item.attribute_values)
    moved.pk = partition(place)
    moved.object_key = object_key(place, sha256)
    moved.write_id = str(uuid.uuid4())
    return moved


def sha256_of(item: CaptureItem) -> str:
    """Return the id of a capture."""
    return str(item.sk).removeprefix(CaptureItem.SK_PREFIX)


def place_of(item: CaptureItem | TicketItem) -> str:
    """Return where a capture lies, or is to lie."""
    return str(item.pk).removeprefix("U#")


def serial_of(item: CaptureItem) -> str | None:
    """Return the device that a capture is of: what its bytes say, or the sender's word when they cannot be read."""
    if item.device is not None:
        return str(item.device)
    return (item.provenance or {}).get("device")


def serial_in(inspection: Inspection, provenance: Mapping[str, Any] | None) -> str | None:
    """Return the same of bytes that were just inspected."""
    return inspection.first.serial if inspection.first else (provenance or {}).get("device")


def view_of(item: CaptureItem) -> CaptureView:
    """Return a row as the API shows it."""
    return CaptureView(
        id=sha256_of(item),
        size_bytes=int(item.size_bytes),
        state=item.state,
        bad_pages=msgspec.convert(item.bad_pages, tuple[BadPage, ...]),
        bad_page_count=int(item.bad_page_count),
        device=item.device,
        record=_integer(item.record),
        format_version=_integer(item.format_version),
        provenance=item.provenance,
        bridge_id=item.bridge_id,
        received_at=datetime.fromisoformat(item.received_at),
        reason=item.reason,
    )


def pending_view(ticket: TicketItem) -> CaptureView:
    """Return what is known of a capture before its bytes were looked at: what its ticket was asked for with."""
    return CaptureView(
        id=ticket.sk.removeprefix(TicketItem.SK_PREFIX),
        size_bytes=int(ticket.size_bytes),
        state=PENDING,
        bad_pages=(),
        bad_page_count=0,
        device=None,
        record=None,
        format_version=None,
        provenance=ticket.provenance,
        bridge_id=ticket.bridge_id,
        received_at=None,
    )


def _integer(number: float | None) -> int | None:
    return None if number is None else int(number)
