"""What must be there after the phones of a simulation were told to do something."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from phone_client.sync import PullReply, PushBatch, PushReply, SyncTransport
from tests.phone_client.sync_model import Fields, Key

SHARED_FIELDS = {"count", "entered_score"}
"""The fields that all phones write: nobody's value is replaced by someone who has not seen it, and not asked."""


@dataclass
class Told:
    """What the phones were told to do: what must be there in the end.

    Attributes:
        last: The last value that a field's only writer gave it, by entry and field.
        written: All values that a field of many writers was given.
        made: The entries that were made, by the mark in their comment.
        above: What each stands below.
        deleted: What was deleted.
        released: Entries of which the user dropped something, or made a copy.
        edits: The last value that each phone's user wrote, by phone, entry and field, unless deleted there since.
        arrived: The values that the server has taken, by entry and field.
        offered: The values that a phone asked its user about, by phone, entry and field.
        seen: The values of a field of many writers that a phone's user saw or wrote, by phone, entry and field.
        overwritten: The values of such fields that a phone replaced and its user had not seen, in words.
    """

    last: dict[tuple[Key, str], Any] = field(default_factory=dict)
    written: dict[tuple[Key, str], set[Any]] = field(default_factory=dict)
    made: dict[Key, str] = field(default_factory=dict)
    above: dict[Key, list[Key]] = field(default_factory=dict)
    deleted: set[Key] = field(default_factory=set)
    released: set[Key] = field(default_factory=set)
    edits: dict[tuple[int, Key, str], Any] = field(default_factory=dict)
    arrived: set[tuple[Key, str, Any]] = field(default_factory=set)
    offered: set[tuple[int, Key, str, Any]] = field(default_factory=set)
    seen: set[tuple[int, Key, str, Any]] = field(default_factory=set)
    overwritten: list[str] = field(default_factory=list)

    def delete(self, phone: int, key: Key) -> None:
        """Note that a phone's user deletes an entry: the edits of it and below it go with it."""
        self.deleted.add(key)
        self.edits = {
            place: value
            for place, value in self.edits.items()
            if place[0] != phone or not self._is_below(place[1], key)
        }

    def _is_below(self, key: Key, above: Key) -> bool:
        return key == above or any(self._is_below(each, above) for each in self.above.get(key, ()))

    def losses(self, live: dict[Key, Fields]) -> list[str]:
        """Return what is not there and should be, is there twice, or is not what it should be."""
        failures = [f"{key} is lost" for key in self.made if key not in live and not self._may_be_gone(key)]
        marks = [fields["comment"] for fields in live.values() if "comment" in fields]
        made_anew = {self.made.get(key) for key in self.released}
        failures += [f"{mark!r} is there twice" for mark in set(marks) - made_anew if marks.count(mark) > 1]
        failures += [
            f"{key} {name} is {live[key].get(name)}, last written {value}"
            for (key, name), value in self.last.items()
            if key in live and key not in self.released and live[key].get(name) != value
        ]
        failures += [
            f"{key} {name} is {live[key].get(name)}, which nobody wrote"
            for (key, name), values in self.written.items()
            # A copy that a decision made began with a value of the entry that it is of.
            if key in live and key in self.above and live[key].get(name) not in values | {None}
        ]
        return failures + self.unheard() + self.overwritten

    def unheard(self) -> list[str]:
        """Return the edits that ended without the server or the user having heard of them."""
        return [
            f"{value} in {key} {name} of phone {phone} has neither arrived nor been asked about"
            for (phone, key, name), value in self.edits.items()
            if (key, name, value) not in self.arrived and (phone, key, name, value) not in self.offered
        ]

    def _may_be_gone(self, key: Key) -> bool:
        """Whether the user deleted it or what stood above it, or dropped it."""
        if key in self.deleted or key in self.released:
            return True
        return any(self._may_be_gone(above) for above in self.above.get(key, ()))


@dataclass
class Report:
    """What a run did and what was wrong in the end."""

    operations: int = 0
    kills: int = 0
    syncs: int = 0
    broken_syncs: int = 0
    decisions: int = 0
    entries: int = 0
    failures: list[str] = field(default_factory=list)


def disagreements(shown: dict[int, dict[Key, Fields]], live: dict[Key, Fields]) -> list[str]:
    """Return which phones show something else than the server has."""
    return [f"phone {number} shows {_difference(each, live)}" for number, each in shown.items() if each != live]


def _difference(shown: dict[Key, Fields], live: dict[Key, Fields]) -> str:
    """Return what differs, in words."""
    more, fewer = shown.keys() - live.keys(), live.keys() - shown.keys()
    other = {key: (shown[key], live[key]) for key in shown.keys() & live.keys() if shown[key] != live[key]}
    return f"too many {sorted(more)}, too few {sorted(fewer)}, other {other}"


class Witness:
    """Sees what a server takes, whether or not its reply arrives anywhere.

    Args:
        server: The server.
        told: Where it is noted.
        phone: Whose messages these are.
        live: Returns the fields of all live entries of the server; None when that is too dear to ask each time.
    """

    def __init__(
        self, server: SyncTransport, told: Told, phone: int, live: Callable[[], dict[Key, Fields]] | None = None
    ) -> None:
        self._server = server
        self._told = told
        self._phone = phone
        self._live = live

    def push(self, batch: PushBatch) -> PushReply:
        """Carry a batch."""
        before = self._live() if self._live else {}
        reply = self._server.push(batch)
        if self._live:
            self._look_for_unseen(batch, before, self._live())
        for change, result in zip(batch.changes, reply.results, strict=True):
            is_taken = result.status in {"applied", "duplicate", "merged"}
            if is_taken and not (result.server and result.server.deleted) and isinstance(change.fields, dict):
                key = change.type, change.id
                self._told.arrived |= {(key, name, value) for name, value in change.fields.items()}
        return reply

    def _look_for_unseen(self, batch: PushBatch, before: dict[Key, Fields], after: dict[Key, Fields]) -> None:
        """Note which scores a batch replaced that its user had not seen; of what was deleted that is no fault."""
        for change in batch.changes:
            key = change.type, change.id
            for name in SHARED_FIELDS & (change.fields.keys() if isinstance(change.fields, dict) else set()):
                old, new = before.get(key, {}).get(name), after.get(key, {}).get(name)
                if key in before and old != new and (self._phone, key, name, old) not in self._told.seen:
                    self._told.overwritten.append(f"{old} in {key} {name} was replaced by phone {self._phone} unseen")

    def pull(self, cursor: str | None, limit: int) -> PullReply:
        """Carry a question."""
        return self._server.pull(cursor, limit)
