"""Pages of other origins: which may use the API, by the stage's setting, and what they may read (Fetch standard)."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from chalice.app import Chalice
from chalice.config import Config
from chalice.local import LocalGateway

from chalicelib import preflight, web
from chalicelib.call import Call, Caller
from chalicelib.operation import OPERATIONS, Operation, Scope
from tests.api import Api, Bowler

PROJECT = Path(__file__).parents[2]
ORIGIN = "https://app.example.org"


def _example(path: str) -> str:
    return re.sub(r"{\w+}", "0" * 64, path)


def test_every_route_answers_a_preflight(api: Api) -> None:
    """The local cloud lets every origin in: each path answers OPTIONS with its methods and the headers it reads."""
    for operation in OPERATIONS:
        headers = {"Origin": ORIGIN, "Access-Control-Request-Method": operation.method}
        answer = api("OPTIONS", _example(operation.path), headers=headers)
        assert answer.status in (200, 204), operation.name
        assert answer.headers["access-control-allow-origin"] == "*"
        assert operation.method in answer.headers["access-control-allow-methods"].split(",")
        allowed = answer.headers["access-control-allow-headers"].lower().split(",")
        asked = ("authorization", "content-type", "if-match", "x-request-id", *operation.headers)
        assert {name.lower() for name in (*asked, *operation.required_headers)} <= set(allowed), operation.name
        assert int(answer.headers["access-control-max-age"]) > 0


def test_answers_and_refusals_can_be_read(api: Api, bowler: Bowler) -> None:
    """A page may read good answers and problems alike, with their tag, id, place and time; no cookie is involved."""
    for answer in (
        api("GET", "/v1/health", headers={"Origin": ORIGIN}),
        api("GET", "/v1/captures", headers={"Origin": ORIGIN}),
        bowler("GET", f"/v1/captures/{'0' * 64}", headers={"Origin": ORIGIN}),
        api("POST", "/v1/tokens", body=b"{", headers={"Origin": ORIGIN, "Content-Type": "application/json"}),
    ):
        assert answer.headers["access-control-allow-origin"] == "*"
        exposed = answer.headers["access-control-expose-headers"].split(",")
        assert set(exposed) == {"ETag", "X-Request-Id", "Location", "Retry-After"}
        assert "access-control-allow-credentials" not in answer.headers
        assert "set-cookie" not in answer.headers


def _gateway(monkeypatch: pytest.MonkeyPatch, origin: str | None) -> LocalGateway:
    """Return a gateway before two routes of one path, put together as app.py does it."""
    if origin is None:
        monkeypatch.delenv("CORS_ORIGIN", raising=False)
    else:
        monkeypatch.setenv("CORS_ORIGIN", origin)
    operations: list[Operation] = []
    monkeypatch.setattr(web, "OPERATIONS", operations)
    routes = web.Routes("tests", lambda *_: Caller("someone"), "tests")

    @routes.get("/balls/{ball_id}", scope=Scope.PUBLIC, response=dict, headers={"Spin": "Which way."})
    def get_ball(_: Call[None], ball_id: str) -> Any:
        """Show a ball."""
        return {"id": ball_id}

    @routes.delete("/balls/{ball_id}", scope=Scope.USER)
    def delete_ball(_: Call[None], ball_id: str) -> Any:
        """Delete a ball."""

    app = Chalice("tests")
    app.register_middleware(web.problems_everywhere, "http")
    cors = preflight.cors(operations)
    app.api.cors = cors or False
    app.register_blueprint(routes.blueprint)
    if cors is None:
        app.register_blueprint(preflight.options(operations))
    return LocalGateway(app, Config())


def test_a_stage_names_one_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an origin in the settings that one is let in, and the headers that routes declare may be sent."""
    gateway = _gateway(monkeypatch, ORIGIN)
    answer = gateway.handle_request("OPTIONS", "/balls/1", {}, None)
    assert answer["headers"]["Access-Control-Allow-Origin"] == ORIGIN
    assert "Spin" in answer["headers"]["Access-Control-Allow-Headers"].split(",")
    assert gateway.handle_request("GET", "/balls/1", {}, None)["headers"]["Access-Control-Allow-Origin"] == ORIGIN


def test_without_a_setting_no_other_origin_is_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an origin no answer has a CORS header, and OPTIONS tells the methods of the path, with no body."""
    gateway = _gateway(monkeypatch, None)
    answer = gateway.handle_request("OPTIONS", "/balls/1", {"Origin": ORIGIN}, None)
    assert (answer["statusCode"], answer["body"]) == (204, "")
    assert answer["headers"]["Allow"] == "GET, HEAD, DELETE, OPTIONS"
    got = gateway.handle_request("GET", "/balls/1", {"Origin": ORIGIN}, None)
    assert not [name for name in {**answer["headers"], **got["headers"]} if name.lower().startswith("access-control")]


def test_a_method_that_a_path_has_not_tells_those_that_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal by Chalice itself is a problem document, carries a request id, and names the path's methods."""
    answer = _gateway(monkeypatch, None).handle_request("PUT", "/balls/1", {"x-request-id": "mine"}, b"{}")
    assert answer["statusCode"] == 405
    assert json.loads(answer["body"])["status"] == 405
    assert answer["headers"]["X-Request-Id"] == "mine"
    assert "DELETE" in answer["headers"]["Allow"]


@pytest.mark.long
@pytest.mark.parametrize("origin", [ORIGIN, None])
def test_the_deployed_api_answers_options(origin: str | None) -> None:
    """As packaged for AWS every path has OPTIONS: answered by API Gateway with CORS, by the function without."""
    script = """
import json, os
os.environ |= {"AWS_REGION": "us-east-1", "STAGE": "prod"}
from chalice.config import Config
from chalice.deploy.swagger import CFNSwaggerGenerator
import app
print(json.dumps(CFNSwaggerGenerator().generate_swagger(app.app)))
"""
    environment = {name: value for name, value in os.environ.items() if name != "CORS_ORIGIN"}
    environment |= {"CORS_ORIGIN": origin} if origin else {}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    paths = json.loads(done.stdout)["paths"]
    assert {operation.path for operation in OPERATIONS} <= set(paths)
    for path, methods in paths.items():
        integration = methods["options"]["x-amazon-apigateway-integration"]
        assert integration["type"] == ("mock" if origin else "aws_proxy"), path
        if origin:
            given = integration["responses"]["default"]["responseParameters"]
            assert given["method.response.header.Access-Control-Allow-Origin"] == f"'{origin}'"
            named = given["method.response.header.Access-Control-Allow-Methods"].strip("'").split(",")
            assert {method.upper() for method in methods} <= set(named)
