"""What devices report by themselves, said for a person; one that never stops reporting fills no log."""

import time
from collections.abc import Callable
from typing import Final

from device_bridge.daemon.journal import Event, Journal, Level
from device_bridge.printable import printable

MOST_REPORTS: Final = 5
PERIOD_S: Final = 60.0
_MOST_CHARACTERS: Final = 100


class Reports:
    """The reports of the devices at one place: so many in a minute are said, the others counted.

    Args:
        journal: Where they are said.
        read_s: The steady clock.
    """

    def __init__(self, journal: Journal, read_s: Callable[[], float] = time.monotonic) -> None:
        self._journal = journal
        self._read_s = read_s
        self._began_at_s = -PERIOD_S
        self._said = 0
        self._kept_quiet = 0

    def hear(self, serial: str, place: str, text: str) -> None:
        """Say what a device reports, or count it (docs/protocol.md 4.5)."""
        now_s = self._read_s()
        if now_s - self._began_at_s >= PERIOD_S:
            self._began_at_s, self._said = now_s, 0
        if self._said >= MOST_REPORTS:
            self._kept_quiet += 1
            return
        self._said += 1
        more = f" (and {self._kept_quiet} more before it)" if self._kept_quiet else ""
        self._kept_quiet = 0
        level = Level.WARNING if text.startswith(("battery low", "memory full")) else Level.INFO
        message = f"{serial} reports: {printable(text, _MOST_CHARACTERS)}{more}"
        self._journal.say(Event("device-reports", message, level, facts={"device": serial, "place": place}))
