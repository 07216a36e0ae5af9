"""What the daemon says: events with a name and facts, each said once until something changes."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Level(StrEnum):
    """How much an event asks of a person."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        name: The kind of event, such as `capture-delivered`; programs go by it.
        message: The same for a person, in a line.
        level: How much it asks of a person.
        is_result: Whether it is what the bridge is there for: a record read, a capture delivered.
        facts: What it is about: `device`, `record`, `place`, ... Never a secret.
        identity: By what it is known to be the same again; the message when that is empty. For messages with figures
            that change all the time.
        has_lines: Whether the message has lines of our own, such as a traceback's. Anything else is one line, whatever
            a device put into it.
    """

    name: str
    message: str
    level: Level = Level.INFO
    is_result: bool = False
    facts: Mapping[str, object] = field(default_factory=dict)
    identity: str = ""
    has_lines: bool = False


class Journal:
    """Where the loops say what happens.

    A trouble that lasts is said once: each has a topic, and what was said last about a topic is not said again. A log
    that cannot be written, such as one on a full disk, stops nothing.

    Args:
        write: Prints an event, and should not take long (`EventQueue`); called by one loop at a time.
    """

    def __init__(self, write: Callable[[Event], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._last_said: dict[str, frozenset[str]] = {}

    def say(self, event: Event) -> None:
        """Say something that happened once, such as a delivery."""
        # rich ends the program with SystemExit when the reader of its stream is gone.
        with self._lock, contextlib.suppress(OSError, SystemExit):
            self._write(event)

    def say_once(self, topic: str, event: Event) -> None:
        """Say something that lasts, unless it was the last thing said about this topic."""
        self.say_changes(topic, [event])

    def say_changes(self, topic: str, events: Iterable[Event]) -> None:
        """Say those of several lasting things that were not among the last said about this topic."""
        lasting = list(events)
        with self._lock:
            before = self._last_said.get(topic, frozenset())
            self._last_said[topic] = frozenset(map(_identity, lasting))
        for event in lasting:
            if _identity(event) not in before:
                self.say(event)

    def forget(self, topic: str) -> bool:
        """Note that a topic's trouble is over: when it comes back it is said again. Returns whether there was any."""
        with self._lock:
            return bool(self._last_said.pop(topic, None))


def _identity(event: Event) -> str:
    return event.identity or event.message
