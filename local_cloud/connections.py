"""Listening sockets, and the threaded HTTP server that both ends of the local cloud use."""

import contextlib
import errno
import http.client
import socket
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local_cloud.calls import Reply
from local_cloud.tls import TlsEnd, say_goodbye

STALLED_CLIENT_TIMEOUT_S = 60
"""A connection that neither sends nor takes a byte for so long is closed, so that no thread waits for ever."""

STOP_LOOK_S = 0.05
"""A server looks so often whether it shall stop."""
LARGEST_PORT = 65_535
SMALLEST_STATUS_WITH_BODY = 200


class PortTakenError(OSError):
    """The address cannot be listened on: another program has the port, or the host is not this machine's."""


def listen(host: str, port: int, called: str = "port {port}", advice: str = "") -> socket.socket:
    """Return a socket that listens on `host` (a name or an address) and `port` (0: any free one).

    `called` is what an error calls the port, with {port} for its number; `advice` is what to do when it is in use.
    Connections wait in the socket's queue until a server takes them: a port is claimed before the cloud is ready.
    Raises PortTakenError, whose text is meant for a person.
    """
    if not 0 <= port <= LARGEST_PORT:
        raise PortTakenError(f"cannot listen on {host}, port {port}: ports go from 0 to {LARGEST_PORT}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(
                f"{called.format(port=port)} on {host} is in use by another program{advice}"
            ) from error
        raise PortTakenError(f"cannot listen on {host}, port {port}: {error}") from error


def url_of(listener: socket.socket, scheme: str = "http") -> str:
    """Return the URL, without a slash at its end, under which this machine reaches `listener`."""
    host, port = listener.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, never bound
    return url(scheme, reachable, port)


def url(scheme: str, host: str, port: int) -> str:
    """Return a URL without a slash at its end."""
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


class StoppableServer(ThreadingHTTPServer):
    """One thread for each connection, and a stop that leaves no thread and no open socket behind.

    Args:
        listener: What `listen` returned; the server closes it when it stops.
        handler: Makes the handler of one connection, as `socketserver` calls it.
        tls: The server's end of TLS; None serves plain HTTP.
    """

    daemon_threads = False

    def __init__(
        self, listener: socket.socket, handler: Callable[..., BaseHTTPRequestHandler], tls: TlsEnd | None = None
    ) -> None:
        host, port = listener.getsockname()[:2]
        super().__init__((host, port), handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.server_name, self.server_port = host, port
        self._tls = tls
        self._connections: set[Any] = set()
        self._connections_lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(STOP_LOOK_S,), name=f"http-{port}")

    def start(self) -> None:
        """Take connections, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Let requests under way end, then close every connection and the port; returns when all threads have ended."""
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
        # Only the reading side: a thread that waits for a request sees the end, one that writes a reply does not.
        with self._connections_lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    # The plain socket's method: a TLS socket's own would end the encryption under a reply.
                    socket.socket.shutdown(connection, socket.SHUT_RD)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection before its thread starts, so that `stop` can miss none."""
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve the connection, in its own thread: a client that is slow to shake hands holds up no other."""
        if self._tls is None:
            super().finish_request(request, client_address)
            return
        secured = self._tls.wrap(request)
        if secured is None:
            return
        with self._connections_lock:
            self._connections.discard(request)
            self._connections.add(secured)
        try:
            if self._tls.shake_hands(secured, client_address):
                super().finish_request(secured, client_address)
                say_goodbye(secured)
        finally:
            self.shutdown_request(secured)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection and close it."""
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that go away; print the traceback of anything else."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def send_reply(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    """Write `reply` so that the connection stays readable: one length, and no body where HTTP has none.

    HEAD, 204 and 304 get no body (RFC 9110 section 6.4.1), and 204 no Content-Length (section 8.6).
    """
    bodiless = reply.status < SMALLEST_STATUS_WITH_BODY or reply.status in {
        http.client.NO_CONTENT,
        http.client.NOT_MODIFIED,
    }
    length = str(len(reply.body))
    handler.send_response_only(reply.status)
    if not any(name.lower() == "date" for name, _ in reply.headers):
        handler.send_header("Date", handler.date_time_string())
    for name, value in reply.headers:
        if name.lower() == "content-length":
            length = value if handler.command == "HEAD" else length
        elif name.lower() not in {"connection", "transfer-encoding"}:
            handler.send_header(name, value)
    if not bodiless:
        handler.send_header("Content-Length", length)
    if handler.close_connection:
        handler.send_header("Connection", "close")
    handler.end_headers()
    if reply.body and not bodiless and handler.command != "HEAD":
        handler.wfile.write(reply.body)
