"""Requests that no client sends by mistake: what each is, and its bytes."""

from collections.abc import Iterator

_LARGE = 1_000_000
_DEEP = 100_000


def request(method: str = "GET", path: str = "/v1/health", headers: str = "", body: bytes = b"") -> bytes:
    """Return a request as it is written, with nothing but Host added."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"
    return head.encode("utf-8", "surrogateescape") + body


def posting(body: bytes, path: str = "/v1/tokens", media_type: str = "application/json") -> bytes:
    """Return a POST with a body and its right length."""
    return request("POST", path, f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n", body)


def hostile_requests() -> dict[str, bytes]:
    """Return every hostile request by what it is."""
    found: dict[str, bytes] = {}
    for group in (_bodies(), _lengths(), _chunks(), _heads(), _paths(), _methods(), _credentials()):
        found.update(group)
    return found


def _bodies() -> Iterator[tuple[str, bytes]]:
    for path in ("/v1/tokens", "/v1/users", "/v1/captures/uploads", "/v1/pairings"):
        yield f"{path}: arrays in arrays", posting(b"[" * _DEEP, path)[:70_000]
        yield f"{path}: objects in objects", posting(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, path)
    texts = {
        "a million elements": b"[" + b"0," * _LARGE + b"0]",
        "deep and closed": b"[" * 30_000 + b"]" * 30_000,
        "deep in a field": b'{"username":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        "a number of 60,000 digits": b'{"username":' + b"9" * 60_000 + b"}",
        "a number beyond all floats": b'{"username":1e999999}',
        "not a number": b'{"username":NaN}',
        "no UTF-8": b'{"username":"\xff\xfe"}',
        "half a surrogate pair": b'{"username":"\\ud800","password":"\\udfff"}',
        "NUL in a text": b'{"username":"a\\u0000b","password":"c\\u0000d"}',
        "one key a thousand times": b"{" + b'"username":"a",' * 1000 + b'"password":"b"}',
        "cut short": b'{"username":"a',
        "a byte order mark": b'\xef\xbb\xbf{"username":"a","password":"b"}',
        "UTF-16": '{"username":"a","password":"b"}'.encode("utf-16"),
        "nothing": b"",
        "spaces": b" " * 60_000,
        "just null": b"null",
        "a text": b'"text"',
    }
    yield from ((f"body: {name}", posting(text)) for name, text in texts.items())
    for media_type in ("", ";", "application/json;charset=utf-16", "text/json", "a" * 5000, "application/octet-stream"):
        yield f"media type {media_type[:40]!r}", posting(b'{"username":"a","password":"b"}', media_type=media_type)


def _lengths() -> Iterator[tuple[str, bytes]]:
    body = b'{"username":"a","password":"b"}'
    values = ("-5", "+31", "0x1f", "31.0", "31, 31", "31 31", "", "\t31", "1e1", "٣١", "9" * 30, "18446744073709551616")
    for value in values:
        headers = f"Content-Type: application/json\r\nContent-Length: {value}\r\n"
        yield f"length {value!r}", request("POST", "/v1/tokens", headers, body)
    double = "Content-Type: application/json\r\nContent-Length: 31\r\nContent-Length: 5\r\n"
    yield "two lengths", request("POST", "/v1/tokens", double, body)
    yield "a length and no body", request("POST", "/v1/tokens", "Content-Length: 1000\r\n")
    yield "11 MB", posting(b"x" * (11 * 1024 * 1024), "/v1/captures", "application/octet-stream")


def _chunks() -> Iterator[tuple[str, bytes]]:
    codings = (
        "chunked",
        "Chunked",
        " chunked",
        "chunked, chunked",
        "gzip, chunked",
        "identity",
        "chunked\x0b",
        "x",
        "",
    )
    for coding in codings:
        headers = f"Content-Type: application/json\r\nTransfer-Encoding: {coding}\r\n"
        yield f"coding {coding!r}", request("POST", "/v1/tokens", headers, b"2\r\n{}\r\n0\r\n\r\n")
    chunks = {
        "a size that is no number": b"zz\r\n{}\r\n0\r\n\r\n",
        "a negative size": b"-2\r\n{}\r\n0\r\n\r\n",
        "a size of 400 digits": b"f" * 400 + b"\r\n{}\r\n0\r\n\r\n",
        "longer than it says": b"2\r\n{}{}\r\n0\r\n\r\n",
        "no end": b"2\r\n{}\r\n",
        "an endless extension": b"2;" + b"a" * 100_000 + b"\r\n{}\r\n0\r\n\r\n",
        "endless trailers": b"0\r\n" + b"A: b\r\n" * 1000 + b"\r\n",
        "one byte in each of 50,000": b"1\r\n \r\n" * 50_000 + b"0\r\n\r\n",
    }
    chunked = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    yield from ((f"chunks: {name}", request("POST", "/v1/tokens", chunked, body)) for name, body in chunks.items())


def _heads() -> Iterator[tuple[str, bytes]]:
    yield "nothing", b""
    yield "empty lines", b"\r\n" * 1000
    yield "noise", bytes(range(256)) * 40
    yield "TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)
    yield "HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(100)
    for version in ("", " HTTP/0.9", " HTTP/1.0", " HTTP/2.0", " HTTP/9.9", " HTTP/1.1.1", " HTTP/x.y", " HTTP/-1.1"):
        yield f"version {version!r}", f"GET /v1/health{version}\r\nHost: localhost\r\n\r\n".encode()
    yield "no host", b"GET /v1/health HTTP/1.1\r\n\r\n"
    yield "two hosts", request(headers="Host: other\r\n")
    yield "bare line feeds", b"GET /v1/health HTTP/1.1\nHost: localhost\n\n"
    yield "bare carriage returns", b"GET /v1/health HTTP/1.1\rHost: localhost\r\r"
    yield "a line of 100,000 bytes", request(headers="X-Long: " + "a" * 100_000 + "\r\n")
    yield "11,000 bytes of headers", request(headers="".join(f"X-{n}: {'a' * 100}\r\n" for n in range(100)))
    yield "1,000 headers", request(headers="".join(f"X-{n}: a\r\n" for n in range(1000)))
    yield "a folded header", request(headers="X-Folded: a\r\n b\r\n")
    yield "a header without a colon", request(headers="nonsense\r\n")
    yield "a header without a name", request(headers=": a\r\n")
    yield "a space before the colon", request(headers="Content-Length : 5\r\n")
    for value in ("\x00", "\x7f", "\xff", "é", "\udcff", "a\rb", "%0d%0aSet-Cookie: a=b", "😀"):
        yield f"X-Request-Id {value!r}", request(headers=f"X-Request-Id: {value}\r\n")
        yield f"Accept {value!r}", request(headers=f"Accept: {value}\r\n")
    yield "Expect", request("POST", "/v1/tokens", "Expect: 100-continue\r\nContent-Length: 2\r\n", b"{}")
    yield "Expect another thing", request("POST", "/v1/tokens", "Expect: a miracle\r\nContent-Length: 2\r\n", b"{}")
    yield "Upgrade", request(headers="Connection: Upgrade\r\nUpgrade: websocket\r\n")


def _paths() -> Iterator[tuple[str, bytes]]:
    paths = ["/", "//", "/v1//health", "/v1/health/", "/v1/../v1/health", "/%2e%2e/etc/passwd", "/v1/health%00", "*"]
    paths += [
        "http://localhost/v1/health",
        "v1/health",
        "/v1/captures/%ff%fe",
        "/v1/captures/" + "a" * 9000,
        "/v1/%",
        "?",
    ]
    paths += ["/docs/%2e%2e%2fopenapi.json", "/docs/..%5c", "/docs/start.js%00", "/v1/health#fragment", "/\udcff"]
    queries = ["a", "a&b", "=", "&&&", "limit=%", "limit=%00", "limit=%ff", "limit=1&limit=2", "limit=" + "9" * 5000]
    queries += ["cursor=" + "A" * 5000, "cursor=%F0%9F%98%80", "limit=-1", "limit=1e3", "limit=0x10", "limit[]=1"]
    paths += [f"/v1/health?{query}" for query in queries]
    yield from ((f"path {path[:60]!r}", request(path=path)) for path in paths)
    yield "a space in the path", b"GET /v1/he alth HTTP/1.1\r\nHost: localhost\r\n\r\n"
    yield "a path of 70,000 bytes", request(path="/" + "a" * 70_000)


def _methods() -> Iterator[tuple[str, bytes]]:
    for method in ("get", "TRACE", "CONNECT", "PROPFIND", "X" * 1000, "GE T", "", "G\x00T", "HEAD", "OPTIONS", "PUT"):
        yield f"method {method[:20]!r}", request(method, "/v1/health")
    for method in ("GET", "HEAD", "DELETE", "OPTIONS"):
        yield f"{method} with a body", request(method, "/v1/health", "Content-Length: 5\r\n", b"hello")


def _credentials() -> Iterator[tuple[str, bytes]]:
    values: tuple[str, ...] = (
        "",
        "Bearer",
        "Bearer ",
        "Bearer  a",
        "Basic YTpi",
        "Bearer a.b.c",
        "Bearer " + "a" * 9000,
        "Bearer é",
    )
    values += (
        "Bearer rmb_",
        "Bearer rmb_" + "A" * 43,
        "Bearer \x00",
        "bearer rmb_\udcff",
        "Bearer a b",
        "Bearer ..",
        "Bearer {}",
    )
    for value in values:
        for path in ("/v1/users/me", "/v1/bridges/me", "/v1/captures"):
            yield f"{path}: authorization {value[:40]!r}", request(path=path, headers=f"Authorization: {value}\r\n")
