"""Uploads straight to S3: a ticket lets its holder put one object, and is no capture (docs/decisions/0014)."""

import time
import uuid

import msgspec

from chalicelib.captures import bucket, queue, store
from chalicelib.captures.headers import check_claim
from chalicelib.captures.items import TicketItem
from chalicelib.captures.model import LARGEST_CAPTURE_BYTES, REJECTED, CaptureView, UploadRequest, UploadTicket
from chalicelib.captures.rows import pending_view, view_of
from chalicelib.errors import TooLarge
from chalicelib.web import Caller

KEPT_S = 30 * 24 * 3600
"""A ticket item outlives every event of its object: the queue and its dead letters keep messages for 14 days."""


def request(caller: Caller, wanted: UploadRequest) -> CaptureView | UploadTicket:
    """Return the capture when it is there in any state but rejected, else leave to send it.

    Asked again while a ticket is open, it gives another one; only one object can come of both.

    Raises:
        TooLarge: The capture is larger than any that is kept.
        ProvenanceInvalid: The claim is too long or too deep.
    """
    if wanted.size_bytes > LARGEST_CAPTURE_BYTES:
        raise TooLarge(f"The capture has {wanted.size_bytes} bytes; at most {LARGEST_CAPTURE_BYTES} are kept.")
    check_claim(wanted.provenance)
    row = store.find(caller.user_id, wanted.sha256)
    if row is not None and row.state != REJECTED:
        return view_of(row)
    key = bucket.object_key(caller.user_id, wanted.sha256)
    return _look_again(caller, wanted, key) if bucket.is_there(key) else _new_ticket(caller, wanted, key)


def _look_again(caller: Caller, wanted: UploadRequest, key: str) -> CaptureView:
    """Let an object be looked at that has no row: S3 told of it once, perhaps before there was a ticket."""
    ticket = _ticket(caller, wanted, time.time())
    store.put_ticket(ticket)
    queue.announce(key)
    return pending_view(ticket)


def _new_ticket(caller: Caller, wanted: UploadRequest, key: str) -> UploadTicket:
    put = bucket.presign_put(key, wanted.size_bytes, wanted.sha256)
    # The item comes before the leave is given, so that no object arrives of which nothing is known.
    store.put_ticket(_ticket(caller, wanted, put.expires_at.timestamp()))
    return UploadTicket(wanted.sha256, "PUT", put.url, put.headers, put.expires_at)


def _ticket(caller: Caller, wanted: UploadRequest, open_until_s: float) -> TicketItem:
    before = store.find_ticket(caller.user_id, wanted.sha256)
    # What was said of these bytes first stays: nobody else's later word takes its place before they have arrived.
    is_anothers = before is not None and before.bridge_id != caller.bridge_id
    return TicketItem(
        store.partition(caller.user_id),
        TicketItem.SK_PREFIX + wanted.sha256,
        ticket_id=str(uuid.uuid4()),
        size_bytes=wanted.size_bytes,
        provenance=before.provenance if before and is_anothers else msgspec.to_builtins(wanted.provenance),
        bridge_id=before.bridge_id if before and is_anothers else caller.bridge_id,
        open_until=int(open_until_s),
        expires_at=int(open_until_s) + KEPT_S,
    )
