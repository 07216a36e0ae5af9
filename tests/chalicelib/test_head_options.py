"""HEAD and OPTIONS over real sockets: what they answer, and that a kept connection stays readable after them."""

import re
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import BinaryIO

import pytest
from chalice.app import Chalice

from chalicelib import preflight, web
from chalicelib.call import Call, Caller, Reply
from chalicelib.operation import OPERATIONS, Operation, Scope
from local_cloud.connections import listen, url_of
from local_cloud.gateway import ApiServer, serving
from tests.api import Api, Bowler

Head = tuple[int, dict[str, str]]
# They differ from one answer to the next, whatever the method.
_OF_THE_MOMENT = ("date", "x-request-id")


class Wire:
    """One connection, on which replies are read letter by letter: a stray byte shows at the next one."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=20)
        self._stream: BinaryIO = self._socket.makefile("rb")

    def send(self, method: str, path: str, **headers: str) -> None:
        """Send a request without a body."""
        lines = [f"{method} {path} HTTP/1.1", "Host: tests", *(f"{name}: {value}" for name, value in headers.items())]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def read_head(self) -> Head:
        """Read a status line and the headers, and nothing after them."""
        status = re.fullmatch(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n", self._stream.readline())
        assert status is not None, "the connection is out of step"
        headers = {}
        while (line := self._stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        return int(status[1]), headers

    def read(self) -> tuple[int, dict[str, str], bytes]:
        """Read a reply with the body that its length announces."""
        status, headers = self.read_head()
        return status, headers, self._stream.read(int(headers.get("content-length", "0")))

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()
        self._socket.close()


@pytest.fixture
def wire(api: Api) -> Iterator[Wire]:
    """A connection to the API."""
    with closing(Wire(api.url)) as connection:
        yield connection


def _steady(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in _OF_THE_MOMENT}


def test_head_is_get_without_the_body(wire: Wire, bowler: Bowler) -> None:
    """Every GET has a HEAD with the same status and headers, its length too, and the next reply is read in step."""
    for operation in OPERATIONS:
        if operation.method != "GET":
            continue
        path = re.sub(r"{\w+}", "0" * 64, operation.path)
        accept = "application/octet-stream" if operation.is_binary else "*/*"
        asked = {"Authorization": f"Bearer {bowler.token}", "Accept": accept}
        wire.send("GET", path, **asked)
        status, headers, body = wire.read()
        assert len(body) == int(headers["content-length"]) > 0
        wire.send("HEAD", path, **asked)
        assert (wire.read_head()[0], operation.name) == (status, operation.name)
        # The reply after a HEAD is the next thing on the wire.
        wire.send("HEAD", path, **asked)
        wire.send("GET", "/v1/health")
        assert _steady(wire.read_head()[1]) == _steady(headers), operation.name
        assert wire.read()[2] == b'{"status":"ok"}'


def test_head_of_bytes_says_how_many(wire: Wire, bowler: Bowler, capture: bytes) -> None:
    """HEAD of a capture's bytes has their length and type, and none of them."""
    path = f"/v1/captures/{bowler.post_capture(capture).json['id']}/raw"
    wire.send("HEAD", path, Authorization=f"Bearer {bowler.token}", Accept="application/octet-stream")
    status, headers = wire.read_head()
    assert (status, headers["content-type"]) == (200, "application/octet-stream")
    assert int(headers["content-length"]) == len(capture)
    wire.send("GET", "/v1/health")
    assert wire.read()[0] == 200


def test_head_where_there_is_no_get(wire: Wire) -> None:
    """HEAD of a path that only takes POST is refused like any method that it has not, and the connection goes on."""
    wire.send("HEAD", "/v1/tokens")
    assert wire.read_head()[0] == 403
    wire.send("GET", "/v1/health")
    assert wire.read()[0] == 200


def test_options_leaves_the_connection_readable(wire: Wire) -> None:
    """OPTIONS of every path is answered, and many on one connection, sent at once, are answered in their order."""
    paths = [re.sub(r"{\w+}", "0" * 64, operation.path) for operation in OPERATIONS]
    for path in paths:
        wire.send("OPTIONS", path, Origin="https://app.example.org")
    for path in paths:
        status, headers, body = wire.read()
        assert (status, body) == (200, b""), path
        assert headers["access-control-allow-origin"] == "*"
    wire.send("GET", "/v1/health")
    assert wire.read()[0] == 200


def test_options_with_a_body_is_read_to_its_end(wire: Wire) -> None:
    """A client that sends a body with OPTIONS, as HTTP allows, does not have it read as its next request."""
    wire.send("OPTIONS", "/v1/health", **{"Content-Length": "5", "Content-Type": "text/plain"})
    wire._socket.sendall(b"GET /")
    assert wire.read()[0] == 200
    wire.send("GET", "/v1/health")
    assert wire.read()[0] == 200


@pytest.fixture
def strict_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an API of a stage that lets no other origin in."""
    monkeypatch.delenv("CORS_ORIGIN", raising=False)
    operations: list[Operation] = []
    monkeypatch.setattr(web, "OPERATIONS", operations)
    routes = web.Routes("tests", lambda *_: Caller("someone"), "tests")

    @routes.get("/balls", scope=Scope.PUBLIC, response=dict, etag=True)
    def list_balls(_: Call[None]) -> Reply:
        """List balls."""
        return Reply({"items": []}, headers={"ETag": '"1"'})

    @routes.delete("/balls", scope=Scope.USER)
    def delete_balls(_: Call[None]) -> None:
        """Delete all balls."""

    app = Chalice("strict")
    app.register_middleware(web.problems_everywhere, "http")
    assert preflight.cors(operations) is None
    for blueprint in (routes.blueprint, preflight.options(operations)):
        app.register_blueprint(blueprint)
    listener = listen("127.0.0.1", 0)
    with serving(app) as served:
        server = ApiServer(listener, served, access_log=False)
        server.start()
        yield url_of(listener)
        server.stop()


def test_options_without_cors_names_the_methods(strict_url: str) -> None:
    """Where no other origin is let in, OPTIONS is 204 with Allow and neither a body nor a length (RFC 9110, 8.6)."""
    with closing(Wire(strict_url)) as wire:
        wire.send("OPTIONS", "/balls")
        status, headers = wire.read_head()
        assert (status, headers["allow"]) == (204, "GET, HEAD, DELETE, OPTIONS")
        assert "content-length" not in headers
        wire.send("HEAD", "/balls")
        status, headers = wire.read_head()
        assert (status, headers["etag"]) == (200, '"1"')
        wire.send("DELETE", "/balls", Authorization="Bearer x")
        assert wire.read_head()[0] == 204
        wire.send("GET", "/balls")
        assert wire.read()[2] == b'{"items":[]}'
