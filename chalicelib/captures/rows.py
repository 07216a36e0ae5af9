"""From what is known of bytes to a row, and from a row to what the API shows. Pure."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from chalicelib.captures.items import CaptureItem, TicketItem
from chalicelib.captures.model import PENDING, REJECTED, BadPage, CaptureView
from smartdot import Inspection

MOST_BAD_PAGES_NAMED = 100


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload: whose, which bytes, and what was said beside them.

    Attributes:
        user_id: The owner.
        sha256: The hash that it goes by, in hex.
        size_bytes: How many bytes arrived.
        provenance: The sender's claim, as plain values.
        bridge_id: The bridge that brought it.
        ticket_id: The ticket that it came by, None for one that came inline.
    """

    user_id: str
    sha256: str
    size_bytes: int
    provenance: dict[str, Any] | None
    bridge_id: str | None
    ticket_id: str | None = None


def partition(user_id: str) -> str:
    """Return the partition of a user's captures and tickets."""
    return f"U#{user_id}"


def object_key(user_id: str, sha256: str) -> str:
    """Return the key of a capture's object: `raw/<user>/<sha256>`."""
    return f"raw/{user_id}/{sha256}"


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
    received_at = datetime.now(UTC).isoformat(timespec="microseconds")
    return CaptureItem(
        partition(upload.user_id),
        CaptureItem.SK_PREFIX + upload.sha256,
        received_key=f"{received_at}#{upload.sha256}",
        object_key=object_key(upload.user_id, upload.sha256),
        size_bytes=upload.size_bytes,
        state=state,
        bad_pages=[],
        bad_page_count=0,
        provenance=upload.provenance,
        bridge_id=upload.bridge_id,
        ticket_id=upload.ticket_id,
        received_at=received_at,
        write_id=str(uuid.uuid4()),
    )


def view_of(item: CaptureItem) -> CaptureView:
    """Return a row as the API shows it."""
    return CaptureView(
        id=item.sk.removeprefix(CaptureItem.SK_PREFIX),
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
