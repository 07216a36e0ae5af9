"""A small real HTTP server on a free port, whose next answers a test can spoil."""

import contextlib
import json
import socket
import ssl
import struct
import threading
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Seen:
    """A request that arrived."""

    route: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Reply:
    """What goes back."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


Fault = Callable[["_Handler", Callable[[], Reply]], Reply | None]


def json_reply(status: int, value: Any, **headers: str) -> Reply:
    """Return a JSON answer; a header's name is written with underscores."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json", **named})


def problem_reply(status: int, name: str, **headers: str) -> Reply:
    """Return a problem document."""
    document = {"type": f"urn:problem-type:revmetrix:{name}", "title": f"It is {name}.", "status": status}
    return json_reply(status, document, Content_Type="application/problem+json", **headers)


class FaultyServer(ABC):
    """Answers on 127.0.0.1 until it is stopped.

    `seen` holds every request that arrived, `url` is the address. The methods with `next` in their names spoil the
    next request of a route such as `GET /v1/captures`; called twice, the next two.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self.date: str | None = None
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._server = _Server(self)
        if tls is not None:
            # The handshake belongs to the connection's own thread, or a client that fails in it would stop the server.
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        """Close every connection and wait for the threads."""
        self._released.set()
        self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()
        self._thread.join()

    def refuse_connections(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.socket.close()

    def routes(self) -> list[str]:
        """Return the routes of the requests that arrived, in order."""
        return [one.route for one in self.seen]

    def answer_next(self, route: str, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer with this, and do nothing else; a header's name is written with underscores."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        self._faults[route].append(lambda _handler, _carry_out: Reply(status, body, named))

    def problem_next(self, route: str, status: int, name: str, **headers: str) -> None:
        """Answer with a problem document, and do nothing else."""
        self._faults[route].append(lambda _handler, _carry_out: problem_reply(status, name, **headers))

    def lose_reply_next(self, route: str) -> None:
        """Do what is asked, and break the connection in place of an answer."""

        def fault(_: "_Handler", carry_out: Callable[[], Reply]) -> None:
            carry_out()

        self._faults[route].append(fault)

    def reset_next(self, route: str) -> None:
        """Reset the connection, having done nothing."""
        self._faults[route].append(lambda handler, _carry_out: handler.reset())

    def silence_next(self, route: str) -> None:
        """Say nothing until the test is over, having done nothing."""

        def fault(_: "_Handler", __: Callable[[], Reply]) -> None:
            self._released.wait(30)

        self._faults[route].append(fault)

    def delay_next(self, route: str, seconds: float) -> None:
        """Do what is asked, later."""

        def fault(_: "_Handler", carry_out: Callable[[], Reply]) -> Reply:
            self._released.wait(seconds)
            return carry_out()

        self._faults[route].append(fault)

    def vanish_next(self, route: str) -> None:
        """Do what is asked, and then neither answer nor listen any more."""

        def fault(_: "_Handler", carry_out: Callable[[], Reply]) -> None:
            carry_out()
            self.refuse_connections()

        self._faults[route].append(fault)

    def cut_next(self, route: str) -> None:
        """Break the connection in the middle of the answer's body."""

        def fault(_: "_Handler", carry_out: Callable[[], Reply]) -> Reply:
            whole = carry_out()
            return Reply(whole.status, whole.body[:-5], {**whole.headers, "Content-Length": str(len(whole.body))})

        self._faults[route].append(fault)

    def handle(self, handler: "_Handler", seen: Seen) -> Reply | None:
        """Return the answer to a request, None for a broken connection."""
        with self._lock:
            self.seen.append(seen)
            faults = self._faults[seen.route]
            fault = faults.popleft() if faults else None

        def carry_out() -> Reply:
            with self._lock:
                return self.carry_out(seen)

        return fault(handler, carry_out) if fault else carry_out()

    @abstractmethod
    def carry_out(self, seen: Seen) -> Reply:
        """Do what a request asks for; one request at a time."""


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64

    def __init__(self, api: FaultyServer) -> None:
        self.api = api
        self.connections: list[socket.socket] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet: broken connections are what the tests are about."""

    def close_connections(self) -> None:
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.connections.append(self.connection)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        pass

    def date_time_string(self, timestamp: float | None = None) -> str:
        return self.server.api.date or super().date_time_string(timestamp)

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _answer(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        route = f"{self.command} {url.path}"
        reply = self.server.api.handle(self, Seen(route, parse_qs(url.query), dict(self.headers), body))
        if reply is None:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, text in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(reply.body)
        self.close_connection = "Content-Length" in reply.headers
