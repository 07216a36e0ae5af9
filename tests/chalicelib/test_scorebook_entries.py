"""Entries by themselves: times, types, positions in the tree, cursors, checksums, and what is remembered of a push."""

import itertools
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import InvalidQuery
from chalicelib.scorebook import batches, cursor, rows, tree
from chalicelib.scorebook.changes import Change, Rejection, names_of, read_change
from chalicelib.scorebook.checksum import checksum_of
from chalicelib.scorebook.entry_types import ENTRY_TYPES
from chalicelib.scorebook.merging import Outcome, Row
from chalicelib.scorebook.moments import micros_of, moment_of, read_moment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24T19:03:20Z", datetime(2026, 11, 24, 19, 3, 20, tzinfo=UTC)),
        ("2026-11-24t19:03:20z", datetime(2026, 11, 24, 19, 3, 20, tzinfo=UTC)),
        ("2026-11-24 19:03:20.5+01:00", datetime(2026, 11, 24, 18, 3, 20, 500_000, tzinfo=UTC)),
        ("2026-11-24T19:03:20.123456789-23:59", datetime(2026, 11, 25, 19, 2, 20, 123_456, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times_of_rfc_3339_are_read(text: str, expected: datetime) -> None:
    """Small letters, a space, any number of digits, any offset, and a leap second."""
    assert read_moment(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-24",
        "2026-11-24T19:03:20",
        "2026-11-24T19:03Z",
        "2026-11-24T24:00:00Z",
        "2026-13-24T19:03:20Z",
        "2026-02-30T19:03:20Z",
        "2026-11-24T19:03:61Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2026-11-24T19:03:20Z\n",
        "2026-11-24T19:03:20+25:00",
        "\uff12026-11-24T19:03:20Z",
        "2026-11-24T19:03:20." + "1" * 30 + "Z",
    ],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    """Neither a form that RFC 3339 does not have nor a day that the calendar does not have is a time."""
    with pytest.raises(ValueError, match=r"Expected a time|no such moment"):
        read_moment(text)


@given(st.datetimes(timezones=st.just(UTC)))
def test_microseconds_lead_back(moment: datetime) -> None:
    """A time is the same after it was kept as a number."""
    assert moment_of(micros_of(moment)) == moment


def test_the_types_are_those_of_the_contract() -> None:
    """Names, plurals and score fields; each parent and reference is a field of its type and leads to a type."""
    assert {each.plural: each.score_fields for each in ENTRY_TYPES.values()} == {
        "balls": frozenset(),
        "establishments": frozenset(),
        "events": frozenset(),
        "sessions": frozenset(),
        "games": {"entered_score"},
        "frames": frozenset(),
        "shots": {"pins_standing", "count", "foul", "frame_number", "shot_number"},
    }
    for each in ENTRY_TYPES.values():
        links = {**each.parents, **each.references}
        assert {*links, *each.score_fields, *each.fixed} <= set(each.fields.__struct_fields__)
        assert all(ENTRY_TYPES[kind].rank < each.rank for kind in links.values())


@given(st.binary(max_size=200) | st.recursive(st.none(), st.lists).map(msgspec.json.encode))
def test_whatever_is_sent_is_a_change_or_a_rejection(raw: bytes) -> None:
    """No bytes make anything else happen, and what names them is text."""
    assert isinstance(read_change(raw), Change | Rejection)
    assert all(len(name) <= 64 for name in names_of(raw))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = sorted({name for each in ENTRY_TYPES.values() for name in each.fields.__struct_fields__})


@given(
    st.sampled_from([*ENTRY_TYPES, "capture"]),
    st.sampled_from(["put", "patch", "delete"]),
    st.dictionaries(st.sampled_from(NAMES), JSON, max_size=8),
    JSON,
)
def test_any_fields_are_taken_whole_or_refused(kind: str, op: str, fields: dict[str, Any], base: Any) -> None:
    """A change keeps exactly the fields that were sent; each error names a field of the change."""
    sent = {"id": "a", "type": kind, "op": op, "base_ver": base, "fields": fields}
    change = read_change(msgspec.json.encode(sent))
    if isinstance(change, Change):
        assert change.fields == fields
    else:
        assert change.errors
        assert all(error.path.split(".")[1] in sent for error in change.errors)


def test_text_that_is_no_unicode_is_refused() -> None:
    """Bytes that are no UTF-8 are a rejection of their change."""
    assert isinstance(read_change(b'{"id":"a","type":"ball","op":"put","fields":{"name":"\xff"}}'), Rejection)


def test_sessions_sort_by_time_and_hold_together() -> None:
    """Sessions stand in the order of their beginning, whatever the offset; below each stand its games and shots."""
    early = tree.session_position("b", "2026-11-24T19:00:00+02:00")
    late = tree.session_position("a", "2026-11-24T18:00:00.5Z")
    assert early < late
    game = tree.game_position("s", "g")
    shots = [
        tree.shot_position({"session_id": "s", "game_id": "g", "frame_number": frame, "shot_number": shot})
        for frame, shot in itertools.product((1, 2, 10), (1, 2, 3))
    ]
    loose = tree.shot_position({"session_id": "s", "shot_number": 1})
    frame = tree.frame_position(game, 2)
    assert [loose, game, *shots[:3], frame, *shots[3:]] == sorted([*shots, frame, game, loose])
    assert all(position.startswith(tree.below_session("s")) for position in (loose, game, frame, *shots))
    assert all(position.startswith(tree.below_game(game)) for position in (frame, *shots))
    assert not loose.startswith(tree.below_game(game))


ROWS = st.builds(
    Row,
    id=st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True),
    type=st.sampled_from(list(ENTRY_TYPES)),
    ver=st.integers(1, 2**53),
    seq=st.integers(1, 2**53),
    deleted=st.booleans(),
    fields=st.dictionaries(st.text(max_size=5), JSON, max_size=4),
    created=st.integers(0, 2**53),
    field_vers=st.dictionaries(st.text(min_size=1, max_size=3), st.integers(1, 99), max_size=3),
    field_times=st.dictionaries(st.text(min_size=1, max_size=3), st.integers(0, 2**53), max_size=3),
    updated=st.integers(0, 2**53),
    tree=st.none() | st.just("2#s#g"),
    expires_s=st.none() | st.integers(0, 2**40),
)


@given(ROWS)
def test_a_row_is_the_same_from_its_item(row: Row) -> None:
    """Every value of every type comes back as it was."""
    assert rows.read_row(rows.row_item("u", row)) == row


@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda data: cursor.encode(data.hex()[:32], 1, 1)))
def test_any_text_is_a_cursor_or_a_problem(text: str) -> None:
    """Nothing else happens."""
    try:
        found = cursor.decode(text)
    except InvalidQuery:
        return
    assert found.seq >= 0


def test_a_cursor_leads_back() -> None:
    """Epoch, sequence and day; at 180 days it is too old, a day before it is not."""
    day_s = 24 * 3600
    found = cursor.decode(cursor.encode("ab12", 7, 1000 * day_s))
    assert (found.epoch, found.seq) == ("ab12", 7)
    assert not found.is_too_old(1179 * day_s)
    assert found.is_too_old(1180 * day_s)


def test_the_checksum_is_that_of_the_protocol() -> None:
    """SHA-256 over the lines `id:ver`, sorted by id and joined by newlines: the first 16 hex digits."""
    assert checksum_of([]) == "e3b0c44298fc1c14"
    assert checksum_of([("b", 2), ("a", 11)]) == checksum_of([("a", 11), ("b", 2)]) == "56ffdd5e5b20f379"


def test_what_is_remembered_of_a_push_has_room_in_an_item() -> None:
    """250 outcomes, all of them rejected with long words, come back and take less than 400 KB."""
    long = Rejection("parent-missing", "d" * 500, ())
    outcomes = [Outcome("rejected", 0, rejection=long)] * 249 + [Outcome("merged", 12)]
    text = batches.remember(outcomes)
    assert len(text) < 300_000
    assert batches.recall(text) == outcomes


def test_a_digest_tells_contents_apart() -> None:
    """Spaces and the order of names do not matter; values, order and borders of changes do."""
    same: tuple[list[bytes], ...] = [b'{"id": "a", "n": 1}'], [b'{"n":1,"id":"a"}']
    other: tuple[list[bytes], ...] = [b'{"id":"a","n":2}'], [b'{"id":"a"}', b'{"n":1}'], [], [b"\xff"]
    assert batches.digest_of(same[0]) == batches.digest_of(same[1])
    assert len({batches.digest_of(each) for each in (same[0], *other)}) == 5
