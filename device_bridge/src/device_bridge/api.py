"""The Web API as the bridge uses it. All HTTP of the bridge is in this module."""

import base64
import hashlib
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3

from device_bridge.errors import BridgeError, ExitCode, UsageError

MAX_INLINE_BYTES: Final = 4 * 1024 * 1024
_MAX_PROVENANCE_BYTES = 4096
_MAX_REPLY_BYTES = 1024 * 1024
_LONGEST_WAIT_S = 3600.0
_OWN_PROBLEMS = "urn:problem-type:revmetrix:"
_NOT_THERE = (502, 503, 504)
_TIMEOUT = urllib3.Timeout(connect=10, read=60)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_NEW_CREDENTIAL = (
    "every capture is kept. Check --api, or get a new credential (the account's owner makes it with POST /v1/bridges), "
    "put it into --credential-file or DEVICE_BRIDGE_CREDENTIAL, and start again"
)


class ApiError(BridgeError):
    """A capture was not delivered."""

    exit_code = ExitCode.NOT_DELIVERED


class UnreachableError(ApiError):
    """The API cannot be reached, or broke off."""


class TryLaterError(ApiError):
    """The API answered, but not yes or no.

    Attributes:
        retry_after_s: How long it asks to wait, None when it does not say.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class EndpointError(TryLaterError):
    """What answers at the address is not the API, or has no API behind it: the next capture fares no better."""


class RefusedError(ApiError):
    """The API will not take this capture as it is, however often it is sent."""


class CredentialRefusedError(ApiError):
    """The API does not take this bridge's credential."""

    exit_code = ExitCode.CREDENTIAL_REFUSED


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The API has the bytes.

    Attributes:
        state: What it made of them: `verified`, `damaged`, `unreadable`.
        is_new: Whether it had them not before.
    """

    state: str
    is_new: bool


def check_api_url(url: str) -> str:
    """Return the API's address without a slash at its end.

    Raises:
        UsageError: It is no http or https address, or would send the credential over the network in the clear.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UsageError(f"--api {url!r} is no address such as https://example.org") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"--api {url!r} is no address such as https://example.org")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise UsageError(f"--api {url}: plain http would show the credential to the network; use https")
    return url.rstrip("/")


class Api:
    """The Web API, for one bridge.

    Args:
        url: Its address, without `/v1`.
        credential: The bridge's credential; it is sent as Bearer and appears in no message.
    """

    def __init__(self, url: str, credential: str) -> None:
        self._url = check_api_url(url)
        self._credential = credential
        # No retries and no redirects here: the uploader retries, and a redirect would carry the credential elsewhere.
        self._pool = urllib3.PoolManager(retries=False, timeout=_TIMEOUT)

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def send_capture(self, data: bytes, provenance: Mapping[str, object]) -> Acknowledgement:
        """Send a capture; return when the API has acknowledged the SHA-256 of exactly these bytes.

        Raises:
            UnreachableError: It cannot be reached, or broke off.
            TryLaterError: It answered with an error of its own, or with something that is no acknowledgement.
            EndpointError: 502, 503, 504, or an error that is not the API's own, such as a proxy's.
            RefusedError: The API's own 400, 413, 415 or 422, unless bytes changed on their way.
            CredentialRefusedError: 401 or 403.
        """
        digest = hashlib.sha256(data)
        headers = {
            "Authorization": f"Bearer {self._credential}",
            "Content-Type": "application/octet-stream",
            "Content-Digest": f"sha-256=:{base64.b64encode(digest.digest()).decode('ascii')}:",
            "Capture-Provenance": encode_provenance(provenance),
            "Accept": "application/json, application/problem+json",
        }
        reply = self._post(f"{self._url}/v1/captures", data, headers)
        return _read_reply(reply, digest.hexdigest())

    def _post(self, url: str, data: bytes, headers: dict[str, str]) -> "_HttpReply":
        try:
            response = self._pool.request(
                "POST", url, body=data, headers=headers, redirect=False, preload_content=False
            )
            try:
                body = response.read(_MAX_REPLY_BYTES, decode_content=True)
            finally:
                # A reply longer than any of ours is not read to its end, so its connection cannot be used again.
                response.close()
            return _HttpReply(response.status, dict(response.headers.items()), body)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UnreachableError(f"the API at {self._url} cannot be reached ({_short(error)})") from error


@dataclass(frozen=True, slots=True)
class _HttpReply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers.items() if key.lower() == name), None)

    def is_api_problem(self) -> bool:
        """Return whether this is an error in the API's own words."""
        media_type = (self.header("content-type") or "").split(";")[0].strip().lower()
        return media_type == "application/problem+json" and str(self.json().get("type")).startswith(_OWN_PROBLEMS)

    def json(self) -> dict[str, Any]:
        """Return the body's object, an empty one when it is none."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


def encode_provenance(provenance: Mapping[str, object]) -> str:
    """Return the `Capture-Provenance` header: base64url of JSON, unpadded.

    Raises:
        ValueError: The JSON is longer than 4 KiB.
    """
    text = json.dumps(provenance, separators=(",", ":"), sort_keys=True).encode("utf-8")
    if len(text) > _MAX_PROVENANCE_BYTES:
        raise ValueError(f"provenance of {len(text)} bytes, more than {_MAX_PROVENANCE_BYTES}")
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode("ascii")


def _read_reply(reply: _HttpReply, sha256: str) -> Acknowledgement:
    if reply.status in (200, 201):
        return _read_acknowledgement(reply, sha256)
    said = _problem(reply)
    if reply.status in (401, 403):
        raise CredentialRefusedError(f"the API refuses this bridge's credential ({said}): {_NEW_CREDENTIAL}")
    if str(reply.json().get("type")).endswith(":digest-mismatch"):
        raise TryLaterError(f"the bytes changed on their way to the API ({said})")
    if reply.status in _NOT_THERE or not reply.is_api_problem():
        raise EndpointError(f"the API cannot take it now ({said})", parse_retry_after(reply.header("retry-after")))
    if reply.status in (400, 413, 415, 422):
        raise RefusedError(f"the API refuses this capture ({said})")
    raise TryLaterError(f"the API cannot take it now ({said})", parse_retry_after(reply.header("retry-after")))


def _read_acknowledgement(reply: _HttpReply, sha256: str) -> Acknowledgement:
    answer = reply.json()
    if answer.get("id") != sha256:
        raise TryLaterError(
            f"the API answered {reply.status} without the capture's own hash {sha256[:12]}...: not taken as delivered"
        )
    return Acknowledgement(str(answer.get("state", "unknown")), reply.status == 201)  # noqa: PLR2004 - Created


def _problem(reply: _HttpReply) -> str:
    """Return a refusal in a few words, from its problem document (RFC 9457) when it is one."""
    problem = reply.json()
    words = [str(problem[name]) for name in ("title", "detail") if isinstance(problem.get(name), str)]
    text = ": ".join(words).encode("ascii", errors="replace").decode("ascii")
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return f"{reply.status} {printable[:300]}".strip()


def parse_retry_after(value: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110 10.2.3), 0 to an hour; None when it does not."""
    if value is None:
        return None
    try:
        seconds = float(value) if value.strip().isdecimal() else _until(value)
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, seconds), _LONGEST_WAIT_S) if math.isfinite(seconds) else None


def _until(date: str) -> float:
    return parsedate_to_datetime(date).timestamp() - time.time()


def _short(error: Exception) -> str:
    """Return what broke, without the addresses and object names that urllib3 adds."""
    reason = getattr(error, "reason", error)
    text = str(reason).split(": ", 1)[-1] if ": " in str(reason) else str(reason)
    return text[:200] or type(error).__name__
