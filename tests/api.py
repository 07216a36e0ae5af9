"""The API as tests talk to it: an HTTP client that hides nothing, and users of it."""

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import urllib3

from tests.declared import check_answer

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: urllib3.HTTPHeaderDict
    data: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.data)

    @property
    def problem(self) -> str:
        """The last word of the problem's type, once the answer is a well-formed problem document."""
        document = self.json
        assert self.headers["content-type"] == "application/problem+json"
        assert document["status"] == self.status
        assert document["title"]
        return str(document["type"]).rsplit(":", 1)[-1]


class Api:
    """Sends requests to an API as they are given, follows nothing, and holds each answer to its declaration."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._pool = urllib3.PoolManager(retries=False)

    def __call__(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        **content: Any,
    ) -> Answer:
        """Send one request; `json=` is encoded and gets its content type."""
        all_headers = {"Accept": "application/octet-stream" if path.endswith("/raw") else "*/*", **(headers or {})}
        if token is not None:
            all_headers["Authorization"] = f"Bearer {token}"
        if "json" in content:
            body, all_headers["Content-Type"] = json.dumps(content["json"]).encode(), "application/json"
        reply = self._pool.request(method, self.url + path, body=body, headers=all_headers)
        check_answer(method, path, reply.status, reply.headers, reply.data)
        return Answer(reply.status, reply.headers, reply.data)

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()


@dataclass(frozen=True)
class Bowler:
    """A registered user who is logged in."""

    api: Api
    username: str
    token: str
    refresh_token: str

    def __call__(self, method: str, path: str, **rest: Any) -> Answer:
        """Send a request with the user's access token."""
        return self.api(method, path, token=self.token, **rest)

    def post_capture(self, data: bytes, **headers: str) -> Answer:
        """Post a capture as a careful client does."""
        return self("POST", "/v1/captures", body=data, headers={**upload_headers(data), **headers})


def upload_headers(data: bytes) -> dict[str, str]:
    """Return the headers that belong to a capture's bytes."""
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    return {"Content-Type": "application/octet-stream", "Content-Digest": f"sha-256=:{digest}:"}
