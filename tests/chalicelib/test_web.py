"""What is the same for all routes: declarations, problems, and nothing of ours leaking."""

import ast
import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from chalice.app import Chalice
from chalice.config import Config
from chalice.local import LocalGateway

from chalicelib import web
from chalicelib.call import Call, Caller, Reply
from chalicelib.errors import Problem
from chalicelib.operation import OPERATIONS, Scope
from chalicelib.web import Routes
from tests.api import Api, Bowler

PROJECT = Path(__file__).parents[2]
PUBLIC = {
    "GET /v1/health",
    "GET /openapi.json",
    "GET /docs",
    "GET /docs/{file}",
    "POST /v1/users",
    "POST /v1/tokens",
    "POST /v1/tokens/refresh",
    "POST /v1/password-resets",
    "POST /v1/password-resets/confirmation",
    "POST /v1/pairings",
}


class Teapot(Problem):
    """This pot makes tea."""

    status = 418
    name = "teapot"


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> LocalGateway:
    """An app of its own, with routes that fail in every way."""
    monkeypatch.setattr(web, "OPERATIONS", [])
    routes = Routes("tests", lambda *_: Caller("someone"), "tests")

    @routes.get("/teapot", scope=Scope.PUBLIC, response=bytes)
    def teapot(_: Call[None]) -> bytes:
        """Refuse."""
        raise Teapot("Ask for tea.", headers={"Retry-After": "5"})

    @routes.get("/broken", scope=Scope.PUBLIC, response=dict)
    def broken(_: Call[None]) -> Any:
        """Fail with something that nobody shall read."""
        raise RuntimeError("the password is swordfish")

    @routes.get("/unserialisable", scope=Scope.PUBLIC, response=dict)
    def unserialisable(_: Call[None]) -> Any:
        """Return what no JSON holds."""
        return Reply({"a": object()})

    @routes.get("/anonymous", scope=Scope.PUBLIC, response=dict)
    def anonymous(call: Call[None]) -> Any:
        """Ask for a caller where there is none."""
        return call.caller.user_id

    app = Chalice("tests")
    app.register_middleware(web.problems_everywhere, "http")
    app.register_blueprint(routes.blueprint)
    return LocalGateway(app, Config())


def _ask(gateway: LocalGateway, method: str, path: str) -> tuple[int, dict[str, str], Any]:
    answer = gateway.handle_request(method, path, {"Accept": "application/octet-stream"}, b"")
    return answer["statusCode"], answer["headers"], json.loads(answer["body"])


def test_a_problem_is_a_document_with_its_headers(gateway: LocalGateway) -> None:
    """A raised problem becomes RFC 9457's document, titled by its docstring, and keeps its headers."""
    status, headers, document = _ask(gateway, "GET", "/teapot")
    assert status == 418
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Retry-After"] == "5"
    assert document == {
        "type": "urn:problem-type:revmetrix:teapot",
        "title": "This pot makes tea.",
        "status": 418,
        "detail": "Ask for tea.",
    }


@pytest.mark.parametrize("path", ["/broken", "/unserialisable"])
def test_an_error_of_ours_tells_nothing_but_an_incident(
    gateway: LocalGateway, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected exception is a 500 whose body names an incident; what happened stands in the log under it."""
    status, _, document = _ask(gateway, "GET", path)
    assert status == 500
    assert "swordfish" not in json.dumps(document)
    incident = document["detail"].split()[-1].rstrip(".")
    assert incident in caplog.text
    assert "Traceback" in caplog.text


def test_a_public_route_has_no_caller(gateway: LocalGateway) -> None:
    """A view that asks who called, on a route that anyone may call, is refused rather than given somebody."""
    assert _ask(gateway, "GET", "/anonymous")[0] == 401


def test_chalices_own_refusals_are_problems_too(gateway: LocalGateway) -> None:
    """A method that a route does not have is a 405 in the same form as every other problem."""
    status, headers, document = _ask(gateway, "POST", "/teapot")
    assert (status, document["status"]) == (405, 405)
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Allow"] == "GET, HEAD"


def test_a_route_without_a_scope_cannot_be_declared() -> None:
    """Deny by default: the scope is no optional part of a declaration."""
    routes = Routes("tests", lambda *_: Caller("someone"), "tests")
    with pytest.raises(TypeError, match="scope"):
        routes.get("/open", response=dict)


def test_every_operation_but_these_needs_a_credential(api: Api) -> None:
    """Asked without a credential every operation answers 401, except those that are public on purpose."""
    for operation in OPERATIONS:
        name = f"{operation.method} {operation.path}"
        if name not in PUBLIC:
            assert operation.scope is not Scope.PUBLIC, name
            assert api(operation.method, re.sub(r"{\w+}", "0" * 64, operation.path)).status == 401, name


def test_health_answers_anyone(api: Api) -> None:
    """The health check needs no credential."""
    answer = api("GET", "/v1/health")
    assert (answer.status, answer.json) == (200, {"status": "ok"})


def test_answers_are_not_cached(bowler: Bowler) -> None:
    """What belongs to a user is not kept by anything between."""
    assert bowler("GET", "/v1/captures").headers["cache-control"] == "no-store"


def test_the_documentation_names_every_route_and_no_other() -> None:
    """Every operation is a heading of docs/api.md, and every heading there is an operation."""
    importlib.import_module("app")
    headings = {
        line[4:].strip("` ") for line in (PROJECT / "docs/api.md").read_text().splitlines() if line.startswith("### `")
    }
    assert headings == {f"{operation.method} {operation.path}" for operation in OPERATIONS}


def test_app_py_stays_small_and_at_the_edge() -> None:
    """app.py has at most 60 lines and imports nothing but Chalice and the cloud controller."""
    source = (PROJECT / "app.py").read_text()
    assert len(source.splitlines()) <= 60
    modules = {node.module for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}
    assert all(module is not None and module.split(".")[0] in ("chalice", "chalicelib") for module in modules)
