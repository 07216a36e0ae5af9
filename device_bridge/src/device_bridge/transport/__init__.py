"""Ways to reach a device: a stream of bytes in both directions, whatever carries it."""

from typing import Protocol

WAIT_S = 0.05


class Transport(Protocol):
    """An open stream to a device. Every method raises `DisconnectedError` once the device is gone."""

    def read(self) -> bytes:
        """Return what has arrived, waiting at most `WAIT_S` (0.05 s) for the first byte; empty when nothing came."""

    def write(self, data: bytes) -> None:
        """Send all of these bytes."""

    def close(self) -> None:
        """Give the stream back; never raises, also when the device is gone."""
