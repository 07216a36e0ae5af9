"""The Web API as the bridge uses it. All HTTP of the bridge is in this module."""

import base64
import hashlib
import json
import socket
import ssl
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import urllib3

from device_bridge.api_address import check_api_url, is_private
from device_bridge.api_replies import (
    HttpReply,
    certificate_end,
    read_acknowledgement,
    read_identity,
    read_line,
    read_next_s,
    read_ticket,
    storage_failure,
)
from device_bridge.api_values import (
    Acknowledgement,
    ApiError,
    BridgeIdentity,
    BusyError,
    CredentialRefusedError,
    EndpointError,
    Heartbeat,
    HeartbeatDevice,
    Line,
    Patience,
    RefusedError,
    Ticket,
    TicketExpiredError,
    TryLaterError,
    UnreachableError,
)
from device_bridge.deadline import Deadline, watch_connection
from device_bridge.provenance import encode_provenance, limited_provenance

__all__ = [
    "MAX_CAPTURE_BYTES",
    "MAX_INLINE_BYTES",
    "Acknowledgement",
    "Api",
    "ApiError",
    "BridgeIdentity",
    "BusyError",
    "CredentialRefusedError",
    "EndpointError",
    "Heartbeat",
    "HeartbeatDevice",
    "Line",
    "Patience",
    "RefusedError",
    "Ticket",
    "TicketExpiredError",
    "TryLaterError",
    "UnreachableError",
    "check_api_url",
]

MAX_INLINE_BYTES: Final = 4 * 2**20
MAX_CAPTURE_BYTES: Final = 64 * 2**20
_MAX_REPLY_BYTES = 2**20
_CHUNK_BYTES = 65536
_NOT_FOUND = 404
_JSON = {"Content-Type": "application/json"}


class Api:
    """The Web API, for one bridge. Several threads may use it.

    Args:
        url: Its address, without `/v1`.
        credential: The bridge's credential; it is sent as Bearer and appears in no message.
        patience: How long a request may take.

    Attributes:
        line: What the last answer showed of the line to the API, None before the first.
    """

    def __init__(self, url: str, credential: str, patience: Patience | None = None) -> None:
        self._url = check_api_url(url)
        self.line: Line | None = None
        self._credential = credential
        self._patience = patience or Patience()
        timeout = urllib3.Timeout(connect=self._patience.connect_s, read=self._patience.read_s)
        # No retries and no redirects here: the uploader retries, and a redirect would carry the credential elsewhere.
        self._pool = urllib3.PoolManager(retries=False, timeout=timeout)
        self._pool.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def replace_credential(self, credential: str) -> None:
        """Use another credential from the next request on."""
        self._credential = credential

    def send_capture(self, data: bytes, provenance: Mapping[str, object]) -> Acknowledgement:
        """Send a capture of at most 4 MiB; return when the API has acknowledged the SHA-256 of exactly these bytes.

        Raises:
            UnreachableError: It cannot be reached, broke off, or took too long.
            BusyError: It asks to wait.
            EndpointError: 502, 503, 504, or an error that is not the API's own, such as a proxy's.
            TryLaterError: It answered with another error of its own, or with something that is no acknowledgement.
            RefusedError: The API's own 400, 413, 415 or 422, unless bytes changed on their way.
            CredentialRefusedError: 401 or 403.
        """
        digest = hashlib.sha256(data)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Digest": f"sha-256=:{base64.b64encode(digest.digest()).decode('ascii')}:",
            "Capture-Provenance": encode_provenance(provenance),
        }
        return read_acknowledgement(self._ask("POST", "/v1/captures", data, headers), digest.hexdigest())

    def request_ticket(
        self, sha256: str, size_bytes: int, provenance: Mapping[str, object]
    ) -> Acknowledgement | Ticket:
        """Ask for a ticket to send up to 64 MiB by, or learn that they are there. Raises as `send_capture`."""
        wanted = {"sha256": sha256, "size_bytes": size_bytes, "provenance": limited_provenance(provenance)}
        reply = self._ask("POST", "/v1/captures/uploads", json.dumps(wanted).encode("utf-8"), _JSON)
        return read_ticket(reply, sha256, size_bytes)

    def send_by_ticket(self, ticket: Ticket, chunks: Iterable[bytes]) -> None:
        """Put a capture's bytes where a ticket says; return when they are there, now or since an earlier time.

        Args:
            ticket: What `request_ticket` gave.
            chunks: The bytes, in pieces; they are never held together.

        Raises:
            UnreachableError: The storage cannot be reached, broke off, or took too long.
            TicketExpiredError: It no longer takes the ticket.
            TryLaterError: It answered with another error, or the ticket names a place that is not safe.
        """
        if not is_private(ticket.url):
            raise TryLaterError("the API gave a ticket whose address is not https: nothing was sent there")
        # The ticket's headers and no others, least of all the credential: the address itself is the permission.
        headers = {"User-Agent": urllib3.util.SKIP_HEADER, "Accept-Encoding": urllib3.util.SKIP_HEADER}
        headers |= dict(ticket.headers)
        refusal = storage_failure(self._exchange("PUT", ticket.url, headers, chunks, ticket.size_bytes))
        if refusal is not None:
            raise refusal

    def capture_state(self, sha256: str) -> Acknowledgement | None:
        """Return what the API made of a capture, None when it does not know it. Raises as `send_capture`."""
        reply = self._ask("GET", f"/v1/captures/{sha256}")
        if reply.status == _NOT_FOUND and reply.is_api_problem():
            return None
        return read_acknowledgement(reply, sha256)

    def who_am_i(self) -> BridgeIdentity:
        """Return who the API takes this bridge for; it leaves nothing in the account. Raises as `send_capture`."""
        return read_identity(self._ask("GET", "/v1/bridges/me"))

    def send_heartbeat(self, heartbeat: Heartbeat) -> float:
        """Tell the API how this bridge is; return in how many seconds it wants the next. Raises as `send_capture`."""
        facts = json.dumps(heartbeat.facts()).encode("utf-8")
        return read_next_s(self._ask("PUT", "/v1/bridges/me/heartbeat", facts, _JSON))

    def _ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> HttpReply:
        own = {
            "Authorization": f"Bearer {self._credential}",
            "Accept": "application/json, application/problem+json",
            **(headers or {}),
        }
        # In pieces, since the time for sending counts for each: a long body on a slow line would never get through.
        pieces = (body[begin : begin + _CHUNK_BYTES] for begin in range(0, len(body), _CHUNK_BYTES))
        return self._exchange(method, self._url + path, own, pieces, len(body))

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: Iterable[bytes], size_bytes: int
    ) -> HttpReply:
        seconds = self._patience.total_s + size_bytes / self._patience.slowest_bytes_per_s
        headers = dict(headers)
        if size_bytes and "content-length" not in map(str.lower, headers):
            headers["Content-Length"] = str(size_bytes)
        who = f"the API at {self._url}" if url.startswith(f"{self._url}/v1/") else "the storage that the API named"
        with Deadline(seconds) as deadline:
            try:
                reply = self._request(method, url, headers, body if size_bytes else None)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise _unreachable(who, deadline, error) from error
            if deadline.has_passed:
                # A reply without a length ends where its connection does.
                raise _unreachable(who, deadline, None)
        return reply

    def _request(self, method: str, url: str, headers: dict[str, str], body: Iterable[bytes] | None) -> HttpReply:
        response = self._pool.request(method, url, body=body, headers=headers, redirect=False, preload_content=False)
        if "Authorization" in headers:
            self.line = read_line(response.connection, response.headers.get("Date"))
        try:
            content = response.read(_MAX_REPLY_BYTES, decode_content=True)
        finally:
            # A reply longer than any of ours is not read to its end, so its connection cannot be used again.
            response.close()
        return HttpReply(response.status, dict(response.headers.items()), content)


_BEFORE_SENDING = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.SSLError,
)


class _HttpConnection(urllib3.connection.HTTPConnection):
    def _new_conn(self) -> socket.socket:
        connection = super()._new_conn()
        watch_connection(connection)
        return connection

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        # A connection that is kept was opened under another deadline, or under none.
        if self.sock is not None:
            watch_connection(self.sock)
        super().putrequest(*args, **kwargs)


class _HttpsConnection(_HttpConnection, urllib3.connection.HTTPSConnection):
    certificate: tuple[str | None, datetime | None] = (None, None)

    def connect(self) -> None:
        super().connect()
        if isinstance(self.sock, ssl.SSLSocket):
            self.certificate = self.sock.version(), certificate_end(self.sock.getpeercert() or {})


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


def _unreachable(who: str, deadline: Deadline, error: Exception | None) -> UnreachableError:
    if deadline.has_passed or error is None:
        return UnreachableError(f"{who} took longer than {deadline.seconds:.0f} s to answer: broken off")
    was_sent = not isinstance(error, _BEFORE_SENDING)
    return UnreachableError(f"{who} cannot be reached ({_short(error)})", was_sent=was_sent)


def _short(error: Exception) -> str:
    """Return what broke, without the addresses and object names that urllib3 adds."""
    reason = getattr(error, "reason", error)
    inner = reason.args[-1] if getattr(reason, "args", ()) else reason
    text = str(inner if isinstance(inner, Exception) else reason)
    return text.split(": ", 1)[-1][:200] or type(error).__name__
