"""Real parts for the bridge's tests: emulated devices on real ptys, and a real HTTP server that stands for the API."""

import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from device_bridge.emulator.firmware import Firmware
from device_bridge.emulator.flash import Flash
from device_bridge.emulator.pty_device import PtyDevice
from device_bridge.emulator.source import Source, make_flash
from tests.recordings import recording

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class BridgeReply:
    """What the API's stand-in answers instead of taking a capture."""

    status: int
    body: bytes = b'{"type": "urn:problem-type:revmetrix:test", "title": "asked for by a test"}'
    headers: dict[str, str] = field(default_factory=dict)


class BridgeApiServer:
    """A real HTTP server that stands for the Web API: it keeps what it gets, or answers as a test scripted it."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}
        self.arrivals: list[str] = []
        self.requests: list[dict[str, str]] = []
        self.script: list[BridgeReply | Callable[[BaseHTTPRequestHandler], None]] = []
        self.state = "verified"
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                owner.answer(self)

            def log_message(self, *_: Any) -> None:
                """Keep the test's output free of a line for each request."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request: as scripted, or by keeping the capture."""
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.requests.append({"path": handler.path, **{key.lower(): value for key, value in handler.headers.items()}})
        if self.script:
            step = self.script.pop(0)
            if not isinstance(step, BridgeReply):
                step(handler)
                return
            self.reply(handler, step)
            return
        key = hashlib.sha256(body).hexdigest()
        self.arrivals.append(key)
        is_new = key not in self.stored
        self.stored[key] = body
        answer = {"id": key, "state": self.state, "size_bytes": len(body), "bad_pages": []}
        self.reply(handler, BridgeReply(201 if is_new else 200, json.dumps(answer).encode()))

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


@pytest.fixture
def bridge_api() -> Iterator[BridgeApiServer]:
    """Give the API's stand-in on a free port."""
    server = BridgeApiServer()
    yield server
    server.close()


@dataclass
class EmulatorProcess:
    """An emulator of its own process."""

    process: subprocess.Popen[str]
    path: str

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()


StartEmulator = Callable[..., EmulatorProcess]


@pytest.fixture
def start_emulator() -> Iterator[StartEmulator]:
    """Give a function that starts `device_bridge emulate` with arguments and waits until its pty is there."""
    with contextlib.ExitStack() as stack:

        def start(*arguments: str | Path) -> EmulatorProcess:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "device_bridge", "emulate", *map(str, arguments)],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
            stack.callback(process.kill)
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("SmartDot on /dev/"), line
            return EmulatorProcess(process, line.split()[-1])

        yield start


class ServedFlash:
    """A device on a real pty, served by a thread of the test's own process, so that its memory is at hand."""

    def __init__(self, flash: Flash, make_firmware: Callable[..., Firmware], baud: int | None) -> None:
        self.flash = flash
        self.firmware = make_firmware(flash, lambda: 90_000_000)
        self.device = PtyDevice(self.firmware, baud)
        self.path = self.device.path
        self._stop, self._stopped = socket.socketpair()
        self._thread = threading.Thread(target=self.device.serve, args=(self._stopped.fileno(),))
        self._thread.start()

    def unplug(self) -> None:
        """Stop answering and close the pty."""
        if self._thread.is_alive():
            self._stop.send(b"x")
            self._thread.join()
            self.device.close()
            self._stop.close()
            self._stopped.close()


ServeFlash = Callable[..., ServedFlash]


@pytest.fixture
def serve_flash() -> Iterator[ServeFlash]:
    """Give a function that serves a device's memory on a pty; simulated shots when none is given."""
    served: list[ServedFlash] = []

    def serve(
        flash: Flash | None = None, *, firmware: Callable[..., Firmware] = Firmware, baud: int | None = None
    ) -> ServedFlash:
        served.append(ServedFlash(flash or make_flash(Source(serial="TEST-1", records=2)), firmware, baud))
        return served[-1]

    yield serve
    for device in served:
        device.unplug()


@pytest.fixture
def recordings_folder() -> Path:
    """Give the folder with the real recordings, or skip."""
    return recording("rest_100hz.csv").parent


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take the user's own settings out of a test."""
    for name in list(os.environ):
        if name.startswith("DEVICE_BRIDGE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
