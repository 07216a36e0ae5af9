"""Chalice's local server with the manners of API Gateway and Lambda: their limits, and an answer to everything."""

import base64
import contextlib
import functools
import json
import socket
import sys
import time
import traceback
import uuid
from collections.abc import Iterator
from typing import Any

from chalice.app import Chalice
from chalice.config import Config
from chalice.local import (
    ChaliceRequestHandler,
    ForbiddenError,
    LambdaEventConverter,
    LocalChalice,
    LocalGateway,
    LocalGatewayException,
)

from local_cloud.calls import Reply
from local_cloud.connections import STALLED_CLIENT_TIMEOUT_S, StoppableServer, send_reply
from local_cloud.framing import BodyRefusedError, ClientGoneError, read_body, require_fields
from local_cloud.refusals import Refusals
from local_cloud.routing import RouteMatcher, decoded
from local_cloud.tls import TlsEnd

LARGEST_BODY_BYTES = 10 * 1024 * 1024
"""API Gateway: payload size."""
LARGEST_HEADERS_BYTES = 10_240
"""API Gateway: total of the request line and the header values."""
LARGEST_EVENT_BYTES = 6 * 1024 * 1024
"""Lambda: the event of a synchronous invocation, in which a binary body is base64."""
LARGEST_RESULT_BYTES = 6_291_556
"""Lambda: the result of an invocation, as its error message gives the figure."""
DRAIN_BYTES = 12 * 1024 * 1024
"""So much of a body is read before a refusal; a client still sending when it is answered would not read the answer."""

FUNCTION_TIMEOUT_S = 29
"""API Gateway waits no longer for a function."""
FUNCTION_MEMORY_MB = 1024


class PayloadTooLargeError(LocalGatewayException):
    """The event would be larger than Lambda takes."""

    CODE = 413


class ResultTooLargeError(LocalGatewayException):
    """The result would be larger than Lambda gives."""

    CODE = 502


class ApiServer(StoppableServer):
    """Serves a Chalice app's REST API.

    Args:
        listener: What `connections.listen` returned.
        app: The app, inside `serving`.
        access_log: Whether each request gives a line on stderr: method, path, status, milliseconds.
        tls: The server's end of TLS; None serves plain HTTP.
    """

    def __init__(
        self, listener: socket.socket, app: Chalice, *, access_log: bool = True, tls: TlsEnd | None = None
    ) -> None:
        config = Config.create(
            chalice_stage="local", lambda_timeout=FUNCTION_TIMEOUT_S, lambda_memory_size=FUNCTION_MEMORY_MB
        )
        handler = functools.partial(ApiRequestHandler, access_log, app, config, Refusals(app))
        super().__init__(listener, handler, tls)


class _PerThread(LocalChalice):
    """A Chalice app whose current request and Lambda context are each thread's own (Chalice shares the context)."""

    @property
    def lambda_context(self) -> Any:
        """The context of the request that this thread answers."""
        return self._THREAD_LOCAL.lambda_context

    @lambda_context.setter
    def lambda_context(self, value: Any) -> None:
        self._THREAD_LOCAL.lambda_context = value


@contextlib.contextmanager
def serving(app: Chalice) -> Iterator[Chalice]:
    """Let `app` answer from several threads at once while the body runs."""
    original = app.__class__
    app.__class__ = type("LocalApp", (_PerThread, original), {})
    try:
        yield app
    finally:
        app.__class__ = original


class ApiGateway(LocalGateway):
    """Turns a request into the event that API Gateway would give to the function.

    Args:
        app: The app.
        config: Its stage's configuration.
        source_ip: The client's address.
    """

    def __init__(self, app: Chalice, config: Config, source_ip: str) -> None:
        super().__init__(app, config)
        self.event_converter = LambdaEventConverter(RouteMatcher(list(app.routes)), app.api.binary_types)
        self._source_ip = source_ip

    def _generate_lambda_event(
        self, method: str, path: str, headers: dict[str, Any], body: bytes | None
    ) -> dict[str, Any]:
        try:
            event = super()._generate_lambda_event(method, path, headers, body)
        except ValueError:
            raise ForbiddenError({}, b'{"message": "Missing Authentication Token"}') from None
        if not self._is_declared(method, event["requestContext"]["resourcePath"]):
            raise ForbiddenError({}, b'{"message": "Missing Authentication Token"}')
        event["pathParameters"] = {name: decoded(value) for name, value in event["pathParameters"].items()}
        event["requestContext"]["identity"]["sourceIp"] = self._source_ip
        event["requestContext"]["requestId"] = str(uuid.uuid4())
        if isinstance(event["body"], bytes):
            # A body of a type that is not binary reaches a function as text; bytes that are no text do not survive it.
            event["body"] = event["body"].decode("utf-8", errors="replace")
        if _event_bytes(event) > LARGEST_EVENT_BYTES:
            raise PayloadTooLargeError({}, b'{"message": "Request Too Long"}')
        return event

    def _is_declared(self, method: str, route: str) -> bool:
        """Return whether `route` has `method`; a route with CORS has OPTIONS as well."""
        methods = self._app_object.routes[route]
        return method in methods or (method == "OPTIONS" and any(entry.cors for entry in methods.values()))


class ApiRequestHandler(ChaliceRequestHandler):
    """One connection of a client."""

    disable_nagle_algorithm = True
    timeout = STALLED_CLIENT_TIMEOUT_S
    request_version: str

    def __init__(
        self,
        access_log: bool,  # noqa: FBT001 - see ApiServer
        app: Chalice,
        config: Config,
        refusals: Refusals,
        *connection: Any,
    ) -> None:
        self._access_log = access_log
        self._app = app
        self._config = config
        self._refusals = refusals
        request, client_address, server = connection
        super().__init__(request, client_address, server, app, config)

    def _generic_handle(self) -> None:
        """Answer one request; whatever happens, the client gets an answer that it can read."""
        started_s = time.perf_counter()
        try:
            reply = self._reply()
        except ClientGoneError:
            self.close_connection = True
            return
        self._send(reply, started_s)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = _generic_handle  # noqa: N815 - http.server's

    def _reply(self) -> Reply:
        if self.request_version == self.default_request_version:
            self.request_version = self.protocol_version
            return self._refusals.problem(505, "HTTP/0.9 is not spoken here.")
        try:
            require_fields(self.headers)
            body = read_body(self.headers, self.rfile, LARGEST_BODY_BYTES, DRAIN_BYTES)
        except BodyRefusedError as error:
            self.close_connection = self.close_connection or not error.readable
            return self._refusals.problem(error.status, error.detail)
        if len(self.requestline) + sum(len(value) for value in self.headers.values()) > LARGEST_HEADERS_BYTES:
            return self._refusals.problem(
                431, f"The request line and the headers are larger than {LARGEST_HEADERS_BYTES:,} bytes."
            )
        return self._invoke(body)

    def _invoke(self, body: bytes) -> Reply:
        gateway = ApiGateway(self._app, self._config, self.client_address[0])
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            result = gateway.handle_request(self.command, self.path, headers, body or None)
            return _reply_of(result, wants_binary=_wants_binary(headers, self._app.api.binary_types))
        except LocalGatewayException as error:
            message = json.loads(error.body or b"{}")
            return self._refusals.problem(error.CODE, str(message.get("message") or message.get("Message")))
        except (Exception, SystemExit):  # noqa: BLE001 - a function's end, however it comes, is the client's 500
            traceback.print_exc(file=sys.stderr)
            return self._refusals.problem(500, "Internal server error")

    def _send(self, reply: Reply, started_s: float) -> None:
        # The line comes first: who has the reply can find the line.
        if self._access_log:
            path = "".join(letter if letter.isprintable() else "?" for letter in self.path.partition("?")[0])
            elapsed_ms = round((time.perf_counter() - started_s) * 1000)
            sys.stderr.write(f"{self.command} {path} {reply.status} {elapsed_ms} ms\n")
        send_reply(self, reply)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that http.server itself cannot read, in the form of all other refusals."""
        self.close_connection = True
        # It takes what it cannot read for HTTP/0.9, whose answers have no head.
        self.request_version = self.protocol_version
        send_reply(self, self._refusals.problem(code, explain or message or "The request cannot be read."))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing: `_send` writes the one line of a request."""


def _wants_binary(headers: dict[str, str], binary_types: list[str]) -> bool:
    """Return whether the first media type of Accept is a binary one: API Gateway looks at no other."""
    first = headers.get("accept", "").partition(",")[0].partition(";")[0].strip()
    return first in binary_types


def _reply_of(result: dict[str, Any], *, wants_binary: bool) -> Reply:
    """Return a function's result as a reply; raises when it is none that can be sent.

    A client that does not ask for a binary type first gets a binary body as the base64 text that it is in the result.
    """
    body = result.get("body") or ""
    encoded_bytes = len(body)
    content = base64.b64decode(body) if wants_binary and result.get("isBase64Encoded") else body.encode()
    headers = {**result.get("headers", {}), **result.get("multiValueHeaders", {})}
    if not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/json"
    pairs = [
        (name, str(value))
        for name, values in headers.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    for _, value in pairs:
        value.encode("latin-1")
    if encoded_bytes > LARGEST_RESULT_BYTES:
        message = f"The function's result is larger than {LARGEST_RESULT_BYTES:,} bytes."
        raise ResultTooLargeError({}, json.dumps({"message": message}).encode())
    return Reply(int(result["statusCode"]), pairs, content)


def _event_bytes(event: dict[str, Any]) -> int:
    """Return the size of the event as JSON, without making text of a base64 body once more."""
    body = event["body"] or ""
    body_bytes = len(body) if event.get("isBase64Encoded") else len(json.dumps(body))
    return body_bytes + len(json.dumps({**event, "body": None}))
