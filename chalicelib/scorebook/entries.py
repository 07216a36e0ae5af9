"""Reading and changing single entries directly; all changes go the one way of `writing.write`."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib import jobs
from chalicelib.errors import FieldError, InvalidRequest, Problem
from chalicelib.preconditions import PreconditionFailed, require_version
from chalicelib.scorebook import reading, rows, store, tree
from chalicelib.scorebook.busy import ATTEMPTS, ScorebookBusy, wait
from chalicelib.scorebook.changes import Change, Op, Rejection, SentChange, checked_change
from chalicelib.scorebook.contradictions import contradictions
from chalicelib.scorebook.entry_model import EntryAnswer
from chalicelib.scorebook.entry_types import type_of
from chalicelib.scorebook.merging import Outcome, Row
from chalicelib.scorebook.moments import moment_of
from chalicelib.scorebook.rows import Head, Key
from chalicelib.scorebook.writing import Written, write

Versions = frozenset[int] | None
"""The versions that a change may find; None for any."""


class EntryBeingRemoved(Problem):
    """What belonged to this deleted entry is still being removed, so it cannot be made anew yet."""

    status = 409
    name = "entry-being-removed"


class _MovedError(Exception):
    """The entry is another one than it was when it was read."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A change of one entry.

    Attributes:
        user_id: Whose.
        key: Which entry.
        op: What is to be done.
        fields: The fields; none for a deletion.
    """

    user_id: str
    key: Key
    op: Op
    fields: Mapping[str, Any] | None = None


def show(user_id: str, key: Key) -> Row:
    """Return an entry; errors as of `reading.find`."""
    return reading.find(user_id, key)


def create(user_id: str, key: Key, fields: Mapping[str, Any]) -> EntryAnswer:
    """Make an entry where none is; one that was deleted is made anew.

    Raises:
        PreconditionFailed: There is one.
        InvalidRequest: It does not fit its type, what it belongs to, or the other shots of its game.
        EntryBeingRemoved: What belonged to the deleted one is still being removed.
        AccountClosing: The account is being deleted, or was.
        ScorebookBusy: Others wrote all the time.
    """
    wanted = Wanted(user_id, key, "put", fields)

    def attempt() -> EntryAnswer:
        row = store.find_row(user_id, key)
        if row is not None and not row.deleted:
            raise PreconditionFailed(f"There is a {key[0]} of this id. Nothing was changed.")
        return _write(wanted, row)

    return _until_still(attempt)


def change(wanted: Wanted, versions: Versions) -> EntryAnswer:
    """Change, replace or delete an entry that is there.

    Raises:
        NotFound: It is not.
        PreconditionFailed: It is in another version.
        InvalidRequest: It would not fit its type, what it belongs to, or the other shots of its game.
        AccountClosing: The account is being deleted, or was.
        ScorebookBusy: Others wrote all the time.
    """

    def attempt() -> EntryAnswer:
        row = reading.find(wanted.user_id, wanted.key)
        require_version(row.ver, versions)
        return _write(wanted, row)

    return _until_still(attempt)


def _until_still(attempt: Any) -> EntryAnswer:
    for number in range(ATTEMPTS):
        try:
            answer: EntryAnswer = attempt()
        except _MovedError:
            time.sleep(wait(number))
            continue
        return answer
    raise ScorebookBusy.overloaded()


def _write(wanted: Wanted, row: Row | None) -> EntryAnswer:
    kind, entry_id = wanted.key
    base = 0 if row is None else row.ver
    fields = None if wanted.fields is None else dict(wanted.fields)
    checked = checked_change(SentChange(entry_id, kind, wanted.op, base, fields))
    if isinstance(checked, Rejection):
        raise _refusal(checked, kind)
    watch = _Watch(wanted.user_id, checked, row)
    written = write(wanted.user_id, [checked], guard=watch, known=() if row is None else (row,))
    if written.head.sweeping:
        jobs.send(jobs.Job(jobs.DESCENDANTS, wanted.user_id))
    return _answer(checked, row, written)


def _answer(change: Change, row: Row | None, written: Written) -> EntryAnswer:
    (outcome,) = written.outcomes
    if outcome.rejection is not None:
        raise _refusal(outcome.rejection, change.type)
    if outcome.status != "applied":
        raise _unexpected(outcome)
    after = outcome.row or row
    assert after is not None  # noqa: S101 - what is applied is there
    updated = after.updated if outcome.row is None else written.head.at
    return EntryAnswer(after.id, after.ver, moment_of(updated), dict(after.fields))


def _unexpected(outcome: Outcome) -> Problem:
    """Return the problem of a change that met a deletion on its way."""
    if outcome.status == "conflict":
        return EntryBeingRemoved("Try again in a moment, or use another id.")
    return PreconditionFailed("What this entry belongs to was deleted meanwhile. Nothing was changed.")


def _refusal(rejection: Rejection, kind: str) -> InvalidRequest:
    fixed = (FieldError(f"$.fields.{name}", "It keeps its value") for name in sorted(type_of(kind).fixed))
    return InvalidRequest(rejection.detail, errors=rejection.errors or tuple(fixed))


class _Watch:
    """Looks, before each try of a write, at what the change was decided on: its entry, and the shots of its game."""

    def __init__(self, user_id: str, change: Change, row: Row | None) -> None:
        self._user_id = user_id
        self._change = change
        self._row = row
        self._is_first = True

    def __call__(self, _: Head) -> None:
        # The first try fails by itself when the entry is not as it was read; a later one would merge into what came.
        if not self._is_first and _version(store.find_row(self._user_id, self._change.key)) != _version(self._row):
            raise _MovedError
        self._is_first = False
        if self._change.type == "shot" and self._change.op != "delete":
            self._look_at_game()

    def _look_at_game(self) -> None:
        before = self._row if self._row is not None and not self._row.deleted else None
        kept = before.fields if before is not None and self._change.op == "patch" else {}
        after = {**kept, **self._change.fields}
        if after.get("game_id") is None or (before is not None and not self._is_of_score(before, after)):
            return
        position = tree.below_game(tree.game_position(after["session_id"], after["game_id"]))
        found = [rows.read_row(item) for item in store.below(self._user_id, position)]
        others = [row.fields for row in found if row.type == "shot" and row.id != self._change.id]
        was = before.fields if before is not None and before.fields.get("game_id") == after["game_id"] else None
        errors = contradictions(after, was, others)
        if errors:
            detail = f"{errors[0].path}: {errors[0].detail} Nothing was changed."
            raise InvalidRequest(detail, errors=errors)

    def _is_of_score(self, before: Row, after: Mapping[str, Any]) -> bool:
        names = {*self._change.entry_type.score_fields, "game_id", "session_id"}
        return any(before.fields.get(name) != after.get(name) for name in names)


def _version(row: Row | None) -> int:
    return 0 if row is None else row.ver
