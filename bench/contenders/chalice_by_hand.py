"""Chalice with the same checks written into the view, as in Chalice's own documentation."""

from datetime import datetime
from typing import Any

from chalice.app import BadRequestError, Chalice, Response, UnauthorizedError

from bench.contenders.profile import USER
from bench.contenders.workload import (
    BRIDGE_ID,
    CREATED_AT,
    CREDENTIAL,
    LONGEST_NAME,
    Handler,
    NotAuthenticatedError,
    authenticate,
)


def make_handler() -> Handler:
    """Return a Chalice application with both routes."""
    app = Chalice(app_name="by-hand")

    @app.route("/v1/bridges", methods=["POST"])
    def add_bridge() -> Response:
        request = _authenticated(app)
        body = {
            "id": BRIDGE_ID,
            "name": _name(request.json_body),
            "created_at": _time_text(CREATED_AT),
            "credential": CREDENTIAL,
            "kind": _kind(request.json_body),
        }
        return Response(body, status_code=201)

    @app.route("/v1/users/me")
    def get_user() -> Response:
        _authenticated(app)
        body = {name: _time_text(value) if isinstance(value, datetime) else value for name, value in USER.items()}
        return Response(body)

    return app


def _authenticated(app: Chalice) -> Any:
    # Chalice sets it before it calls a view.
    request: Any = app.current_request
    try:
        authenticate(request.headers.get("authorization"))
    except NotAuthenticatedError as error:
        raise UnauthorizedError("Send a valid access token.") from error
    return request


def _time_text(time: datetime) -> str:
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _kind(body: dict[str, Any]) -> str:
    kind = body.get("kind", "personal")
    if kind not in {"personal", "lane"}:
        raise BadRequestError("A bridge is personal or lane.")
    return str(kind)


def _name(body: Any) -> str:
    name = body.get("name", "bridge") if isinstance(body, dict) and not body.keys() - {"name", "kind"} else None
    if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_NAME:
        raise BadRequestError("The body takes a name of 1 to 64 characters.")
    return name
