"""Events on their way to a terminal, a pipe or a log that may stop taking them: no loop ever waits for that."""

import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Final

from device_bridge.daemon.journal import Event, Level

_MOST_WAITING: Final = 1000
_LAST_WORDS_S: Final = 2.0


class EventQueue:
    """Prints events in a thread of its own, in their order; what finds no room is counted and not kept.

    Args:
        write: Prints an event; it may take as long as it likes (Ctrl-S, a pipe that nobody reads).
        most_waiting: Events that are kept while it does.
    """

    def __init__(self, write: Callable[[Event], None], most_waiting: int = _MOST_WAITING) -> None:
        self._write = write
        self._waiting: queue.Queue[Event | None] = queue.Queue(most_waiting)
        self._lost = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._print_all, name="log", daemon=True)
        self._thread.start()

    def put(self, event: Event) -> None:
        """Have an event printed, if there is room for it. Returns at once."""
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            with self._lock:
                self._lost += 1

    def close(self, patience_s: float = _LAST_WORDS_S) -> bool:
        """Print what waits for at most so long; return False when something still is not printed."""
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=patience_s)
        self._thread.join(patience_s)
        return not self._thread.is_alive()

    def _print_all(self) -> None:
        while (event := self._waiting.get()) is not None:
            self._print(event)
            with self._lock:
                lost, self._lost = self._lost, 0
            if lost:
                message = f"{lost} lines of this log are missing here: it was not taken for a while"
                self._print(Event("log-lines-lost", message, Level.WARNING, facts={"lines": lost}))

    def _print(self, event: Event) -> None:
        # A log that cannot be written stops nothing. rich ends with SystemExit when its stream's reader is gone.
        with contextlib.suppress(OSError, SystemExit):
            self._write(event)
