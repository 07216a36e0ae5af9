"""The door of an API: a real HTTP server on a free port that fails as it is told, before whatever answers."""

import json
import socket
import struct
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias
from urllib.parse import urlsplit

_OWN = "urn:problem-type:revmetrix:"
_SLOW_S = 0.15
_FAILED = 400


class Fault(Enum):
    """What goes wrong with one request."""

    ERROR_500 = auto()
    BUSY_503 = auto()
    TOO_MANY_429 = auto()
    UNAUTHORIZED_401 = auto()
    RESET_IN_REQUEST = auto()
    RESET_IN_REPLY = auto()
    LOST_REPLY = auto()
    SLOW_REPLY = auto()
    WRONG_HASH = auto()


FaultChoice: TypeAlias = Callable[[str], Fault | None]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a request: a JSON object."""

    status: int
    content: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


def problem(status: int, name: str, **headers: str) -> Answer:
    """Return a problem document of the API's own; a header's name is written with underscores."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return Answer(status, {"type": f"{_OWN}{name}", "title": name, "status": status}, named)


_ERRORS = {
    Fault.ERROR_500: problem(500, "internal"),
    Fault.BUSY_503: problem(503, "busy", Retry_After="0"),
    Fault.TOO_MANY_429: problem(429, "too-many-requests", Retry_After="0"),
    Fault.UNAUTHORIZED_401: problem(401, "not-authenticated"),
}


class Door(ABC):
    """An API behind a door.

    Attributes:
        choose_fault: Asked for each request, of its method and path; None lets it through.
        credential: The bridge's, that the API takes.
        stored: What the API says to keep, by hash.
        arrivals: The hashes of all captures that arrived, also again.
        requests: Method and path of every request that came through.
        wrongs: Requests that no API would take: a bridge never sends them.
    """

    def __init__(self) -> None:
        self.choose_fault: FaultChoice = lambda _: None
        self.credential = ""
        self.stored: dict[str, bytes] = {}
        self.arrivals: list[str] = []
        self.requests: list[str] = []
        self.wrongs: list[str] = []
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="door")
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @abstractmethod
    def claim(self, serial: str) -> None:
        """Make a device the bridge owner's, from before its first shot."""

    @abstractmethod
    def collect(self) -> list[bytes]:
        """Return every capture that the API keeps, each as often as it keeps it."""

    @abstractmethod
    def carry_out(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Do what a request asks for; several threads may ask at a time."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, api: Door) -> None:
        self.api = api
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet: broken connections are what the campaigns are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Keep the output free of a line for each request."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = urlsplit(self.path).path
        fault = self.server.api.choose_fault(f"{self.command} {path}")
        length = int(self.headers.get("Content-Length", "0"))
        if fault is Fault.RESET_IN_REQUEST:
            self.rfile.read(length // 2)
            self._reset()
            return
        body = self.rfile.read(length)
        if len(body) < length:
            # Whoever sent it is gone.
            self.close_connection = True
            return
        if fault in _ERRORS:
            self._send(_ERRORS[fault])
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.api.carry_out(self.command, path, headers, body)
        match fault:
            case Fault.LOST_REPLY:
                self.close_connection = True
            case Fault.RESET_IN_REPLY:
                self._send(answer, only_half=True)
                self._reset()
            case Fault.SLOW_REPLY:
                time.sleep(_SLOW_S)
                self._send(answer)
            case Fault.WRONG_HASH:
                self._send(Answer(answer.status, {**answer.content, "id": "0" * 64, "sha256": "0" * 64}))
            case _:
                self._send(answer)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def _send(self, answer: Answer, *, only_half: bool = False) -> None:
        body = json.dumps(answer.content).encode()
        self.send_response(answer.status)
        kind = "application/problem+json" if answer.status >= _FAILED else "application/json"
        for name, text in {"Content-Type": kind, "Content-Length": str(len(body)), **answer.headers}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if only_half else body)
