"""The description of the API, made of the routes' own declarations (OpenAPI 3.1.1, JSON Schema 2020-12)."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from chalicelib.errors import (
    PROBLEM_MEDIA_TYPE,
    TYPE_PREFIX,
    InternalProblem,
    InvalidJson,
    InvalidQuery,
    InvalidRequest,
    NotAcceptable,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    Problem,
    ProblemDocument,
    TooLarge,
    UnsupportedMediaType,
)
from chalicelib.operation import Operation, Scope
from chalicelib.preconditions import PreconditionFailed, PreconditionRequired
from chalicelib.request import BINARY, JSON
from chalicelib.schemas import REFERENCE, attribute_meanings, component_schemas, first_line, inline_schema

OPENAPI_VERSION = "3.1.1"
_SECURITY: dict[Scope, list[dict[str, list[str]]]] = {
    Scope.PUBLIC: [],
    Scope.USER: [{"accessToken": []}],
    Scope.ADMIN: [{"accessToken": []}],
    Scope.BRIDGE: [{"bridgeCredential": []}],
    Scope.USER_OR_BRIDGE: [{"accessToken": []}, {"bridgeCredential": []}],
}
_ABOUT_ITSELF = ("health", "description")
_PROBLEM_HEADERS = {
    401: {"WWW-Authenticate": "`Bearer`; API Gateway renames it to x-amzn-Remapped-WWW-Authenticate."},
    429: {"Retry-After": "Seconds after which another try may do."},
}
_SECURITY_SCHEMES = {
    "accessToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A user's access token, from POST /v1/tokens; it works for 15 minutes.",
    },
    "bridgeCredential": {
        "type": "http",
        "scheme": "bearer",
        "description": "A bridge's own credential; it begins with rmb_, uploads captures and reports, no more.",
    },
}


def describe(operations: Iterable[Operation], *, title: str, version: str, description: str) -> dict[str, Any]:
    """Return the API's description as an OpenAPI document.

    Args:
        operations: The declarations of all routes.
        title: The API's name.
        version: Its version.
        description: What it is, in Markdown.
    """
    operations = list(operations)
    references, schemas = component_schemas([ProblemDocument, *_body_types(operations)])
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, references)
    return {
        "openapi": OPENAPI_VERSION,
        "info": {"title": title, "version": version, "description": description},
        "servers": [{"url": "."}],
        "tags": [{"name": tag} for tag in _tags(operations)],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": _SECURITY_SCHEMES},
    }


def _tags(operations: list[Operation]) -> list[str]:
    """Return the domains in the order of their declaration, what is about the API itself last."""
    tags = dict.fromkeys(operation.tag for operation in operations)
    return sorted(tags, key=lambda tag: tag in _ABOUT_ITSELF)


def problems_of(operation: Operation) -> list[type[Problem]]:
    """Return every problem that an operation may answer: its own, and those that follow from its declaration."""
    found: list[type[Problem]] = list(operation.problems)
    if operation.scope is not Scope.PUBLIC:
        found += [NotAuthenticated, NotPermitted]
    if "{" in operation.path:
        found.append(NotFound)
    # Every operation refuses a query parameter that it does not know.
    found.append(InvalidQuery)
    if operation.request is not None:
        found += [UnsupportedMediaType, TooLarge]
    if operation.request is not None and operation.request is not bytes:
        found += [InvalidJson, InvalidRequest]
    if operation.is_binary:
        found.append(NotAcceptable)
    if operation.if_match:
        found += [PreconditionRequired, PreconditionFailed]
    return [*dict.fromkeys(found), InternalProblem]


def _operation(operation: Operation, references: Mapping[Any, dict[str, Any]]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
        "security": _SECURITY[operation.scope],
        "parameters": _parameters(operation),
        "responses": {
            **{str(status): _answer(operation, status, references) for status in operation.answers},
            **_refusals(operation),
        },
    }
    if operation.request is not None:
        described["requestBody"] = _request_body(operation, references)
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    path = [
        {"name": name, "in": "path", "required": True, "schema": inline_schema(operation.parameters.get(name, str))}
        for name in re.findall(r"{(\w+)}", operation.path)
    ]
    query = [] if operation.query is None else _query_parameters(operation.query)
    required = dict(operation.required_headers)
    if operation.if_match:
        required["If-Match"] = "The ETag of the version that is to be changed, or *."
    headers = [
        {"name": name, "in": "header", "required": must, "schema": {"type": "string"}, "description": meaning}
        for must, named in ((True, required), (False, operation.headers))
        for name, meaning in named.items()
    ]
    return path + query + headers


def _query_parameters(kind: type[msgspec.Struct]) -> list[dict[str, Any]]:
    schema = inline_schema(kind)
    meanings = attribute_meanings(kind)
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "schema": _without_null(field),
            "description": meanings.get(name, ""),
        }
        for name, field in schema.get("properties", {}).items()
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a query parameter: it is left out rather than null."""
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    kept = {name: value for name, value in schema.items() if not (name == "default" and value is None)}
    return choices[0] if len(choices) == 1 else kept


def _request_body(operation: Operation, references: Mapping[Any, dict[str, Any]]) -> dict[str, Any]:
    limit = f"At most {operation.largest_bytes} bytes."
    if operation.request is bytes:
        content: dict[str, Any] = {BINARY: {"schema": {"type": "string", "format": "binary"}}}
    else:
        content = {JSON: {"schema": references[operation.request]}}
        if operation.example is not None:
            content[JSON]["example"] = msgspec.to_builtins(operation.example)
    return {"required": True, "description": limit, "content": content}


def _answer(operation: Operation, status: int, references: Mapping[Any, dict[str, Any]]) -> dict[str, Any]:
    kinds = operation.answer_types(status)
    headers = {"X-Request-Id": _REQUEST_ID, **{name: _header(text) for name, text in operation.answer_headers.items()}}
    if operation.etag:
        headers["ETag"] = _header("The version of what is shown; send it as If-Match with a change.")
    answer: dict[str, Any] = {"description": first_line(kinds[-1]) or operation.summary, "headers": headers}
    content: dict[str, dict[str, Any]] = {}
    for kind in kinds:
        content.update(_content(kind, references))
    if operation.answer_example is not None and status == operation.status:
        content[JSON]["example"] = msgspec.to_builtins(operation.answer_example)
    return {**answer, "content": content} if content else answer


def _content(kind: Any, references: Mapping[Any, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return an answer's media type with its schema; a text is a media type itself, None is no content."""
    if kind is None:
        return {}
    if kind is bytes:
        return {BINARY: {"schema": {"type": "string", "format": "binary"}}}
    if isinstance(kind, str):
        return {kind: {"schema": {"type": "object" if kind == JSON else "string"}}}
    return {JSON: {"schema": references[kind]}}


def _header(meaning: str) -> dict[str, Any]:
    return {"schema": {"type": "string"}, "description": meaning}


_REQUEST_ID = _header("What the request is called in the log.")


def _refusals(operation: Operation) -> dict[str, Any]:
    by_status: dict[str, list[type[Problem]]] = {}
    for problem in problems_of(operation):
        by_status.setdefault(str(problem.status), []).append(problem)
    return {status: _refusal(problems) for status, problems in sorted(by_status.items())}


def _refusal(problems: list[type[Problem]]) -> dict[str, Any]:
    titles = {problem.name: first_line(problem) for problem in problems}
    examples = {
        name: {"value": {"type": TYPE_PREFIX + name, "title": title, "status": problems[0].status}}
        for name, title in titles.items()
    }
    further = _PROBLEM_HEADERS.get(problems[0].status, {})
    schema = REFERENCE.format(name=ProblemDocument.__name__)
    return {
        "description": "\n\n".join(f"`{name}`: {title}" for name, title in titles.items()),
        "headers": {"X-Request-Id": _REQUEST_ID, **{name: _header(text) for name, text in further.items()}},
        "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": schema}, "examples": examples}},
    }


def _body_types(operations: list[Operation]) -> list[Any]:
    answers = [
        kind for operation in operations for status in operation.answers for kind in operation.answer_types(status)
    ]
    kinds = [*(operation.request for operation in operations), *answers]
    return [kind for kind in kinds if kind not in (None, bytes) and not isinstance(kind, str)]
