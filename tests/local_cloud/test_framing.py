import http.client
import io
from email.message import Message

import pytest

from local_cloud.framing import BodyRefusedError, ClientGoneError, read_body, require_fields


def headers(*fields: tuple[str, str]) -> Message:
    """Return header fields as http.server gives them."""
    message = Message()
    for name, value in fields:
        message[name] = value
    return message


CHUNKED = headers(("Transfer-Encoding", "chunked"))


@pytest.mark.parametrize(
    ("fields", "stream", "body"),
    [
        ((), b"next request", b""),
        ((("Content-Length", "5"),), b"12345next", b"12345"),
        ((("Content-Length", "0005"),), b"12345next", b"12345"),
        ((("Content-Length", "5"), ("Content-Length", "5")), b"12345next", b"12345"),
        (
            (("Transfer-Encoding", "chunked"),),
            b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: v\r\n\r\nnext",
            b"abc0123456789",
        ),
        ((("Transfer-Encoding", "Chunked"),), b"0\r\n\r\nnext", b""),
    ],
)
def test_reads_the_body_and_nothing_after_it(fields: tuple[tuple[str, str], ...], stream: bytes, body: bytes) -> None:
    """A body ends where its framing says, and the next request stays in the stream."""
    source = io.BytesIO(stream)
    assert read_body(headers(*fields), source, 100, 100) == body
    assert source.read() == (b"next request" if not fields else b"next")


@pytest.mark.parametrize("length", ["-5", "+5", "5.0", "0x10", "five", "", "5, 6", "\u0665"])
def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    """Only digits are a Content-Length."""
    with pytest.raises(BodyRefusedError) as caught:
        read_body(headers(("Content-Length", length)), io.BytesIO(b"x" * 99), 100, 100)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ((("Content-Length", "5"), ("Content-Length", "6")), 400),
        ((("Content-Length", "5"), ("Transfer-Encoding", "chunked")), 400),
        ((("Transfer-Encoding", "gzip, chunked"),), 501),
    ],
)
def test_framing_that_two_readers_could_take_differently_is_refused(
    fields: tuple[tuple[str, str], ...], status: int
) -> None:
    """Two lengths, a length beside chunks and an unknown coding are refused."""
    with pytest.raises(BodyRefusedError) as caught:
        read_body(headers(*fields), io.BytesIO(b"12345"), 100, 100)
    assert caught.value.status == status
    assert not caught.value.readable


@pytest.mark.parametrize(
    "stream", [b"x\r\nabc\r\n", b"-3\r\nabc\r\n", b"\r\n", b"3\r\nabcd\r\n", b"0" * 2000, b"0\r\n" + b"a: b\r\n" * 200]
)
def test_chunks_that_make_no_sense_are_refused(stream: bytes) -> None:
    """A chunk without a size, with a wrong one, and endless lines or trailers give 400."""
    with pytest.raises(BodyRefusedError) as caught:
        read_body(CHUNKED, io.BytesIO(stream), 100, 100)
    assert caught.value.status == 400


def test_a_larger_body_is_read_before_it_is_refused() -> None:
    """A body over the limit is drained up to the second limit, and then the connection is still in order."""
    source = io.BytesIO(b"x" * 150 + b"next")
    with pytest.raises(BodyRefusedError) as caught:
        read_body(headers(("Content-Length", "150")), source, 100, 200)
    assert (caught.value.status, caught.value.readable, source.read()) == (413, True, b"next")
    chunks = io.BytesIO(b"50\r\n" + b"x" * 80 + b"\r\n28\r\n" + b"x" * 40 + b"\r\n0\r\n\r\nnext")
    with pytest.raises(BodyRefusedError) as caught:
        read_body(CHUNKED, chunks, 100, 200)
    assert (caught.value.status, caught.value.readable, chunks.read()) == (413, True, b"next")


@pytest.mark.parametrize("length", ["201", "9" * 5000])
def test_a_body_too_large_to_drain_ends_the_connection(length: str) -> None:
    """Of a body over both limits no more than the second is read."""
    source = io.BytesIO(b"x" * 300)
    with pytest.raises(BodyRefusedError) as caught:
        read_body(headers(("Content-Length", length)), source, 100, 200)
    assert (caught.value.status, caught.value.readable, source.tell()) == (413, False, 200)
    with pytest.raises(BodyRefusedError) as caught:
        read_body(CHUNKED, io.BytesIO(b"fffff\r\n" + b"x" * 300), 100, 200)
    assert (caught.value.status, caught.value.readable) == (413, False)


@pytest.mark.parametrize(
    ("fields", "stream"),
    [
        ((("Content-Length", "5"),), b"1234"),
        ((("Content-Length", "150"),), b"x" * 120),
        ((("Transfer-Encoding", "chunked"),), b"5\r\n123"),
        ((("Transfer-Encoding", "chunked"),), b"5\r\n12345\r\n"),
    ],
)
def test_a_body_cut_short_is_never_taken_for_whole(fields: tuple[tuple[str, str], ...], stream: bytes) -> None:
    """A connection that ends inside a body gives an error, not the part that came."""
    with pytest.raises(ClientGoneError):
        read_body(headers(*fields), io.BytesIO(stream), 100, 200)


@pytest.mark.parametrize(
    "line",
    [
        b"Content-Length : 5",
        b"Content-Length",
        b": 5",
        b"X: a\r\n b",
        b"X: a\r\n\tb",
        b"X: a\x00b",
        b"X Y: a",
        b" X: a",
        b"X\x0b: a",
    ],
)
def test_a_line_of_the_head_that_is_no_field(line: bytes) -> None:
    """Such a head is refused, whatever follows the line: another reader might see another length there."""
    head = http.client.parse_headers(io.BytesIO(b"Host: a\r\n" + line + b"\r\nContent-Length: 3\r\n\r\n"))
    with pytest.raises(BodyRefusedError) as refused:
        require_fields(head)
    assert refused.value.status == 400
    assert not refused.value.readable


def test_fields_as_clients_send_them() -> None:
    """Names in any case, empty values, and values of bytes beyond ASCII are fields."""
    head = http.client.parse_headers(io.BytesIO(b"HOST: a\r\nx-empty:\r\nX_y~1: \xc3\xa9, b;c=d\r\n\r\n"))
    require_fields(head)
    assert (head["host"], head["X-Empty"], head["x_y~1"].encode("latin-1")) == ("a", "", b"\xc3\xa9, b;c=d")
