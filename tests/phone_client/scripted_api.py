"""The API in memory: enough of it for a client to tell no difference."""

import hashlib
import json
import ssl
from typing import Any

from phone_client import Timing
from tests.phone_client.faulty_server import FaultyServer, Reply, Seen, json_reply, problem_reply

PASSWORD = "correct horse"
GRACE_S = 10.0


class HandClock:
    """Time that passes only when somebody sleeps or a test moves it."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0
        self.sleeps: list[float] = []
        self.timing = Timing(lambda: self.now_s, lambda: self.now_s, self.sleep, lambda longest_s: longest_s / 2)

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.sleeps.append(seconds)
        self.now_s += seconds


class ScriptedApi(FaultyServer):
    """The API as a server, with one account."""

    def __init__(self, clock: HandClock, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self.clock = clock
        self.access: set[str] = set()
        self.refresh: dict[str, dict[str, Any]] = {}
        self.ended = False
        self.captures: dict[str, bytes] = {}
        self.pending_for = 0

    def keep(self, data: bytes) -> str:
        """Put a capture into the account and return its id."""
        capture_id = hashlib.sha256(data).hexdigest()
        self.captures[capture_id] = data
        return capture_id

    def carry_out(self, seen: Seen) -> Reply:
        """Answer as the API does."""
        method, path = seen.route.split(" ")
        match method, path.strip("/").split("/")[1:]:
            case "GET", ["health"]:
                return json_reply(200, {"status": "ok"})
            case "POST", ["users"]:
                return json_reply(201, {"id": "u1", "created_at": "2026-11-01T10:00:00Z", **json.loads(seen.body)})
            case "POST", ["tokens"]:
                right = json.loads(seen.body)["password"] == PASSWORD
                return json_reply(200, self._grant()) if right else problem_reply(401, "wrong-password")
            case "POST", ["tokens", "refresh"]:
                return self._refresh(json.loads(seen.body)["refresh_token"])
        if seen.headers.get("Authorization", "").removeprefix("Bearer ") not in self.access:
            return problem_reply(401, "not-authenticated")
        return self._carry_out_for_user(method, path, seen)

    def _carry_out_for_user(self, method: str, path: str, seen: Seen) -> Reply:
        match method, path.strip("/").split("/")[1:]:
            case "DELETE", ["tokens"]:
                return Reply(204, b"")
            case "GET", ["captures", capture_id, *rest]:
                return self._show(capture_id, rest)
            case "POST", ["bridges"]:
                made = {"id": "b1", "created_at": "2026-11-01T10:00:00Z", "credential": "rmb_secret"}
                return json_reply(201, {**made, **json.loads(seen.body)})
            case "POST", ["captures"]:
                is_new = hashlib.sha256(seen.body).hexdigest() not in self.captures
                return json_reply(201 if is_new else 200, capture_view(self.keep(seen.body), len(seen.body)))
            case "GET", ["captures"]:
                return self._list(int(seen.query["limit"][0]), int(seen.query.get("cursor", ["0"])[0]))
        return json_reply(403, {"message": "Missing Authentication Token"})

    def _show(self, capture_id: str, rest: list[str]) -> Reply:
        data = self.captures.get(capture_id)
        if data is None:
            return problem_reply(404, "not-found")
        if rest == ["raw"]:
            return Reply(200, data, {"Content-Type": "application/octet-stream"})
        return self._metrics() if rest == ["metrics"] else json_reply(200, capture_view(capture_id, len(data)))

    def _grant(self) -> dict[str, Any]:
        count = len(self.refresh) + 1
        self.access.add(f"access-{count}")
        self.refresh[f"refresh-{count}"] = {"successor": None, "rotated_at": 0.0}
        return {
            "access_token": f"access-{count}",
            "refresh_token": f"refresh-{count}",
            "token_type": "Bearer",
            "expires_in": 900,
        }

    def _refresh(self, token: str) -> Reply:
        known = self.refresh.get(token)
        if known is None or self.ended:
            return problem_reply(401, "refresh-token-invalid")
        if known["successor"] is None:
            known["rotated_at"] = self.clock.now_s
        else:
            unused = self.refresh.get(known["successor"], {"successor": "used"})["successor"] is None
            if not unused or self.clock.now_s - known["rotated_at"] > GRACE_S:
                self.ended = True
                return problem_reply(401, "refresh-token-invalid")
            self.refresh[known["successor"]] = {"successor": "voided", "rotated_at": 0.0}
        granted = self._grant()
        known["successor"] = granted["refresh_token"]
        return json_reply(200, granted)

    def _list(self, limit: int, start: int) -> Reply:
        listed = [capture_view(capture_id, len(data)) for capture_id, data in self.captures.items()]
        following = str(start + limit) if start + limit < len(listed) else None
        return json_reply(200, {"items": listed[start : start + limit], "next": following})

    def _metrics(self) -> Reply:
        if self.pending_for > 0:
            self.pending_for -= 1
            return json_reply(200, {"state": "pending"}, Retry_After="3")
        peak = {"value": 312.5, "unit": "rpm", "quality": "good", "method": "peak of |omega|", "version": "basic/1"}
        shot = {"value": True, "unit": "1", "quality": "good", "method": "threshold", "version": "basic/1"}
        accel = {"samples": 4270, "rate_hz": 416.6, "nominal_rate_hz": 416.0, "gaps": 0, "clipped": 2, "lost": 0}
        metrics = {"rate_peak_rpm": peak, "shot_detected": shot}
        return json_reply(200, {"state": "ready", "metrics": metrics, "sensors": {"accel": accel}})


def capture_view(capture_id: str, size_bytes: int) -> dict[str, Any]:
    """Return a capture as the API shows it, with a field from the future."""
    return {
        "id": capture_id,
        "size_bytes": size_bytes,
        "state": "verified",
        "bad_pages": [],
        "bad_page_count": 0,
        "device": "SD-\u001b[31m7",
        "record": 41,
        "format_version": 1,
        "provenance": None,
        "bridge_id": None,
        "received_at": "2026-11-01T10:00:00.123456+00:00",
        "colour_of_the_future": "blue",
    }
