"""Mutated requests against a served API: each is answered below 500 or cut off, and none is answered as another."""

import json
import random
from collections import Counter

from tests.contract.hostile import posting, request
from tests.contract.mutation import mutate
from tests.contract.raw_client import exchange

# RFC 9110 sections 15.6.2 and 15.6.6 want these for a method or a coding, and for a version, that nobody knows. They
# come from the server's reading of HTTP, before the app.
OF_HTTP = {501, 505}
_STATUS_AT = 9


def originals(credential: str) -> list[bytes]:
    """Return right requests: of every method, with and without bodies, by a user."""
    authorization = f"Authorization: Bearer {credential}\r\n"
    change = json.dumps({"first_name": "Ada", "handedness": "left"}).encode()
    headers = f"{authorization}If-Match: *\r\nContent-Type: application/json\r\nContent-Length: {len(change)}\r\n"
    chunked = f"{authorization}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    return [
        request(path="/v1/captures?limit=10", headers=authorization),
        request("HEAD", "/v1/users/me", authorization),
        request("PATCH", "/v1/users/me", headers, change),
        request("POST", "/v1/bridges", chunked, b'10\r\n{"name":"bridge"}\r\n0\r\n\r\n'),
        request("DELETE", "/v1/devices/SD-1", f"{authorization}If-Match: *\r\n"),
        request("OPTIONS", "/v1/users/me", "Origin: http://a\r\nAccess-Control-Request-Method: PATCH\r\n"),
        posting(json.dumps({"secret_sha256": "0" * 64}).encode(), "/v1/pairings"),
        posting(bytes(range(256)), "/v1/captures", "application/octet-stream"),
    ]


def run(address: tuple[str, int], credential: str, count: int, seed: int) -> Counter[int]:
    """Send mutated requests, and return how often each status came; 0 stands for a connection cut off.

    Raises:
        AssertionError: One was answered with 500 or above; the message holds its bytes.
    """
    rng = random.Random(seed)  # noqa: S311 - a campaign must be repeatable
    right = originals(credential)
    statuses: Counter[int] = Counter()
    for _ in range(count):
        sent = mutate(rng, rng.choice(right))
        received = exchange(address, sent)
        status = int(received[_STATUS_AT : _STATUS_AT + 3]) if received.startswith(b"HTTP/1.") else 0
        assert status < 500 or status in OF_HTTP, f"{status} for {sent!r}: {received[-300:]!r}"
        statuses[status] += 1
    return statuses
