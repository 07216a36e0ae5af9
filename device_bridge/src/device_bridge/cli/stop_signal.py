"""SIGTERM and Ctrl-C as something that a loop can wait for."""

import select
import signal
import socket
from types import TracebackType
from typing import Self

_NUMBERS = (signal.SIGTERM, signal.SIGINT)


class StopSignal:
    """Within a `with`, notes that the process was asked to stop. Only for the main thread.

    A handler that set a `threading.Event` could find its lock held by the very thread that it interrupts; so the
    signal's number is written to a socket, which any moment allows.
    """

    def __enter__(self) -> Self:
        self._heard, self._told = socket.socketpair()
        self._told.settimeout(0)
        self._wakeup_before = signal.set_wakeup_fd(self._told.fileno())
        self._handlers = {number: signal.signal(number, lambda *_: None) for number in _NUMBERS}
        return self

    def fileno(self) -> int:
        """Return the descriptor that is readable once the process was asked to stop."""
        return self._heard.fileno()

    def ask(self) -> None:
        """Ask the process to stop, from any thread.

        Raises:
            OSError: It has stopped already.
        """
        self._told.send(b"x")

    def wait(self, seconds: float) -> bool:
        """Wait for at most this long; return whether the process was asked to stop."""
        readable, _, _ = select.select([self._heard], [], [], seconds)
        return bool(readable)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        self._heard.close()
        self._told.close()
