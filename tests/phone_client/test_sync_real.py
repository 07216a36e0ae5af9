"""Phones against the real controller: the same simulation, and every value through all engines and back."""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phone_client.database import ENTRY_TYPES
from tests.api import Bowler
from tests.phone_client.phones import Phone
from tests.phone_client.real_server import RealServer
from tests.phone_client.sync_simulation import Simulation
from tests.phone_client.values import WRITTEN_TYPES, fields_of, parents, round_trip

LONGEST_S = 60.0
SEEDS = int(os.environ.get("REAL_SYNC_SEEDS", "4"))
"""At full size 20."""


@pytest.fixture
def real_server(bowler: Bowler) -> Iterator[RealServer]:
    """The real server, of a new user."""
    server = RealServer(bowler)
    yield server
    server.close()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(SEEDS))
def test_all_phones_agree_with_the_real_server(seed: int, tmp_path: Path, real_server: RealServer) -> None:
    """Loss, doubling, delay, kills and clocks a day off before the real controller: nothing lost, nothing twice."""
    report = Simulation(seed, tmp_path, real_server, operations=100).run()
    assert report.failures == []
    assert report.entries > 5


@pytest.fixture
def two_phones(tmp_path: Path, real_server: RealServer) -> Iterator[tuple[Phone, Phone]]:
    """Two phones of that user."""
    chances = [random.Random(number) for number in range(2)]  # noqa: S311 - the same in every run
    one, other = (
        Phone(number, tmp_path / str(number), real_server, chance, lambda: real_server.now_s)
        for number, chance in enumerate(chances)
    )
    yield one, other
    one.close()
    other.close()


def test_a_patch_and_a_deletion_reach_the_other_phone(two_phones: tuple[Phone, Phone]) -> None:
    """Through the real controller an edit, a null and a deletion with all below it arrive as they were made."""
    one, other = two_phones
    links = parents(one)
    place = {"session_id": links["session_id"], "game_id": links["game_id"]}
    one.book.add("shot", **place, frame_number=1, shot_number=1, count=3)
    one.sync()
    one.book.change("event", links["event_id"], {"location": "Lane 7", "name": "Fridays"})
    one.sync()
    one.book.change("event", links["event_id"], {"location": None})
    one.book.delete("session", links["session_id"])
    one.sync()
    # What stands below goes in the background: until then the other phone still has it.
    give_up_at_s = time.monotonic() + LONGEST_S
    while other.sync().is_same and len(other.shown()) > 1:
        assert time.monotonic() < give_up_at_s, other.shown()
    assert one.shown() == other.shown() == {("event", links["event_id"]): {"name": "Fridays", "kind": "league"}}
    assert one.decisions.every() == []


def test_a_zero_keeps_its_sign_through_the_real_server(two_phones: tuple[Phone, Phone]) -> None:
    """-0.0 is a number like any other to SQLite, JSON and DynamoDB: it comes back with its sign."""
    one, other = two_phones
    assert round_trip(ENTRY_TYPES["ball"], {"name": "x", "weight_lb": -0.0, "rg_in": 0.0}, one, other, Phone.sync)


@pytest.mark.long
def test_values_come_back_through_the_real_server(two_phones: tuple[Phone, Phone]) -> None:
    """Whatever a field may hold: SQLite, JSON, DynamoDB, JSON, SQLite, and it is what it was."""
    one, other = two_phones
    links = parents(one)
    written = 0

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.data())
    def check(data: st.DataObject) -> None:
        nonlocal written
        kind = data.draw(st.sampled_from(WRITTEN_TYPES))
        written += round_trip(kind, data.draw(fields_of(kind, links)), one, other, Phone.sync)

    check()
    assert written > 20


def test_an_entry_that_comes_back_comes_with_what_this_phone_had_not_seen(two_phones: tuple[Phone, Phone]) -> None:
    """A score brings back what the other phone noted in and then deleted: both phones show the note as well."""
    one, other = two_phones
    session = one.book.add("session", started_at="2026-11-24T18:00:00Z")
    shot = one.book.add("shot", session_id=session, shot_number=1, count=3)
    one.sync()
    other.sync()
    other.book.change("shot", shot, {"comment": "late"})
    other.sync()
    other.book.delete("shot", shot)
    other.sync()
    one.book.change("shot", shot, {"count": 7})
    one.sync()
    other.sync()
    assert one.shown()["shot", shot] == {"session_id": session, "shot_number": 1, "count": 7, "comment": "late"}
    assert one.shown() == other.shown()
