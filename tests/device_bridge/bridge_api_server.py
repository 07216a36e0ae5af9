"""A real HTTP server that stands for the Web API and its storage, as the bridge sees them."""

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class BridgeReply:
    """What the API's stand-in answers instead of doing what it was asked."""

    status: int
    body: bytes = b'{"type": "urn:problem-type:revmetrix:test", "title": "asked for by a test"}'
    headers: dict[str, str] = field(default_factory=dict)


Step = BridgeReply | Callable[[BaseHTTPRequestHandler], None]


def as_usual(_: BaseHTTPRequestHandler) -> None:
    """Stand in a script for doing what is asked."""


def _take_step(server: "BridgeApiServer", handler: BaseHTTPRequestHandler, step: Step) -> None:
    if isinstance(step, BridgeReply):
        server.reply(handler, step)
    else:
        step(handler)


def storage_reply(status: int, code: str) -> BridgeReply:
    """Return an error as S3 words it."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>no</Message></Error>'
    return BridgeReply(status, body.encode(), {"Content-Type": "application/xml"})


def _problem(status: int, name: str) -> BridgeReply:
    body = {"type": f"urn:problem-type:revmetrix:{name}", "title": name}
    return BridgeReply(status, json.dumps(body).encode())


class BridgeApiServer:
    """Keeps what it gets, or answers as a test scripted it.

    Attributes:
        stored: The captures it has, by hash.
        arrivals: The hashes of all bytes that came, also of those that were there.
        requests: Every request: its path, its `method`, and its headers by their names in small letters.
        bodies: The body of every request, in the same order.
        script: What it answers to the next sendings (`POST /v1/captures` and `/v1/captures/uploads`).
        storage_script: What its storage answers to the next PUTs.
        ask_script: What it answers to the next questions: after a capture, who am I, heartbeats.
        state: What it makes of captures.
        reason: Why it rejected one.
        pending_asks: How often a capture sent by ticket is still `pending` when it is asked after.
        credential: The only credential that it takes, None for any.
        tickets: The tickets that are open, by their path: hash and size.
        heartbeats: The heartbeats that came.
        pairing_script: What it answers to the next `POST /v1/pairings`.
        codes: The hash of a bridge's secret by each code that it gave.
        approved: The hashes of the secrets that are credentials by now; once it gave a code, it takes these alone.
        asks_until_approval: After so many refused questions somebody approves the last code; None for nobody.
        code_life_s: How long it says that a code is good; the code works for ever.
        interval_s: How often it wants to be asked.
    """

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}
        self.arrivals: list[str] = []
        self.requests: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.script: list[Step] = []
        self.storage_script: list[Step] = []
        self.ask_script: list[Step] = []
        self.state = "verified"
        self.reason: str | None = None
        self.pending_asks = 0
        self.credential: str | None = None
        self.tickets: dict[str, tuple[str, int]] = {}
        self.heartbeats: list[dict[str, Any]] = []
        self.pairing_script: list[Step] = []
        self.codes: dict[str, str] = {}
        self.approved: set[str] = set()
        self.asks_until_approval: int | None = None
        self.code_life_s = 600.0
        self.interval_s = 0.01
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Otherwise each reply waits 40 ms for the client's delayed acknowledgement.
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                owner.answer(self)

            def do_PUT(self) -> None:
                owner.answer(self)

            def do_GET(self) -> None:
                owner.answer(self)

            def log_message(self, *_: Any) -> None:
                """Keep the test's output free of a line for each request."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request: as scripted, or by doing what is asked."""
        size_bytes = int(handler.headers.get("Content-Length", "0"))
        body = handler.rfile.read(size_bytes)
        if len(body) < size_bytes:
            # Whoever sent it died: a gateway passes on no part of a request.
            handler.close_connection = True
            return
        headers = {key.lower(): value for key, value in handler.headers.items()}
        self.requests.append({"path": handler.path, "method": handler.command, **headers})
        # What stands in a body of megabytes is asked after by its hash.
        self.bodies.append(body[:4096])
        script = self._script_of(handler)
        if script:
            step = script.pop(0)
            if step is not as_usual:
                _take_step(self, handler, step)
                return
        self.reply(handler, self._do(handler, body))

    def _script_of(self, handler: BaseHTTPRequestHandler) -> list[Step]:
        if handler.path == "/v1/pairings":
            return self.pairing_script
        if handler.command == "POST":
            return self.script
        return self.storage_script if handler.path.startswith("/storage/") else self.ask_script

    def _do(self, handler: BaseHTTPRequestHandler, body: bytes) -> BridgeReply:
        if handler.path.startswith("/storage/"):
            return self._store(handler, body)
        if handler.path == "/v1/pairings":
            return self._give_code(json.loads(body)["secret_sha256"])
        if self.codes and _bearer_sha256(handler) not in self.approved:
            return self._refuse_unapproved()
        if self.credential is not None and handler.headers["Authorization"] != f"Bearer {self.credential}":
            return _problem(401, "credential-invalid")
        doers: dict[tuple[str, str], Callable[[], BridgeReply]] = {
            ("POST", "/v1/captures"): lambda: self._take(body),
            ("POST", "/v1/captures/uploads"): lambda: self._give_ticket(json.loads(body)),
            ("GET", "/v1/bridges/me"): self._identify,
            ("PUT", "/v1/bridges/me/heartbeat"): lambda: self._hear(json.loads(body)),
        }
        do = doers.get((handler.command, handler.path))
        return do() if do else self._tell(handler.path.rsplit("/", 1)[1])

    def _give_code(self, secret_sha256: str) -> BridgeReply:
        code = f"WDJB-{''.join('BCDFGHJKLM'[int(digit)] for digit in f'{len(self.codes):04}')}"
        self.codes[code] = secret_sha256
        return _json_reply(201, {"code": code, "expires_in": self.code_life_s, "interval": self.interval_s})

    def _refuse_unapproved(self) -> BridgeReply:
        if self.asks_until_approval is not None:
            self.asks_until_approval -= 1
            if self.asks_until_approval <= 0:
                self.approve([*self.codes][-1])
        return _problem(401, "not-authenticated")

    def approve(self, code: str) -> None:
        """Do what a user does who approves a code."""
        self.approved.add(self.codes[code])

    def _identify(self) -> BridgeReply:
        return _json_reply(200, {"id": "bridge-1", "name": "Lane 1", "server_time": _utc(datetime.now(UTC))})

    def _hear(self, heartbeat: dict[str, Any]) -> BridgeReply:
        self.heartbeats.append(heartbeat)
        return _json_reply(200, {"server_time": _utc(datetime.now(UTC)), "next_s": 300})

    def _take(self, body: bytes) -> BridgeReply:
        key = hashlib.sha256(body).hexdigest()
        self.arrivals.append(key)
        is_new = key not in self.stored
        self.stored[key] = body
        answer = {"id": key, "state": self.state, "size_bytes": len(body), "bad_pages": []}
        return _json_reply(201 if is_new else 200, answer)

    def _give_ticket(self, wanted: dict[str, Any]) -> BridgeReply:
        key = wanted["sha256"]
        if key in self.stored:
            return self._tell(key)
        path = f"/storage/{len(self.tickets) + 1}"
        self.tickets[path] = key, wanted["size_bytes"]
        expires_at = _utc(datetime.now(UTC) + timedelta(minutes=10))
        headers = {"If-None-Match": "*", "X-Ticket": path, "Content-Length": str(wanted["size_bytes"])}
        ticket = {"sha256": key, "method": "PUT", "url": self.url + path, "headers": headers, "expires_at": expires_at}
        return _json_reply(201, ticket)

    def _store(self, handler: BaseHTTPRequestHandler, body: bytes) -> BridgeReply:
        if handler.path not in self.tickets or handler.headers["X-Ticket"] != handler.path:
            return storage_reply(403, "AccessDenied")
        key, size_bytes = self.tickets[handler.path]
        self.arrivals.append(hashlib.sha256(body).hexdigest())
        if len(body) != size_bytes or hashlib.sha256(body).hexdigest() != key:
            return storage_reply(400, "BadDigest")
        if key in self.stored:
            return storage_reply(412, "PreconditionFailed")
        self.stored[key] = body
        return BridgeReply(200, b"")

    def _tell(self, key: str) -> BridgeReply:
        if key not in self.stored:
            return _problem(404, "not-found")
        if self.pending_asks > 0:
            self.pending_asks -= 1
            return _json_reply(200, {"id": key, "state": "pending"})
        return _json_reply(200, {"id": key, "state": self.state, "reason": self.reason})

    def reply(self, handler: BaseHTTPRequestHandler, reply: BridgeReply) -> None:
        """Send a reply."""
        handler.send_response(reply.status)
        kind = "application/json" if reply.status < 400 else "application/problem+json"
        headers = {"Content-Length": str(len(reply.body)), "Content-Type": kind, **reply.headers}
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(reply.body)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _bearer_sha256(handler: BaseHTTPRequestHandler) -> str:
    return hashlib.sha256((handler.headers["Authorization"] or "").removeprefix("Bearer ").encode()).hexdigest()


def _json_reply(status: int, answer: dict[str, Any]) -> BridgeReply:
    return BridgeReply(status, json.dumps(answer).encode())


def _utc(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
