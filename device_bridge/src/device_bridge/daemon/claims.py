"""Which place reads which device: a device that can be reached at two places is read at one."""

import contextlib
import os
import threading
import time
from collections.abc import Collection, Iterator

_JUST_LEFT_S = 5.0


class DeviceClaims:
    """The devices that are being read, by serial, and the places that are used, whoever is there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._place_by_serial: dict[str, str] = {}
        self._used: list[str] = []
        self._left_at_s: dict[str, float] = {}

    @contextlib.contextmanager
    def using(self, place: str) -> Iterator[None]:
        """Note within a `with` that a place is used, from before it is opened, when nobody knows who is there."""
        with self._lock:
            self._used.append(place)
        try:
            yield
            # Not after an error: a place that could not be opened kept nobody out.
            self._left_at_s[place] = time.monotonic()
        finally:
            with self._lock:
                self._used.remove(place)

    @contextlib.contextmanager
    def holding(self, serial: str, place: str) -> Iterator[str]:
        """Claim a device for a place within a `with`; give the place that has it, which may be another's."""
        with self._lock:
            holder = self._place_by_serial.setdefault(serial, place)
        try:
            yield holder
        finally:
            with self._lock:
                if holder == place:
                    self._place_by_serial.pop(serial, None)

    def held(self) -> dict[str, str]:
        """Return the place of each device that is being read, by serial."""
        with self._lock:
            return dict(self._place_by_serial)

    def find_port(self, place: str, serials: Collection[str | None]) -> tuple[str | None, str] | None:
        """Return the serial, None while it is not known, and the place by which a port is used here already.

        Args:
            place: The port by another of its names.
            serials: Serials that the device there may have.
        """
        port = os.path.realpath(place)
        for serial, holder in self.held().items():
            if serial in serials or os.path.realpath(holder) == port:
                return serial, holder
        # A loop that has just left a port may be the one that kept this place from it.
        since_s = time.monotonic() - _JUST_LEFT_S
        with self._lock:
            left = [other for other, at_s in self._left_at_s.items() if at_s > since_s]
            used = {other for other in (*self._used, *left) if other != place}
        return next(((None, other) for other in sorted(used) if os.path.realpath(other) == port), None)
