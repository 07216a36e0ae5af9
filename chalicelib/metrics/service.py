"""The algorithm unit at work: process a new object, show what was computed."""

import hashlib
import logging
from datetime import UTC, datetime

import msgspec

from chalicelib import jobs
from chalicelib.accounts.closing import AccountClosing, check_open
from chalicelib.captures import arrival
from chalicelib.captures import service as captures
from chalicelib.captures.model import PENDING, REJECTED
from chalicelib.captures.places import is_inbox, owner_of
from chalicelib.metrics import publishing, store
from chalicelib.metrics.computation import compute
from chalicelib.metrics.items import MetricsItem
from chalicelib.metrics.model import Computed, MetricsView
from smartdot import CaptureState, FormatError, decode_capture

LARGEST_COMPUTED_BYTES = 32 * 1024 * 1024
"""Decoding takes up to 25 times a capture's size (one-axis samples, the densest that there are), so this and the
libraries stay below half of the processing function's memory; tests/chalicelib/test_memory.py measures it."""
_LOG = logging.getLogger("chalicelib.metrics")


class ObjectChangedError(Exception):
    """The object's bytes are not those that its key names; it is left alone, and the message ends as a dead letter."""


def process_object(key: str) -> None:
    """Verify a new object in the raw bucket that came by ticket, then compute and keep its metrics.

    The row of an inline upload is not needed: the event may come before it. An event that comes twice computes the same
    again. What arrives for a user who is being erased, or was, is left to the erasure.

    Raises:
        ObjectChangedError: The bytes are not those of the key's hash.
    """
    owner = captures.parse_object_key(key)
    if owner is None:
        _LOG.warning("the object %s is no capture and was left alone", key)
        return
    try:
        _process(key, *owner)
    except AccountClosing:
        # Of a user who is gone by now, or was when these bytes arrived: whoever erases looks after them.
        _LOG.warning("the object %s belongs to nobody any more", key)
        jobs.send(jobs.Job(jobs.LATE_OBJECTS, owner_of(owner[0])))


def _process(key: str, place: str, sha256: str) -> None:
    verified = arrival.verify(place, sha256)
    # What waits in an inbox is nobody's yet: its metrics are computed where it goes.
    if is_inbox(place):
        check_open(owner_of(place))
        return
    if verified is not None and verified.state == REJECTED:
        return
    if verified is not None and verified.size_bytes > LARGEST_COMPUTED_BYTES:
        _keep(place, sha256, _too_large(place, sha256, verified.size_bytes), None)
        return
    data = captures.read_object(place, sha256)
    if data is None:
        _LOG.warning("the object %s was removed before it could be processed", key)
        return
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ObjectChangedError(f"{key}: {ObjectChangedError.__doc__}")
    # One that was delivered from an inbox had its ticket there.
    is_too_large = len(data) > LARGEST_COMPUTED_BYTES
    _keep(place, sha256, _too_large(place, sha256, len(data)) if is_too_large else _result(place, sha256, data), data)


def _keep(user_id: str, sha256: str, result: MetricsItem, data: bytes | None) -> None:
    """Keep a result, and tell its owner's phones of it by the feed."""
    store.put(result)
    publishing.publish(user_id, sha256, result, data)


def _too_large(user_id: str, sha256: str, size_bytes: int) -> MetricsItem:
    item = store.new_item(user_id, sha256)
    item.computed_at = datetime.now(UTC).isoformat()
    item.state = "failed"
    item.reason = f"The capture has {size_bytes} bytes; metrics are computed of up to {LARGEST_COMPUTED_BYTES}."
    return item


def _result(user_id: str, sha256: str, data: bytes) -> MetricsItem:
    item = store.new_item(user_id, sha256)
    item.computed_at = datetime.now(UTC).isoformat()
    try:
        item.result = msgspec.to_builtins(compute(decode_capture(data)))
        item.state = "ready"
    except FormatError as error:
        item.state, item.reason = "failed", str(error)
    return item


def show(user_id: str, sha256: str) -> MetricsView:
    """Return a capture's metrics, or that they are pending or cannot be computed.

    Raises:
        NotFound: There is no such capture in this account.
    """
    capture = captures.find(user_id, sha256)
    item = store.find(user_id, sha256)
    if item is not None:
        return _view(item)
    if capture.state not in {CaptureState.VERIFIED, PENDING}:
        return MetricsView("failed", reason=f"The capture is {capture.state}, so nothing is computed from it.")
    return MetricsView("pending")


def _view(item: MetricsItem) -> MetricsView:
    computed = msgspec.convert(item.result, Computed) if item.result else Computed({}, {})
    computed_at = datetime.fromisoformat(item.computed_at)
    return MetricsView(item.state, computed.metrics, computed.sensors, item.reason, computed_at)
