"""A ticket's presigned PUT, tampered with in front of an emulator that is not ours: nothing but the promised bytes."""

import base64
import hashlib
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import urllib3

from tests.api import Bowler
from tests.throws import Throw

REFUSED = range(400, 500)


def new_capture() -> bytes:
    """Return a capture that no other test has."""
    return Throw(duration_s=0.3, record=secrets.randbelow(2**32 - 2) + 1).capture()


def ticket_for(bowler: Bowler, data: bytes) -> Any:
    """Ask for leave to upload, and return the ticket."""
    wanted = {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}
    answer = bowler("POST", "/v1/captures/uploads", json=wanted)
    assert answer.status == 201
    return answer.json


@pytest.fixture
def pool() -> Iterator[urllib3.PoolManager]:
    """A stranger's HTTP client."""
    with urllib3.PoolManager(retries=False) as made:
        yield made


def checksum(data: bytes) -> str:
    """Return a body's SHA-256 as S3 has it in a header."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def test_the_promised_bytes_are_taken_once(bowler: Bowler, pool: urllib3.PoolManager) -> None:
    """What was announced is taken, and a second time refused, for it is there."""
    data = new_capture()
    ticket = ticket_for(bowler, data)
    assert pool.request("PUT", ticket["url"], body=data, headers=ticket["headers"]).status == 200
    assert pool.request("PUT", ticket["url"], body=data, headers=ticket["headers"]).status == 412


TAMPERING = ["another body", "another body with its checksum", "a longer body", "no create-only", "no checksum"]
TAMPERING += ["another key", "another method", "a later expiry", "another signature", "without a signature"]


@pytest.mark.parametrize("how", TAMPERING)
def test_anything_else_is_refused(bowler: Bowler, pool: urllib3.PoolManager, how: str) -> None:
    """Each change of a ticket is refused, and the promised bytes are still taken afterwards: nothing was stored."""
    data, other = new_capture(), new_capture()
    ticket = ticket_for(bowler, data)
    method, url, headers, body = tampered(how, ticket, data, other[: len(data)].ljust(len(data), b"\0"))
    assert pool.request(method, url, body=body, headers=headers).status in REFUSED
    assert pool.request("PUT", ticket["url"], body=data, headers=ticket["headers"]).status == 200


def tampered(how: str, ticket: Any, data: bytes, other: bytes) -> tuple[str, str, dict[str, str], bytes]:
    """Return the request of a ticket, changed in one way."""
    url, headers = ticket["url"], dict(ticket["headers"])
    names = {name.lower(): name for name in headers}
    if how == "another body":
        return "PUT", url, headers, other
    if how == "another body with its checksum":
        return "PUT", url, {**headers, names["x-amz-checksum-sha256"]: checksum(other)}, other
    if how == "a longer body":
        longer = data + b"\0"
        return "PUT", url, {**headers, names["content-length"]: str(len(longer))}, longer
    if how in ("no create-only", "no checksum"):
        dropped = names["if-none-match" if how == "no create-only" else "x-amz-checksum-sha256"]
        return "PUT", url, {name: value for name, value in headers.items() if name != dropped}, data
    if how == "another method":
        return "DELETE", url, {name: value for name, value in headers.items() if name.lower() != "content-length"}, b""
    return "PUT", changed_url(how, url), headers, data


def changed_url(how: str, url: str) -> str:
    """Return a presigned URL with another key, or with another or no signature."""
    parts = urlsplit(url)
    query = dict(pair.split("=", 1) for pair in parts.query.split("&"))
    if how == "another key":
        return urlunsplit(parts._replace(path=parts.path[:-1] + ("0" if parts.path[-1] != "0" else "1")))
    if how == "a later expiry":
        changed = {**query, "X-Amz-Expires": "604800"}
    elif how == "another signature":
        changed = {**query, "X-Amz-Signature": "0" * 64}
    else:
        changed = {}
    return urlunsplit(parts._replace(query="&".join(f"{name}={value}" for name, value in changed.items())))
