"""The algorithm unit at work: process a new object, show what was computed."""

import hashlib
import logging
from datetime import UTC, datetime

import msgspec

from chalicelib.captures import service as captures
from chalicelib.metrics import store
from chalicelib.metrics.computation import compute
from chalicelib.metrics.items import MetricsItem
from chalicelib.metrics.model import Computed, MetricsView
from smartdot import CaptureState, FormatError, decode_capture

_LOG = logging.getLogger("chalicelib.metrics")


class ObjectChangedError(Exception):
    """The object's bytes are not those that its key names; it is left alone, and the message ends as a dead letter."""


def process_object(key: str) -> None:
    """Compute and keep the metrics of a new object in the raw bucket.

    The capture's row is not needed: the event may come before it. An event that comes twice computes the same again.

    Raises:
        ObjectChangedError: The bytes are not those of the key's hash.
    """
    owner = captures.parse_object_key(key)
    if owner is None:
        _LOG.warning("the object %s is no capture and was left alone", key)
        return
    user_id, sha256 = owner
    data = captures.read_object(user_id, sha256)
    if data is None:
        _LOG.warning("the object %s was removed before it could be processed", key)
        return
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ObjectChangedError(f"{key}: {ObjectChangedError.__doc__}")
    store.put(_result(user_id, sha256, data))


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
    if capture.state != CaptureState.VERIFIED:
        return MetricsView("failed", reason=f"The capture is {capture.state}, so nothing is computed from it.")
    return MetricsView("pending")


def _view(item: MetricsItem) -> MetricsView:
    computed = msgspec.convert(item.result, Computed) if item.result else Computed({}, {})
    computed_at = datetime.fromisoformat(item.computed_at)
    return MetricsView(item.state, computed.metrics, computed.sensors, item.reason, computed_at)
