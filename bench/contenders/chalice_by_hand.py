"""Chalice with the same checks written into the view, as in Chalice's own documentation."""

from typing import Any

from chalice.app import BadRequestError, Chalice, Response, UnauthorizedError

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
    """Return a Chalice application with one route."""
    app = Chalice(app_name="by-hand")

    @app.route("/v1/bridges", methods=["POST"])
    def add_bridge() -> Response:
        # Chalice sets it before it calls a view.
        request: Any = app.current_request
        try:
            authenticate(request.headers.get("authorization"))
        except NotAuthenticatedError as error:
            raise UnauthorizedError("Send a valid access token.") from error
        body = {
            "id": BRIDGE_ID,
            "name": _name(request.json_body),
            "created_at": CREATED_AT.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "credential": CREDENTIAL,
        }
        return Response(body, status_code=201)

    return app


def _name(body: Any) -> str:
    name = body.get("name", "bridge") if isinstance(body, dict) and not body.keys() - {"name"} else None
    if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_NAME:
        raise BadRequestError("The body takes a name of 1 to 64 characters.")
    return name
