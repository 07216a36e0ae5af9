"""Captures: taking raw bytes in, and giving them back as they came."""

import hashlib
import re
import uuid
from datetime import UTC, datetime

import msgspec

from chalicelib.call import Caller
from chalicelib.captures import bucket, store
from chalicelib.captures.cursor import encode_cursor
from chalicelib.captures.items import CaptureItem
from chalicelib.captures.model import BadPage, CaptureList, CaptureView, Provenance
from chalicelib.errors import NotFound, Problem
from smartdot import Inspection, NotACaptureError, inspect_capture

MOST_BAD_PAGES_NAMED = 100
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
        caller: A user, or a bridge, whose owner then owns the capture.
        data: The bytes.
        sha256: Their SHA-256 in hex, checked against what the client sent.
        provenance: The claim that came with them.

    Returns:
        The capture, and whether it is new.

    Raises:
        EmptyBody: There were no bytes.
        NotACapture: They are no SmartDot's.
    """
    key = bucket.object_key(caller.user_id, sha256)
    row = _item(caller, key, sha256, _inspect(data), len(data), provenance)
    bucket.put_once(key, data, sha256)
    item, is_new = store.add(row)
    return _view(item), is_new


def _inspect(data: bytes) -> Inspection:
    if not data:
        raise EmptyBody("Send the capture's bytes as the body.")
    try:
        return inspect_capture(data)
    except NotACaptureError as error:
        raise NotACapture("Nothing was stored. A capture is the device's first page and a record's pages.") from error


def _item(
    caller: Caller, key: str, sha256: str, inspection: Inspection, size_bytes: int, provenance: Provenance | None
) -> CaptureItem:
    received_at = datetime.now(UTC).isoformat(timespec="microseconds")
    named = inspection.problems[:MOST_BAD_PAGES_NAMED]
    return CaptureItem(
        store.partition(caller.user_id),
        store.sort_key(sha256),
        received_key=f"{received_at}#{sha256}",
        object_key=key,
        size_bytes=size_bytes,
        state=str(inspection.state),
        bad_pages=[{"page": bad.page, "problem": bad.problem, "detail": bad.detail} for bad in named],
        bad_page_count=inspection.problem_count,
        device=inspection.first.serial if inspection.first else None,
        record=inspection.header.record if inspection.header else None,
        format_version=inspection.format_version,
        provenance=msgspec.to_builtins(provenance),
        bridge_id=caller.bridge_id,
        received_at=received_at,
        write_id=str(uuid.uuid4()),
    )


def _view(item: CaptureItem) -> CaptureView:
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
    )


def _integer(number: float | None) -> int | None:
    return None if number is None else int(number)


def newest(user_id: str, limit: int, after: store.Position | None) -> CaptureList:
    """Return a page of a user's captures, newest first."""
    items, position = store.newest(user_id, limit, after)
    return CaptureList(tuple(_view(item) for item in items), encode_cursor(position))


def find(user_id: str, sha256: str) -> CaptureView:
    """Return a user's capture.

    Raises:
        NotFound: There is none, or it is someone else's; the answer is the same.
    """
    item = store.find(user_id, sha256) if _SHA256_HEX.fullmatch(sha256) else None
    if item is None:
        raise NotFound("There is no such capture in your account.")
    return _view(item)


def raw(user_id: str, sha256: str) -> bytes:
    """Return a capture's bytes as they came.

    Raises:
        NotFound: As `find`.
        RawMissing: The row is there and the object is not.
        RawChanged: The object is another one.
    """
    find(user_id, sha256)
    data = read_object(user_id, sha256)
    if data is None:
        raise RawMissing("The row of this capture is there and its object is not. Please report it.")
    if hashlib.sha256(data).hexdigest() != sha256:
        raise RawChanged("The stored bytes are not those of the capture's id. Please report it.")
    return data


def read_object(user_id: str, sha256: str) -> bytes | None:
    """Return the bytes of an object, with or without a row; None when there is no such object."""
    return bucket.get(bucket.object_key(user_id, sha256))


parse_object_key = bucket.parse_object_key
