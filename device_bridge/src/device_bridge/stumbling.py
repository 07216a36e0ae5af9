"""Records at which a device went away: when each may be tried again, so that one holds up no other."""

import time
from collections.abc import Callable
from typing import Final

# A plug that is pulled once or twice at the same place says nothing about the record.
HARMLESS_STUMBLES: Final = 2
_FIRST_WAIT_S: Final = 5.0
_LONGEST_WAIT_S: Final = 600.0
_MOST_REMEMBERED: Final = 1024


class Stumbles:
    """What one place remembers of its devices over all their connections.

    Args:
        read_s: The steady clock.
    """

    def __init__(self, read_s: Callable[[], float] = time.monotonic) -> None:
        self._read_s = read_s
        self._found: dict[tuple[str, int], tuple[int, float]] = {}

    def note(self, device: str, record: int) -> None:
        """Note that a device went away while this record was read, and none of its pages could be kept."""
        count = self._found.pop((device, record), (0, 0.0))[0] + 1
        wait_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(count - HARMLESS_STUMBLES, 16))
        if len(self._found) >= _MOST_REMEMBERED:
            self._found.pop(next(iter(self._found)))
        self._found[device, record] = count, self._read_s() + wait_s

    def forget(self, device: str, record: int) -> None:
        """Note that reading this record goes on."""
        self._found.pop((device, record), None)

    def is_last(self, device: str, record: int) -> bool:
        """Tell whether a record is to be read after all others."""
        return self._found.get((device, record), (0, 0.0))[0] >= HARMLESS_STUMBLES

    def is_to_wait(self, device: str, record: int) -> bool:
        """Tell whether it is too early to try a record again."""
        return self.is_last(device, record) and self._read_s() < self._found[device, record][1]
