"""A client without manners: it sends bytes as they are, and reads what comes back by HTTP's own rules of framing."""

import contextlib
import re
import socket
from dataclasses import dataclass

TIMEOUT_S = 20
_HEAD_END = b"\r\n\r\n"
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3}) [^\r\n]*")
_WITHOUT_BODY = (204, 304)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class FramingError(Exception):
    """What came back cannot be cut into answers (RFC 9112 section 6)."""


@dataclass(frozen=True)
class RawAnswer:
    """An answer as it was on the wire.

    Attributes:
        status: Its status.
        headers: Its headers, names in lower case.
        body: Its body.
    """

    status: int
    headers: dict[str, str]
    body: bytes


def exchange(address: tuple[str, int], sent: bytes, *, keeps_open: bool = False) -> bytes:
    """Return everything that comes back until the server closes.

    Args:
        address: Where the server listens.
        sent: What is sent, whole, unless the server closes before.
        keeps_open: Leave the sending side open: only the server can end the connection.

    Raises:
        TimeoutError: The server neither answered nor closed.
    """
    received = b""
    with socket.create_connection(address, timeout=TIMEOUT_S) as connection:
        # A server that has refused already may have closed: then there is nothing more to send, or to end.
        with contextlib.suppress(OSError):
            connection.sendall(sent)
            if not keeps_open:
                connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while piece := connection.recv(65536):
                received += piece
    return received


def answers_in(received: bytes, methods: list[str]) -> list[RawAnswer]:
    """Cut what came back into answers.

    Args:
        received: What came back.
        methods: The methods of the requests, in order: HEAD has no body. Past its end, GET.

    Raises:
        FramingError: It is not a sequence of whole answers.
    """
    answers: list[RawAnswer] = []
    # An interim answer (RFC 9110 section 15.2.1) is none.
    rest = received.replace(_CONTINUE, b"", 1) if received.startswith(_CONTINUE) else received
    while rest:
        method = methods[len(answers)] if len(answers) < len(methods) else "GET"
        answer, rest = _first_answer(rest, method)
        answers.append(answer)
    return answers


def _first_answer(received: bytes, method: str) -> tuple[RawAnswer, bytes]:
    head, separator, rest = received.partition(_HEAD_END)
    lines = head.split(b"\r\n")
    status_line = _STATUS_LINE.fullmatch(lines[0])
    if not separator or status_line is None:
        raise FramingError(f"no head of an answer: {received[:80]!r}")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not re.fullmatch(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise FramingError(f"no header: {line!r}")
        headers[name.decode().lower()] = value.strip().decode("latin-1")
    status = int(status_line[1])
    if method == "HEAD" or status in _WITHOUT_BODY:
        return RawAnswer(status, headers, b""), rest
    length = int(headers.get("content-length", "-1"))
    if not 0 <= length <= len(rest):
        raise FramingError(f"{length} bytes were announced and {len(rest)} came")
    return RawAnswer(status, headers, rest[:length]), rest[length:]
