"""Where a request's body ends: Content-Length and chunked framing, read with limits (RFC 9112 section 6)."""

import re
from email.message import Message
from io import BufferedIOBase

PIECE_BYTES = 64 * 1024
LONGEST_LINE_BYTES = 1024
MOST_TRAILERS = 100
LONGEST_LENGTH_DIGITS = 15
_FIELD_NAME = re.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class BodyRefusedError(Exception):
    """The body cannot be taken, and the client can be told so.

    Args:
        status: The status of the answer: 400, 413 or 501.
        detail: One sentence for the client.
        readable: Whether the whole body was read, so that the connection can carry another request.
    """

    def __init__(self, status: int, detail: str, *, readable: bool = False) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.readable = readable


class ClientGoneError(ConnectionError):
    """The connection ended inside a request: nobody is there to answer."""


def require_fields(headers: Message) -> None:
    """Hold the head of a request to what every reader reads alike (RFC 9112 section 5, RFC 9110 section 5.5).

    Python's own reading is lenient: a line that is no field ends the head for it, and whatever follows is not seen, a
    length for instance; then the body would be read as the next request.

    Raises BodyRefusedError.
    """
    if headers.defects or headers.get_payload():
        raise BodyRefusedError(400, "A line of the head is no field: a name, a colon at once, and a value.")
    for name, value in headers.items():
        if not _FIELD_NAME.fullmatch(name) or any(letter in value for letter in "\r\n\0"):
            raise BodyRefusedError(400, "A field of the head is folded, or holds what no field may hold.")


def read_body(headers: Message, stream: BufferedIOBase, limit_bytes: int, drain_bytes: int) -> bytes:
    """Return the request's body, at most `limit_bytes` long.

    A longer body is read and thrown away up to `drain_bytes`, because a client that is still sending when it is
    answered sees a broken connection and never the answer.

    Raises BodyRefusedError (400 for framing that makes no sense, 413 for too much, 501 for an unknown transfer coding)
    and ClientGoneError.
    """
    codings = headers.get_all("Transfer-Encoding", [])
    lengths = set(headers.get_all("Content-Length", []))
    if codings and lengths:
        raise BodyRefusedError(400, "A request has either Content-Length or Transfer-Encoding, not both.")
    if codings:
        if [coding.strip().lower() for coding in codings] != ["chunked"]:
            raise BodyRefusedError(501, "The only transfer coding that is understood is chunked.")
        return _read_chunks(stream, limit_bytes, drain_bytes)
    return _read_length(stream, _length(lengths), limit_bytes, drain_bytes)


def _length(lengths: set[str]) -> int:
    """Return the body's length in bytes from the different values of Content-Length, 0 without any."""
    if not lengths:
        return 0
    if len(lengths) > 1:
        raise BodyRefusedError(400, "Content-Length is given twice, with different values.")
    text = lengths.pop().strip()
    if not re.fullmatch("[0-9]+", text):
        raise BodyRefusedError(400, "Content-Length is not a number of bytes.")
    return int(text[-LONGEST_LENGTH_DIGITS:]) if len(text) <= LONGEST_LENGTH_DIGITS else 10**LONGEST_LENGTH_DIGITS


def _read_length(stream: BufferedIOBase, length: int, limit_bytes: int, drain_bytes: int) -> bytes:
    if length > limit_bytes:
        _discard(stream, min(length, drain_bytes))
        raise _too_large(limit_bytes, readable=length <= drain_bytes)
    return _read_exactly(stream, length)


def _read_chunks(stream: BufferedIOBase, limit_bytes: int, drain_bytes: int) -> bytes:
    pieces: list[bytes] = []
    total = 0
    while size := _chunk_size(stream):
        total += size
        if total > drain_bytes:
            raise _too_large(limit_bytes, readable=False)
        if total > limit_bytes:
            pieces.clear()
            _discard(stream, size)
        else:
            pieces.append(_read_exactly(stream, size))
        if _line(stream) != b"":
            raise BodyRefusedError(400, "A chunk is longer than it says.")
    _skip_trailers(stream)
    if total > limit_bytes:
        raise _too_large(limit_bytes, readable=True)
    return b"".join(pieces)


def _chunk_size(stream: BufferedIOBase) -> int:
    digits = _line(stream).partition(b";")[0].strip()
    if not re.fullmatch(b"[0-9A-Fa-f]{1,12}", digits):
        raise BodyRefusedError(400, "A chunk does not begin with its size.")
    return int(digits, 16)


def _skip_trailers(stream: BufferedIOBase) -> None:
    for _ in range(MOST_TRAILERS):
        if _line(stream) == b"":
            return
    raise BodyRefusedError(400, "Too many fields after the last chunk.")


def _line(stream: BufferedIOBase) -> bytes:
    """Return the next line without its end."""
    line = stream.readline(LONGEST_LINE_BYTES)
    if line.endswith(b"\n"):
        return line.rstrip(b"\r\n")
    if len(line) == LONGEST_LINE_BYTES:
        raise BodyRefusedError(400, "A line of the chunked body is too long.")
    raise ClientGoneError


def _read_exactly(stream: BufferedIOBase, length: int) -> bytes:
    body = stream.read(length) if length else b""
    if len(body) < length:
        raise ClientGoneError
    return body


def _discard(stream: BufferedIOBase, length: int) -> None:
    while length > 0:
        piece = stream.read(min(length, PIECE_BYTES))
        if not piece:
            raise ClientGoneError
        length -= len(piece)


def _too_large(limit_bytes: int, *, readable: bool) -> BodyRefusedError:
    return BodyRefusedError(413, f"The body is larger than {limit_bytes:,} bytes.", readable=readable)
