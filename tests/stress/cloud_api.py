"""The real API of a local cloud behind a door that fails as it is told."""

import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import urllib3

from tests.api import PASSWORD, Api
from tests.stress.door import Answer, Door

_CREATED = (200, 201)
# As early as a claim may begin, but for a day: the devices' clocks say that they recorded weeks ago.
_CLAIMED_AGO = timedelta(days=89)
_HOP_HEADERS = ("host", "connection", "content-length", "accept-encoding")


class CloudApi(Door):
    """Passes every request on to a local cloud; what it stores is the cloud's raw database.

    Args:
        url: The local cloud's API.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self._api = Api(url)
        self._pool = urllib3.PoolManager(retries=False)
        name = f"bowler-{secrets.token_hex(8)}"
        self._must("POST", "/v1/users", username=name, email=f"{name}@example.org", password=PASSWORD)
        self._token = self._must("POST", "/v1/tokens", username=name, password=PASSWORD)["access_token"]
        self.credential = self._must("POST", "/v1/bridges", name="lane 7")["credential"]

    def _must(self, method: str, path: str, **content: Any) -> Any:
        token = getattr(self, "_token", None)
        answer = self._api(method, path, token=token, json=content) if content else self._api(method, path, token=token)
        if answer.status not in _CREATED:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.data!r}")
        return answer.json

    def claim(self, serial: str) -> None:
        """Claim a device, or what the bridge brings of it would wait in an inbox."""
        self._must("POST", "/v1/devices", **{"serial": serial, "from": (datetime.now(UTC) - _CLAIMED_AGO).isoformat()})

    def close(self) -> None:
        """Close the door; the cloud stays."""
        super().close()
        self._api.close()
        self._pool.clear()

    def carry_out(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Pass a request on, and note which captures the cloud says to have."""
        self.requests.append(f"{method} {path}")
        passed_on = {name: text for name, text in headers.items() if name not in _HOP_HEADERS}
        reply = self._pool.request(method, self._api.url + path, body=body or None, headers=passed_on)
        content = json.loads(reply.data) if reply.data else {}
        if reply.status in _CREATED and "state" in content and content["state"] != "pending":
            self.stored[content["id"]] = b""
            if (method, path) == ("POST", "/v1/captures"):
                self.arrivals.append(content["id"])
        return Answer(reply.status, content, _retry_after(reply.headers))

    def collect(self) -> list[bytes]:
        """Return every capture in the account's part of the raw database, each as often as it is listed."""
        found = []
        query = ""
        while True:
            page = self._must("GET", f"/v1/captures{query}")
            found += [self._raw(item["id"]) for item in page["items"]]
            if page["next"] is None:
                return found
            query = f"?cursor={page['next']}"

    def _raw(self, capture: str) -> bytes:
        answer = self._api("GET", f"/v1/captures/{capture}/raw", token=self._token)
        if answer.headers["content-type"] == "application/octet-stream":
            return answer.data
        return self._pool.request("GET", answer.json["url"]).data


def _retry_after(headers: urllib3.HTTPHeaderDict) -> dict[str, str]:
    return {"Retry-After": headers["Retry-After"]} if "Retry-After" in headers else {}
