"""The local server's edges, by raw sockets: every connection ends, every answer is framed, none is 500."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from local_cloud.cloud import LocalCloud
from tests.api import Bowler
from tests.contract.hostile import hostile_requests, posting, request
from tests.contract.raw_campaign import OF_HTTP, run
from tests.contract.raw_client import FramingError, RawAnswer, answers_in, exchange

HOSTILE = hostile_requests()
STALLED_CLIENTS = 60


@pytest.fixture
def address(cloud: LocalCloud) -> tuple[str, int]:
    """Where the API listens."""
    parts = urlsplit(str(cloud.api_url))
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def is_well(address: tuple[str, int]) -> bool:
    """Return whether a new client is served."""
    (answer,) = answers_in(exchange(address, request(headers="Connection: close\r\n")), ["GET"])
    return answer.status == 200 and json.loads(answer.body)["status"] == "ok"


def fault_of(received: bytes, sent: bytes) -> str | None:
    """Return what is wrong with what came back for a hostile request, None for nothing."""
    if not received:
        return None
    try:
        answers = answers_in(received, [sent.partition(b" ")[0].decode("latin-1")])
    except FramingError as error:
        return str(error)
    if broken := [answer.status for answer in answers if answer.status >= 500 and answer.status not in OF_HTTP]:
        return f"answered {broken}"
    if not all(well_formed(answer) for answer in answers if answer.status >= 400 and answer.body):
        return f"a refusal that is no problem document: {received[:300]!r}"
    return None


def test_hostile_requests(address: tuple[str, int]) -> None:
    """Each is answered with whole answers below 500, or cut off, and others are served afterwards."""
    found = {name: fault_of(exchange(address, sent), sent) for name, sent in HOSTILE.items()}
    assert {name: fault for name, fault in found.items() if fault} == {}
    assert is_well(address)


def well_formed(answer: RawAnswer) -> bool:
    """Return whether a refusal is a problem document that says nothing of the program's inside."""
    document = json.loads(answer.body)
    return (
        answer.headers["content-type"] == "application/problem+json"
        and document["status"] == answer.status
        and "Traceback" not in answer.body.decode()
    )


def test_nothing_is_smuggled(address: tuple[str, int]) -> None:
    """Wherever the server believes that a hostile request ends, no text inside of a later body is read as a request."""
    hidden = request(path="/v1/users/me", headers="X-Request-Id: hidden\r\nConnection: close\r\n")
    body = b'{"username":"' + hidden + b'","password":"b"}'
    for name, sent in HOSTILE.items():
        assert b"x-request-id: hidden" not in exchange(address, sent + posting(body)).lower(), name
    assert is_well(address)


def test_bodies_hold_no_requests(address: tuple[str, int]) -> None:
    """A whole request inside of a body is part of the body, whatever the framing; two requests have two answers."""
    inside = request(path="/v1/users/me", headers="X-Request-Id: hidden\r\n")
    last = request(path="/v1/health", headers="X-Request-Id: last\r\nConnection: close\r\n")
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(inside), inside)
    for sent in (
        posting(inside),
        request("POST", "/v1/tokens", "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n", chunked),
        request("GET", "/v1/health", f"Content-Length: {len(inside)}\r\n", inside),
        request("DELETE", "/v1/tokens", f"Content-Length: {len(inside)}\r\n", inside),
        request("POST", "/v1/unknown", f"Content-Length: {len(inside)}\r\n", inside),
        request("POST", "/v1/captures", f"Content-Length: {len(inside)}\r\n", inside),
    ):
        first, second = answers_in(exchange(address, sent + last), [])
        assert first.status < 500
        assert second.headers["x-request-id"] == "last"


def test_lengths_that_disagree_end_the_connection(address: tuple[str, int]) -> None:
    """Where two readers could see two ends of a request, none is chosen: 400, and the rest is not read."""
    last = request(headers="X-Request-Id: last\r\n")
    for headers in (
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length : 5\r\n",
        "Transfer-Encoding : chunked\r\n",
        "X: a\r\n Content-Length: 5\r\n",
        "Content-Length: 5\r\n, 6\r\n",
    ):
        received = exchange(address, request("POST", "/v1/tokens", headers, b"0\r\n\r\n") + last, keeps_open=True)
        assert b"x-request-id: last" not in received.lower(), headers
        assert received.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501")), headers


def test_many_requests_on_one_connection(address: tuple[str, int], bowler: Bowler) -> None:
    """Good and refused requests in one piece are answered each, in order, by their request ids."""
    authorization = f"Authorization: Bearer {bowler.token}\r\n"
    kinds = [
        ("GET", "/v1/users/me", authorization, b""),
        ("HEAD", "/v1/users/me", authorization, b""),
        ("GET", "/v1/users/me", "", b""),
        ("OPTIONS", "/v1/users/me", "", b""),
        ("POST", "/v1/tokens", "Content-Type: application/json\r\nContent-Length: 3\r\n", b"{}}"),
        ("POST", "/v1/captures", f"{authorization}Content-Length: 3\r\n", b"abc"),
        ("GET", "/v1/health", "", b""),
        ("HEAD", "/openapi.json", "", b""),
    ]
    sent, methods = b"", []
    for number in range(40):
        method, path, headers, body = kinds[number % len(kinds)]
        sent += request(method, path, f"{headers}X-Request-Id: n-{number}\r\n", body)
        methods.append(method)
    answers = answers_in(exchange(address, sent), methods)
    # The gateway answers a preflight by itself, and names no request.
    told = [answer.headers.get("x-request-id", "preflight") for answer in answers]
    assert told == ["preflight" if methods[number] == "OPTIONS" else f"n-{number}" for number in range(40)]
    assert {answer.status for answer in answers} <= {200, 204, 400, 401, 415}


@contextlib.contextmanager
def stalled(address: tuple[str, int], beginnings: list[bytes]) -> Iterator[None]:
    """Hold connections open that have begun a request and say no more."""
    with contextlib.ExitStack() as stack:
        for beginning in beginnings:
            stack.enter_context(socket.create_connection(address, timeout=20)).sendall(beginning)
        yield


def test_clients_that_stall(address: tuple[str, int]) -> None:
    """Clients that stop in the middle of a request hold up nobody, and leave no thread when they go."""
    before = set(threading.enumerate())
    whole = posting(b'{"username":"a","password":"b"}')
    beginnings = [whole[: 1 + number * len(whole) // STALLED_CLIENTS] for number in range(STALLED_CLIENTS - 1)]
    with stalled(address, [*beginnings, b""]):
        assert is_well(address)
        serving = set(threading.enumerate()) - before
    assert len(serving) >= STALLED_CLIENTS // 2
    for thread in serving:
        thread.join(20)
    assert [thread.name for thread in serving if thread.is_alive()] == []


def test_a_client_of_one_byte_at_a_time(address: tuple[str, int]) -> None:
    """A request that comes in single bytes is a request."""
    sent = posting(b"{}").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
    received = b""
    with socket.create_connection(address, timeout=20) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(sent)):
            connection.sendall(sent[at : at + 1])
        while piece := connection.recv(4096):
            received += piece
    assert [answer.status for answer in answers_in(received, ["POST"])] == [422]


def test_mutated_requests(address: tuple[str, int], bowler: Bowler) -> None:
    """Right requests with a few wrong bytes are answered below 500 or cut off, and are not all refused alike."""
    statuses = run(address, bowler.token, 300, seed=20261124)
    assert len(statuses) >= 5
    assert is_well(address)
