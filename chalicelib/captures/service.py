"""Captures: taking raw bytes in, and giving them back as they came."""

import hashlib
import re
import time
from dataclasses import replace
from datetime import datetime

import msgspec

from chalicelib.call import Caller
from chalicelib.captures import bucket, inbox, late_rows, ownership, store
from chalicelib.captures.cursor import encode_cursor
from chalicelib.captures.items import CaptureItem, TicketItem
from chalicelib.captures.model import PENDING, REJECTED, CaptureList, CaptureView, Provenance, RawLink
from chalicelib.captures.rows import Upload, inspected_row, pending_view, serial_in, view_of
from chalicelib.errors import NotFound, Problem
from chalicelib.settings import LARGEST_INLINE_CAPTURE_BYTES
from smartdot import Inspection, NotACaptureError, inspect_capture

_SHA256_HEX = re.compile(r"[0-9a-f]{64}")


class EmptyBody(Problem):
    """There were no bytes."""

    status = 400
    name = "empty-body"


class NotACapture(Problem):
    """The bytes do not begin with a SmartDot's first page."""

    status = 422
    name = "not-a-capture"


class RawChanged(Problem):
    """The raw bytes of this capture are not what they were."""

    name = "raw-changed"


class RawMissing(Problem):
    """The raw bytes of this capture cannot be found."""

    name = "raw-missing"


def keep(caller: Caller, data: bytes, sha256: str, provenance: Provenance | None) -> tuple[CaptureView, bool]:
    """Keep a capture in its owner's account, whatever its state: raw is the truth.

    The object comes first and the row second, so a crash between them leaves an object without a row, never a row that
    points at nothing; sending the same bytes again mends it.

    Args:
        caller: A user, whose capture it then is, or a bridge, whose capture goes where it belongs (`ownership`).
        data: The bytes.
        sha256: Their SHA-256 in hex, checked against what the client sent.
        provenance: The claim that came with them.

    Returns:
        The capture, and whether it is new.

    Raises:
        EmptyBody: There were no bytes.
        NotACapture: They are no SmartDot's.
    """
    inspection = _inspect(data)
    upload = Upload(caller.user_id, sha256, len(data), msgspec.to_builtins(provenance), caller.bridge_id)
    if caller.bridge_id is not None:
        return _keep_for_bridge(caller, upload, inspection, data)
    row, is_new = _keep(upload, inspection, data)
    return view_of(row), is_new


def _keep_for_bridge(caller: Caller, upload: Upload, inspection: Inspection, data: bytes) -> tuple[CaptureView, bool]:
    row, is_new = ownership.brought_before(caller, upload.sha256), False
    if row is None:

        def put(goes: ownership.Address) -> tuple[CaptureItem, bool]:
            placed = replace(upload, place=goes.place, brought_by=caller.user_id, bridge_kind=goes.bridge_kind)
            return _keep(placed, inspection, data)

        serial = serial_in(inspection, upload.provenance)
        row, is_new = ownership.put_where_it_belongs(caller, upload.sha256, serial, upload.provenance, put)
    inbox.settle(row)
    return ownership.seen_by(caller, view_of(row)), is_new


def _keep(upload: Upload, inspection: Inspection, data: bytes) -> tuple[CaptureItem, bool]:
    row = inspected_row(upload, inspection)
    bucket.put_once(row.object_key, data, upload.sha256)
    return late_rows.add(row)


def _inspect(data: bytes) -> Inspection:
    if not data:
        raise EmptyBody("Send the capture's bytes as the body.")
    try:
        return inspect_capture(data)
    except NotACaptureError as error:
        raise NotACapture("Nothing was stored. A capture is the device's first page and a record's pages.") from error


def newest(user_id: str, limit: int, after: store.Position | None) -> CaptureList:
    """Return a page of a user's captures, newest first."""
    items, position = store.newest(user_id, limit, after)
    return CaptureList(tuple(view_of(item) for item in items), encode_cursor(position))


def show(caller: Caller, sha256: str) -> CaptureView:
    """Return a user's capture, or one that a bridge has brought, wherever it belongs; errors as of `find`."""
    if caller.bridge_id is None:
        return find(caller.user_id, sha256)
    return ownership.seen_by(caller, find(ownership.place_for(caller, sha256), sha256))


def find(place: str, sha256: str) -> CaptureView:
    """Return a capture of a user's account, or of an inbox; before its bytes were looked at, as pending.

    Raises:
        NotFound: There is none, or it is someone else's; the answer is the same.
    """
    is_hash = _SHA256_HEX.fullmatch(sha256) is not None
    row = store.find(place, sha256) if is_hash else None
    if row is not None and row.state != REJECTED:
        return view_of(row)
    ticket = store.find_ticket(place, sha256) if is_hash else None
    if ticket is not None and _is_awaited(ticket, row, place, sha256):
        return pending_view(ticket)
    if row is None:
        raise NotFound("There is no such capture in your account.")
    return view_of(row)


def _is_awaited(ticket: TicketItem, rejected: CaptureItem | None, place: str, sha256: str) -> bool:
    """Return whether a verdict on the bytes of this ticket is still to come."""
    if rejected is not None and rejected.ticket_id == ticket.ticket_id:
        return False
    return ticket.open_until > time.time() or bucket.is_there(bucket.object_key(place, sha256))


def raw(user_id: str, sha256: str) -> bytes | RawLink:
    """Return a capture's bytes as they came, or where to fetch them when they do not fit into an answer.

    What is given as bytes is hashed again first. What is fetched from S3 is for the one who fetches it to hash.

    Raises:
        NotFound: As `find`; or the capture is pending or rejected, so that there are no bytes to give.
        RawMissing: The row is there and the object is not.
        RawChanged: The object is another one.
    """
    capture = find(user_id, sha256)
    if capture.state in {PENDING, REJECTED}:
        raise NotFound(f"This capture is {capture.state}: there are no bytes of it to give.")
    if capture.size_bytes > LARGEST_INLINE_CAPTURE_BYTES:
        return RawLink(*bucket.presign_get(bucket.object_key(user_id, sha256)))
    data = read_object(user_id, sha256)
    if data is None:
        raise RawMissing("The row of this capture is there and its object is not. Please report it.")
    if hashlib.sha256(data).hexdigest() != sha256:
        raise RawChanged("The stored bytes are not those of the capture's id. Please report it.")
    return data


def read_object(user_id: str, sha256: str) -> bytes | None:
    """Return the bytes of an object, with or without a row; None when there is no such object."""
    return bucket.get(bucket.object_key(user_id, sha256))


def arrived_at(place: str, sha256: str) -> datetime | None:
    """Return when S3 took an object, with or without a row; None when there is no such object."""
    return bucket.arrived_at(bucket.object_key(place, sha256))


parse_object_key = bucket.parse_object_key
