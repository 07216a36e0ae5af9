"""What is asked about a route rather than of it: OPTIONS, and which pages of other origins may use the API (CORS).

With an origin in the settings, API Gateway answers the preflight of every route by itself, and every answer carries the
headers that let a page read it. Without one, OPTIONS is answered with the methods that a path has. Credentials travel
in Authorization and never in cookies, so an origin that may ask has no more than what its user gave it.
"""

from collections.abc import Iterable

from chalice.app import Blueprint, CORSConfig, Response

from chalicelib.operation import Operation
from chalicelib.settings import read_settings

LONGEST_PREFLIGHT_S = 3600
EXPOSED_HEADERS = ("ETag", "X-Request-Id", "Location", "Retry-After")
_ALWAYS_ALLOWED = ("Accept", "If-Match", "X-Request-Id")


def cors(operations: Iterable[Operation]) -> CORSConfig | None:
    """Return what the stage lets pages of other origins do, None for nothing (Fetch standard, section 3.2).

    Args:
        operations: The declarations whose request headers a page may send.
    """
    origin = read_settings().cors_origin
    if origin is None:
        return None
    headers = {name for operation in operations for name in (*operation.headers, *operation.required_headers)}
    return CORSConfig(
        allow_origin=origin,
        allow_headers=sorted({*_ALWAYS_ALLOWED, *headers}),
        expose_headers=list(EXPOSED_HEADERS),
        max_age=LONGEST_PREFLIGHT_S,
    )


def options(operations: Iterable[Operation]) -> Blueprint:
    """Return routes that answer OPTIONS with the methods of each path (RFC 9110 section 9.3.7)."""
    blueprint = Blueprint(__name__)
    methods: dict[str, list[str]] = {}
    for operation in operations:
        also = ["HEAD"] if operation.method == "GET" else []
        methods.setdefault(operation.path, []).extend([operation.method, *also])
    for number, (path, allowed) in enumerate(methods.items()):
        register = blueprint.route(path, methods=["OPTIONS"], name=f"options_{number}", cors=False, content_types=[])
        register(_Options(f"options_{number}", ", ".join([*allowed, "OPTIONS"])))
    return blueprint


class _Options:
    """The view of one path's OPTIONS."""

    def __init__(self, name: str, allow: str) -> None:
        # Chalice names a view by its function.
        self.__name__ = name
        self._allow = allow

    def __call__(self, **_: str) -> Response:
        return Response("", headers={"Allow": self._allow, "Cache-Control": "no-store"}, status_code=204)
