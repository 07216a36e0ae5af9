"""What every transport offers: a stream of bytes in both directions, whatever carries it."""

from typing import Final, Protocol

WAIT_S: Final = 0.05
WRITE_TIMEOUT_S: Final = 5.0


class Transport(Protocol):
    """An open stream to a device. `read` and `write` raise `DisconnectedError` once the device is gone."""

    def read(self) -> bytes:
        """Return what has arrived, waiting at most `WAIT_S` (0.05 s) for the first byte; empty when nothing came."""

    def write(self, data: bytes) -> None:
        """Send all of these bytes; a device that takes nothing for some seconds counts as gone."""

    def close(self) -> None:
        """Give the stream back; never raises, also when the device is gone."""
