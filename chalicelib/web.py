"""How a route is declared, and everything that is the same for all of them.

A route says its scope, request type, answers and parameters in one place (`operation.Operation`). From that declaration
come the check of the credential, the validation of path, query and body, the encoding of the answer, problem documents
for whatever goes wrong, and the description of the API.
"""

import logging
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from chalice.app import Blueprint, Request, Response

from chalicelib.call import Call, Caller, Html, Reply, Text
from chalicelib.errors import PROBLEM_MEDIA_TYPE, InternalProblem, NotPermitted, Problem, ProblemDocument
from chalicelib.observation import Observation, observe
from chalicelib.operation import OPERATIONS, Operation, Scope
from chalicelib.preconditions import read_if_match
from chalicelib.request import (
    BINARY,
    JSON,
    bearer,
    body_reader,
    parameter_reader,
    query_reader,
    request_id,
    require_binary_accepted,
)

_LOG = logging.getLogger("chalicelib.web")
_HTML = "text/html; charset=utf-8"
# A bridge's credential uploads and reports; whatever else there is belongs to people.
_BRIDGE_SCOPES = (Scope.BRIDGE, Scope.USER_OR_BRIDGE)
_USER_SCOPES = (Scope.USER, Scope.USER_OR_BRIDGE, Scope.ADMIN)

Authenticate = Callable[[str, Operation], Caller]
View = Callable[..., Any]


class Routes:
    """A domain's routes.

    Args:
        name: The module that declares them.
        authenticate: Turns the credential of an Authorization header into its caller, for an operation, or raises
            NotAuthenticated or NotPermitted.
        tag: What the description of the API calls the domain.

    Attributes:
        blueprint: What app.py registers.
    """

    def __init__(self, name: str, authenticate: Authenticate, tag: str) -> None:
        self.blueprint = Blueprint(name)
        self._authenticate = authenticate
        self._tag = tag

    def get(self, path: str, **declaration: Any) -> Callable[[View], View]:
        """Declare a GET; the arguments are those of `declare`."""
        return self.declare("GET", path, **declaration)

    def post(self, path: str, **declaration: Any) -> Callable[[View], View]:
        """Declare a POST; the arguments are those of `declare`."""
        return self.declare("POST", path, **declaration)

    def put(self, path: str, **declaration: Any) -> Callable[[View], View]:
        """Declare a PUT; the arguments are those of `declare`."""
        return self.declare("PUT", path, **declaration)

    def patch(self, path: str, **declaration: Any) -> Callable[[View], View]:
        """Declare a PATCH; the arguments are those of `declare`."""
        return self.declare("PATCH", path, **declaration)

    def delete(self, path: str, **declaration: Any) -> Callable[[View], View]:
        """Declare a DELETE; the arguments are those of `declare`. It answers 204 unless it says otherwise."""
        return self.declare("DELETE", path, **{"response": None, "status": 204, **declaration})

    def declare(  # noqa: PLR0913 - a declaration says everything about its route, by name
        self,
        method: str,
        path: str,
        *,
        scope: Scope,
        response: Any,
        request: Any = None,
        status: int = 200,
        also: Mapping[int, Any] | None = None,
        **rest: Any,
    ) -> Callable[[View], View]:
        """Return a decorator that makes a view a route; its docstring is the summary and the description.

        The view gets a `Call` and the path parameters by name, and returns a value of the response type or a `Reply`.

        Args:
            method: The HTTP method.
            path: The path, parameters in braces.
            scope: Who may call it.
            response: The type of the usual answer.
            request: The type of the body.
            status: The status of the usual answer.
            also: The types of the other good answers, by status.
            rest: The remaining fields of `Operation`.
        """

        def decorate(view: View) -> View:
            summary, _, description = (view.__doc__ or "").strip().partition("\n")
            operation = Operation(
                method=method,
                path=path,
                name=view.__name__,
                tag=self._tag,
                scope=scope,
                summary=summary,
                description="\n".join(line.strip() for line in description.strip().splitlines()),
                request=request,
                answers={status: response, **(also or {})},
                **rest,
            )
            OPERATIONS.append(operation)
            endpoint = _Endpoint(operation, view, self.blueprint, self._authenticate)
            # API Gateway knows no HEAD of its own; RFC 9110 section 9.3.2 wants it wherever there is a GET.
            methods = [method, "HEAD"] if method == "GET" else [method]
            # No content types for Chalice: its own refusal is no problem document, and ours knows the declaration.
            self.blueprint.route(path, methods=methods, name=view.__name__, content_types=[])(endpoint)
            return view

        return decorate


class _Endpoint:
    """What Chalice calls for a route: everything around the view."""

    def __init__(self, operation: Operation, view: View, blueprint: Blueprint, authenticate: Authenticate) -> None:
        self._operation = operation
        self._view = view
        self._blueprint = blueprint
        self._authenticate = authenticate
        self._read_body = body_reader(operation.request, operation.largest_bytes)
        self._read_query = query_reader(operation.query)
        self._read_parameters = parameter_reader(operation.parameters)
        # Chalice names a view by its function.
        self.__name__ = view.__name__
        # And takes the summary of its API description from the docstring.
        self.__doc__ = operation.summary

    def __call__(self, **path_parameters: str) -> Response:
        request = self._blueprint.current_request
        with observe(self._operation.method, self._operation.path, request_id(request)) as observation:
            response = self._respond(request, path_parameters, observation)
            response.headers["X-Request-Id"] = observation.request_id
            observation.status = response.status_code
            return response

    def _respond(self, request: Request, path_parameters: dict[str, str], observation: Observation) -> Response:
        try:
            caller = self._caller(request)
            if caller is not None:
                observation.note_caller(caller.user_id, caller.bridge_id)
            if self._operation.is_binary:
                require_binary_accepted(request.headers.get("accept"))
            return self._answer(self._view(self._call(request, caller), **self._read_parameters(path_parameters)))
        except Problem as problem:
            observation.problem = problem.name
            return problem_response(problem)
        except Exception:  # noqa: BLE001 - the last stop before Chalice's own 500: logged in full, answered as a problem
            incident = uuid.uuid4().hex
            _LOG.exception("%s %s failed, incident %s", self._operation.method, self._operation.path, incident)
            observation.problem = InternalProblem.name
            return problem_response(InternalProblem(f"Please try again; when you report it, name incident {incident}."))

    def _call(self, request: Request, caller: Caller | None) -> Call[Any]:
        return Call(
            body=self._read_body(request),
            headers=request.headers,
            query=self._read_query(request),
            if_match=read_if_match(request.headers.get("if-match")) if self._operation.if_match else None,
            address=str(request.context.get("identity", {}).get("sourceIp") or ""),
            path=str(request.context.get("path") or ""),
            _caller=caller,
        )

    def _caller(self, request: Request) -> Caller | None:
        scope = self._operation.scope
        if scope is Scope.PUBLIC:
            return None
        caller = self._authenticate(bearer(request.headers.get("authorization")), self._operation)
        if caller.bridge_id is not None and scope not in _BRIDGE_SCOPES:
            raise NotPermitted("A bridge's credential uploads captures and reports; this needs a user's access token.")
        if caller.bridge_id is None and scope not in _USER_SCOPES:
            raise NotPermitted("This is for bridges, with their own credential.")
        return caller

    def _answer(self, returned: Any) -> Response:
        reply = returned if isinstance(returned, Reply) else Reply(returned)
        headers: dict[str, str | list[str]] = {"Cache-Control": "no-store", **reply.headers}
        status = reply.status or self._operation.status
        if reply.value is None:
            # Chalice writes `null` for None; an empty text is no content.
            return Response("", headers=headers, status_code=status)
        headers.setdefault("Content-Type", _media_type(reply.value))
        body = reply.value if isinstance(reply.value, bytes | Text) else msgspec.json.encode(reply.value).decode()
        return Response(body, headers=headers, status_code=status)


def _media_type(value: Any) -> str:
    if isinstance(value, bytes):
        return BINARY
    return _HTML if isinstance(value, Html) else JSON


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
    headers["X-Request-Id"] = request_id(event)
    return _document_response(ProblemDocument("about:blank", title, response.status_code), headers)
