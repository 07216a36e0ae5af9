"""Every answer of every test, held to what its operation declares: status, problem, media type, fields and types."""

import copy
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # it has no types of its own

from chalicelib.description import description_json
from chalicelib.errors import PROBLEM_MEDIA_TYPE, TYPE_PREFIX
from chalicelib.openapi import problems_of
from chalicelib.operation import OPERATIONS, Operation

# What the gateway, or Chalice before our code, refuses by itself (docs/api.md).
_REFUSED_BEFORE_US = {400, 403, 405, 413, 431, 501, 502}


def check_answer(method: str, path: str, status: int, headers: Mapping[str, str], data: bytes) -> None:
    """Fail when an answer is not one that the operation declares; a path that no operation has is the gateway's."""
    operation = find_operation(method, path)
    if operation is None:
        return
    media_type = headers.get("content-type", "").partition(";")[0]
    if status >= 400:
        _check_problem(operation, status, media_type, data if method != "HEAD" else None)
        return
    assert status in operation.answers, f"{operation.name} answers {status}, which it does not declare"
    content = description()["paths"][operation.path][operation.method.lower()]["responses"][str(status)].get("content")
    if method == "HEAD":
        return
    if content is None:
        assert data == b"", f"{operation.name} answers {status} with a body, and declares none"
        return
    assert media_type in content or "text/*" in content, f"{operation.name} answers {media_type}"
    if media_type == "application/json" and operation.name != "get_description":
        errors = [error.message for error in _validator(operation, status).iter_errors(json.loads(data))]
        assert errors == [], f"{operation.name} answers {status} with what it does not declare"


def find_operation(method: str, path: str) -> Operation | None:
    """Return the operation that a request asks for; HEAD asks for what GET has."""
    wanted = "GET" if method == "HEAD" else method
    plain = path.partition("?")[0]
    for operation in sorted(OPERATIONS, key=lambda each: each.path.count("{")):
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(operation.path))
        if operation.method == wanted and re.fullmatch(pattern, plain):
            return operation
    return None


@cache
def description() -> Any:
    """Return the description of the API."""
    return json.loads(description_json())


def _check_problem(operation: Operation, status: int, media_type: str, data: bytes | None) -> None:
    assert media_type == PROBLEM_MEDIA_TYPE, f"{operation.name} answers {status} with {media_type}"
    if data is None:
        return
    kind = json.loads(data)["type"]
    if kind == "about:blank":
        assert status in _REFUSED_BEFORE_US, f"{operation.name} answers {status} without a name"
        return
    declared = {problem.name for problem in problems_of(operation) if problem.status == status}
    assert kind.removeprefix(TYPE_PREFIX) in declared, f"{operation.name} answers {status} {kind}, which is undeclared"


@cache
def _components() -> Any:
    """Return the schemas, closed: an answer with a field that is not declared does not fit."""
    components = copy.deepcopy(description()["components"])
    for schema in components["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return components


_validators: dict[tuple[str, int], Any] = {}


def _validator(operation: Operation, status: int) -> Any:
    key = (operation.name, status)
    if key not in _validators:
        answer = description()["paths"][operation.path][operation.method.lower()]["responses"][str(status)]
        schema = {"components": _components(), **answer["content"]["application/json"]["schema"]}
        _validators[key] = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return _validators[key]
