"""Parts of an invocation by themselves, to see where its time goes: not contenders, for they answer nothing."""

from typing import Any
from unittest import mock

from bench.contenders.workload import Handler, authenticate
from chalicelib.accounts import service
from chalicelib.devices import bridge_store, bridges


def make_parts() -> dict[str, Handler]:
    """Return what can be timed alone; to be called before a contender replaces the domain's verb."""
    add_bridge = bridges.add_bridge
    mock.patch.object(bridge_store, "add_bridge", return_value=None).start()

    def pyjwt_alone(event: dict[str, Any], _: object) -> object:
        return authenticate(event["headers"]["Authorization"])

    def our_authentication(event: dict[str, Any], _: object) -> object:
        return service.authenticate(event["headers"]["Authorization"].partition(" ")[2])

    def our_domain(_: dict[str, Any], __: object) -> object:
        return add_bridge("0b0f4a0e-6f3f-4f0c-9f57-3c3f3a1f2b11", "Lane 7 and 8, North House")

    return {
        "part: the checks with plain PyJWT": pyjwt_alone,
        "part: service.authenticate": our_authentication,
        "part: bridges.add_bridge, its store call apart": our_domain,
    }
