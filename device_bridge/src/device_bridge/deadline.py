"""A total time for an exchange over sockets: what drips in byte by byte passes every timeout of a single read."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

_current = threading.local()


class Deadline:
    """Breaks the connections off that a thread uses within a `with`, once the time is over.

    Args:
        seconds: How long all of it may take.

    Attributes:
        seconds: The same.
        has_passed: Whether the time was over before the end.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.has_passed = False
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._pass)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        _current.deadline = self
        self._timer.start()
        return self

    def watch(self, connection: socket.socket) -> None:
        """Break this connection off as well when the time is over."""
        with self._lock:
            # A copy of the descriptor: TLS takes the connection away from the socket object that it was opened with,
            # and its own socket object cannot be copied.
            self._sockets.append(
                socket.fromfd(connection.fileno(), connection.family, connection.type, connection.proto)
            )
        if self.has_passed:
            self._pass()

    def _pass(self) -> None:
        with self._lock:
            self.has_passed = True
            for connection in self._sockets:
                # It may have ended by itself just now.
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        _current.deadline = None
        with self._lock:
            for connection in self._sockets:
                connection.close()
            self._sockets.clear()


def watch_connection(connection: socket.socket) -> None:
    """Let the deadline that this thread is under, if any, break a connection off."""
    deadline: Deadline | None = getattr(_current, "deadline", None)
    if deadline is not None:
        deadline.watch(connection)
