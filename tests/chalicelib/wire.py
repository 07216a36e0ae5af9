"""The wire between the app and AWS: every request is seen, and one of them can fail as networks and processes do."""

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session

_SEND_MAIL_PATH = "/v2/email/outbound-emails"
_OBJECT_CALLS = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}

_SPECIAL_OBJECT_CALLS = {
    ("POST", "uploads"): "CreateMultipartUpload",
    ("POST", "uploadId"): "CompleteMultipartUpload",
    ("POST", "delete"): "DeleteObjects",
    ("PUT", "uploadId"): "UploadPart",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
    ("GET", "versions"): "ListObjectVersions",
    ("GET", "uploads"): "ListMultipartUploads",
    ("GET", "list-type"): "ListObjectsV2",
    ("GET", "versionId"): "GetObjectVersion",
}
"""S3 tells these from the plain ones by a name in the query."""


class Died(BaseException):
    """The process ends here, in the middle of what it does."""


@dataclass(frozen=True)
class Fault:
    """How a call fails.

    Attributes:
        is_done: AWS did what it was asked, and only the reply is lost.
        is_fatal: The process ends; otherwise the connection does, which the SDK may mend.
    """

    is_done: bool
    is_fatal: bool


@dataclass(frozen=True)
class Call:
    """A request to AWS."""

    operation: str
    path: str
    headers: dict[str, str]
    body: bytes
    thread: str

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class Wire:
    """Sees the calls of every botocore client in the process; faults and prepared answers are for this thread's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[Call] = []
        self.answers: list[tuple[int, str]] = []
        self._thread = threading.current_thread().name
        self._fault: tuple[int, Fault] | None = None
        send = URLLib3Session.send

        def observed(session: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
            call = _read(request)
            self.calls.append(call)
            if call.thread != self._thread:
                return send(session, request)
            if self.answers:
                return _answer(request, *self.answers.pop(0))
            fault = self._due()
            if fault is None:
                return send(session, request)
            if fault.is_done:
                assert send(session, request).content is not None
            raise Died if fault.is_fatal else ConnectionClosedError(endpoint_url=str(request.url))

        monkeypatch.setattr(URLLib3Session, "send", observed)

    @property
    def own(self) -> list[Call]:
        """The calls of the test's own thread."""
        return [call for call in self.calls if call.thread == self._thread]

    def fail(self, at: int, fault: Fault) -> None:
        """Let the call of this index fail, counted from 0 and from now."""
        self.calls.clear()
        self._fault = (at, fault)

    def heal(self) -> None:
        """Let everything work again, and forget the calls."""
        self.calls.clear()
        self._fault = None

    def _due(self) -> Fault | None:
        return self._fault[1] if self._fault is not None and len(self.own) == self._fault[0] + 1 else None


def _object_call(method: str, url: str) -> str:
    named = parse_qs(urlsplit(url).query, keep_blank_values=True)
    special = (call for (verb, name), call in _SPECIAL_OBJECT_CALLS.items() if verb == method and name in named)
    return next(special, None) or _OBJECT_CALLS[method]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _read(request: AWSPreparedRequest) -> Call:
    headers = {name.lower(): _text(value) for name, value in request.headers.items()}
    target = headers.get("x-amz-target")
    path = urlsplit(str(request.url)).path
    if target:
        operation = target.rpartition(".")[2]
    else:
        operation = "SendEmail" if path == _SEND_MAIL_PATH else _object_call(str(request.method), str(request.url))
    body = request.body if isinstance(request.body, bytes) else b""
    return Call(operation, path, headers, body, threading.current_thread().name)


class _Raw(io.BytesIO):
    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.getvalue()


def _answer(request: AWSPreparedRequest, status: int, text: str) -> AWSResponse:
    return AWSResponse(request.url, status, HTTPHeaders(), _Raw(text.encode()))
