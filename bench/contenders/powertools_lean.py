"""The cheapest way found to do it with Powertools' validation: checked in the view, the answer encoded by hand.

It gives up the middleware and the validation of the answer, which `powertools` has as its documentation proposes.
"""

from aws_lambda_powertools.event_handler import (  # type: ignore[import-not-found] # only the benchmarks install it
    APIGatewayRestResolver,
    Response,
)
from aws_lambda_powertools.event_handler.exceptions import (  # type: ignore[import-not-found] # as above
    UnauthorizedError,
)

from bench.contenders.pydantic_models import NewBridge, new_bridge, show_user
from bench.contenders.workload import Handler, NotAuthenticatedError, authenticate


def make_handler() -> Handler:
    """Return a resolver with both routes."""
    app = APIGatewayRestResolver(enable_validation=True)

    # Its result has no annotation on purpose: with one, Powertools would validate the answer.
    @app.post("/v1/bridges")  # type: ignore[untyped-decorator] # as above
    def add_bridge(body: NewBridge):  # type: ignore[no-untyped-def] # noqa: ANN202 - see above
        try:
            authenticate(app.current_event.headers.get("authorization"))
        except NotAuthenticatedError as error:
            raise UnauthorizedError("Send a valid access token.") from error
        return Response(201, "application/json", body=new_bridge(body).model_dump_json())

    @app.get("/v1/users/me")
    def get_user():  # type: ignore[no-untyped-def] # noqa: ANN202 - see above
        try:
            authenticate(app.current_event.headers.get("authorization"))
        except NotAuthenticatedError as error:
            raise UnauthorizedError("Send a valid access token.") from error
        return Response(200, "application/json", body=show_user().model_dump_json())

    handler: Handler = app.resolve
    return handler
