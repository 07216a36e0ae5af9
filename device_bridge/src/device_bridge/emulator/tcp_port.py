"""The device's plug on TCP, as a device server gives it."""

import contextlib
import socket

from device_bridge.errors import UsageError

_READ_BYTES = 65_536


class TcpPort:
    """A listening socket for one host at a time; a second one is hung up on, without a word.

    Args:
        host: The address to listen on.
        port: The port; 0 takes any free one.

    Attributes:
        path: What a host connects to, `tcp://host:port`; the same after each `plug_in`.

    Raises:
        UsageError: The address cannot be listened on.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._listener: socket.socket | None = None
        self._talk: socket.socket | None = None
        self.plug_in()
        shown = f"[{host}]" if ":" in host else host
        self.path = f"tcp://{shown}:{self._port}"

    def plug_in(self) -> None:
        """Listen.

        Raises:
            UsageError: The address cannot be listened on.
        """
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self._host, self._port))
            listener.listen()
        except (OSError, OverflowError) as error:
            listener.close()
            raise UsageError(f"--tcp {self._host}:{self._port} cannot be listened on: {error}") from error
        listener.settimeout(0)
        self._listener = listener
        self._port = listener.getsockname()[1]

    def unplug(self) -> None:
        """Listen no more and hang up: a host is refused, also one that comes back at once."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self._hang_up()

    def readers(self) -> list[int]:
        """Return the descriptors that may have something for `receive`."""
        return [one.fileno() for one in (self._talk, self._listener) if one is not None]

    def writers(self) -> list[int]:
        """Return the descriptors that must be writable before `send`."""
        return [] if self._talk is None else [self._talk.fileno()]

    def receive(self, readable: list[int]) -> bytes:
        """Return what the host sent, and let another one in when it is gone."""
        if self._talk is not None and self._talk.fileno() in readable:
            # Nobody else is let in before everything of this host is taken in, its hanging up as well: then a host
            # that comes right after another is not taken for a second one, and gets none of the other's replies.
            return self._read(self._talk)
        if self._listener is not None and self._listener.fileno() in readable:
            self._accept(self._listener)
        return b""

    def idle(self) -> None:
        """Do what is to be done when the line was quiet for a while: nothing."""

    def send(self, data: bytes) -> int:
        """Send what the connection takes now; return how many bytes are done with, all when no host is there."""
        if self._talk is None:
            return len(data)
        try:
            return self._talk.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self._hang_up()
            return len(data)

    def _read(self, talk: socket.socket) -> bytes:
        try:
            data = talk.recv(_READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._hang_up()
        return data

    def _accept(self, listener: socket.socket) -> None:
        try:
            talk, _ = listener.accept()
        except OSError:
            # It was gone again before it was let in.
            return
        if self._talk is not None:
            talk.close()
            return
        talk.settimeout(0)
        with contextlib.suppress(OSError):
            talk.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A host that vanished without a word must not keep the next one out for ever.
            talk.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._talk = talk

    def _hang_up(self) -> None:
        if self._talk is not None:
            self._talk.close()
            self._talk = None
