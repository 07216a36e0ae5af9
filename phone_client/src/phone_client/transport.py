"""The only place that speaks HTTP: one request in, one answer out, repeated only where that is safe."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError

from phone_client.address import checked_address, checked_link
from phone_client.answers import Answer
from phone_client.errors import (
    NetworkError,
    NotSentError,
    ReplyLostError,
    UntrustedServerError,
    UsageError,
    WrongAnswerError,
)
from phone_client.request import Request
from phone_client.timing import Timing

LONGEST_WAIT_S = 60.0
"""A server that asks to wait longer than this gets no wait: its answer becomes the caller's error, with the time."""
LARGEST_ANSWER_BYTES = 64 * 1024 * 1024
_LARGEST_REFUSAL_BYTES = 64 * 1024
_PIECE_BYTES = 64 * 1024
_FIRST_BACKOFF_S = 0.25
_LONGEST_BACKOFF_S = 8.0


@dataclass(frozen=True, slots=True)
class Connection:
    """How the server is reached.

    Attributes:
        ca_file: A file of certificates to trust in place of the system's, for a development server.
        allow_http: Whether passwords and tokens may go unencrypted to another machine. This machine needs no leave.
        connect_timeout_s: How long a connection may take to be made.
        read_timeout_s: How long the server may stay silent.
        attempts: How often a request is sent at most.
        client: What the client calls itself in the user's list of logins (User-Agent).
    """

    ca_file: str | None = None
    allow_http: bool = False
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 30.0
    attempts: int = 4
    client: str = "phone_client"


class Transport:
    """Sends requests to one API, from any number of threads.

    Args:
        api_url: The API's address.
        connection: How it is reached.
        timing: The clocks and the waiting.

    Raises:
        UsageError: The address is none, or would send passwords unencrypted to another machine; or the file of
            certificates cannot be used.
    """

    def __init__(self, api_url: str, connection: Connection, timing: Timing) -> None:
        self.api_url = checked_address(api_url, allow_http=connection.allow_http)
        self._connection = connection
        self._timing = timing
        self._pool = urllib3.PoolManager(maxsize=8, retries=False, ssl_context=_trusting(connection.ca_file))

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def send(self, request: Request) -> Answer:
        """Return the answer, whatever its status, after the repeats that are safe.

        A request that surely was not carried out (no connection, 429) is sent again in any case; one that may have
        been only for as long as it says. The waits have full jitter, on top of what the server asks for.

        Raises:
            NetworkError: No attempt brought an answer.
            WrongAnswerError: The answer is too large to be one of the API's.
        """
        give_up_at_s = self._timing.monotonic_s() + request.repeat_for_s
        maybe_done = False
        outcome = self._attempt(request, give_up_at_s)
        for attempt in range(1, self._connection.attempts):
            maybe_done = maybe_done or _maybe_done(outcome)
            wait_s = self._wait_s(outcome, attempt)
            if wait_s is None or (maybe_done and self._timing.monotonic_s() + wait_s >= give_up_at_s):
                break
            self._timing.sleep(wait_s)
            outcome = self._attempt(request, give_up_at_s)
        if isinstance(outcome, NetworkError):
            raise _most_telling(outcome, request, maybe_done=maybe_done)
        return outcome

    def fetch(self, link: str, write: Callable[[bytes], object], largest_bytes: int = LARGEST_ANSWER_BYTES) -> Answer:
        """Give what a link of the API leads to to `write`, piece by piece, without any credential, in one attempt.

        Returns:
            The answer; of one that is fine the body went to `write`.

        Raises:
            NetworkError: The link leads nowhere, or broke off.
            WrongAnswerError: It is no link to follow, or leads to more bytes than it should.
        """
        url = checked_link(link, allow_http=self._connection.allow_http)
        timeout = urllib3.Timeout(connect=self._connection.connect_timeout_s, read=self._connection.read_timeout_s)
        try:
            # Headers of its own: what the API's requests carry, a credential above all, is nothing for another server.
            response = self._pool.request(
                "GET", url, headers={"Accept": "*/*"}, redirect=False, timeout=timeout, preload_content=False
            )
            try:
                return _take(response, write, largest_bytes)
            finally:
                response.close()
        except HTTPError as error:
            raise ReplyLostError("The bytes did not arrive whole. Nothing was kept; try again.") from error

    def _wait_s(self, outcome: Answer | NetworkError, attempt: int) -> float | None:
        """Return how long to wait before the next attempt, None when there shall be none."""
        if isinstance(outcome, UntrustedServerError) or (isinstance(outcome, Answer) and not outcome.is_trouble):
            return None
        asked_s = (outcome.retry_after_s() if isinstance(outcome, Answer) else None) or 0.0
        if asked_s > LONGEST_WAIT_S:
            return None
        # Full jitter: a thousand phones that lost the server together do not come back together.
        return asked_s + self._timing.jitter_s(min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2**attempt))

    def _attempt(self, request: Request, give_up_at_s: float) -> Answer | NetworkError:
        try:
            return self._exchange(request, self._timeout(request, give_up_at_s))
        except (NewConnectionError, ConnectTimeoutError):
            return NotSentError(
                f"{self.api_url} cannot be reached. Nothing was sent, and what is kept here stays; "
                "check the address and the network, and try again."
            )
        except SSLError as error:
            if isinstance(error.args[0], ssl.SSLCertVerificationError):
                return UntrustedServerError(
                    f"{self.api_url} could not prove who it is ({error.args[0].verify_message}). Nothing was sent; "
                    "check the address, or name the certificate authority of a development server."
                )
            return _lost(request)
        except HTTPError:
            return _lost(request)

    def _timeout(self, request: Request, give_up_at_s: float) -> urllib3.Timeout:
        connect_s, read_s = self._connection.connect_timeout_s, self._connection.read_timeout_s
        if request.hurried_timeouts_s is not None:
            connect_s, hurried_s = request.hurried_timeouts_s
            # Silence is given up early only while there is time for another attempt: the last one may take its time,
            # for a server that has just been started is slow and not gone.
            if self._timing.monotonic_s() + hurried_s < give_up_at_s:
                read_s = hurried_s
        return urllib3.Timeout(connect=connect_s, read=read_s)

    def _exchange(self, request: Request, timeout: urllib3.Timeout) -> Answer:
        response = self._pool.request(
            request.method,
            self.api_url + request.path + (f"?{urlencode(request.query)}" if request.query else ""),
            body=request.body,
            headers={"User-Agent": self._connection.client, **request.headers},
            redirect=False,  # a redirect would carry the password or the capture to another place
            timeout=timeout,
            preload_content=False,
        )
        body = response.read(LARGEST_ANSWER_BYTES + 1)
        if len(body) > LARGEST_ANSWER_BYTES:
            response.close()
            raise WrongAnswerError(
                f"The server's answer has more than {LARGEST_ANSWER_BYTES} bytes, so it is not the API's."
            )
        response.release_conn()
        return Answer(response.status, response.headers, body)


def _take(response: urllib3.BaseHTTPResponse, write: Callable[[bytes], object], largest_bytes: int) -> Answer:
    if response.status != HTTPStatus.OK:
        return Answer(response.status, response.headers, response.read(_LARGEST_REFUSAL_BYTES))
    size_bytes = 0
    for piece in response.stream(_PIECE_BYTES):
        size_bytes += len(piece)
        if size_bytes > largest_bytes:
            raise WrongAnswerError(
                f"The link leads to more than {largest_bytes} bytes, so to something else. Nothing was kept; try "
                "again, and report it when it stays so."
            )
        write(piece)
    return Answer(response.status, response.headers, b"")


def _trusting(ca_file: str | None) -> ssl.SSLContext | None:
    if ca_file is None:
        return None  # urllib3 makes one that trusts what the system trusts
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise UsageError(f"{ca_file} has no certificates that can be used. Nothing was sent.") from error


def _maybe_done(outcome: Answer | NetworkError) -> bool:
    if isinstance(outcome, Answer):
        return outcome.status != HTTPStatus.TOO_MANY_REQUESTS
    return not isinstance(outcome, NotSentError)


def _lost(request: Request) -> ReplyLostError:
    return ReplyLostError(f"The connection broke before the server's answer came. {request.if_lost}")


def _most_telling(last: NetworkError, request: Request, *, maybe_done: bool) -> NetworkError:
    # When the first attempt may have been carried out, it is no matter that the last one was not even sent.
    return _lost(request) if maybe_done and isinstance(last, NotSentError) else last
