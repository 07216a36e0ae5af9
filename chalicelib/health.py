"""Whether the API answers: for load balancers, bridges and people."""

import msgspec

from chalicelib.call import Call, Caller
from chalicelib.operation import Operation, Scope
from chalicelib.web import Routes


class Health(msgspec.Struct, frozen=True):
    """The answer of `GET /v1/health`.

    Attributes:
        status: `ok`.
    """

    status: str


def _nobody(_: str, __: Operation) -> Caller:
    raise AssertionError("a public route asks for no credential")


# The one module at this level with a route: it belongs to no domain and reads nothing.
routes = Routes(__name__, _nobody, "health")


@routes.get("/v1/health", scope=Scope.PUBLIC, response=Health, answer_example=Health("ok"))
def get_health(_: Call[None]) -> Health:
    """Tell that the API answers."""
    return Health("ok")
