"""What becomes of a change: the table row by row, any two phones in any order, and whatever else there may be."""

import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.scorebook.changes import Change
from chalicelib.scorebook.field_checks import field_errors
from chalicelib.scorebook.merging import MOST_AHEAD, Outcome, Row, decide

NOW = 1_800_000_000_000_000
MINUTE = 60_000_000
SHOT: dict[str, Any] = {"session_id": "s", "shot_number": 2, "count": 3, "comment": "first"}


def shot(op: Any, base: int = 0, *, edited: Any = None, **fields: Any) -> Change:
    """Return a change of the shot."""
    return Change("x", "shot", op, base, fields, edited)


def row_at(ver: int, *, deleted: bool = False, vers: dict[str, int] | None = None, **fields: Any) -> Row:
    """Return the shot as the server has it, made a minute ago."""
    made = NOW - MINUTE
    times = dict.fromkeys(vers or {}, made)
    return Row("x", "shot", ver, 9, deleted, {**SHOT, **fields}, made, vers or {}, times)


def told(outcome: Outcome) -> tuple[str, int, bool]:
    """Return status, version and whether anything is written."""
    return outcome.status, outcome.ver, outcome.row is not None


OLD = row_at(3, vers={"count": 3}, count=5)
"""Of version 3, whose count changed last."""
GONE = row_at(4, deleted=True, vers={"count": 3}, count=5)
TABLE: dict[str, tuple[Change, Row | None, tuple[str, int, bool]]] = {
    "put, nothing there": (shot("put", **SHOT), None, ("applied", 1, True)),
    "put, the same fields": (shot("put", **SHOT), row_at(1), ("duplicate", 1, False)),
    "put, null for absent": (shot("put", **SHOT, lane=None), row_at(1), ("duplicate", 1, False)),
    "put, other fields": (shot("put", **{**SHOT, "count": 4}), row_at(1), ("merged", 2, True)),
    "put, other fields, made before": (
        shot("put", edited=NOW - 2 * MINUTE, **{**SHOT, "count": 4}),
        row_at(1),
        ("merged", 1, False),
    ),
    "put, a tombstone": (shot("put", **SHOT), GONE, ("conflict", 4, False)),
    "put with a base, nothing there": (shot("put", 2, **SHOT), None, ("applied", 1, True)),
    "put with a base, a tombstone seen": (shot("put", 4, **SHOT), GONE, ("applied", 5, True)),
    "put with a base, a tombstone not seen": (shot("put", 3, **{**SHOT, "count": 5}), GONE, ("merged", 4, False)),
    "patch, base is the version": (shot("patch", 3, count=6), OLD, ("applied", 4, True)),
    "patch, nothing new": (shot("patch", 3, count=5), OLD, ("applied", 3, False)),
    "patch, null where there is none": (shot("patch", 3, lane=None), OLD, ("applied", 4, True)),
    "patch, base older, disjoint": (shot("patch", 2, foul=True), OLD, ("merged", 4, True)),
    "patch, base older, a note": (
        shot("patch", 2, comment="mine"),
        row_at(3, vers={"comment": 3}, comment="theirs"),
        ("merged", 4, True),
    ),
    "patch, base older, a note made before": (
        shot("patch", 2, edited=NOW - 2 * MINUTE, comment="mine"),
        row_at(3, vers={"comment": 3}, comment="theirs"),
        ("merged", 3, False),
    ),
    "patch, base older, the same score field": (shot("patch", 2, count=6), OLD, ("conflict", 3, False)),
    "patch, base older, the same value": (shot("patch", 2, count=5), OLD, ("merged", 3, False)),
    "patch, base ahead, a score field": (shot("patch", 9, foul=True), OLD, ("conflict", 3, False)),
    "patch, base ahead, a note": (shot("patch", 9, comment="mine"), OLD, ("merged", 4, True)),
    "patch, a tombstone, a note": (shot("patch", 3, comment="mine"), GONE, ("merged", 5, True)),
    "patch, a tombstone, a score field": (shot("patch", 3, count=6), GONE, ("applied", 5, True)),
    "patch, a tombstone, the same score": (shot("patch", 3, count=5), GONE, ("merged", 4, False)),
    "patch, nothing there": (shot("patch", 1, count=6), None, ("rejected", 0, False)),
    "delete, live": (shot("delete"), OLD, ("applied", 4, True)),
    "delete, a tombstone": (shot("delete"), GONE, ("duplicate", 4, False)),
    "delete, nothing there": (shot("delete"), None, ("duplicate", 0, False)),
    "delete with its version": (shot("delete", 3), OLD, ("applied", 4, True)),
    "delete, older base, a score changed since": (shot("delete", 2), OLD, ("conflict", 3, False)),
    "delete, older base, a note changed since": (
        shot("delete", 2),
        row_at(3, vers={"comment": 3}),
        ("applied", 4, True),
    ),
    "delete, base ahead": (shot("delete", 9), OLD, ("conflict", 3, False)),
    "delete with a base, a tombstone": (shot("delete", 2), GONE, ("duplicate", 4, False)),
    "delete with a base, nothing there": (shot("delete", 2), None, ("duplicate", 0, False)),
}


@pytest.mark.parametrize(("change", "row", "expected"), TABLE.values(), ids=TABLE)
def test_the_table(change: Change, row: Row | None, expected: tuple[str, int, bool]) -> None:
    """Each row of the table: status, version, and whether anything is written."""
    assert told(decide(change, row, NOW)) == expected


def test_merged_and_conflict_show_what_is_there() -> None:
    """Both carry the server's row as it is afterwards; the others need none."""
    for change, row, (status, ver, _) in TABLE.values():
        outcome = decide(change, row, NOW)
        if status in ("merged", "conflict"):
            assert outcome.server is not None
            assert outcome.server.ver == ver
        else:
            assert outcome.server is None


def test_a_merge_takes_each_field_by_itself() -> None:
    """Of two puts of one entry, each field is the one that was edited later."""
    row = row_at(1, lane=7)
    before = decide(shot("put", edited=NOW - 2 * MINUTE, **{**SHOT, "lane": 9, "foul": True}), row, NOW)
    # The lane was set later than this put was made; that there was a foul is news, but was made before as well.
    assert told(before) == ("merged", 1, False)
    after = decide(shot("put", edited=NOW, **{**SHOT, "lane": 9, "foul": True}), row, NOW)
    assert after.row is not None
    assert dict(after.row.fields) == {**SHOT, "lane": 9, "foul": True}
    assert after.row.field_vers == {"lane": 2, "foul": 2}


def test_a_put_with_its_base_removes_what_it_does_not_hold() -> None:
    """A whole entry that names its base is a patch of all of its fields, those it lacks included."""
    fields = {"session_id": "s", "shot_number": 2, "count": 3}
    outcome = decide(shot("put", 1, **fields), row_at(1, lane=7), NOW)
    assert outcome.row is not None
    assert dict(outcome.row.fields) == fields
    assert outcome.row.field_vers == {"comment": 2, "lane": 2}


def test_a_put_of_an_older_base_removes_nothing_that_it_never_saw() -> None:
    """A note that another phone added since the base stays, however late the put was made; so does a changed one."""
    row = row_at(1, comment="seen")
    added = decide(Change("x", "shot", "patch", 1, {"lane": 7, "comment": "anew"}, NOW), row, NOW).row
    assert added is not None
    fields = {name: value for name, value in {**SHOT, "board": 17}.items() if name != "comment"}
    outcome = decide(shot("put", 1, edited=NOW + MINUTE, **fields), added, NOW + MINUTE)
    assert outcome.status == "merged"
    assert outcome.row is not None
    assert outcome.row.fields == {**added.fields, "board": 17}


def test_an_undeleted_entry_has_what_was_noted_meanwhile() -> None:
    """A note that reached a tombstone is kept with it, and comes back when an edit of the score undoes the deletion."""
    noted = decide(shot("patch", 3, comment="kept"), GONE, NOW).row
    assert noted is not None
    assert noted.deleted
    back = decide(shot("patch", 3, count=7), noted, NOW).row
    assert back is not None
    assert (back.deleted, back.fields["comment"], back.fields["count"]) == (False, "kept", 7)


def test_a_clock_ahead_wins_for_five_minutes() -> None:
    """An edit of next year counts as made in five minutes: one made after that is later."""
    row = decide(shot("put", edited=NOW + 10**15, **SHOT), None, NOW).row
    assert row is not None
    assert row.created == NOW + MOST_AHEAD
    later = NOW + MOST_AHEAD + 1
    outcome = decide(shot("put", edited=later, **{**SHOT, "comment": "later"}), row, later)
    assert told(outcome) == ("merged", 2, True)


def test_of_two_edits_of_one_moment_the_first_to_arrive_stays() -> None:
    """Only a later edit wins: for what both phones made, and for a note that both changed."""
    made = decide(shot("put", edited=NOW, **{**SHOT, "comment": "first"}), None, NOW).row
    assert made is not None
    noted = decide(shot("patch", 1, edited=NOW, comment="again"), made, NOW).row
    assert noted is not None
    assert told(decide(shot("put", edited=NOW, **{**SHOT, "comment": "second"}), made, NOW)) == ("merged", 1, False)
    assert told(decide(shot("patch", 1, edited=NOW, comment="second"), noted, NOW)) == ("merged", 2, False)
    assert told(decide(shot("patch", 1, edited=NOW + 1, comment="second"), noted, NOW)) == ("merged", 3, True)


def test_edits_that_are_right_alone_and_wrong_together_are_a_conflict() -> None:
    """One phone forgets the pins and keeps the count, the other forgets the count: nobody's is taken unasked."""
    row = row_at(2, vers={"count": 2}, count=None, pins_standing=3)
    outcome = decide(shot("patch", 1, pins_standing=None), row, NOW)
    assert told(outcome) == ("conflict", 2, False)


def test_a_patch_that_makes_an_entry_wrong_is_rejected() -> None:
    """A patch of the present version whose result does not hold together names the field."""
    outcome = decide(shot("patch", 1, count=None), row_at(1), NOW)
    assert outcome.status == "rejected"
    assert outcome.rejection is not None
    assert [error.path for error in outcome.rejection.errors] == ["$.fields.count"]


def test_a_game_stays_in_its_session() -> None:
    """A change of a game's session is rejected, by whichever op it comes."""
    row = Row("g", "game", 1, 1, deleted=False, fields={"session_id": "a", "game_number": 1}, created=NOW - MINUTE)
    moved = {"session_id": "b", "game_number": 1}
    for change in (
        Change("g", "game", "patch", 1, {"session_id": "b"}),
        Change("g", "game", "put", 1, moved),
        Change("g", "game", "put", 0, moved),
    ):
        outcome = decide(change, row, NOW)
        assert (outcome.status, outcome.row) == ("rejected", None)


# All interleavings of two phones, against a reference that keeps every version.

EDITS: dict[str, dict[str, Any] | None] = {"score": {"count": 0}, "note": {"comment": ""}, "delete": None}
VALUES = {"count": 4, "comment": "note"}


@dataclass
class _Version:
    fields: dict[str, Any]
    deleted: bool
    changed: set[str]


@dataclass
class _Reference:
    """The server as the words of the table have it: every version is kept, and what changed in it."""

    versions: list[_Version] = field(default_factory=lambda: [_Version(dict(SHOT), deleted=False, changed=set(SHOT))])

    @property
    def now(self) -> _Version:
        return self.versions[-1]

    def since(self, base: int) -> set[str]:
        return {name for version in self.versions[base:] for name in version.changed}

    def take(self, base: int, fields: dict[str, Any] | None) -> str:
        is_current = base == len(self.versions)
        if fields is None:
            return self._delete(base, is_current=is_current)
        new = {name: value for name, value in fields.items() if self.now.fields.get(name) != value}
        if self.now.deleted:
            # An edit of the score brings it back; in these runs every edit is later than those before it.
            status = "applied" if "count" in new else "merged"
            self._add(new, deleted="count" not in new)
            return status
        if not is_current and "count" in new and "count" in self.since(base):
            return "conflict"
        self._add(new, deleted=False)
        return "applied" if is_current else "merged"

    def _delete(self, base: int, *, is_current: bool) -> str:
        if self.now.deleted:
            return "duplicate"
        if not is_current and "count" in self.since(base):
            return "conflict"
        self.versions.append(_Version(dict(self.now.fields), deleted=True, changed=set()))
        return "applied"

    def _add(self, new: dict[str, Any], *, deleted: bool) -> None:
        if new:
            self.versions.append(_Version({**self.now.fields, **new}, deleted, set(new)))


def _run(order: tuple[int, ...], edits: tuple[tuple[str, ...], tuple[str, ...]], *, sees: bool) -> None:
    """Let two phones push their edits in an order; a phone knows what it was answered, and with `sees` all else."""
    row, reference = row_at(1), _Reference()
    bases, made = [1, 1], [0, 0]
    for step, phone in enumerate(order):
        kind = edits[phone][made[phone]]
        made[phone] += 1
        fields: dict[str, Any] | None = (
            None if EDITS[kind] is None else dict.fromkeys(EDITS[kind] or {}, f"{phone}{step}")
        )
        if fields and "count" in fields:
            fields = {"count": step}
        base = row.ver if sees and step % 2 else bases[phone]
        change = Change("x", "shot", "delete" if fields is None else "patch", base, fields or {}, NOW + step + 1)
        outcome = decide(change, row, NOW + MINUTE)
        assert outcome.status == reference.take(base, fields), (order, edits, step)
        if outcome.row is not None:
            replaced = {name for name in ("count",) if outcome.row.fields[name] != row.fields[name]}
            # No acknowledged score is replaced by someone who did not know it, unless it was deleted.
            assert row.deleted or all(row.changed_in(name) <= base for name in replaced)
            row = outcome.row
        bases[phone] = outcome.ver
        assert dict(row.fields) == reference.now.fields
        assert (row.deleted, row.ver) == (reference.now.deleted, len(reference.versions))


ORDERS = sorted(set(itertools.permutations((0, 0, 0, 1, 1, 1))))


@pytest.mark.parametrize("sees", [False, True])
def test_all_interleavings_of_two_phones(*, sees: bool) -> None:
    """Two phones with three edits each on one entry, in all orders and of all kinds, end as the reference says."""
    runs = 0
    kinds = list(itertools.product(EDITS, repeat=3))
    for order in ORDERS:
        for one, other in itertools.product(kinds, kinds):
            _run(order, (one, other), sees=sees)
            runs += 1
    assert (len(ORDERS), runs) == (20, 20 * 27 * 27)


FIELDS = st.fixed_dictionaries(
    {"session_id": st.just("s"), "shot_number": st.integers(2, 3), "count": st.integers(0, 10)},
    optional={"comment": st.sampled_from(["a", "b", None]), "foul": st.booleans(), "lane": st.integers(0, 9)},
)
CHANGES = st.one_of(
    st.builds(
        lambda fields, base, edited: Change("x", "shot", "put", base, fields, edited),
        FIELDS,
        st.integers(0, 9),
        st.none() | st.integers(NOW - 5, NOW + 5),
    ),
    st.builds(
        lambda fields, names, base, edited: Change(
            "x", "shot", "patch", base, {name: fields[name] for name in fields if name in names}, edited
        ),
        FIELDS,
        st.sets(st.sampled_from(["count", "comment", "foul", "lane", "shot_number"])),
        st.integers(0, 9),
        st.none() | st.integers(NOW - 5, NOW + 5),
    ),
    st.builds(lambda base: Change("x", "shot", "delete", base), st.integers(0, 9)),
)


def _put(base: int, **fields: Any) -> Change:
    return Change("x", "shot", "put", base, {"session_id": "s", "shot_number": 2, **fields})


@given(st.lists(CHANGES, max_size=12))
@example(
    [_put(0, count=0), _put(1, count=0, comment="a"), _put(1, count=1), Change("x", "shot", "delete"), _put(5, count=0)]
)
def test_whatever_comes_an_entry_stays_whole(changes: list[Change]) -> None:
    """Versions go up by one, every row is valid, and the same change once more never makes a second effect."""
    row: Row | None = None
    for change in changes:
        outcome = decide(change, row, NOW)
        if outcome.row is not None:
            assert outcome.row.ver == (1 if row is None else row.ver + 1) == outcome.ver
            assert field_errors(change.entry_type, outcome.row.fields, is_whole=True) == ()
            # A base ahead of the server may name by chance the very version that its change makes.
            is_ahead = change.base > (0 if row is None else row.ver)
            row = outcome.row
            again = decide(change, row, NOW)
            if again.row is not None and not is_ahead:
                # Only its own deletion, undone in between, can be done again; here nothing came in between.
                assert (again.row.fields, again.row.deleted) == (row.fields, row.deleted)
        else:
            assert outcome.ver == (0 if row is None else row.ver)


@given(st.lists(CHANGES, max_size=6), st.integers(0, 9), st.integers(0, 10))
def test_a_conflict_writes_nothing_and_a_score_is_never_merged_over(
    changes: list[Change], base: int, count: int
) -> None:
    """A patch of a count that changed since its base is a conflict, unless both say the same or it was deleted."""
    row: Row | None = None
    for change in changes:
        row = decide(change, row, NOW).row or row
    outcome = decide(Change("x", "shot", "patch", base, {"count": count}), row, NOW)
    if row is not None and not row.deleted and base != row.ver and row.fields["count"] != count:
        is_since = base > row.ver or row.changed_in("count") > base
        assert (outcome.status == "conflict") is is_since
        assert (outcome.row is None) is is_since
