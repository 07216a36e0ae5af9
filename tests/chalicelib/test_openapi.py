"""The description of the API: complete, valid, and the same as what the routes do."""

import importlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import uuid
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urljoin

import msgspec
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # it has no types of its own
from openapi_spec_validator import OpenAPIV31SpecValidator

from chalicelib import description
from chalicelib.errors import Problem
from chalicelib.openapi import describe, problems_of
from chalicelib.operation import OPERATIONS, ListQuery, Operation, Scope
from chalicelib.request import BINARY, JSON
from chalicelib.schemas import attribute_meanings, component_schemas
from local_cloud import viewer
from tests.api import PASSWORD, Api

PROJECT = Path(__file__).parents[2]
NODE_FOLDER = PROJECT / "tests" / "node"


@pytest.fixture
def document(api: Api) -> Any:
    """The description as it is served."""
    return api("GET", "/openapi.json").json


def test_the_served_description_is_valid_openapi(document: Any) -> None:
    """A validator of OpenAPI 3.1 finds nothing, and the document names every operation and no other."""
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
    assert document["openapi"].startswith("3.1.")
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(operation.method, operation.path) for operation in OPERATIONS}


def test_every_operation_says_what_it_does(document: Any) -> None:
    """Each has a summary, a tag and a name of its own; each parameter and each answer is described."""
    described = [each for methods in document["paths"].values() for each in methods.values()]
    assert len({each["operationId"] for each in described}) == len(described)
    for each in described:
        assert each["summary"].endswith("."), each["operationId"]
        assert len(each["tags"]) == 1
        assert all(answer["description"] for answer in each["responses"].values()), each["operationId"]
        parameters = [one for one in each["parameters"] if not one.get("description") and one["in"] != "path"]
        assert parameters == [], each["operationId"]


def test_every_json_body_has_an_example_that_fits(document: Any) -> None:
    """Each JSON request and each usual JSON answer shows an example, and the example is valid by its schema."""
    lacking = []
    for operation in OPERATIONS:
        each = document["paths"][operation.path][operation.method.lower()]
        answer = each["responses"][str(operation.status)].get("content", {})
        bodies = [each.get("requestBody", {}).get("content", {}).get(JSON)]
        # An answer that is bytes, JSON only in a special case, or a document of its own is no example to follow.
        bodies += [] if BINARY in answer or operation.tag == "description" else [answer.get(JSON)]
        for body in bodies:
            if body is not None and "example" not in body:
                lacking.append(operation.name)
            elif body is not None:
                schema = {"components": document["components"], **body["schema"]}
                assert list(Draft202012Validator(schema).iter_errors(body["example"])) == [], operation.name
    assert lacking == []


def test_every_field_is_described(document: Any) -> None:
    """Each schema and each of its fields has a description, which comes from the type's own docstring."""
    schemas = document["components"]["schemas"]
    lacking = [name for name, schema in schemas.items() if not schema.get("description")]
    lacking += [
        f"{name}.{field}"
        for name, schema in schemas.items()
        for field, content in schema.get("properties", {}).items()
        if not content.get("description")
    ]
    assert lacking == []


def test_every_refusal_is_described_with_its_names(document: Any) -> None:
    """For each problem of an operation the description has its status, its name, an example and its schema."""
    for operation in OPERATIONS:
        responses = document["paths"][operation.path][operation.method.lower()]["responses"]
        for problem in problems_of(operation):
            content = responses[str(problem.status)]["content"]["application/problem+json"]
            assert content["examples"][problem.name]["value"]["status"] == problem.status
            assert content["schema"] == {"$ref": "#/components/schemas/ProblemDocument"}


def test_security_follows_the_scope(document: Any) -> None:
    """An operation that needs a credential names its scheme and its 401; a public one names none."""
    for operation in OPERATIONS:
        each = document["paths"][operation.path][operation.method.lower()]
        assert bool(each["security"]) == (operation.scope is not Scope.PUBLIC), operation.name
        assert ("401" in each["responses"]) or not each["security"], operation.name
        names = {name for one in each["security"] for name in one}
        assert names <= set(document["components"]["securitySchemes"])


def test_patterns_are_read_by_every_language(document: Any) -> None:
    """No pattern has what only Python knows, such as its own end of text."""
    patterns = re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', json.dumps(document))
    assert patterns
    assert not [pattern for pattern in patterns if re.search(r"\\\\[ZA]|\(\?P", pattern)]


class Base(msgspec.Struct):
    """What is extended.

    Attributes:
        name: What it is called,
            in two lines.
    """

    name: str


class Times(Base, rename={"one": "from"}):
    """Times in every place.

    Attributes:
        one: A time.
        maybe: A time or null.
        many: Times.
    """

    one: datetime
    maybe: datetime | None
    many: tuple[datetime, ...] = ()


def test_times_have_their_format_and_fields_their_meanings() -> None:
    """A time is a date-time wherever it stands, null stays allowed, and an extended type's fields are described."""
    _, schemas = component_schemas([Times])
    fields = schemas["Times"]["properties"]
    assert fields["from"]["format"] == "date-time"
    assert {"type": "string", "format": "date-time"} in fields["maybe"]["anyOf"]
    assert {"type": "null"} in fields["maybe"]["anyOf"]
    assert fields["many"]["items"]["format"] == "date-time"
    assert fields["name"]["description"] == "What it is called, in two lines."
    assert attribute_meanings(Times)["from"] == "A time."


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """What is read.

    Attributes:
        hand: Which hand.
        spin: Which way.
    """

    hand: str = "left"
    spin: str | None = None


class Told(msgspec.Struct):
    """What is written.

    Attributes:
        pins: How many fell.
        reason: Why.
        hidden: Sometimes there.
    """

    pins: int
    reason: str | None = None
    hidden: str | msgspec.UnsetType = msgspec.UNSET


def test_what_may_be_left_out_and_what_is_always_there() -> None:
    """A request's field with a default need not be sent, its default stands in words; an answer has all its fields."""
    _, schemas = component_schemas([Asked, Told])
    assert schemas["Asked"].get("required", []) == []
    assert schemas["Asked"]["properties"]["hand"]["description"] == "Which hand. By default 'left'."
    assert "default" not in json.dumps(schemas["Asked"]["properties"]["spin"])
    assert schemas["Told"]["required"] == ["pins", "reason"]


class Unlucky(Problem):
    """It is Friday the 13th."""

    status = 429
    name = "unlucky"


def _operation(**changes: Any) -> Operation:
    declared: dict[str, Any] = {
        "method": "POST",
        "path": "/v1/throws/{number}",
        "name": "throw",
        "tag": "throws",
        "scope": Scope.USER,
        "summary": "Throw.",
        "description": "",
        "request": None,
        "answers": {204: None},
    }
    return Operation(**{**declared, **changes})


def _described(operation: Operation) -> Any:
    document = describe([operation], title="Throws", version="1", description="")
    return document["paths"][operation.path][operation.method.lower()]


def test_a_declaration_is_described_whole() -> None:
    """Parameters, headers, limits, the version's tag and own problems of a declaration all appear."""
    described = _described(
        _operation(
            request=bytes,
            answers={201: Times, 200: "text/plain"},
            largest_bytes=77,
            query=ListQuery,
            parameters={"number": Annotated[int, msgspec.Meta(ge=1)]},
            headers={"Spin": "Which way."},
            required_headers={"Hand": "Which hand."},
            answer_headers={"Location": "Where it went."},
            problems=(Unlucky,),
            if_match=True,
            etag=True,
        )
    )
    parameters = {each["name"]: each for each in described["parameters"]}
    assert parameters["number"]["schema"] == {"type": "integer", "minimum": 1}
    assert {name: each["required"] for name, each in parameters.items()} == {
        "number": True,
        "limit": False,
        "cursor": False,
        "Hand": True,
        "If-Match": True,
        "Spin": False,
    }
    assert parameters["cursor"]["schema"] == {"type": "string", "maxLength": 1024}
    assert "77" in described["requestBody"]["description"]
    assert set(described["responses"]["201"]["headers"]) == {"X-Request-Id", "Location", "ETag"}
    assert set(described["responses"]["200"]["content"]) == {"text/plain"}
    assert "Retry-After" in described["responses"]["429"]["headers"]
    assert {"412", "428"} < set(described["responses"])


def test_a_cold_start_does_not_build_it() -> None:
    """Importing the application neither builds the description nor imports what builds it."""
    script = (
        "import app, sys; from chalicelib import description; "
        "print('chalicelib.openapi' in sys.modules, description.description_json.cache_info().currsize)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["False", "0"], done.stderr


def test_the_page_allows_only_what_is_served_here(api: Api) -> None:
    """The page and its files come from the API alone, with a policy that forbids everything else and inline scripts."""
    page = api("GET", "/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "//" not in policy
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page.data.decode())
    assert "docs/start.js" in addresses
    for address in addresses:
        assert address == "data:," or api("GET", f"/{address}").status == 200, address


def test_the_page_works_with_a_slash_at_its_end(api: Api) -> None:
    """`/docs/` leads to `/docs`, with HEAD as with GET, and so to the page and every one of its files."""
    for method in ("GET", "HEAD"):
        moved = api(method, "/docs/")
        assert (moved.status, moved.data) == (308, b"")
        assert urljoin("/docs/", moved.headers["location"]) == "/docs"


@pytest.mark.parametrize("stage", ["", "/api", "/games/v2"])
def test_the_page_is_right_under_any_prefix(stage: str) -> None:
    """Whatever stands before the path on AWS, a stage or a domain's base path, the browser stays behind it."""
    moved = _page_at(f"{stage}/docs/")
    assert (moved["statusCode"], moved["body"]) == (308, "")
    place = urljoin(f"{stage}/docs/", moved["headers"]["Location"])
    assert place == f"{stage}/docs"
    page = _page_at(place)
    assert page["statusCode"] == 200
    addresses = re.findall(r'(?:src|href)="([^":]*)"', page["body"])
    assert {urljoin(place, address) for address in addresses} == {
        f"{stage}/{path}"
        for path in ("docs/swagger-ui.css", "docs/swagger-ui-bundle.js", "docs/start.js", "openapi.json")
    }


def _page_at(path: str) -> dict[str, Any]:
    """Ask for the page as API Gateway does, which tells the whole path and drops a slash at the resource's end."""
    event = {
        "requestContext": {"resourcePath": "/docs", "httpMethod": "GET", "path": path},
        "headers": {},
        "multiValueHeaders": {},
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "body": None,
        "isBase64Encoded": False,
    }
    answer: dict[str, Any] = importlib.import_module("app").app(event, None)
    return answer


@pytest.mark.parametrize("name", ["LICENSE", "..%2f..%2fapp.py", "swagger-ui-bundle.js.map", "%2fetc%2fpasswd"])
def test_no_other_file_is_given(api: Api, name: str) -> None:
    """Only the files of the page can be had by their names."""
    assert api("GET", f"/docs/{name}").problem == "not-found"


def test_without_the_viewer_the_page_says_so(api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An installation that lacks the viewer's files still has the description, and a page that says what is missing."""
    monkeypatch.setattr(description, "_VIEWER_FOLDERS", (tmp_path,))
    assert "has no viewer" in api("GET", "/docs").data.decode()
    assert api("GET", "/docs/swagger-ui.css").problem == "not-found"


def test_the_viewer_is_laid_from_the_pinned_package(tmp_path: Path) -> None:
    """What is packed is what the installed package holds, with its licence."""
    viewer.lay_viewer(tmp_path / "swagger_ui")
    laid = {path.name: path.read_bytes() for path in (tmp_path / "swagger_ui").iterdir()}
    assert set(laid) == set(viewer.FILES)
    assert b"SwaggerUIBundle" in laid["swagger-ui-bundle.js"]
    assert b"Apache" in laid["LICENSE"]


def _missing(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _node(package: str) -> str:
    """Return the path of Node; without it the test is skipped, and fails where CI is set."""
    beside = Path(sys.executable).parent / "node"
    node = shutil.which("node") or (str(beside) if beside.exists() else None)
    if node is None or not (NODE_FOLDER / "node_modules" / package).exists():
        _missing("Node, or the packages of tests/node, are missing: run `make node`")
    assert node is not None
    return node


@pytest.mark.long
def test_a_generated_typescript_client_registers_and_logs_in(api: Api, tmp_path: Path) -> None:
    """openapi-typescript makes types of the served description, tsc takes a client of them, and it works for real."""
    node = _node("openapi-typescript")
    modules = NODE_FOLDER / "node_modules"
    (tmp_path / "openapi.json").write_bytes(api("GET", "/openapi.json").data)
    shutil.copy(NODE_FOLDER / "log_in.ts", tmp_path)
    shutil.copy(NODE_FOLDER / "tsconfig.json", tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "node_modules").symlink_to(modules)
    generate = [node, str(modules / "openapi-typescript" / "bin" / "cli.js"), "openapi.json", "-o", "api.d.ts"]
    username = f"typescript-{uuid.uuid4().hex}"
    _run(generate, tmp_path)
    _run([node, str(modules / "typescript" / "bin" / "tsc"), "--project", "tsconfig.json"], tmp_path)
    told = json.loads(_run([node, "log_in.js", api.url, username, PASSWORD], tmp_path))
    assert told == {"registered": username, "captures": 0, "refused": "wrong-password"}


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _browser() -> str:
    """Return the path of this machine's Chromium, or nothing for the one among the packages of tests/node."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    if found := next((path for name in names if (path := shutil.which(name))), None):
        return found
    _node("@sparticuz/chromium")
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        _missing("there is no Chromium here, and the packages of tests/node have one for Linux on x86_64 only")
    return ""


@pytest.mark.long
def test_a_person_can_use_the_page_in_a_real_browser(api: Api, tmp_path: Path) -> None:
    """In Chromium the page shows every operation, registers, logs in and lists captures, and asks nobody else."""
    username = f"browser-{uuid.uuid4().hex}"
    command = [_node("playwright-core"), str(NODE_FOLDER / "look_at_docs.mjs"), _browser()]
    seen = json.loads(_run([*command, api.url, username, PASSWORD, str(tmp_path)], tmp_path))
    assert seen["foreign"] == []
    assert seen["complaints"] == []
    assert seen["operations"] == len(OPERATIONS)
    assert {name: answer["status"] for name, answer in seen["answers"].items()} == {
        "register": 201,
        "log_in": 200,
        "list_captures": 200,
    }
    assert username in seen["answers"]["register"]["text"]
    assert all((tmp_path / f"{name}.png").stat().st_size > 5000 for name in ("page", "authorize", "register"))
