"""What the Web API's and its storage's replies mean, read without any HTTP: words, verdicts, waits."""

import json
import math
import re
import ssl
import time
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from device_bridge.api_values import (
    DELIVERED_STATES,
    PENDING,
    REJECTED,
    Acknowledgement,
    ApiError,
    BridgeIdentity,
    BusyError,
    CredentialRefusedError,
    EndpointError,
    Line,
    RefusedError,
    Ticket,
    TicketExpiredError,
    TryLaterError,
)
from device_bridge.moments import read_moment
from device_bridge.printable import printable

_LONGEST_WAIT_S = 3600.0
_OWN_PROBLEMS = "urn:problem-type:revmetrix:"
_LOCKED = "account-locked"
_OK, _CREATED = 200, 201
_LONGEST_WORDS = 300
_LONGEST_NAME = 100
# What RFC 9110 5.1 and 5.5 allow, less everything that is not printable ASCII.
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[ -~]*")


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A reply as it came over HTTP.

    Attributes:
        status: Its status.
        headers: Its headers.
        body: Its body, at most 1 MiB of it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return a header's value by its name in small letters."""
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

    def said(self) -> str:
        """Return a refusal in a few printable words: of a problem document (RFC 9457), or of the storage's XML."""
        problem = self.json()
        words = [str(problem[name]).rstrip(".") for name in ("title", "detail") if isinstance(problem.get(name), str)]
        text = (": ".join(words) or _storage_code(self.body)).encode("ascii", errors="replace").decode("ascii")
        return f"{self.status} {printable(text, _LONGEST_WORDS)}".strip()

    def retry_after_s(self) -> float | None:
        """Return how long the reply asks to wait."""
        return parse_retry_after(self.header("retry-after"))


def read_acknowledgement(reply: HttpReply, sha256: str) -> Acknowledgement:
    """Return what the API says of a capture.

    Raises:
        ApiError: One of its kinds, for every reply that says nothing of exactly this hash.
    """
    if reply.status not in (_OK, _CREATED):
        raise failure(reply)
    answer = reply.json()
    if answer.get("id") != sha256:
        raise TryLaterError(
            f"the API answered {reply.status} without the capture's own hash {sha256[:12]}...: not taken as delivered"
        )
    state, reason = answer.get("state"), answer.get("reason")
    if state not in (*DELIVERED_STATES, PENDING, REJECTED):
        raise TryLaterError(
            f"the API answered {reply.status} without a state of the capture that this device_bridge knows "
            f"({printable(str(state), _LONGEST_NAME)}): not taken as delivered"
        )
    return Acknowledgement(state, printable(reason, _LONGEST_WORDS) if isinstance(reason, str) else None)


def read_ticket(reply: HttpReply, sha256: str, size_bytes: int) -> Acknowledgement | Ticket:
    """Return a ticket, or what the API says of a capture that it has.

    Raises:
        ApiError: One of its kinds, for every other reply.
    """
    if reply.status != _CREATED:
        return read_acknowledgement(reply, sha256)
    answer = reply.json()
    url, headers = answer.get("url"), answer.get("headers")
    is_ours = (answer.get("sha256"), answer.get("method")) == (sha256, "PUT")
    if not is_ours or not isinstance(url, str) or not isinstance(headers, dict) or not _can_be_sent(headers):
        raise TryLaterError("the API answered 201 without a ticket for the capture's own hash")
    return Ticket(sha256, size_bytes, url, headers)


def _can_be_sent(headers: dict[str, Any]) -> bool:
    return all(
        _HEADER_NAME.fullmatch(name) and isinstance(value, str) and _HEADER_VALUE.fullmatch(value)
        for name, value in headers.items()
    )


def read_identity(reply: HttpReply) -> BridgeIdentity:
    """Return who the API takes this bridge for. Raises `ApiError` for every other reply."""
    if reply.status != _OK:
        raise failure(reply)
    answer = reply.json()
    server_time = read_moment(answer.get("server_time"))
    if not isinstance(answer.get("id"), str) or server_time is None:
        raise EndpointError(f"what answers at the address is not the API (it answered {reply.status})")
    return BridgeIdentity(printable(str(answer.get("name", "")), _LONGEST_NAME), server_time)


def read_next_s(reply: HttpReply) -> float:
    """Return in how many seconds the API wants the next heartbeat. Raises `ApiError` for every other reply."""
    if reply.status != _OK:
        raise failure(reply)
    next_s = reply.json().get("next_s")
    if not isinstance(next_s, int | float) or not 0 < next_s <= _LONGEST_WAIT_S:
        raise EndpointError(f"what answers at the address is not the API (it answered {reply.status})")
    return float(next_s)


def failure(reply: HttpReply) -> ApiError:
    """Return the error that a reply of the API means."""
    said = reply.said()
    if reply.status in (401, 403):
        return CredentialRefusedError(
            said,
            is_apis_own=reply.is_api_problem(),
            is_known=reply.status == 403,  # noqa: PLR2004 - Forbidden
            is_locked=reply.json().get("type") == _OWN_PROBLEMS + _LOCKED,
        )
    if str(reply.json().get("type")).endswith(":digest-mismatch"):
        return TryLaterError(f"the bytes changed on their way to the API ({said})")
    later = f"the API cannot take it now ({said})"
    if reply.status == 429 or reply.retry_after_s() is not None:  # noqa: PLR2004 - Too Many Requests
        return BusyError(later, reply.retry_after_s(), is_apis_own=reply.is_api_problem())
    if reply.status in (502, 503, 504) or not reply.is_api_problem():
        return EndpointError(later)
    if reply.status in (400, 413, 415, 422):
        return RefusedError(f"the API refuses this capture ({said})")
    return TryLaterError(later)


def storage_failure(reply: HttpReply) -> ApiError | None:
    """Return the error that the storage's reply to a PUT means, None when the bytes are there.

    Source: Amazon S3's API reference, PutObject and "Error responses".
    """
    # 412: what was to be created only once is there. Whether it is the same is asked of the API afterwards.
    if reply.status in (_OK, _CREATED, 204, 412):
        return None
    said = reply.said()
    if reply.status == 403:  # noqa: PLR2004 - Forbidden
        return TicketExpiredError(f"the storage no longer takes the ticket ({said})")
    return TryLaterError(f"the storage cannot take it now ({said})", reply.retry_after_s())


def _storage_code(body: bytes) -> str:
    if b"<!" in body:
        # The storage sends no document type, and none is expanded here.
        return ""
    try:
        return ET.fromstring(body).findtext("Code", default="")  # noqa: S314 - no document type, 1 MiB at most
    except (ET.ParseError, ValueError):
        return ""


def parse_retry_after(value: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110 10.2.3), 0 to an hour; None when it does not."""
    if value is None:
        return None
    try:
        seconds = float(value) if value.strip().isdecimal() else _until(value)
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, seconds), _LONGEST_WAIT_S) if math.isfinite(seconds) else None


def read_line(connection: object, date: str | None) -> Line:
    """Return what an answer showed of the line that it came by.

    Args:
        connection: The connection, which holds its `certificate` when it speaks TLS.
        date: The answer's `Date`.
    """
    tls, ends_at = getattr(connection, "certificate", (None, None))
    return Line(tls, ends_at, parse_date(date))


def certificate_end(certificate: Mapping[str, Any]) -> datetime | None:
    """Return when a certificate that was checked ends (`ssl.SSLSocket.getpeercert`), None when it does not say."""
    ends_at = certificate.get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(ends_at)), UTC) if ends_at else None


def parse_date(value: str | None) -> datetime | None:
    """Return the moment of a Date header in UTC (RFC 9110 6.6.1), None when it tells none."""
    try:
        moment = parsedate_to_datetime(value or "")
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _until(date: str) -> float:
    return parsedate_to_datetime(date).timestamp() - time.time()
