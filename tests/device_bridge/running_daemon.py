"""The daemon in the test's own process, and a real HTTP server that checks credentials and hears heartbeats."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from device_bridge.daemon.access import CloudAccess
from device_bridge.daemon.journal import Event, Journal
from device_bridge.daemon.notify import Notifier
from device_bridge.daemon.shared import Shared
from device_bridge.daemon.supervisor import Daemon
from device_bridge.settings import Settings, resolve
from device_bridge.transport import open_transport

_PROBLEM = {"type": "urn:problem-type:revmetrix:test", "title": "asked for by a test"}
_NOW = "2026-11-24T07:00:00.000000Z"
FIRST_CREDENTIAL, SECOND_CREDENTIAL = "rmb_first", "rmb_second"


def wait_until(condition: Callable[[], object]) -> None:
    """Wait as long as it takes; pytest's own timeout ends a test that waits for ever."""
    while not condition():
        time.sleep(0.005)


class Cloud:
    """A real HTTP server that stands for the Web API.

    Attributes:
        stored: Captures by their hash.
        arrivals: Hashes as they came, also those that came twice.
        requests: Method and path of every request.
        heartbeats: What the bridge told.
        credential: The one that it takes.
        state: What it makes of captures.
        pending_looks: How often it says `pending` of a capture before it says the state.
        answers: Statuses and headers to answer the next captures with, instead of taking them.
        me_answers: Statuses to answer with when the bridge next asks who it is.
        is_deaf_to_heartbeats: Whether heartbeats fail.
    """

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}
        self.arrivals: list[str] = []
        self.requests: list[tuple[str, str]] = []
        self.heartbeats: list[dict[str, Any]] = []
        self.credential = FIRST_CREDENTIAL
        self.state = "verified"
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.pending_looks = 0
        self.me_answers: list[int] = []
        self.is_deaf_to_heartbeats = False
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                cloud.answer(self)

            do_PUT = do_GET = do_POST  # noqa: N815 - http.server's names

            def log_message(self, *_: object) -> None:
                """Keep the test's output free of a line for each request."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.requests.append((handler.command, handler.path))
        status, value, headers = self._decide(handler, body)
        data = json.dumps(value).encode()
        handler.send_response(status)
        kind = "application/json" if status < 400 else "application/problem+json"
        for name, text in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
            handler.send_header(name, text)
        handler.end_headers()
        handler.wfile.write(data)

    def _decide(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, Any], dict[str, str]]:
        if handler.headers.get("Authorization") != f"Bearer {self.credential}":
            return 401, _PROBLEM, {}
        if handler.command == "GET":
            return self._look_up(handler.path)
        if handler.path == "/v1/bridges/me/heartbeat" and not self.is_deaf_to_heartbeats:
            self.heartbeats.append(json.loads(body))
            return 200, {"server_time": _NOW, "next_s": 300}, {}
        if self.answers or handler.path == "/v1/bridges/me/heartbeat":
            status, headers = self.answers.pop(0) if self.answers else (500, {})
            return status, _PROBLEM, headers
        return (*self._take(body), {})

    def _look_up(self, path: str) -> tuple[int, dict[str, Any], dict[str, str]]:
        if path != "/v1/bridges/me":
            key = path.rpartition("/")[2]
            state = "pending" if self.pending_looks > 0 else self.state
            self.pending_looks -= 1
            return 200, {"id": key, "state": state, "size_bytes": len(self.stored[key]), "bad_pages": []}, {}
        if self.me_answers:
            return self.me_answers.pop(0), _PROBLEM, {}
        return 200, {"id": "0197", "name": "lane 7", "server_time": _NOW}, {}

    def _take(self, body: bytes) -> tuple[int, dict[str, Any]]:
        key = hashlib.sha256(body).hexdigest()
        self.arrivals.append(key)
        is_new = key not in self.stored
        self.stored[key] = body
        state = "pending" if self.pending_looks > 0 else self.state
        return 201 if is_new else 200, {"id": key, "state": state, "size_bytes": len(body), "bad_pages": []}

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def make_settings(folder: Path, **flags: object) -> Settings:
    """Return settings as `run` resolves them, of nothing but what is given here."""
    empty = folder / "empty.toml"
    empty.touch()
    usual = {"spool": folder / "spool.db", "min_free_mib": 0, "poll_s": 0.05, "credential_file": folder / "credential"}
    return resolve({**usual, **flags}, {"DEVICE_BRIDGE_CONFIG": str(empty)})


@dataclass
class RunningDaemon:
    """A daemon in a thread.

    Attributes:
        shared: What its loops share.
        events: What it said.
        failure: What ended it, None while nothing did.
    """

    shared: Shared
    events: list[Event]
    stop: threading.Event = field(default_factory=threading.Event)
    failure: BaseException | None = None

    def said(self, name: str) -> list[Event]:
        """Return the events of a name."""
        return [event for event in self.events if event.name == name]

    def wait_for(self, name: str, count: int = 1) -> list[Event]:
        """Wait until an event was said so often; return them."""
        wait_until(lambda: len(self.said(name)) >= count)
        return self.said(name)


def make_shared(settings: Settings, events: list[Event], **changes: Any) -> Shared:
    """Return what loops share, with a journal that keeps events."""
    journal = Journal(events.append)
    return Shared(
        **{
            "settings": settings,
            "journal": journal,
            "access": CloudAccess(settings, journal),
            "open_transport": open_transport,
            **changes,
        }
    )


@contextmanager
def running(
    settings: Settings,
    *,
    find_places: Callable[[], list[str]] = list,
    notifier: Notifier | None = None,
    **changes: Any,
) -> Iterator[RunningDaemon]:
    """Keep a daemon running; every thread of it is gone afterwards."""
    events: list[Event] = []
    daemon = RunningDaemon(make_shared(settings, events, **changes), events)
    supervisor = Daemon(daemon.shared, daemon.stop.wait, notifier or Notifier({}), find_places, 0.02, 0.02)

    def run() -> None:
        try:
            supervisor.run()
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            daemon.failure = error

    thread = threading.Thread(target=run)
    with closing(daemon.shared.access):
        thread.start()
        try:
            yield daemon
        finally:
            daemon.stop.set()
            thread.join()
