"""A stand-in for the Web API that keeps captures, inline and by ticket, as docs/api.md says.

It checks each request as the API and its store would.
"""

import base64
import hashlib
import json
import threading
import time
from typing import Any

from tests.stress.door import Answer, Door, problem

CREDENTIAL = "s3cret-credential"
_MAX_INLINE_BYTES = 4 * 1024 * 1024


class StandIn(Door):
    """The API's stand-in.

    Attributes:
        heartbeats: What heartbeats said.
    """

    def __init__(self) -> None:
        self.heartbeats: list[dict[str, Any]] = []
        self._tickets: dict[str, int] = {}
        self._not_looked_at: set[str] = set()
        self._lock = threading.Lock()
        super().__init__()
        self.credential = CREDENTIAL

    def claim(self, serial: str) -> None:
        """Do nothing: it keeps what it is brought, whoever's the device is."""

    def collect(self) -> list[bytes]:
        """Return every capture that it keeps."""
        return list(self.stored.values())

    def carry_out(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Do what a request asks for; one request at a time."""
        with self._lock:
            self.requests.append(f"{method} {path}")
            if path.startswith("/bucket/"):
                return self._put_object(path.removeprefix("/bucket/"), headers, body)
            if headers.get("authorization") != f"Bearer {self.credential}":
                return problem(401, "not-authenticated")
            return self._answer(f"{method} {path}", headers, body)

    def _answer(self, route: str, headers: dict[str, str], body: bytes) -> Answer:
        match route.split("/"):
            case ["POST ", "v1", "captures"]:
                return self._take_inline(headers, body)
            case ["POST ", "v1", "captures", "uploads"]:
                return self._give_ticket(json.loads(body))
            case ["GET ", "v1", "captures", key]:
                return self._tell_state(key)
            case ["GET ", "v1", "bridges", "me"]:
                return Answer(200, {"id": "bridge-1", "name": "lane 7", "server_time": _now()})
            case ["PUT ", "v1", "bridges", "me", "heartbeat"]:
                self.heartbeats.append(json.loads(body))
                return Answer(200, {"server_time": _now(), "next_s": 300})
        return self._refuse(f"{route} is no route")

    def _refuse(self, what: str) -> Answer:
        self.wrongs.append(what)
        return problem(400, "bad-request")

    def _take_inline(self, headers: dict[str, str], body: bytes) -> Answer:
        key = hashlib.sha256(body).hexdigest()
        if headers.get("content-digest") != f"sha-256=:{_base64(key)}:":
            return self._refuse("a capture whose digest is not that of its bytes")
        if len(body) > _MAX_INLINE_BYTES:
            return self._refuse(f"{len(body)} bytes inline")
        is_new = self._keep(key, body)
        return Answer(201 if is_new else 200, self._view(key))

    def _keep(self, key: str, body: bytes) -> bool:
        is_new = key not in self.stored
        self.arrivals.append(key)
        self.stored[key] = body
        return is_new

    def _view(self, key: str) -> dict[str, Any]:
        return {"id": key, "state": "verified", "size_bytes": len(self.stored[key]), "bad_pages": []}

    def _give_ticket(self, asked: dict[str, Any]) -> Answer:
        key, size = asked["sha256"], asked["size_bytes"]
        if key in self.stored and key not in self._not_looked_at:
            return Answer(200, self._view(key))
        self._tickets[key] = size
        headers = {
            "Content-Length": str(size),
            "If-None-Match": "*",
            "x-amz-checksum-sha256": _base64(key),
        }
        url = f"{self.url}/bucket/{key}?X-Amz-Signature=abc"
        ticket = {"sha256": key, "method": "PUT", "url": url, "headers": headers, "expires_at": _now(600)}
        return Answer(201, ticket)

    def _put_object(self, key: str, headers: dict[str, str], body: bytes) -> Answer:
        if "authorization" in headers:
            return self._refuse("the credential was sent to the store")
        if self._tickets.get(key) != len(body) or headers.get("if-none-match") != "*":
            return self._refuse("an object that no ticket allows")
        if hashlib.sha256(body).hexdigest() != key or headers.get("x-amz-checksum-sha256") != _base64(key):
            return self._refuse("an object of another hash")
        if key in self.stored:
            return Answer(412)
        self._keep(key, body)
        self._not_looked_at.add(key)
        return Answer(200)

    def _tell_state(self, key: str) -> Answer:
        if key in self._not_looked_at:
            # Whoever asks again finds that it was looked at meanwhile.
            self._not_looked_at.discard(key)
        elif key in self.stored:
            return Answer(200, self._view(key))
        elif key not in self._tickets:
            return problem(404, "not-found")
        return Answer(200, {"id": key, "state": "pending", "size_bytes": self._tickets[key], "bad_pages": []})


def _base64(key: str) -> str:
    return base64.b64encode(bytes.fromhex(key)).decode("ascii")


def _now(later_s: float = 0.0) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + later_s))
