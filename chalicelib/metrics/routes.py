"""Metrics over HTTP."""

from chalicelib.accounts.service import authenticate
from chalicelib.metrics import service
from chalicelib.metrics.model import MetricsView
from chalicelib.web import Call, Reply, Routes, Scope

SOONEST_RETRY_S = 1

routes = Routes(__name__, authenticate)


@routes.get("/v1/captures/{capture_id}/metrics", scope=Scope.USER, response=MetricsView)
def get_metrics(call: Call[None], capture_id: str) -> Reply:
    """Show what was computed from a capture."""
    view = service.show(call.caller.user_id, capture_id)
    return Reply(view, headers={"Retry-After": str(SOONEST_RETRY_S)} if view.state == "pending" else {})
