"""Inboxes: what a bridge brought that is nobody's yet, until whoever had the device claims it.

A capture is delivered by the processing function, one message each: copied, hashed, its row written, and only then
taken out of the inbox. Every step may be repeated, so a crash anywhere costs nothing but time.
"""

import hashlib
import logging
from datetime import datetime
from typing import Any

from chalicelib import queue
from chalicelib.accounts.closing import AccountClosing
from chalicelib.captures import bucket, inbox_store, late_rows, store
from chalicelib.captures.cursor import encode_cursor
from chalicelib.captures.items import CaptureItem
from chalicelib.captures.model import REJECTED, InboxEntry, InboxList
from chalicelib.captures.ownership import brought_item, recipient_of
from chalicelib.captures.places import inbox_of, is_inbox, owner_of
from chalicelib.captures.rows import moved_row, place_of, serial_of, sha256_of

_LOG = logging.getLogger("chalicelib.captures")
PAGE = 100
"""How many messages one message makes: well below the function's time."""


class InboxObjectMissingError(Exception):
    """The bytes of a capture in an inbox are gone, or are others; the message ends as a dead letter."""


def settle(row: CaptureItem) -> None:
    """Let a capture in an inbox be found by its device, and be delivered if that may happen by now.

    The device may be claimed at this very moment. Whoever claims looks for what waits after the claim is there, and
    here the claim is looked for after the capture waits: one of the two finds the other.
    """
    serial = serial_of(row)
    if not is_inbox(place_of(row)) or serial is None or row.state == REJECTED:
        return
    inbox_store.put_waiting(serial, row)
    if recipient_of(row) is not None:
        queue.announce_waiting(serial, inbox_store.waiting_key(row))


def handle(message: dict[str, Any]) -> None:
    """Do what a message of the processing queue asks, if it is about inboxes.

    What belongs to a user who is being erased is left to the erasure.
    """
    try:
        if "claimed" in message:
            announce_all(**message["claimed"])
        if "waiting" in message:
            deliver(**message["waiting"])
    except AccountClosing:
        _LOG.warning("a capture was left where it waits: its owner's account is being deleted")


def announce_all(serial: str, since: str) -> None:
    """Ask for the delivery of all that waits for a device's holder, page by page.

    Args:
        serial: The device.
        since: A time, or the key of a capture that waits, from which on.
    """
    keys = inbox_store.waiting_of(serial, since, PAGE)
    for key in keys:
        queue.announce_waiting(serial, key)
    # The last one comes twice, which changes nothing.
    if len(keys) == PAGE:
        queue.announce_claim(serial, keys[-1])


def deliver(serial: str, key: str) -> None:
    """Bring a capture that waits into the account in which it belongs; if it belongs nowhere yet, it stays.

    Raises:
        InboxObjectMissingError: Its bytes are not there, or are not those of its id.
    """
    place, sha256 = inbox_store.parse_waiting_key(key)
    row = store.find(place, sha256)
    if row is None:
        # It was delivered.
        inbox_store.remove_waiting(serial, key)
        return
    recipient = recipient_of(row)
    if recipient is None:
        return
    etag = _copy(row, recipient)
    late_rows.add(moved_row(row, recipient))
    if etag is not None:
        bucket.remove(str(row.object_key), etag)
    brought = brought_item(owner_of(place), str(row.bridge_id), sha256, recipient)
    inbox_store.close_waiting(serial, row, brought)


def _copy(row: CaptureItem, recipient: str) -> str | None:
    """Write a capture's object once more, for its owner; return the ETag of what was read, None if it is gone already.

    The bytes pass through here and are hashed, so what the owner gets is what the id says.
    """
    sha256 = sha256_of(row)
    copy = bucket.object_key(recipient, sha256)
    found = bucket.open_object(str(row.object_key))
    if found is None:
        # An earlier delivery of this message was cut off after the copy.
        if bucket.is_there(copy):
            return None
        raise InboxObjectMissingError(f"{row.object_key}: {InboxObjectMissingError.__doc__}")
    data = b"".join(found.chunks)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise InboxObjectMissingError(f"{row.object_key}: {InboxObjectMissingError.__doc__}")
    bucket.put_once(copy, data, sha256)
    return found.etag


def overview(user_id: str, limit: int, after: store.Position | None) -> InboxList:
    """Return a part of what waits in the inbox of a user's bridges, the newest first."""
    items, position = store.newest(inbox_of(user_id), limit, after)
    return InboxList(tuple(_entry(item) for item in items), encode_cursor(position))


def _entry(row: CaptureItem) -> InboxEntry:
    return InboxEntry(
        id=sha256_of(row),
        device=serial_of(row),
        started_at=datetime.fromisoformat(str(row.start_at)),
        size_bytes=int(row.size_bytes),
        state=str(row.state),
        reason=row.reason,
        bridge_id=str(row.bridge_id),
        received_at=datetime.fromisoformat(row.received_at),
    )
