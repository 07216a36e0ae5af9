"""A phone whose clock is wrong: its edits are told by the server's clock as soon as the two have spoken."""

import random
from datetime import datetime
from pathlib import Path

import pytest

from phone_client import ApiClient
from phone_client.answers import Answer
from phone_client.database import Database
from phone_client.database import sync_state as states
from phone_client.sync import HttpSync
from tests.phone_client.phones import Phone
from tests.phone_client.scripted_api import ScriptedApi
from tests.phone_client.sync_model import ModelServer
from tests.phone_client.sync_network import Between, sync_all

DAY_S = 86_400.0
PULL = "GET /v1/sync/pull"


class Dated(Between):
    """A network whose replies tell the server's time, in whole seconds."""

    @property
    def server_time_s(self) -> float:
        """What time it is there."""
        return float(int(self.server.now_s))


def _phone(number: int, folder: Path, network: Between, clock_off_s: float) -> Phone:
    server = network.server
    return Phone(number, folder / str(number), network, random.Random(number), lambda: server.now_s, clock_off_s)  # noqa: S311 - the same in every run


def _notes_of_two(folder: Path, network: type[Between], off_s: float) -> list[object]:
    """Let a right phone note something, then the wrong one, both before they sync; return what each shows."""
    server = ModelServer()
    right, wrong = _phone(1, folder, network(server), 0.0), _phone(2, folder, network(server), off_s)
    ball = right.book.add("ball", name="Rhino")
    sync_all(server, right, wrong)
    for phone, comment in ((right, "earlier"), (wrong, "later")):
        server.now_s += 60.0
        phone.book.change("ball", ball, {"comment": comment})
    sync_all(server, right, wrong, right)
    notes = [phone.shown()["ball", ball].get("comment") for phone in (right, wrong)]
    for phone in (right, wrong):
        phone.close()
    return notes


@pytest.mark.parametrize("off_s", [-DAY_S, -400.0, 0.0, 400.0, DAY_S])
def test_the_later_note_stays_whatever_the_clock_says(tmp_path: Path, off_s: float) -> None:
    """Of two notes made at once the later one stays, also that of a phone a day behind or ahead."""
    assert _notes_of_two(tmp_path, Dated, off_s) == ["later", "later"]


def test_without_a_date_the_phones_own_clock_counts(tmp_path: Path) -> None:
    """A way that does not tell the server's time changes nothing: the note of a phone a day behind is the older one."""
    assert _notes_of_two(tmp_path, Between, -DAY_S) == ["earlier", "earlier"]


def test_a_clock_that_is_nearly_right_is_left_alone(tmp_path: Path) -> None:
    """Less than five seconds are the whole seconds of a Date and its way; more are kept, but no centuries."""
    with Database(tmp_path / "scorebook.db") as database, database.transaction() as db:
        for behind_s, told in ((4.9, 1000.0), (-4.9, 1000.0), (7200.0, 8200.0), (-5.0, 995.0), (1e12, 1000.0)):
            states.keep_clock(db, behind_s)
            assert states.read(db).clock_behind_s == told - 1000.0
            assert datetime.fromisoformat(states.now_text(db, 1000.0)).timestamp() == told


@pytest.mark.parametrize(
    ("date", "told"), [("Tue, 24 Nov 2026 17:00:00 GMT", 1_795_539_600.0), ("yesterday", None), ("", None)]
)
def test_the_servers_time_is_that_of_its_last_answer(date: str, told: float | None) -> None:
    """The `Date` of an answer is kept as seconds; what is no date is no time."""
    sync = HttpSync(lambda _: Answer(200, {"date": date}, b'{"changes": []}'))
    sync.pull(None, 1)
    assert sync.server_time_s == told


def test_a_real_answer_has_a_time(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """Over HTTP the `Date` is found; before anything was said there is none."""
    sync = ada.sync
    assert sync.server_time_s is None
    scripted_api.answer_next(PULL, 200, b'{"changes": []}')
    sync.pull(None, 1)
    assert sync.server_time_s is not None
