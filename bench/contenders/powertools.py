"""AWS Powertools' REST resolver with validation of request and answer, and the authentication in its middleware."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler import (  # type: ignore[import-not-found] # only the benchmarks install it
    APIGatewayRestResolver,
    Response,
)
from aws_lambda_powertools.event_handler.exceptions import (  # type: ignore[import-not-found] # as above
    UnauthorizedError,
)

from bench.contenders.pydantic_models import BridgeView, NewBridge, UserView, new_bridge, show_user
from bench.contenders.workload import Handler, NotAuthenticatedError, authenticate


def make_handler() -> Handler:
    """Return a resolver with both routes."""
    app = APIGatewayRestResolver(enable_validation=True)

    def require_user(resolver: APIGatewayRestResolver, next_middleware: Callable[[Any], Any]) -> Response:
        try:
            authenticate(resolver.current_event.headers.get("authorization"))
        except NotAuthenticatedError as error:
            raise UnauthorizedError("Send a valid access token.") from error
        return next_middleware(resolver)

    @app.post("/v1/bridges", middlewares=[require_user])  # type: ignore[untyped-decorator] # as above
    def add_bridge(body: NewBridge) -> tuple[BridgeView, int]:
        return new_bridge(body), 201

    @app.get("/v1/users/me", middlewares=[require_user])  # type: ignore[untyped-decorator] # as above
    def get_user() -> UserView:
        return show_user()

    handler: Handler = app.resolve
    return handler
