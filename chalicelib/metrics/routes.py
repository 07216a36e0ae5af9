"""Metrics over HTTP."""

from chalicelib.accounts.service import authenticate
from chalicelib.call import Call, Reply
from chalicelib.captures.model import CaptureId
from chalicelib.metrics import service
from chalicelib.metrics.model import MetricsView
from chalicelib.operation import Scope
from chalicelib.web import Routes

SOONEST_RETRY_S = 1

routes = Routes(__name__, authenticate, "metrics")


@routes.get(
    "/v1/captures/{capture_id}/metrics", scope=Scope.USER, response=MetricsView, parameters={"capture_id": CaptureId}
)
def get_metrics(call: Call[None], capture_id: str) -> Reply:
    """Show what was computed from a capture."""
    view = service.show(call.caller.user_id, capture_id)
    return Reply(view, headers={"Retry-After": str(SOONEST_RETRY_S)} if view.state == "pending" else {})
