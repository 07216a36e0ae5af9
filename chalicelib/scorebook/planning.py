"""From changes to one transaction: what is written, and what must hold while it is. Pure.

A plan is made from what is known, which may be little: a new entry is written without a look at what is there. What
does not hold comes back from DynamoDB with what was there instead, and the next plan knows it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from chalicelib.errors import FieldError
from chalicelib.scorebook import tree
from chalicelib.scorebook.changes import Change, Rejection
from chalicelib.scorebook.entry_types import ENTRY_TYPES, type_of
from chalicelib.scorebook.merging import MICROS, Outcome, Row, decide
from chalicelib.scorebook.rows import Head, Key

TOMBSTONES_KEPT_S = 180 * 24 * 3600
PARENT_MISSING = "parent-missing"
PARENT_DELETED = "parent-deleted"
PARENT_ELSEWHERE = "parent-elsewhere"
REFERENCE_MISSING = "reference-missing"
_WHY = {
    PARENT_MISSING: "There is no such {kind}; send it before what belongs to it",
    PARENT_DELETED: "This {kind} was deleted, and everything in it with it",
    PARENT_ELSEWHERE: "This {kind} belongs to another session",
    REFERENCE_MISSING: "There is no such {kind}",
}
PARENTS = frozenset(kind for each in ENTRY_TYPES.values() for kind in each.parents.values())
"""The types that others belong to."""


@dataclass(slots=True)
class Knowledge:
    """What is known of a user's entries.

    Attributes:
        rows: Entries by key, None for one that there is not; what is not named is not known.
        sweeping: What was deleted and is still being swept.
    """

    rows: dict[Key, Row | None] = field(default_factory=dict)
    sweeping: set[Key] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Need:
    """Something that must hold.

    Attributes:
        key: Of which entry.
        position: Where it must stand in the tree; None for anywhere.
    """

    key: Key
    position: str | None = None


@dataclass(slots=True)
class Plan:
    """A transaction in the making.

    Attributes:
        known: What is known.
        now: The server's time, in microseconds since 1970.
        room: How many actions it may have.
        marks: Whether the deletion of what others belong to is marked.
        before: What the entries to be written are now; None for what is thought not to be there.
        after: What they become.
        was_live: What others belong to and was live before, or at any time while the changes were added.
        live: The entries that must be live.
        there: The entries that must be there, if only as tombstones.
        outcomes: What becomes of each change so far.
    """

    known: Knowledge
    now: int
    room: int
    marks: bool = True
    before: dict[Key, Row | None] = field(default_factory=dict)
    after: dict[Key, Row] = field(default_factory=dict)
    was_live: dict[Key, Row] = field(default_factory=dict)
    live: dict[Key, Need] = field(default_factory=dict)
    there: set[Key] = field(default_factory=set)
    outcomes: list[Outcome] = field(default_factory=list)

    def add(self, change: Change) -> bool:
        """Add a change, and return whether there was room for it."""
        outcome = self.decide(change)
        if outcome.row is None:
            self.outcomes.append(outcome)
            return True
        before = self._current(change.key)
        needs = [] if outcome.row.deleted else self._all_needs(outcome.row, before)
        there = self._references(outcome.row, before)
        # Of two that want one game at two places one is wrong: the next part finds out, for it asks for its own place.
        is_at_odds = any(self.live.get(need.key, need) != need for need in needs)
        if is_at_odds or self._actions_with(outcome.row, needs, there) > self.room:
            return False
        self._write(outcome.row)
        self.live.update({need.key: need for need in needs if need.key not in self.after})
        self.there.update(key for key in there if key not in self.after)
        self.outcomes.append(outcome)
        return True

    def decide(self, change: Change) -> Outcome:
        """Return what becomes of a change, given what it belongs to."""
        row = self._current(change.key)
        outcome = decide(change, row, self.now)
        if outcome.row is None or outcome.row.deleted:
            return outcome
        placed = replace(outcome.row, tree=self._position(outcome.row, row))
        wrong = self._wrong(placed, row)
        if wrong is not None:
            return self._without_parent(change, row, wrong)
        if row is not None and row.deleted and change.key in self.known.sweeping:
            return Outcome("conflict", row.ver, server=row)
        server = placed if outcome.server is outcome.row else outcome.server
        return replace(outcome, row=placed, server=server)

    def _current(self, key: Key) -> Row | None:
        return self.after[key] if key in self.after else self.known.rows.get(key)

    def _without_parent(self, change: Change, row: Row | None, wrong: Rejection) -> Outcome:
        """Decide about a change of what belongs to something deleted: it counts as deleted, swept or not."""
        rejected = Outcome("rejected", 0 if row is None else row.ver, rejection=wrong)
        if row is None or row.deleted or wrong.kind != PARENT_DELETED:
            return rejected
        outcome = decide(change, replace(row, deleted=True), self.now)
        if outcome.status == "applied":
            return rejected
        return Outcome(outcome.status, row.ver, server=replace(row, deleted=True))

    def _position(self, row: Row, before: Row | None) -> str | None:
        return tree.position_of(row.type, row.id, row.fields, self._game_at(row, before))

    def _game_at(self, row: Row, before: Row | None) -> str | None:
        if row.type != "frame":
            return None
        game = self._current(("game", row.fields["game_id"]))
        if game is not None:
            return game.tree
        is_same_game = before is not None and before.fields["game_id"] == row.fields["game_id"]
        return before.tree.rpartition("#")[0] if is_same_game and before is not None and before.tree else None

    def _all_needs(self, row: Row, before: Row | None) -> list[Need]:
        """Return what an entry belongs to, and what it belonged to: nothing moves away from what was deleted."""
        was = self._needs(before) if before is not None and not before.deleted else ()
        return list({need.key: need for need in (*was, *self._needs(row))}.values())

    def _needs(self, row: Row) -> Iterator[Need]:
        """Yield what an entry belongs to, the session of a game's frame included."""
        for name, kind in type_of(row.type).parents.items():
            parent_id = row.fields.get(name)
            if parent_id is None:
                continue
            yield Need((kind, parent_id), _game_above(row) if kind == "game" else None)
            if row.type == "frame" and row.tree is not None:
                yield Need(("session", row.tree.split("#")[1]))

    def _wrong(self, row: Row, before: Row | None) -> Rejection | None:
        """Return what is known to be wrong with what an entry belongs to or names."""
        if row.type == "frame" and row.tree is None:
            game: Key = ("game", row.fields["game_id"])
            return _rejection(PARENT_MISSING if self._current(game) is None else PARENT_DELETED, row, game)
        for need in self._all_needs(row, before):
            if need.key in self.after or need.key in self.known.rows:
                parent = self._current(need.key)
                if parent is None:
                    return _rejection(PARENT_MISSING, row, need.key)
                if parent.deleted:
                    return _rejection(PARENT_DELETED, row, need.key)
                if need.position is not None and parent.tree != need.position:
                    return _rejection(PARENT_ELSEWHERE, row, need.key)
        for key in self._references(row, before):
            if key not in self.after and self.known.rows.get(key, row) is None:
                return _rejection(REFERENCE_MISSING, row, key)
        return None

    def _references(self, row: Row, before: Row | None) -> list[Key]:
        """Return what an entry names that must have been there, where it names something else than before."""
        names = type_of(row.type).references
        values = {name: row.fields.get(name) for name in names}
        return [
            (names[name], value)
            for name, value in values.items()
            if value is not None and (before is None or before.fields.get(name) != value)
        ]

    def _actions_with(self, row: Row, needs: Iterable[Need], there: Iterable[Key]) -> int:
        written = {*self.after, row.key}
        checked = {*self.live, *(need.key for need in needs)} - written
        named = ({*self.there, *there} - written) - checked
        count = len(written) + len(checked) + len(named)
        return count + len(self.swept) + len(self.restored) + (row.type in PARENTS)

    def _write(self, row: Row) -> None:
        before = self.before.setdefault(row.key, self.known.rows.get(row.key))
        self.after[row.key] = row
        if row.type in PARENTS:
            self.was_live.update({each.key: each for each in (before, row) if each and not each.deleted})
        # What is written carries a condition of its own.
        self.live.pop(row.key, None)
        self.there.discard(row.key)

    def _was_deleted(self, key: Key) -> bool:
        before = self.before[key]
        return before is None or before.deleted

    @property
    def swept(self) -> dict[Key, str]:
        """What is deleted and may have descendants, with how their positions begin."""
        gone = {key: row for key, row in self.was_live.items() if self.marks and self.after[key].deleted}
        return {key: tree.below(key, row.tree) for key, row in gone.items()}

    @property
    def restored(self) -> list[Key]:
        """What is brought back and may have descendants that are still being removed."""
        return [
            key
            for key, row in self.after.items()
            if key[0] in PARENTS and not row.deleted and self.before[key] is not None and self._was_deleted(key)
        ]

    @property
    def gained(self) -> int:
        """How many more entries are live afterwards."""
        return sum(self._was_deleted(key) - row.deleted for key, row in self.after.items())

    def rows(self, head: Head) -> Iterator[Row]:
        """Yield what is written, each with its place in the feed."""
        for seq, row in enumerate(self.after.values(), head.n + 1):
            placed = replace(row, seq=seq, updated=self.now)
            if row.deleted:
                placed = replace(placed, tree=None, expires_s=self.now // MICROS + TOMBSTONES_KEPT_S)
            yield placed

    def head(self, head: Head) -> Head:
        """Return the head as it is afterwards; the same when nothing is written."""
        if not self.after:
            return head
        moved = replace(head, n=head.n + len(self.after), prev=head.n, at=self.now)
        return replace(moved, count=head.count + self.gained, sweeping=head.sweeping + len(self.swept))


def _game_above(row: Row) -> str | None:
    """Return where the game of a frame or shot must stand."""
    if row.type == "shot":
        return tree.game_position(row.fields["session_id"], row.fields["game_id"])
    return row.tree.rpartition("#")[0] if row.tree is not None else None


def _rejection(kind: str, row: Row, key: Key) -> Rejection:
    entry_type = type_of(row.type)
    links: Mapping[str, str] = {**entry_type.parents, **entry_type.references}
    name = next((name for name, wanted in links.items() if wanted == key[0]), next(iter(links)))
    detail = _WHY[kind].format(kind=key[0])
    path = f"$.fields.{name}"
    return Rejection(kind, f"{path}: {detail}. Nothing was changed.", (FieldError(path, detail),))
