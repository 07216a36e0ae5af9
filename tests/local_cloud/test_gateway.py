import base64
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import pytest
from chalice.app import Chalice, Response
from chalice.app import UnauthorizedError as ChaliceUnauthorizedError

from local_cloud.connections import listen, url_of
from local_cloud.gateway import LARGEST_BODY_BYTES, ApiServer, serving

from .conftest import connect

MIB = 1024 * 1024
BINARY = "application/octet-stream"


def echo_app() -> Chalice:
    """Return an app that tells what reached it, and misbehaves on demand."""
    app = Chalice("echo")

    @app.route("/size", methods=["POST"], content_types=["application/json", BINARY, "text/plain"])
    def size() -> dict[str, Any]:
        return {"bytes": len(request_of(app).raw_body)}

    @app.route("/echo", methods=["POST"], content_types=[BINARY])
    def echo() -> Response:
        return Response(request_of(app).raw_body, headers={"Content-Type": BINARY})

    @app.route("/names/{first}/of/{second}")
    def names(first: str, second: str) -> dict[str, Any]:
        return {"first": first, "second": second, "path": request_of(app).context["resourcePath"]}

    @app.route("/names/{other}/{kind}/{third}")
    def others(other: str, kind: str, third: str) -> dict[str, Any]:
        return {"other": other, "kind": kind, "third": third}

    @app.route("/context")
    def context() -> dict[str, Any]:
        request = request_of(app).context
        return {"ip": request["identity"]["sourceIp"], "id": request["requestId"], "left": left_ms(app)}

    @app.route("/any", methods=["GET", "HEAD", "DELETE"])
    def any_method() -> Response:
        gone = request_of(app).method == "DELETE"
        return Response(None if gone else {"any": True}, status_code=204 if gone else 200)

    @app.route("/misbehave/{how}")
    def misbehave(how: str) -> Any:
        return misbehaviour(how)

    return app


def request_of(app: Chalice) -> Any:
    """Return the request that this thread answers."""
    return app.current_request


def left_ms(app: Chalice) -> float:
    """Return what the Lambda context of this request says."""
    context: Any = app.lambda_context
    return float(context.get_remaining_time_in_millis())


def misbehaviour(how: str) -> Any:
    """Do what no function should."""
    if how == "raise":
        raise ValueError("secret detail")
    if how == "exit":
        raise SystemExit(3)
    if how == "refuse":
        raise ChaliceUnauthorizedError("no")
    return {
        "object": object(),
        "header": Response({}, headers={"X-Name": "\N{BOWLING}"}),
        "large": Response("x" * 7 * MIB, headers={"Content-Type": "text/plain"}),
    }[how]


@dataclass
class Api:
    """The API on a port, and one connection to it that every request of a test goes through."""

    url: str
    connection: HTTPConnection

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[HTTPResponse, bytes]:
        """Send a request and return the response and its body."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, path, body, fields, encode_chunked="Transfer-Encoding" in fields)
        response = self.connection.getresponse()
        return response, response.read()

    def still_works(self) -> bool:
        """Return whether the same socket carries a further request."""
        socket_before = self.connection.sock
        response, body = self.ask("GET", "/any")
        return socket_before is not None and response.status == 200 and body == b'{"any":true}'


@pytest.fixture(scope="module")
def echo_url() -> Iterator[str]:
    """The URL of the echoing app behind the gateway."""
    listener = listen("127.0.0.1", 0)
    with serving(echo_app()) as app:
        server = ApiServer(listener, app)
        server.start()
        yield url_of(listener)
        server.stop()


@pytest.fixture
def echo_api(echo_url: str) -> Iterator[Api]:
    """The echoing app, with a connection to it."""
    with closing(connect(echo_url)) as connection:
        yield Api(echo_url, connection)


def check_problem(response: HTTPResponse, body: bytes, status: int) -> None:
    """Check that a refusal is a problem document that also has AWS's member."""
    content = json.loads(body)
    assert response.status == content["status"] == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert {"type", "title", "detail", "message"} < content.keys()


def test_bytes_go_through_unchanged(echo_api: Api) -> None:
    """Four MiB of every byte value arrive and come back exactly, under a header name in any case."""
    content = bytes(range(256)) * (4 * MIB // 256)
    response, body = echo_api.ask("POST", "/echo", content, Content_Type=BINARY, Accept=BINARY)
    assert (response.status, body == content) == (200, True)
    response, body = echo_api.ask("POST", "/echo", content[:1000], **{"content-type": BINARY, "accept": BINARY})
    assert (response.status, body == content[:1000]) == (200, True)


def test_chunked_bodies_arrive(echo_api: Api) -> None:
    """A body without a length, sent in chunks, reaches the function whole."""
    pieces = iter([b"x" * 1000, b"y", b"z" * 100_000])
    response, body = echo_api.ask("POST", "/size", pieces, Content_Type=BINARY, **{"Transfer-Encoding": "chunked"})
    assert (response.status, body) == (200, b'{"bytes":101001}')
    assert echo_api.still_works()


def test_text_reaches_a_function_as_text(echo_api: Api) -> None:
    """Bytes that are no UTF-8 do not survive a type that is not binary, as on AWS."""
    _, body = echo_api.ask("POST", "/size", b"\xff\xfe", Content_Type="text/plain")
    assert body == b'{"bytes":6}'


# Base64 makes 3 bytes 4, and the event holds some hundred bytes beside the body.
LARGEST_BINARY = (6 * MIB - 2000) // 4 * 3


@pytest.mark.parametrize(
    ("content_type", "size_bytes", "status"),
    [
        (BINARY, LARGEST_BINARY, 200),
        (BINARY, 6 * MIB // 4 * 3, 413),
        ("text/plain", 6 * MIB - 2000, 200),
        ("text/plain", 6 * MIB, 413),
        (BINARY, LARGEST_BODY_BYTES, 413),
        (BINARY, LARGEST_BODY_BYTES + 1, 413),
        (BINARY, 12 * MIB, 413),
    ],
)
def test_the_limits_of_gateway_and_function(echo_api: Api, content_type: str, size_bytes: int, status: int) -> None:
    """A body over Lambda's or the gateway's limit gives a 413 that the client reads, and the connection goes on."""
    response, body = echo_api.ask("POST", "/size", b"x" * size_bytes, Content_Type=content_type)
    if status == 200:
        assert (response.status, json.loads(body)) == (200, {"bytes": size_bytes})
    else:
        check_problem(response, body, status)
    assert echo_api.still_works()


def test_a_body_far_too_large_ends_the_connection(echo_api: Api) -> None:
    """A length beyond what is drained is answered with 413 and the connection is closed, without reading it all."""
    with closing(connect(echo_api.url)) as connection:
        connection.putrequest("POST", "/size")
        connection.putheader("Content-Length", str(10**12))
        connection.endheaders(b"x" * 12 * MIB)
        response = connection.getresponse()
        check_problem(response, response.read(), 413)
        assert response.headers["Connection"] == "close"


def test_too_large_headers(echo_api: Api) -> None:
    """Request line and header values over 10,240 bytes together are refused, just below they are not."""
    response, body = echo_api.ask("GET", "/any", X_Long="x" * 10_300)
    check_problem(response, body, 431)
    assert echo_api.still_works()
    assert echo_api.ask("GET", "/any", X_Long="x" * 10_000)[0].status == 200
    response, body = echo_api.ask("GET", "/any", X_Long="x" * 70_000)
    check_problem(response, body, 431)


@pytest.mark.parametrize("length", ["-5", "five", "5, 6", "1e3"])
def test_a_length_that_makes_no_sense(echo_api: Api, length: str) -> None:
    """A Content-Length that is no number gives 400 and ends the connection, whose end of body nobody knows."""
    response, body = echo_api.ask("POST", "/size", b"12345", Content_Length=length)
    check_problem(response, body, 400)
    assert response.headers["Connection"] == "close"


@pytest.mark.parametrize(
    "request_bytes",
    [b"GET\r\n\r\n", b"GET /any HTTP/9.9\r\n\r\n", b"BREW /any HTTP/1.1\r\n\r\n", b"GET / any HTTP/1.1\r\n\r\n"],
)
def test_what_is_no_request_is_refused_in_the_same_form(echo_api: Api, request_bytes: bytes) -> None:
    """A request that cannot be read gets a problem document as well."""
    with socket.create_connection(address(echo_api.url), timeout=20) as client:
        client.sendall(request_bytes)
        answer = client.makefile("rb").read()
    assert b'"status": ' in answer
    assert b"<html" not in answer.lower()


def address(url: str) -> tuple[str, int]:
    """Return the host and port of a URL."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    return host, int(port)


def test_a_request_cut_short_never_reaches_the_function(echo_api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    """A client that goes away inside its body is not answered, and its half body is given to nobody."""
    with socket.create_connection(address(echo_api.url), timeout=20) as client:
        client.sendall(b"POST /size HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nhalf")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1000) == b""
    assert echo_api.still_works()
    assert "/size" not in capsys.readouterr().err


@pytest.mark.parametrize("method", ["HEAD", "DELETE"])
def test_replies_without_a_body_leave_the_connection_readable(echo_api: Api, method: str) -> None:
    """HEAD and 204 send no body, and the next reply on the connection is read as it was meant."""
    response, body = echo_api.ask(method, "/any")
    assert body == b""
    assert response.headers["Content-Length"] == (None if method == "DELETE" else str(len('{"any":true}')))
    with socket.create_connection(address(echo_api.url), timeout=20) as client:
        client.sendall(f"{method} /any HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
        assert client.makefile("rb").read().endswith(b"\r\n\r\n")
    assert echo_api.still_works()


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/names/a%2Fb/of/c%20d+e", {"first": "a/b", "second": "c d+e", "path": "/names/{first}/of/{second}"}),
        ("/names/a/of/%C3%A4", {"first": "a", "second": "\N{LATIN SMALL LETTER A WITH DIAERESIS}"}),
        ("/names/a/in/b", {"other": "a", "kind": "in", "third": "b"}),
    ],
)
def test_path_parameters(echo_api: Api, path: str, names: dict[str, str]) -> None:
    """Path parameters are decoded, and a route gets its own only, not those of a route that was tried before."""
    response, body = echo_api.ask("GET", path)
    assert response.status == 200
    assert names.items() <= json.loads(body).items()


def test_the_function_knows_who_asks(echo_api: Api) -> None:
    """The event has the client's address and an id of its own for each request; the context has API Gateway's 29 s."""
    first, second = (json.loads(echo_api.ask("GET", "/context")[1]) for _ in range(2))
    assert first["ip"] == "127.0.0.1"
    assert first["id"] != second["id"]
    assert 0 < first["left"] <= 29_000


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nowhere", 403),
        ("/echo", 403),
        ("/misbehave/raise", 500),
        ("/misbehave/exit", 500),
        ("/misbehave/refuse", 401),
        ("/misbehave/object", 500),
        ("/misbehave/header", 500),
        ("/misbehave/large", 502),
    ],
)
def test_every_request_is_answered(echo_api: Api, path: str, status: int) -> None:
    """An unknown route, an error, an exit and a result that cannot be sent are answered in JSON, without a detail."""
    response, body = echo_api.ask("GET", path, Authorization="Bearer \xff")
    assert response.status == status
    assert "json" in response.headers["Content-Type"]
    assert b"secret detail" not in body
    assert json.loads(body)
    assert echo_api.still_works()


@pytest.mark.parametrize("method", ["DELETE", "HEAD", "OPTIONS", "PUT"])
def test_a_method_that_a_route_does_not_have(echo_api: Api, method: str) -> None:
    """A known path with a method that is not declared gives API Gateway's 403, not the 405 of Chalice."""
    response, body = echo_api.ask(method, "/echo")
    assert response.status == 403
    if method != "HEAD":
        assert json.loads(body)["message"] == "Missing Authentication Token"


@pytest.mark.parametrize(
    ("accept", "received"),
    [
        (f"{BINARY};q=0.5, text/plain", b"\x00\xff\x01"),
        (f"application/json, {BINARY}", b"AP8B"),
        (f"text/plain,{BINARY}", b"AP8B"),
    ],
)
def test_the_first_media_type_of_accept_decides(echo_api: Api, accept: str, received: bytes) -> None:
    """Bytes reach a client as base64 text unless it asks for a binary type first, as with API Gateway."""
    response, body = echo_api.ask("POST", "/echo", b"\x00\xff\x01", Content_Type=BINARY, Accept=accept)
    assert (response.status, body) == (200, received)


def test_one_line_for_each_request(echo_api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    """Stderr has the method, path, status and time of a request, and nothing of its query, headers or body."""
    echo_api.ask("POST", "/size?cursor=private", b"private", Content_Type="text/plain", Authorization="private")
    echo_api.ask("GET", "/nowhere")
    lines = capsys.readouterr().err.splitlines()
    assert [re.sub(r"\d+ ms", "N ms", line) for line in lines] == ["POST /size 200 N ms", "GET /nowhere 403 N ms"]


def test_requests_at_the_same_time_do_not_mix(echo_api: Api) -> None:
    """Each of many concurrent requests gets what it sent."""
    wrong: list[bytes] = []

    def ask(number: int) -> None:
        content = base64.b64encode(bytes([number]) * 3000)
        with closing(connect(echo_api.url)) as connection:
            for _ in range(10):
                connection.request("POST", "/echo", content, {"Content-Type": BINARY, "Accept": BINARY})
                if connection.getresponse().read() != content:
                    wrong.append(content)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_app_is_as_before_afterwards() -> None:
    """An app that was served is of its own class again, and can be served once more."""
    app = echo_app()
    for _ in range(2):
        with serving(app):
            assert type(app) is not Chalice
        assert type(app) is Chalice
