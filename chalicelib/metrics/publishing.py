"""Telling the scorebook's feed of a capture that was looked at, with a summary of its metrics."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib.captures import service as captures
from chalicelib.captures.model import PENDING, CaptureView
from chalicelib.captures.start_times import start_time
from chalicelib.errors import NotFound
from chalicelib.metrics.items import MetricsItem
from chalicelib.scorebook.captures import PublishedCapture
from chalicelib.scorebook.captures import publish as publish_in_feed
from smartdot import Inspection, NotACaptureError, inspect_capture

_TOLD = ("value", "unit", "quality")


def publish(user_id: str, sha256: str, result: MetricsItem, data: bytes | None) -> None:
    """Put a capture into its user's feed; the same once more changes nothing.

    Args:
        user_id: Whose.
        sha256: The capture.
        result: What was computed from it.
        data: Its bytes, which tell of it when their event came before its row, for the time until the row has it
            looked at again (`captures.late_rows`); None where they were not held.

    Raises:
        AccountClosing: The account is being deleted, or was.
        ScorebookBusy: Others wrote all the time; the event is to come once more.
    """
    found = _row(user_id, sha256)
    if found is not None:
        publish_in_feed(user_id, _of_row(found, _summary(result)))
        return
    inspection = None if data is None else _inspect(data)
    # Not now: done again it must be the same, and a queue may be hours behind.
    arrived_at = None if inspection is None else captures.arrived_at(user_id, sha256)
    if inspection is not None and arrived_at is not None:
        publish_in_feed(user_id, _of_bytes(sha256, inspection, arrived_at, _summary(result)))


def _row(user_id: str, sha256: str) -> CaptureView | None:
    try:
        found = captures.find(user_id, sha256)
    except NotFound:
        return None
    return None if found.state == PENDING else found


def _inspect(data: bytes) -> Inspection | None:
    try:
        return inspect_capture(data)
    except NotACaptureError:
        return None


def _of_row(view: CaptureView, metrics: Mapping[str, Any]) -> PublishedCapture:
    received_at = view.received_at or datetime.now(UTC)
    return PublishedCapture(
        id=view.id,
        serial=view.device or (view.provenance or {}).get("device"),
        start_at=start_time(view.provenance, received_at),
        received_at=received_at,
        state=view.state,
        metrics=metrics,
    )


def _of_bytes(
    sha256: str, inspection: Inspection, arrived_at: datetime, metrics: Mapping[str, Any]
) -> PublishedCapture:
    """Return what the bytes tell, until there is a row."""
    serial = inspection.first.serial if inspection.first else None
    return PublishedCapture(sha256, serial, arrived_at, arrived_at, str(inspection.state), metrics)


def _summary(result: MetricsItem) -> dict[str, dict[str, Any]]:
    """Return each metric with its value, unit and quality."""
    metrics: dict[str, dict[str, Any]] = (result.result or {}).get("metrics", {})
    return {name: {told: metric[told] for told in _TOLD} for name, metric in metrics.items()}
