"""Objects that arrived in the raw bucket by ticket: looked at once, page by page, in bounded memory."""

import contextlib
import hashlib
import logging

from chalicelib.captures import bucket, store
from chalicelib.captures.items import CaptureItem, TicketItem
from chalicelib.captures.model import REJECTED, CaptureView
from chalicelib.captures.rows import Upload, inspected_row, rejected_row, view_of
from smartdot import CaptureInspector, NotACaptureError

_LOG = logging.getLogger("chalicelib.captures")


def verify(user_id: str, sha256: str) -> CaptureView | None:
    """Write the row of an object that came by ticket, unless that was done; remove the object when it is rejected.

    The row comes before the removal, so a crash between them is mended by the event's next delivery. Only exactly the
    bytes that were looked at are removed. Any number of these, early or late, end in the same row.

    Returns:
        The capture as its row has it; None when there was no ticket, or no object any more.
    """
    ticket = store.find_ticket(user_id, sha256)
    if ticket is None:
        return None
    row = store.find(user_id, sha256)
    if row is not None and row.state != REJECTED:
        return view_of(row)
    found = bucket.open_object(bucket.object_key(user_id, sha256))
    if found is None:
        return None
    kept, _ = store.add(_row_of(found, ticket, user_id, sha256))
    if kept.state == REJECTED:
        _LOG.warning("the object %s is rejected and removed: %s", kept.object_key, kept.reason)
        bucket.remove(kept.object_key, found.etag)
    return view_of(kept)


def _row_of(found: bucket.StoredObject, ticket: TicketItem, user_id: str, sha256: str) -> CaptureItem:
    """Return the row that the bytes deserve; all of them are read, whatever the first ones are."""
    upload = Upload(user_id, sha256, found.size_bytes, ticket.provenance, ticket.bridge_id, ticket.ticket_id)
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
            return inspected_row(upload, inspector.finish())
    return rejected_row(upload, "The bytes do not begin with a SmartDot's first page, so they are no capture.")


def _other_bytes(size_bytes: int, announced_bytes: int, sha256: str) -> str:
    announced = f", where {announced_bytes} were announced" if size_bytes != announced_bytes else ""
    return f"{size_bytes} bytes arrived{announced}, and their SHA-256 is {sha256}: these are other bytes."
