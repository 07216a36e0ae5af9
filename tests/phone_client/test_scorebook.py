"""Entries written and read on the phone: each edit with what has to be sent, and nothing that the server refuses."""

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from phone_client.database import Database, entries, outbox
from phone_client.database.outbox import Change
from phone_client.scorebook import EntryError, Ids, Scorebook

SHOT: dict[str, Any] = {"session_id": "s1", "shot_number": 1, "count": 8}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A new phone."""
    with Database(tmp_path / "scorebook.db") as database:
        yield database


@pytest.fixture
def book(database: Database) -> Scorebook:
    """Its scorebook."""
    return Scorebook(database)


def _waiting(database: Database) -> list[tuple[str, str, str, dict[str, Any]]]:
    with database.reading() as db:
        changes = outbox.ready(db, 1000)
        rows = [entries.by_number(db, change.entry) for change in changes]
        return [(change.op, row.type, row.id, change.fields) for change, row in zip(changes, rows, strict=True)]


def test_a_new_entry_is_there_and_waits_to_be_sent(database: Database, book: Scorebook) -> None:
    """What was added is read back as it was, and its change is in the outbox; a None is no value."""
    ball = book.add("ball", name="Phaze II", weight_lb=15, comment=None)
    found = book.get("ball", ball)
    assert found is not None
    assert (found.fields, found.ver, found.is_unsent) == ({"name": "Phaze II", "weight_lb": 15}, 0, True)
    assert _waiting(database) == [("put", "ball", ball, {"name": "Phaze II", "weight_lb": 15})]


def test_edits_of_an_entry_that_was_never_sent_are_one_change(database: Database, book: Scorebook) -> None:
    """However often it was edited, the server is told once, what it is in the end; deleted, nothing at all."""
    book.add("ball", "b1", name="Phaze II", colour="blue")
    assert book.change("ball", "b1", {"colour": "red"})
    assert book.change("ball", "b1", {"colour": None, "weight_lb": 14.5})
    assert not book.change("ball", "b1", {"weight_lb": 14.5})
    assert _waiting(database) == [("put", "ball", "b1", {"name": "Phaze II", "weight_lb": 14.5})]
    book.delete("ball", "b1")
    assert _waiting(database) == []
    assert book.get("ball", "b1") is None


def test_replacing_takes_away_what_is_not_said(book: Scorebook) -> None:
    """An entry that is replaced holds exactly what was said."""
    book.add("ball", "b1", name="Phaze II", colour="blue")
    book.replace("ball", "b1", {"name": "Hy-Road"})
    found = book.get("ball", "b1")
    assert found is not None
    assert found.fields == {"name": "Hy-Road"}


def test_a_deleted_session_takes_with_it_what_stands_below(database: Database, book: Scorebook) -> None:
    """Games, frames and shots of a deleted session are gone at once, those of another one stay, and nothing is sent."""
    for at in ("1", "2"):
        book.add("session", f"s{at}", started_at="2026-11-24T18:00:00Z")
        book.add("game", f"g{at}", session_id=f"s{at}", game_number=1)
        book.add("frame", f"f{at}", game_id=f"g{at}", frame_number=1)
        book.add("shot", f"h{at}", session_id=f"s{at}", game_id=f"g{at}", frame_number=1, shot_number=1, count=3)
    book.delete("session", "s1")
    shown = [entry.id for kind in ("session", "game", "frame", "shot") for entry in book.every(kind)]
    assert shown == ["s2", "g2", "f2", "h2"]
    assert [entry_id for _, _, entry_id, _ in _waiting(database)] == ["s2", "g2", "f2", "h2"]
    with pytest.raises(EntryError):
        book.change("shot", "h1", {"count": 4})


def test_all_or_none_are_added(database: Database, book: Scorebook) -> None:
    """When the last of several entries cannot be written, none is."""
    with pytest.raises(EntryError):
        book.add_all([("shot", None, SHOT), ("shot", None, {**SHOT, "count": 11})])
    assert book.every("shot") == []
    assert _waiting(database) == []


@pytest.mark.parametrize(
    ("type_name", "fields", "told"),
    [
        ("ball", {}, "needs name"),
        ("ball", {"name": ""}, "1 to 128 characters"),
        ("ball", {"name": "x" * 129}, "1 to 128 characters"),
        ("ball", {"name": "\ud800"}, "no valid Unicode"),
        ("ball", {"name": "x", "weight_lb": 20.5}, "from 0 to 20"),
        ("ball", {"name": "x", "weight_lb": float("nan")}, "from 0 to 20"),
        ("ball", {"name": "x", "weight_lb": True}, "is a number"),
        ("ball", {"name": "x", "smell": "rubber"}, "no field smell"),
        ("event", {"name": "x", "kind": "party"}, "league, tournament, practice"),
        ("session", {"started_at": "2026-11-24T18:00:00"}, "with its offset"),
        ("session", {"started_at": "2026-11-24T18:00:00Z", "event_id": "a/b"}, "id of an entry"),
        ("game", {"session_id": "s1", "game_number": 1.5}, "whole number"),
        ("game", {"session_id": "s1", "game_number": 1, "won": 1}, "true or false"),
        ("shot", {"session_id": "s1", "shot_number": 1}, "pins_standing or count"),
        ("shot", {**SHOT, "game_id": "g1"}, "needs frame_number"),
        ("shot", {**SHOT, "pins_standing": 0b111}, "7 have fallen"),
        ("shot", {**SHOT, "shot_number": 2, "pins_standing": 0b111}, "7 have fallen"),
        ("shot", {**SHOT, "pins_standing": 1024}, "from 0 to 1023"),
        ("capture", {}, "by the server only"),
        ("trophy", {}, "no entries of type"),
    ],
)
def test_what_the_server_would_refuse_is_refused_at_once(
    database: Database, book: Scorebook, type_name: str, fields: dict[str, Any], told: str
) -> None:
    """A wrong field is named on the spot, and nothing is written."""
    with pytest.raises(EntryError, match=told):
        book.add(type_name, **fields)
    assert _waiting(database) == []


def test_an_entry_is_not_added_twice_nor_moved(book: Scorebook) -> None:
    """An id that is taken is refused, and so is what stays for good: a game's session."""
    book.add("game", "g1", session_id="s1", game_number=1)
    with pytest.raises(EntryError, match="already"):
        book.add("game", "g1", session_id="s1", game_number=1)
    with pytest.raises(EntryError, match="stays as it is"):
        book.change("game", "g1", {"session_id": "s2"})


def test_ids_are_uuids_of_version_7() -> None:
    """They carry the time in milliseconds, the version and the variant, and come in the order of their times."""
    clock_s = iter((1_790_000_000.123, 1_790_000_000.124))
    made = [uuid.UUID(Ids(lambda: next(clock_s), lambda count: b"\xff" * count).new()) for _ in range(2)]
    assert [(each.version, each.variant) for each in made] == [(7, uuid.RFC_4122)] * 2
    assert made[0].int >> 80 == 1_790_000_000_123
    assert made[0] < made[1]


def test_an_edit_wakes_whoever_waits_for_one(database: Database) -> None:
    """Each edit tells, after it is on the disk."""
    told: list[int] = []
    reader = Scorebook(database)
    book = Scorebook(database, on_edit=lambda: told.append(reader.unsent()))
    book.add("ball", "b1", name="Phaze II")
    book.add("ball", "b2", name="Hy-Road")
    book.delete("ball", "b1")
    assert told == [1, 2, 1]


def test_threads_and_programs_share_a_phone(database: Database, book: Scorebook) -> None:
    """Four threads and another connection to the same file add entries at once, and none is lost."""
    with Database(database.path) as other:
        books = [book, book, Scorebook(other), Scorebook(other)]
        threads = [
            threading.Thread(target=lambda at=at, each=each: [each.add("ball", name=f"{at}") for _ in range(25)])
            for at, each in enumerate(books)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(book.every("ball")) == book.unsent() == 100


def test_a_change_holds_its_nulls() -> None:
    """A None in a change takes a field away, and is no value in what the user sees."""
    assert Change(1, "patch", "", {"colour": None, "name": "b"}).onto({"colour": "red", "lane": 3}) == {
        "name": "b",
        "lane": 3,
    }


def test_a_list_costs_what_it_lists_however_much_is_unsent(database: Database, book: Scorebook) -> None:
    """Whether an entry is unsent is looked up: ten times the unsent entries are ten times the work, not a hundred."""

    def work() -> int:
        steps = [0]

        def count() -> None:
            steps[0] += 1

        with database.reading() as db:
            db.set_progress_handler(count, 100)
        listed = book.every("ball")
        with database.reading() as db:
            db.set_progress_handler(None, 100)
        assert all(ball.is_unsent for ball in listed)
        return steps[0]

    book.add_all([("ball", None, {"name": "Spare"}) for _ in range(100)])
    few = work()
    book.add_all([("ball", None, {"name": "Spare"}) for _ in range(900)])
    assert work() < 20 * few
