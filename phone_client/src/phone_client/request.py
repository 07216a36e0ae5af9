"""One request to the API, as a value: what is sent, and whether it may be sent twice."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

from phone_client.errors import UsageError

ALWAYS = math.inf
NEVER = 0.0
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        method: The HTTP method.
        path: Below the API's address, such as `/v1/health`.
        if_lost: What it means that the reply was lost, and what to do, for a person.
        repeat_for_s: For how long after its first sending it may be sent again although the server may have carried it
            out already: `ALWAYS` when a second time changes nothing, `NEVER` when it would.
        query: The query parameters.
        headers: The headers.
        body: The body, None for none.
        hurried_timeouts_s: To connect, and to read while another attempt would still be in time; None for those of the
            connection.
    """

    method: str
    path: str
    if_lost: str
    repeat_for_s: float
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    hurried_timeouts_s: tuple[float, float] | None = None

    def with_bearer(self, token: str) -> "Request":
        """Return the same request with a credential."""
        return self.with_headers({"Authorization": f"Bearer {token}"})

    def with_headers(self, headers: Mapping[str, str]) -> "Request":
        """Return the same request with more headers."""
        return replace(self, headers={**self.headers, **headers})


def reading(path: str, query: Mapping[str, str] | None = None, media_type: str = JSON) -> Request:
    """Return a request that changes nothing."""
    return Request("GET", path, "Try again.", ALWAYS, query=query or {}, headers={"Accept": media_type})


def posting(path: str, fields: Mapping[str, str], *, if_lost: str, repeat_for_s: float = NEVER) -> Request:
    """Return a request that posts a JSON object; errors as of `sending`."""
    return sending("POST", path, fields, if_lost=if_lost, repeat_for_s=repeat_for_s)


def sending(
    method: str,
    path: str,
    content: Mapping[str, str | None] | Mapping[str, str] | msgspec.Struct,
    *,
    if_lost: str,
    repeat_for_s: float = NEVER,
) -> Request:
    """Return a request with a JSON object.

    Raises:
        UsageError: A text in it is no Unicode, such as an argument in another encoding.
    """
    try:
        body = msgspec.json.encode(content)
    except UnicodeEncodeError as error:
        raise UsageError("A text that is not valid UTF-8 was given. Nothing was sent.") from error
    return Request(method, path, if_lost, repeat_for_s, headers={"Accept": JSON, "Content-Type": JSON}, body=body)
