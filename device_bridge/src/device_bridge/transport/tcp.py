"""A device behind TCP: a serial server, an emulator, a device of its own network."""

import contextlib
import socket
from collections.abc import Iterator
from typing import Final

from device_bridge.errors import DisconnectedError, PortError
from device_bridge.transport.stream import WAIT_S, WRITE_TIMEOUT_S

CONNECT_TIMEOUT_S: Final = 5.0
_LARGEST_READ_BYTES: Final = 65_536
# A peer whose cable was cut says nothing: it counts as gone 25 s later. Not every system has each of these.
_KEEPALIVE: Final = (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))


class TcpTransport:
    """A TCP connection to a device.

    Args:
        host: A name or an address.
        port: 1 to 65,535.
        write_timeout_s: How long the peer may take nothing before it counts as gone.

    Raises:
        PortError: The host cannot be reached, or refuses.
    """

    def __init__(self, host: str, port: int, write_timeout_s: float = WRITE_TIMEOUT_S) -> None:
        self.place = f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"
        self._write_timeout_s = write_timeout_s
        try:
            self._socket = socket.create_connection((host, port), CONNECT_TIMEOUT_S)
        except (OSError, UnicodeError) as error:
            raise _explain(self.place, host, error) from error
        self._is_open = True
        # A request is smaller than a segment: without this it would wait for the acknowledgement of the one before.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE:
            if hasattr(socket, name):
                self._socket.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def read(self) -> bytes:
        """Return what has arrived (`Transport.read`)."""
        with self._translated():
            self._socket.settimeout(WAIT_S)
            try:
                data = self._socket.recv(_LARGEST_READ_BYTES)
            except TimeoutError:
                return b""
        if not data:
            # Also a peer that only stopped sending: there will be no reply, so there is no use in asking it.
            self.close()
            raise DisconnectedError(f"{self.place} is gone: the other end closed the connection")
        return data

    def write(self, data: bytes) -> None:
        """Send all of these bytes (`Transport.write`)."""
        with self._translated():
            self._socket.settimeout(self._write_timeout_s)
            self._socket.sendall(data)

    def close(self) -> None:
        """End the connection (`Transport.close`)."""
        self._is_open = False
        with contextlib.suppress(OSError):
            self._socket.close()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        if not self._is_open:
            raise DisconnectedError(f"{self.place} is closed")
        try:
            yield
        except TimeoutError as error:
            # Part of a packet may be sent: nothing that follows on this connection would be understood.
            self.close()
            raise DisconnectedError(
                f"{self.place} is gone: it took nothing for {self._write_timeout_s:g} s; switch the device off and on"
            ) from error
        except OSError as error:
            self.close()
            raise DisconnectedError(f"{self.place} is gone: {error.strerror or error}") from error


def _explain(place: str, host: str, error: Exception) -> PortError:
    """Return the error that says in one line why a host could not be reached, and what to do."""
    if isinstance(error, ConnectionRefusedError):
        return PortError(
            f"{place} refuses the connection: start the device or its serial server there, or check the port"
        )
    if isinstance(error, TimeoutError):
        return PortError(
            f"{place} does not answer within {CONNECT_TIMEOUT_S:g} s: check that it is switched on and in this network"
        )
    if isinstance(error, (socket.gaierror, UnicodeError)):
        return PortError(f"{place}: no host of the name {host} is known: check the name, or use the address")
    reason = getattr(error, "strerror", None) or error
    return PortError(f"{place} cannot be reached: {reason}. Check the network and the address")
