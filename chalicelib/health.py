"""Whether the API answers: for load balancers, bridges and people."""

import msgspec

from chalicelib.web import Call, Caller, Routes, Scope


class Health(msgspec.Struct, frozen=True):
    """The answer of `GET /v1/health`."""

    status: str


def _nobody(_: str) -> Caller:
    raise AssertionError("a public route asks for no credential")


# The one module at this level with a route: it belongs to no domain and reads nothing.
routes = Routes(__name__, _nobody)


@routes.get("/v1/health", scope=Scope.PUBLIC, response=Health)
def get_health(_: Call[None]) -> Health:
    """Tell that the API answers."""
    return Health("ok")
