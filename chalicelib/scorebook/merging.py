"""What becomes of a change: the table of docs/decisions/0022-scorebook-and-sync.md. Pure.

A change meets what the server has. Two changes of one score field made without knowledge of each other are a conflict,
which a person decides; of anything else the later edit stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from chalicelib.scorebook.changes import INVALID, Change, Rejection
from chalicelib.scorebook.entry_types import type_of
from chalicelib.scorebook.field_checks import field_errors

MICROS = 1_000_000
MOST_AHEAD = 5 * 60 * MICROS
"""No edit counts as made more than 5 minutes after the server's time: a clock that is ahead wins no longer."""
Status = Literal["applied", "duplicate", "merged", "conflict", "rejected"]
NOTHING_THERE = "nothing-there"
FIXED = "fixed-field"


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as the server has it.

    Attributes:
        id: Its id.
        type: Its type.
        ver: Its version, 1 when it was made.
        seq: Where it stands in the feed.
        deleted: Whether it is a tombstone, which keeps the fields for whoever undoes the deletion.
        fields: The fields, exactly as they were sent.
        created: When the edit was made that made it, in microseconds since 1970.
        field_vers: The version at which a field last changed; 1 for those that are not named.
        field_times: When the edit was made that last changed a field; `created` for those that are not named.
        updated: When the server last wrote it, in microseconds since 1970.
        tree: Its position in the tree of sessions; None for what is in none.
        expires_s: When a tombstone goes, in seconds since 1970.
    """

    id: str
    type: str
    ver: int
    seq: int
    deleted: bool
    fields: Mapping[str, Any]
    created: int
    field_vers: Mapping[str, int] = field(default_factory=dict)
    field_times: Mapping[str, int] = field(default_factory=dict)
    updated: int = 0
    tree: str | None = None
    expires_s: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Which entry it is: type and id."""
        return self.type, self.id

    def changed_in(self, name: str) -> int:
        """Return the version at which a field last changed."""
        return self.field_vers.get(name, 1)

    def edited(self, name: str) -> int:
        """Return when the edit was made that last changed a field."""
        return self.field_times.get(name, self.created)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a change.

    Attributes:
        status: What is answered.
        ver: The entry's version afterwards; 0 when there is none.
        server: The entry as it is afterwards, for `merged` and `conflict`.
        rejection: Why it was rejected.
        row: What is to be written; None when nothing is. Its `seq`, `tree` and `updated` are for the writer to set.
    """

    status: Status
    ver: int
    server: Row | None = None
    rejection: Rejection | None = None
    row: Row | None = None


def decide(change: Change, row: Row | None, now: int) -> Outcome:
    """Return what becomes of a change.

    Args:
        change: The change, judged by itself already.
        row: What the server has, None for nothing.
        now: The server's time, in microseconds since 1970.
    """
    edited = min(now if change.edited is None else change.edited, now + MOST_AHEAD)
    match change.op:
        case "delete":
            return _delete(change, row)
        case "put" if row is None:
            return _made(change, edited)
    if row is None:
        return _rejected(NOTHING_THERE, "There is no such entry. Send all of its fields as a put without base_ver.", 0)
    if change.op == "put" and change.base == 0:
        return _put_new(change, row, edited)
    return _edit(change, row, edited)


def is_same(one: Any, other: Any) -> bool:
    """Return whether two values of a field say the same; null says the same as an absent one."""
    return bool(one == other)


def _made(change: Change, edited: int) -> Outcome:
    row = Row(change.id, change.type, 1, 0, deleted=False, fields=dict(change.fields), created=edited)
    return Outcome("applied", 1, row=row)


def _put_new(change: Change, row: Row, edited: int) -> Outcome:
    """Decide about an entry that the client takes for new, and that is there."""
    if row.deleted:
        return Outcome("conflict", row.ver, server=row)
    differing = [name for name in dict.fromkeys([*row.fields, *change.fields]) if _differs(change, row, name)]
    if not differing:
        return Outcome("duplicate", row.ver)
    taken = [name for name in differing if name in change.fields and edited > row.edited(name)]
    return _merged(change, row, taken, edited)


def _delete(change: Change, row: Row | None) -> Outcome:
    if row is None or row.deleted:
        return Outcome("duplicate", 0 if row is None else row.ver)
    if change.base not in (0, row.ver) and any(_changed_since(change, row, name) for name in _scores_of(change, row)):
        return Outcome("conflict", row.ver, server=row)
    return Outcome("applied", row.ver + 1, row=replace(row, ver=row.ver + 1, deleted=True))


def _scores_of(change: Change, row: Row) -> frozenset[str]:
    return change.entry_type.score_fields & {*row.fields, *row.field_vers}


def _edit(change: Change, row: Row, edited: int) -> Outcome:
    """Decide about a patch, or a put that names its base: a patch that also removes what it does not hold."""
    if change.base == row.ver:
        if row.deleted and change.op == "put":
            return _undeleted(change, row, _all_of(change, row), edited)
        if not row.deleted:
            return _applied(change, row, _all_of(change, row), edited)
    if row.deleted:
        return _edit_deleted(change, row, edited)
    return _edit_older(change, row, edited)


def _all_of(change: Change, row: Row) -> list[str]:
    """Return the fields that a change speaks of and that are not exactly as it says."""
    named = dict.fromkeys([*change.fields, *(row.fields if change.op == "put" else ())])
    return [name for name in named if not _is_exact(change, row, name)]


def _edit_older(change: Change, row: Row, edited: int) -> Outcome:
    differing = [name for name in _all_of(change, row) if _differs(change, row, name)]
    if any(name in change.entry_type.score_fields and _changed_since(change, row, name) for name in differing):
        return Outcome("conflict", row.ver, server=row)
    return _merged(change, row, [name for name in differing if _wins(change, row, name, edited)], edited)


def _edit_deleted(change: Change, row: Row, edited: int) -> Outcome:
    """Decide about an edit of what was deleted: one of the score brings it back, a note is kept with the tombstone."""
    differing = [name for name in _all_of(change, row) if _differs(change, row, name)]
    scores = change.entry_type.score_fields
    taken = [name for name in differing if name in scores or _wins(change, row, name, edited)]
    return (_undeleted if scores & set(differing) else _merged)(change, row, taken, edited)


def _wins(change: Change, row: Row, name: str, edited: int) -> bool:
    """Return whether a change's value of a field stays: that nobody else wrote meanwhile, or that is the later one."""
    # What a put does not hold it may never have seen: it takes away nothing that was written since its base.
    return not _changed_since(change, row, name) or (name in change.fields and edited > row.edited(name))


def _applied(change: Change, row: Row, taken: list[str], edited: int) -> Outcome:
    if not taken:
        return Outcome("applied", row.ver)
    after = _after(change, row, taken, edited)
    return _refused(change, row, after) or Outcome("applied", after.ver, row=after)


def _undeleted(change: Change, row: Row, taken: list[str], edited: int) -> Outcome:
    after = replace(_after(change, row, taken, edited), deleted=False, expires_s=None)
    return _refused(change, row, after) or Outcome("applied", after.ver, row=after)


def _merged(change: Change, row: Row, taken: list[str], edited: int) -> Outcome:
    if not taken:
        return Outcome("merged", row.ver, server=row)
    after = _after(change, row, taken, edited)
    if _is_fixed(row, after):
        return _fixed(row)
    if _errors(change, after):
        # Each edit was right by itself, and together they are not: a person decides.
        return Outcome("conflict", row.ver, server=row)
    return Outcome("merged", after.ver, server=after, row=after)


def _refused(change: Change, row: Row, after: Row) -> Outcome | None:
    if _is_fixed(row, after):
        return _fixed(row)
    errors = _errors(change, after)
    if not errors:
        return None
    detail = f"{errors[0].path}: {errors[0].detail}. Nothing was changed; correct it and send it again."
    return Outcome("rejected", row.ver, rejection=Rejection(INVALID, detail, errors))


def _errors(change: Change, after: Row) -> Any:
    return field_errors(change.entry_type, after.fields, is_whole=True)


def _is_fixed(row: Row, after: Row) -> bool:
    return any(not is_same(row.fields.get(name), after.fields.get(name)) for name in type_of(row.type).fixed)


def _fixed(row: Row) -> Outcome:
    detail = "A game stays in its session. Nothing was changed; to move it, delete it and make it anew."
    return _rejected(FIXED, detail, row.ver)


def _rejected(kind: str, detail: str, ver: int) -> Outcome:
    return Outcome("rejected", ver, rejection=Rejection(kind, detail))


def _after(change: Change, row: Row, taken: list[str], edited: int) -> Row:
    """Return the row with some fields as the change has them."""
    fields = dict(row.fields)
    for name in taken:
        if name in change.fields:
            fields[name] = change.fields[name]
        else:
            fields.pop(name, None)
    ver = row.ver + 1
    vers = {**row.field_vers, **dict.fromkeys(taken, ver)}
    times = {**row.field_times, **dict.fromkeys(taken, edited)}
    return replace(row, ver=ver, fields=fields, field_vers=vers, field_times=times)


def _differs(change: Change, row: Row, name: str) -> bool:
    return not is_same(change.fields.get(name), row.fields.get(name))


def _is_exact(change: Change, row: Row, name: str) -> bool:
    mine, theirs = change.fields.get(name), row.fields.get(name)
    return (name in change.fields) == (name in row.fields) and type(mine) is type(theirs) and is_same(mine, theirs)


def _changed_since(change: Change, row: Row, name: str) -> bool:
    # A base that is ahead of the server is of another history: nothing is known to be as the client thinks.
    return change.base > row.ver or row.changed_in(name) > change.base
