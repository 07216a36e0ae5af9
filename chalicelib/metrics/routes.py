"""Metrics over HTTP."""

from datetime import UTC, datetime

from chalicelib.accounts.service import authenticate
from chalicelib.call import Call, Reply
from chalicelib.captures.model import CaptureId
from chalicelib.metrics import service
from chalicelib.metrics.model import Metric, MetricsView, Quality, SensorSummary
from chalicelib.operation import Scope
from chalicelib.web import Routes

SOONEST_RETRY_S = 1

_EXAMPLE = MetricsView(
    state="ready",
    metrics={"rate_peak_rpm": Metric(331.2, "rpm", Quality.GOOD, "largest |omega| of the gyroscope")},
    sensors={"gyro": SensorSummary(3200, 1598.7, 1600.0, gaps=0, clipped=0, lost=0)},
    computed_at=datetime(2026, 11, 24, 18, 3, 33, tzinfo=UTC),
)

routes = Routes(__name__, authenticate, "metrics")


@routes.get(
    "/v1/captures/{capture_id}/metrics",
    scope=Scope.USER,
    response=MetricsView,
    parameters={"capture_id": CaptureId},
    answer_headers={"Retry-After": "While it is pending: seconds after which to ask again."},
    answer_example=_EXAMPLE,
)
def get_metrics(call: Call[None], capture_id: str) -> Reply:
    """Show what was computed from a capture."""
    view = service.show(call.caller.user_id, capture_id)
    return Reply(view, headers={"Retry-After": str(SOONEST_RETRY_S)} if view.state == "pending" else {})
