"""A terminal device for this process alone: TIOCEXCL, where the system has it."""

import sys
from typing import Final, Protocol


class HasDescriptor(Protocol):
    """An open port; on Windows it has a handle instead, and `fileno` raises."""

    def fileno(self) -> int:
        """Return its descriptor."""


if sys.platform == "win32":
    # Windows opens every COM port for one program alone, and knows neither fcntl nor termios.
    LOST_ERRORS: Final[tuple[type[Exception], ...]] = (OSError,)

    def claim(_port: HasDescriptor) -> None:
        """Do nothing: the system lets nobody else in."""

    def release(_port: HasDescriptor) -> None:
        """Do nothing."""

else:
    import fcntl
    import termios

    # termios.error is no OSError, and means the same: the port is gone, or no terminal.
    LOST_ERRORS: Final[tuple[type[Exception], ...]] = (OSError, termios.error)

    def claim(port: HasDescriptor) -> None:
        """Keep every other opener out, also those who ask for no lock (root excepted)."""
        fcntl.ioctl(port.fileno(), termios.TIOCEXCL)

    def release(port: HasDescriptor) -> None:
        """Let others in again: the mark outlives this descriptor while anyone else still holds the port."""
        fcntl.ioctl(port.fileno(), termios.TIOCNXCL)
