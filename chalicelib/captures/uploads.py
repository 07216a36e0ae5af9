"""Uploads straight to S3: a ticket lets its holder put one object, and is no capture (docs/decisions/0014)."""

import time
import uuid
from typing import Any

import msgspec

from chalicelib import queue
from chalicelib.accounts.closing import AccountClosing
from chalicelib.call import Caller
from chalicelib.captures import bucket, inbox, ownership, store
from chalicelib.captures.headers import check_claim
from chalicelib.captures.items import CaptureItem, TicketItem
from chalicelib.captures.model import LARGEST_CAPTURE_BYTES, REJECTED, CaptureView, UploadRequest, UploadTicket
from chalicelib.captures.places import NOBODY, owner_of
from chalicelib.captures.rows import pending_view, place_of, view_of
from chalicelib.errors import TooLarge

KEPT_S = 30 * 24 * 3600
"""A ticket item outlives every event of its object: the queue and its dead letters keep messages for 14 days."""


def request(caller: Caller, wanted: UploadRequest) -> CaptureView | UploadTicket:
    """Return the capture when it is there in any state but rejected, else leave to send it.

    Asked again while a ticket is open, it gives another one; only one object can come of both. Where a bridge's capture
    goes is decided here, by the device that the bridge names.

    Raises:
        TooLarge: The capture is larger than any that is kept.
        ProvenanceInvalid: The claim is too long or too deep.
    """
    if wanted.size_bytes > LARGEST_CAPTURE_BYTES:
        raise TooLarge(f"The capture has {wanted.size_bytes} bytes; at most {LARGEST_CAPTURE_BYTES} are kept.")
    check_claim(wanted.provenance)
    if caller.bridge_id is not None:
        return _request_of_bridge(caller, wanted)
    return _request(_ticket(caller.user_id, wanted), wanted)


def _request_of_bridge(caller: Caller, wanted: UploadRequest) -> CaptureView | UploadTicket:
    there = ownership.brought_before(caller, wanted.sha256)
    if there is not None:
        inbox.settle(there)
        return ownership.seen_by(caller, view_of(there))
    claim: dict[str, Any] = msgspec.to_builtins(wanted.provenance) or {}

    def put(goes: ownership.Address) -> CaptureView | UploadTicket:
        ticket = _ticket(goes.place, wanted)
        ticket.bridge_id, ticket.brought_by, ticket.bridge_kind = caller.bridge_id, caller.user_id, goes.bridge_kind
        return _request(ticket, wanted)

    answer = ownership.put_where_it_belongs(caller, wanted.sha256, claim.get("device"), claim, put)
    return ownership.seen_by(caller, answer) if isinstance(answer, CaptureView) else answer


def _request(ticket: TicketItem, wanted: UploadRequest) -> CaptureView | UploadTicket:
    place = place_of(ticket)
    row = store.find(place, wanted.sha256)
    if row is not None and row.state != REJECTED:
        return view_of(row)
    key = bucket.object_key(place, wanted.sha256)
    before = _said_before(ticket, row)
    return _look_again(ticket, before, key) if bucket.is_there(key) else _new_ticket(ticket, before, wanted, key)


def _said_before(ticket: TicketItem, rejected: CaptureItem | None) -> TicketItem | None:
    """Return the ticket of another who announced these bytes first, None once they were refused by what it said."""
    before = store.find_ticket(place_of(ticket), ticket.sk.removeprefix(TicketItem.SK_PREFIX))
    if before is None or before.bridge_id == ticket.bridge_id:
        return None
    return None if rejected is not None and rejected.ticket_id == before.ticket_id else before


def _look_again(ticket: TicketItem, before: TicketItem | None, key: str) -> CaptureView:
    """Let an object be looked at that has no row: S3 told of it once, perhaps before there was a ticket."""
    _save(ticket, before, time.time())
    queue.announce(key)
    return pending_view(ticket)


def _new_ticket(ticket: TicketItem, before: TicketItem | None, wanted: UploadRequest, key: str) -> UploadTicket:
    put = bucket.presign_put(key, wanted.size_bytes, wanted.sha256)
    # The item comes before the leave is given, so that no object arrives of which nothing is known.
    _save(ticket, before, put.expires_at.timestamp())
    return UploadTicket(wanted.sha256, "PUT", put.url, put.headers, put.expires_at)


def _save(ticket: TicketItem, before: TicketItem | None, open_until_s: float) -> None:
    ticket.open_until, ticket.expires_at = int(open_until_s), int(open_until_s) + KEPT_S
    # What was said of these bytes first stays: nobody else's later word takes its place before they have arrived.
    if before is None:
        store.put_ticket(ticket)
        return
    ticket.provenance, ticket.bridge_id = before.provenance, before.bridge_id
    ticket.brought_by, ticket.bridge_kind = before.brought_by, before.bridge_kind
    _put_after(ticket)


def _put_after(ticket: TicketItem) -> None:
    """Write a ticket with another's word on it, though the other one's account may be gone."""
    try:
        store.put_ticket(ticket)
    except AccountClosing:
        if ticket.brought_by in {None, NOBODY, owner_of(place_of(ticket))}:
            raise
        ticket.brought_by = NOBODY
        store.put_ticket(ticket)


def _ticket(place: str, wanted: UploadRequest) -> TicketItem:
    return TicketItem(
        store.partition(place),
        TicketItem.SK_PREFIX + wanted.sha256,
        ticket_id=str(uuid.uuid4()),
        size_bytes=wanted.size_bytes,
        provenance=msgspec.to_builtins(wanted.provenance),
    )
