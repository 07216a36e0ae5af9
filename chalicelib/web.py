"""How a route is declared, and everything that is the same for all of them.

A route says its scope, request type, response type and status in one place. From that declaration come the check of the
credential, the decoding and validation of the body, the encoding of the answer, and problem documents for whatever goes
wrong. `OPERATIONS` holds every declaration, for the tests and the documentation.
"""

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, TypeVar

import msgspec
from chalice.app import Blueprint, Request, Response

from chalicelib.errors import (
    PROBLEM_MEDIA_TYPE,
    InternalProblem,
    NotAuthenticated,
    NotPermitted,
    Problem,
    ProblemDocument,
)
from chalicelib.request import BINARY, JSON, bearer, body_reader, read_query, require_binary_accepted

LARGEST_JSON_BYTES = 64 * 1024
_LOG = logging.getLogger("chalicelib.web")

Body = TypeVar("Body")


class Scope(Enum):
    """Who may call an operation."""

    PUBLIC = "public"
    USER = "user"
    BRIDGE = "bridge"
    USER_OR_BRIDGE = "user or bridge"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent the request, as its credential proves.

    Attributes:
        user_id: The user, or the owner of the bridge.
        bridge_id: The bridge, when its credential was sent.
        login_id: The signed-in client, when a user's access token was sent.
    """

    user_id: str
    bridge_id: str | None = None
    login_id: str | None = None


@dataclass(frozen=True, slots=True)
class Call(Generic[Body]):
    """What a view gets.

    Attributes:
        body: The decoded JSON, the raw bytes, or None for an operation without a body.
        headers: The request's headers, case-insensitive.
        query: The query parameters, each with its last value.
    """

    body: Body
    headers: Mapping[str, str]
    query: Mapping[str, str]
    _caller: Caller | None

    @property
    def caller(self) -> Caller:
        """Who sent the request; an operation of scope PUBLIC has nobody here."""
        if self._caller is None:
            raise NotAuthenticated
        return self._caller


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with another status than the declared one, with headers, or with raw bytes.

    Attributes:
        value: What the body is made of: a msgspec type for JSON, bytes as they are.
        status: The HTTP status; None for the declared one.
        headers: Further headers.
    """

    value: Any
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """The declaration of a route.

    Attributes:
        method: The HTTP method.
        path: The path, parameters in braces.
        scope: Who may call it.
        summary: What it does, in a sentence.
        request: The type of the JSON body, `bytes` for a raw one, None for none.
        response: The type of the JSON answer, or `bytes`.
        status: The status when all went well.
        largest_bytes: The largest body.
        query: The query parameters that it takes.
    """

    method: str
    path: str
    scope: Scope
    summary: str
    request: Any
    response: Any
    status: int
    largest_bytes: int
    query: tuple[str, ...]


OPERATIONS: list[Operation] = []

Authenticate = Callable[[str], Caller]
View = Callable[..., Any]


class Routes:
    """A domain's routes.

    Args:
        name: The module that declares them.
        authenticate: Turns the credential of an Authorization header into its caller, or raises NotAuthenticated.

    Attributes:
        blueprint: What app.py registers.
    """

    def __init__(self, name: str, authenticate: Authenticate) -> None:
        self.blueprint = Blueprint(name)
        self._authenticate = authenticate

    def get(self, path: str, **declaration: Any) -> Callable[[View], View]:
        """Declare a GET; the arguments are those of `declare`."""
        return self.declare("GET", path, **declaration)

    def post(self, path: str, **declaration: Any) -> Callable[[View], View]:
        """Declare a POST; the arguments are those of `declare`."""
        return self.declare("POST", path, **declaration)

    def put(self, path: str, **declaration: Any) -> Callable[[View], View]:
        """Declare a PUT; the arguments are those of `declare`."""
        return self.declare("PUT", path, **declaration)

    def declare(  # noqa: PLR0913 - a declaration says everything about its route, by name
        self,
        method: str,
        path: str,
        *,
        scope: Scope,
        response: Any,
        request: Any = None,
        status: int = 200,
        largest_bytes: int = LARGEST_JSON_BYTES,
        query: tuple[str, ...] = (),
    ) -> Callable[[View], View]:
        """Return a decorator that makes a view a route; its docstring's first line is the summary.

        The view gets a `Call` and the path parameters by name, and returns a value of the response type or a `Reply`.
        """

        def decorate(view: View) -> View:
            summary = (view.__doc__ or "").strip().splitlines()[0]
            operation = Operation(method, path, scope, summary, request, response, status, largest_bytes, query)
            OPERATIONS.append(operation)
            answer = _Endpoint(operation, view, self.blueprint, self._authenticate)
            # No content types for Chalice: its own refusal is no problem document, and ours knows the declaration.
            self.blueprint.route(path, methods=[method], name=view.__name__, content_types=[])(answer)
            return view

        return decorate


class _Endpoint:
    """What Chalice calls for a route: everything around the view."""

    def __init__(self, operation: Operation, view: View, blueprint: Blueprint, authenticate: Authenticate) -> None:
        self._operation = operation
        self._view = view
        self._blueprint = blueprint
        self._authenticate = authenticate
        self._decode = body_reader(operation.request, operation.largest_bytes)
        self._media_type = BINARY if operation.response is bytes else JSON
        # Chalice names a view by its function.
        self.__name__ = view.__name__
        # And takes the summary of its API description from the docstring.
        self.__doc__ = operation.summary

    def __call__(self, **path_parameters: str) -> Response:
        request = self._blueprint.current_request
        try:
            if self._media_type == BINARY:
                require_binary_accepted(request.headers.get("accept"))
            caller = self._caller(request)
            query = read_query(request, self._operation.query)
            call = Call(self._decode(request), request.headers, query, caller)
            return self._answer(self._view(call, **path_parameters))
        except Problem as problem:
            return problem_response(problem)
        except Exception:  # noqa: BLE001 - the last stop before Chalice's own 500: logged in full, answered as a problem
            incident = uuid.uuid4().hex
            _LOG.exception("%s %s failed, incident %s", self._operation.method, self._operation.path, incident)
            return problem_response(InternalProblem(f"Please try again; when you report it, name incident {incident}."))

    def _caller(self, request: Request) -> Caller | None:
        if self._operation.scope is Scope.PUBLIC:
            return None
        caller = self._authenticate(bearer(request.headers.get("authorization")))
        if caller.bridge_id is not None and self._operation.scope is Scope.USER:
            raise NotPermitted("A bridge's credential only uploads captures; this needs a user's access token.")
        if caller.bridge_id is None and self._operation.scope is Scope.BRIDGE:
            raise NotPermitted("This is for a bridge, with the credential of its own.")
        return caller

    def _answer(self, returned: Any) -> Response:
        reply = returned if isinstance(returned, Reply) else Reply(returned)
        body = reply.value if isinstance(reply.value, bytes) else msgspec.json.encode(reply.value).decode()
        headers: dict[str, str | list[str]] = {
            "Content-Type": self._media_type,
            "Cache-Control": "no-store",
            **reply.headers,
        }
        return Response(body, headers=headers, status_code=reply.status or self._operation.status)


def problem_response(problem: Problem) -> Response:
    """Return a problem as the answer."""
    return _document_response(problem.document(), problem.headers)


def _document_response(document: ProblemDocument, headers: Mapping[str, str | list[str]]) -> Response:
    all_headers: dict[str, str | list[str]] = {
        "Content-Type": PROBLEM_MEDIA_TYPE,
        "Cache-Control": "no-store",
        **headers,
    }
    return Response(msgspec.json.encode(document).decode(), headers=all_headers, status_code=document.status)


def problems_everywhere(event: Any, get_response: Callable[[Any], Response]) -> Response:
    """Chalice middleware: turn the refusals that Chalice itself makes (405 and the like) into problem documents."""
    response = get_response(event)
    if response.status_code < 400 or response.headers.get("Content-Type") == PROBLEM_MEDIA_TYPE:  # noqa: PLR2004 - RFC 9110: errors begin at 400
        return response
    body = response.body if isinstance(response.body, dict) else {}
    title = str(body.get("Message") or "The request could not be answered.")
    headers = {name: value for name, value in response.headers.items() if name.lower() != "content-type"}
    return _document_response(ProblemDocument("about:blank", title, response.status_code), headers)
