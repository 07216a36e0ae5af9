"""Objects that arrived in the raw bucket by ticket: looked at once, page by page, in bounded memory."""

import contextlib
import hashlib
import logging

from chalicelib.accounts.closing import AccountClosing
from chalicelib.captures import bucket, inbox, store
from chalicelib.captures.items import CaptureItem, TicketItem
from chalicelib.captures.model import REJECTED, CaptureView
from chalicelib.captures.places import NOBODY, is_inbox, owner_of
from chalicelib.captures.rows import Upload, inspected_row, place_of, rejected_row, view_of
from smartdot import CaptureInspector, NotACaptureError

_LOG = logging.getLogger("chalicelib.captures")


def verify(place: str, sha256: str) -> CaptureView | None:
    """Write the row of an object that came by ticket, unless that was done; remove the object when it is rejected.

    The row comes before the removal, so a crash between them is mended by the event's next delivery. Only exactly the
    bytes that were looked at are removed. Any number of these, early or late, end in the same row.

    Args:
        place: The account or the inbox where it arrived.
        sha256: The capture's id.

    Returns:
        The capture as its row has it; None when there was no ticket, or no object any more.
    """
    ticket = store.find_ticket(place, sha256)
    if ticket is None:
        return None
    row = store.find(place, sha256)
    if row is None or row.state == REJECTED:
        row = _verdict(ticket, place, sha256)
    if row is None:
        return None
    inbox.settle(row)
    return view_of(row)


def _verdict(ticket: TicketItem, place: str, sha256: str) -> CaptureItem | None:
    found = bucket.open_object(bucket.object_key(place, sha256))
    if found is None:
        return None
    kept = _keep(_row_of(found, ticket, place, sha256))
    if kept.state == REJECTED:
        _LOG.warning("the object %s is rejected and removed: %s", kept.object_key, kept.reason)
        bucket.remove(kept.object_key, found.etag)
    return kept


def _keep(row: CaptureItem) -> CaptureItem:
    """Write a row, though its bridge's owner may be gone: S3 has taken the bytes, and they are another's."""
    try:
        return store.add(row)[0]
    except AccountClosing:
        if row.brought_by in {None, NOBODY, owner_of(place_of(row))}:
            raise
        row.brought_by = NOBODY
        return store.add(row)[0]


def _row_of(found: bucket.StoredObject, ticket: TicketItem, place: str, sha256: str) -> CaptureItem:
    """Return the row that the bytes deserve; all of them are read, whatever the first ones are."""
    upload = Upload(
        place,
        sha256,
        found.size_bytes,
        ticket.provenance,
        ticket.bridge_id,
        ticket.ticket_id,
        ticket.brought_by,
        ticket.bridge_kind,
    )
    inspector, hashed, is_capture = CaptureInspector(), hashlib.sha256(), True
    for chunk in found.chunks:
        hashed.update(chunk)
        try:
            if is_capture:
                inspector.feed(chunk)
        except NotACaptureError:
            is_capture = False
    if hashed.hexdigest() != sha256:
        return rejected_row(upload, _other_bytes(found.size_bytes, int(ticket.size_bytes), hashed.hexdigest()))
    if is_capture:
        # Too few bytes for a first page are known only at their end.
        with contextlib.suppress(NotACaptureError):
            return _inspected(upload, inspected_row(upload, inspector.finish()))
    return rejected_row(upload, "The bytes do not begin with a SmartDot's first page, so they are no capture.")


def _inspected(upload: Upload, row: CaptureItem) -> CaptureItem:
    """Return the row, but a rejected one where a bridge named another device than the bytes do.

    By the device it was decided into whose account they go, before there were any bytes.
    """
    decides = upload.bridge_id is not None and not is_inbox(upload.place)
    if decides and _differ((upload.provenance or {}).get("device"), row.device):
        return rejected_row(upload, "The bytes name another device than the bridge did, so they may be another's.")
    return row


def _differ(named: str | None, found: str | None) -> bool:
    return None not in {named, found} and named != found


def _other_bytes(size_bytes: int, announced_bytes: int, sha256: str) -> str:
    announced = f", where {announced_bytes} were announced" if size_bytes != announced_bytes else ""
    return f"{size_bytes} bytes arrived{announced}, and their SHA-256 is {sha256}: these are other bytes."
