"""What the server did not take: held, shown with both sides, and decided by the user."""

from typing import Any

import pytest

from phone_client import ProblemError, UsageError
from phone_client.scorebook import EntryError
from tests.phone_client.phones import Phone
from tests.phone_client.sync_model import ModelServer, problem
from tests.phone_client.sync_network import NewPhone, sync_all, two_with_a_shot


def test_of_two_scores_the_user_decides(new_phone: NewPhone, server: ModelServer) -> None:
    """Two phones count a shot differently: the later one is told, and sees the other's until the user keeps its own."""
    one, other, shot = two_with_a_shot(new_phone, server)
    one.book.change("shot", shot, {"count": 7})
    other.book.change("shot", shot, {"count": 6})
    *_, outcome = sync_all(server, one, other)
    assert (outcome.held, outcome.held_in_all) == (1, 1)
    (held,) = other.decisions.every()
    assert (held.mine.fields, held.theirs, held.mine.reason) == ({"count": 6}, other.shown()["shot", shot], "conflict")
    assert other.shown()["shot", shot]["count"] == 7
    other.decisions.keep(held.mine.number)
    sync_all(server, other, one)
    assert one.shown()["shot", shot]["count"] == 6
    assert one.shown() == other.shown() == server.live()
    assert other.decisions.every() == []


def test_only_what_is_contested_waits_for_the_user(new_phone: NewPhone, server: ModelServer) -> None:
    """Beside a count that another phone changed too, a board goes through; a newer count is the decision itself."""
    one, other, shot = two_with_a_shot(new_phone, server)
    one.book.change("shot", shot, {"count": 7})
    other.book.change("shot", shot, {"count": 6, "board": 17.5})
    sync_all(server, one, other)
    (held,) = other.decisions.every()
    assert held.mine.fields == {"count": 6}
    assert (server.live()["shot", shot]["count"], server.live()["shot", shot]["board"]) == (7, 17.5)
    other.book.change("shot", shot, {"count": 5})
    assert other.decisions.every() == []
    sync_all(server, other, one)
    assert one.shown()["shot", shot]["count"] == 5


@pytest.mark.parametrize(("fields", "count"), [(None, 7), ({"count": 5}, 5)])
def test_the_user_may_take_the_other_or_write_a_third(
    new_phone: NewPhone, server: ModelServer, fields: dict[str, Any] | None, count: int
) -> None:
    """Taking leaves the server's value everywhere; writing something else puts that everywhere."""
    one, other, shot = two_with_a_shot(new_phone, server)
    one.book.change("shot", shot, {"count": 7})
    other.book.change("shot", shot, {"count": 6})
    sync_all(server, one, other)
    (held,) = other.decisions.every()
    if fields:
        other.decisions.keep(held.mine.number, fields)
    else:
        other.decisions.take(held.mine.number)
    sync_all(server, other, one)
    assert {each.shown()["shot", shot]["count"] for each in (one, other)} == {count}


def test_an_edit_after_a_pull_is_no_conflict(new_phone: NewPhone, server: ModelServer) -> None:
    """Who saw the other phone's count and writes another one over it is not asked."""
    one, other, shot = two_with_a_shot(new_phone, server)
    other.book.change("shot", shot, {"board": 10})
    one.book.change("shot", shot, {"count": 7})
    sync_all(server, one)
    server.problems = [problem(403, "closed")]
    with pytest.raises(ProblemError):
        sync_all(server, other)
    other.book.change("shot", shot, {"count": 6})
    *_, outcome = sync_all(server, other)
    assert outcome.held_in_all == 0
    assert server.live()["shot", shot]["count"] == 6


def test_what_was_deleted_elsewhere_meanwhile_can_be_made_anew(new_phone: NewPhone, server: ModelServer) -> None:
    """A note on a ball that another phone has deleted is kept whole; kept, the ball is there again under another id."""
    one, other = new_phone(), new_phone()
    ball = one.book.add("ball", name="Phaze II", weight_lb=15)
    sync_all(server, one, other)
    other.book.change("ball", ball, {"comment": "new grip"})
    one.book.delete("ball", ball)
    sync_all(server, one, other)
    assert other.shown() == {}
    (held,) = other.decisions.every()
    assert (held.mine.reason, held.theirs) == ("deleted", None)
    new_id = other.decisions.keep(held.mine.number)
    sync_all(server, other, one)
    assert one.shown() == {("ball", new_id): {"name": "Phaze II", "weight_lb": 15, "comment": "new grip"}}


def test_a_deletion_of_what_was_scored_meanwhile_is_asked_about(new_phone: NewPhone, server: ModelServer) -> None:
    """Until the user decides, the game is there again with its shots; kept, the deletion goes through."""
    one, other = new_phone(), new_phone()
    session = one.book.add("session", started_at="2026-11-24T18:00:00Z")
    game = one.book.add("game", session_id=session, game_number=1, entered_score=100)
    one.book.add("shot", session_id=session, game_id=game, frame_number=1, shot_number=1, count=3)
    sync_all(server, one, other)
    one.book.change("game", game, {"entered_score": 150})
    other.book.delete("game", game)
    assert len(other.shown()) == 1
    sync_all(server, one, other)
    assert len(other.shown()) == 3
    (held,) = other.decisions.every()
    assert (held.mine.op, held.mine.reason) == ("delete", "conflict")
    other.decisions.keep(held.mine.number)
    sync_all(server, other)
    server.work()
    sync_all(server, one, other)
    assert one.shown() == other.shown() == server.live() == {("session", session): one.shown()["session", session]}


def test_a_rejected_entry_stays_where_the_user_sees_it(phone: Phone, server: ModelServer) -> None:
    """A game whose session was never sent is rejected alone; put right it goes out, dropped it is gone."""
    for game in ("g1", "g2"):
        phone.book.add("game", game, session_id="s1", game_number=1)
    phone.book.add("ball", "b1", name="Phaze II")
    (outcome,) = sync_all(server, phone)
    assert (outcome.pushed, outcome.held_in_all, outcome.unsent) == (1, 2, 0)
    assert len(phone.shown()) == 3
    first, second = phone.decisions.every()
    assert (first.mine.reason, first.theirs, first.mine.problem["status"]) == ("rejected", None, 422)
    phone.book.add("session", "s1", started_at="2026-11-24T18:00:00Z")
    phone.decisions.keep(first.mine.number)
    phone.decisions.take(second.mine.number)
    sync_all(server, phone)
    assert {key for key, _ in phone.shown().items()} == {("session", "s1"), ("game", "g1"), ("ball", "b1")}
    assert phone.shown() == server.live()


def test_an_edit_sends_a_rejected_entry_again(phone: Phone, server: ModelServer) -> None:
    """Who edits what was rejected needs to decide nothing more about it."""
    phone.book.add("game", "g1", session_id="s1", game_number=1)
    sync_all(server, phone)
    phone.book.add("session", "s1", started_at="2026-11-24T18:00:00Z")
    phone.book.change("game", "g1", {"comment": "league"})
    assert phone.decisions.every() == []
    sync_all(server, phone)
    assert server.live()["game", "g1"] == {"session_id": "s1", "game_number": 1, "comment": "league"}


def test_a_decision_that_makes_no_sense_changes_nothing(new_phone: NewPhone, server: ModelServer) -> None:
    """An unknown number is named, and a value that no field can hold leaves the change waiting."""
    one, other, shot = two_with_a_shot(new_phone, server)
    one.book.change("shot", shot, {"count": 7})
    other.book.change("shot", shot, {"count": 6})
    sync_all(server, one, other)
    with pytest.raises(UsageError, match="no change 99"):
        other.decisions.take(99)
    (held,) = other.decisions.every()
    with pytest.raises(EntryError):
        other.decisions.keep(held.mine.number, {"count": 11})
    assert other.decisions.every() == [held]
