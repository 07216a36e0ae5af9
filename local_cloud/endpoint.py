"""The emulated AWS on a port: HTTP/1.1 with connections that stay open.

moto's own server (werkzeug's) closes the connection after every reply and keeps its thread 10 ms longer.
"""

import functools
import socket
from collections.abc import Callable
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler

from local_cloud.calls import Call, Reply
from local_cloud.connections import STALLED_CLIENT_TIMEOUT_S, StoppableServer, send_reply
from local_cloud.framing import BodyRefusedError, ClientGoneError, read_body
from local_cloud.presigned import RefusedError, is_presigned

LARGEST_BODY_BYTES = 5 * 1024**3
"""The largest object that S3 takes in one request."""


class AwsServer(StoppableServer):
    """Serves `handle` on `listener`.

    Args:
        listener: What `connections.listen` returned.
        handle: Answers one call; called from several threads at once.
    """

    # What werkzeug's request handler asks its server for.
    ssl_context = None
    multithread = True
    multiprocess = False
    _server_version = "local_cloud"

    def __init__(self, listener: socket.socket, handle: Callable[[Call], Reply]) -> None:
        super().__init__(listener, functools.partial(_AwsRequestHandler, handle))


class _AwsRequestHandler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = STALLED_CLIENT_TIMEOUT_S

    def __init__(self, handle: Callable[[Call], Reply], *connection: Any) -> None:
        self._handle_call = handle
        super().__init__(*connection)

    def run_wsgi(self) -> None:
        """Answer one request, with the body read before the emulator's lock is taken: a slow client holds up no one."""
        try:
            body = read_body(self.headers, self.rfile, LARGEST_BODY_BYTES, LARGEST_BODY_BYTES)
        except ClientGoneError:
            self.close_connection = True
        except BodyRefusedError as error:
            self.close_connection = True
            send_reply(self, Reply(error.status, [("Content-Type", "text/plain")], error.detail.encode()))
        else:
            send_reply(self, self._reply_to(body))

    def _reply_to(self, body: bytes) -> Reply:
        if "Transfer-Encoding" in self.headers and is_presigned(self.path.partition("?")[2]):
            # A call no longer shows how its body was framed, and a presigned one is signed for a length.
            return RefusedError(411, "MissingContentLength", "You must provide the Content-Length header.").reply()
        return self._handle_call(Call.from_environ(self.make_environ(), body))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing: the line of each request is the gateway's."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the names are werkzeug's
        """Say nothing."""
