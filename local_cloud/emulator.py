"""moto as one AWS endpoint: one call at a time, each accepted write on disk before its reply is given.

Two ways lead in: `AwsServer` for HTTP clients, and `Emulator.client` for this process, which needs no socket. Both end
in `Emulator.handle`.
"""

import contextlib
import functools
import io
import secrets
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from moto.moto_api._internal import mock_random
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app

from local_cloud import presigned
from local_cloud.calls import Call, Reply
from local_cloud.journal import Journal, StateError, Write
from local_cloud.mailbox import Mailbox
from local_cloud.messages import NO_CHANGES, QueueWatch, replace_messages
from local_cloud.repairs import Clock, repaired_moto
from local_cloud.transactions import AppliedTokens

REGION = presigned.REGION
IN_PROCESS_URL = "http://127.0.0.1"
"""What clients of this process believe to call; nothing is sent there."""

QUEUE_SERVICES = frozenset({"s3", "sqs"})
"""Calls of these services can change what is in a queue."""

SEND_EMAIL_PATH = "/v2/email/outbound-emails"

_MOTO_IN_USE = threading.Lock()


class Emulator:
    """The emulated AWS of this process, as a context manager: moto is empty on entry and on exit.

    moto's state belongs to the whole process, so a second emulator in it raises RuntimeError on entry.

    Args:
        journal: Where accepted writes are kept and found again; without one they end with the emulator.

    Attributes:
        changed: Set after every call that may have put a message into a queue; whoever waits for it clears it.
        mails: The mails that were sent.
    """

    def __init__(self, journal: Journal | None = None) -> None:
        self.changed = threading.Event()
        self.mails = Mailbox()
        self._journal = journal
        self._restored = False
        self._broken = False
        self._calls_before_restore = 0
        self._lock = threading.Lock()
        self._clock = Clock()
        self._tokens = AppliedTokens()
        self._queues = QueueWatch()
        self._dispatcher = DomainDispatcherApplication(create_backend_app)
        self._clients: dict[str, Any] = {}
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> Self:
        if not _MOTO_IN_USE.acquire(blocking=False):
            raise RuntimeError("another emulator runs in this process, and moto's state belongs to the whole process")
        self._exit.callback(_MOTO_IN_USE.release)
        self._exit.enter_context(repaired_moto(self._clock))
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _tb: TracebackType | None
    ) -> None:
        with self._lock:
            self._exit.close()

    def handle(self, call: Call) -> Reply:
        """Let moto answer `call`, alone; when this returns, an accepted write is in the journal.

        A presigned request is checked first, outside the lock: its body may be long. An error inside moto, or a journal
        that cannot be written, becomes a reply with status 500.
        """
        try:
            if presigned.is_presigned(call.variables.get("QUERY_STRING", "")):
                presigned.check_presigned(call)
        except presigned.RefusedError as refusal:
            return refusal.reply()
        with self._lock:
            try:
                service, reply = self._answer(call)
            except presigned.RefusedError as refusal:
                return refusal.reply()
            except Exception as error:  # noqa: BLE001 - the client is told, whatever it was
                traceback.print_exc(file=sys.stderr)
                return _internal_error(error)
        if call.may_queue_message(service):
            self.changed.set()
        return reply

    def client(self, service: str) -> Any:
        """Return a boto3 client of `service` whose calls stay in this process; it works before any port is open."""
        if service in self._clients:
            return self._clients[service]
        client = _session().client(
            service,  # type: ignore[call-overload]  # the overloads want a literal name
            endpoint_url=IN_PROCESS_URL,
            config=Config(retries={"max_attempts": 0}),
        )
        client.meta.events.register("before-send", self._answer_in_process)
        self._clients[service] = client
        return client

    def restore(self) -> None:
        """Play the journal's writes again, put its waiting messages back, and record from here on.

        To be called once, after the resources have been made. Raises StateError when a write that was accepted is
        refused now, as after a change of the resources.
        """
        with self._lock:
            self._restored = True
            if self._journal is None:
                return
            for number, write in enumerate(self._journal.writes(), start=1):
                self._replay(number, write)
            # At the first start the queues keep what the making of the resources put there: S3's test event.
            if not self._journal.is_new:
                for stored in replace_messages(self._journal.messages()):
                    sys.stderr.write(f"message {stored.id} waits in {stored.queue}, which is not among the resources\n")
            self._journal.record(None, self._queues.changes())

    def _answer(self, call: Call) -> tuple[str, Reply]:
        if self._broken:
            raise StateError("an earlier write could not be stored in the state folder; start the local cloud again")
        write = Write(self._service(call), time.time(), self._seed(), call)
        if write.service == "moto_api":
            return write.service, Reply(404, [("Content-Type", "text/plain")], b"moto's own API is not offered here\n")
        if write.service == "s3":
            presigned.check_signed(call)
        if _is_transaction(write) and (known := self._tokens.answer(call.body, write.received_s)):
            return write.service, known
        reply = self._run(write)
        if reply.accepted:
            self._record(write)
            if write.service == "sesv2" and call.variables.get("PATH_INFO") == SEND_EMAIL_PATH:
                self.mails.keep(call.body)
        return write.service, reply

    def _seed(self) -> int:
        """Return a seed for moto's ids: a new one for each call, but always the same ones while resources are made."""
        if self._restored:
            return secrets.randbits(63)
        self._calls_before_restore += 1
        return self._calls_before_restore

    def _record(self, write: Write) -> None:
        if _is_transaction(write):
            self._tokens.remember(write.call.body, write.received_s)
        if self._journal is None or not self._restored:
            return
        changes = self._queues.changes() if write.service in QUEUE_SERVICES else NO_CHANGES
        try:
            self._journal.record(write if write.call.is_kept_write(write.service) else None, changes)
        except Exception:
            # moto holds now what the journal does not. To go on would promise writes that a restart cannot keep.
            self._broken = True
            raise

    def _replay(self, number: int, write: Write) -> None:
        if write.service not in self._dispatcher.app_instances:
            self._service(write.call)
        reply = self._run(write)
        # The events of old writes wait for nobody, and moto counts all messages at every new one.
        replace_messages([])
        if not reply.accepted:
            what = f"{write.service} {write.call.operation or write.call.variables['REQUEST_METHOD']}"
            raise StateError(
                f"write {number} of the state folder ({what}) is refused now, perhaps because resources were changed:"
                f" {reply.body[:300].decode(errors='replace')}"
            )
        if _is_transaction(write):
            self._tokens.remember(write.call.body, write.received_s)

    def _service(self, call: Call) -> str:
        """Return moto's name of the service that the call is for, and have its application ready."""
        return str(self._dispatcher.get_application(call.environ()).service)  # type: ignore[attr-defined]

    def _run(self, write: Write) -> Reply:
        """Give the call to moto at the time and with the seed of `write`, so that a replay ends in the same state."""
        mock_random.seed(write.seed)
        self._clock.moment_s = write.received_s
        application = self._dispatcher.app_instances[write.service]
        content, status, headers = run_wsgi_app(application, write.call.environ(), buffered=True)
        return Reply(int(status.split()[0]), list(headers), b"".join(content))

    def _answer_in_process(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """Answer for botocore, which sends nothing when a handler of `before-send` gives it a response."""
        path, _mark, query = request.url.removeprefix(IN_PROCESS_URL).partition("?")
        body = _bytes_of(request.body)
        headers = Headers([(name, _text_of(value)) for name, value in request.headers.items()])
        builder = EnvironBuilder(
            path, IN_PROCESS_URL, query_string=query, method=request.method, headers=headers, data=body
        )
        reply = self.handle(Call.from_environ(builder.get_environ(), body))
        return AWSResponse(request.url, reply.status, HTTPHeaders.from_pairs(reply.headers), _RawBody(reply.body))


@functools.cache
def _session() -> boto3.Session:
    """Return this process's session for its own clients; it keeps the services' descriptions once they are read."""
    return boto3.Session(presigned.ACCESS_KEY, presigned.SECRET_KEY, region_name=REGION)


class _RawBody(io.BytesIO):
    """A reply's body in the form in which botocore reads it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def _text_of(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _bytes_of(body: Any) -> bytes:
    """Return a prepared request's body, which botocore holds as bytes, as text, as a file or not at all."""
    content = body.read() if hasattr(body, "read") else body or b""
    return content.encode() if isinstance(content, str) else bytes(content)


def _is_transaction(write: Write) -> bool:
    return write.service == "dynamodb" and write.call.operation == "TransactWriteItems"


def _internal_error(error: Exception) -> Reply:
    text = f'{{"__type": "InternalServerError", "message": "{type(error).__name__} in the local cloud"}}'
    return Reply(500, [("Content-Type", "application/x-amz-json-1.0")], text.encode())
