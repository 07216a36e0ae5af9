"""Replies that are lost, late or overtaken, one by one: what each of them must not undo."""

from typing import Any

import pytest

from phone_client import NetworkError
from phone_client.database import entries, outbox
from phone_client.database import sync_state as states
from phone_client.sync import PullReply, PushBatch, ServerEntry, SyncOutcome
from tests.phone_client.phones import Phone
from tests.phone_client.sync_model import ModelServer, problem
from tests.phone_client.sync_network import (
    Between,
    NewPhone,
    add_shot,
    lose,
    lose_push,
    lose_reply,
    sync_all,
    two_with_a_shot,
)


def _ver(phone: Phone, type_name: str, entry_id: str) -> int:
    found = phone.book.get(type_name, entry_id)
    assert found is not None
    return found.ver


def _write(phone: Phone, shot: str, fields: dict[str, Any], *, is_deletion: bool) -> None:
    if is_deletion:
        phone.book.delete("shot", shot)
    else:
        phone.book.change("shot", shot, fields)


def _change_step_by_step(server: ModelServer, phone: Phone, shot: str, *edits: dict[str, Any]) -> None:
    for fields in edits:
        phone.book.change("shot", shot, fields)
        sync_all(server, phone)


def test_an_older_version_is_an_echo(phone: Phone, network: Between, server: ModelServer) -> None:
    """A page that was made before the phone's last push does not bring back what the push has changed."""
    phone.book.add("ball", "b1", name="old")
    sync_all(server, phone)
    phone.book.change("ball", "b1", {"name": "new"})
    sync_all(server, phone)
    late = (ServerEntry("b1", "ball", 1, fields={"name": "old"}),)
    network.on_page = lambda reply: PullReply(late, reply.cursor)
    sync_all(server, phone)
    assert phone.shown() == server.live() == {("ball", "b1"): {"name": "new"}}


def test_a_late_reply_of_a_repeated_batch_undoes_no_later_version(
    new_phone: NewPhone, network: Between, server: ModelServer
) -> None:
    """`applied, version 1` comes when a pull has brought version 2 of another phone already."""
    one, other = new_phone(), new_phone()
    one.book.add("ball", "b1", name="x")
    lose_reply(one, network)
    sync_all(server, other)
    other.book.change("ball", "b1", {"name": "y"})
    sync_all(server, other)
    (outcome,) = sync_all(server, one)
    assert (outcome.full_pulls, _ver(one, "ball", "b1")) == (0, 2)
    assert one.shown() == server.live() == {("ball", "b1"): {"name": "y"}}


def test_what_was_deleted_before_its_reply_came_is_gone(
    new_phone: NewPhone, network: Between, server: ModelServer
) -> None:
    """An entry whose first reply was lost, and that another phone deleted meanwhile, does not stay behind."""
    one, other = new_phone(), new_phone()
    one.book.add("ball", "b1", name="x")
    lose_reply(one, network)
    sync_all(server, other)
    other.book.delete("ball", "b1")
    sync_all(server, other, one)
    assert one.shown() == server.live() == {}
    assert one.decisions.every() == []


def test_a_page_of_an_earlier_history_is_thrown_away(phone: Phone, network: Between, server: ModelServer) -> None:
    """A page from before a restore that arrives after another process has pulled everything brings nothing back."""
    empty = server.snapshot()
    server_rows = (ServerEntry("ghost", "ball", 1, fields={"name": "x"}),)
    phone.book.add("ball", "b1", name="x")
    sync_all(server, phone, phone)
    is_inside = False

    def overtake(reply: PullReply) -> PullReply:
        nonlocal is_inside
        if is_inside:
            return reply
        is_inside = True
        server.restore(empty, "epoch-2")
        phone.sync()
        return PullReply(server_rows, cursor="epoch-1/1/1")

    network.on_page = overtake
    sync_all(server, phone)
    assert phone.shown() == server.live() == {}
    with phone.database.reading() as db:
        assert states.read(db).cursor == "epoch-2/0/1"


def test_a_count_from_before_a_push_is_no_difference(phone: Phone, network: Between, server: ModelServer) -> None:
    """A count that the server made before it took this phone's batch says nothing about the phone after it."""
    phone.book.add("ball", "b1", name="x")
    sync_all(server, phone, phone)
    phone.book.add("ball", "b2", name="x")
    is_inside = False

    def push_meanwhile(reply: PullReply) -> PullReply:
        nonlocal is_inside
        if not is_inside:
            is_inside = True
            phone.engine._push(SyncOutcome())
        return reply

    network.on_page = push_meanwhile
    (outcome,) = sync_all(server, phone)
    assert (outcome.full_pulls, outcome.is_same) == (0, True)


@pytest.mark.parametrize("edits", [{}, {"weight_lb": 15}])
def test_a_batch_that_was_lost_with_its_entries_goes_out_anew(
    phone: Phone, network: Between, server: ModelServer, edits: dict[str, int]
) -> None:
    """Its reply lost, and the server restored to before the entry: with or without a later edit, nothing is lost."""
    empty = server.snapshot()
    phone.book.add("ball", "b1", name="x")
    sync_all(server, phone)
    phone.book.change("ball", "b1", {"colour": "red"})
    lose_reply(phone, network)
    phone.book.change("ball", "b1", edits)
    server.restore(empty, "epoch-2")
    sync_all(server, phone)
    assert server.live() == {("ball", "b1"): {"name": "x", "colour": "red", **edits}} == phone.shown()


def test_an_edit_joins_what_comes_back(phone: Phone, network: Between, server: ModelServer) -> None:
    """A batch that is refused as too large comes back and takes up what was edited, cleared or deleted meanwhile."""
    for at in range(3):
        phone.book.add("ball", f"b{at}", name="x", colour="blue")

    def edit_and_refuse(batch: PushBatch) -> None:
        if len(batch.changes) == 3:
            phone.book.change("ball", "b0", {"colour": None, "weight_lb": 15})
            phone.book.delete("ball", "b1")
            raise problem(413, "too-large")

    network.on_push = edit_and_refuse
    sync_all(server, phone)
    assert server.live() == phone.shown()
    assert server.live() == {
        ("ball", "b0"): {"name": "x", "weight_lb": 15},
        ("ball", "b2"): {"name": "x", "colour": "blue"},
    }
    assert network.batches[1].changes[0].fields == {"name": "x", "weight_lb": 15}
    with phone.database.reading() as db:
        assert states.read(db).largest_batch > 1


def test_two_edits_of_one_score_are_held_to_what_was_seen_first(new_phone: NewPhone, server: ModelServer) -> None:
    """8, then 7, then 6 on one phone, and 7 on another: the 7 was never seen here, so the user is asked."""
    one, other, shot = two_with_a_shot(new_phone, server)
    other.book.change("shot", shot, {"count": 7})
    sync_all(server, other)
    for count in (7, 6):
        one.book.change("shot", shot, {"count": count})
    (outcome,) = sync_all(server, one)
    assert outcome.held_in_all == 1


def test_shots_come_back_with_a_game_that_another_phone_has_saved(new_phone: NewPhone, server: ModelServer) -> None:
    """A game deleted here, and brought back by another phone's score, has its shots again, unsent edits too."""
    one, other = new_phone(), new_phone()
    session = one.book.add("session", started_at="2026-11-24T18:00:00Z")
    game = one.book.add("game", session_id=session, game_number=1)
    shot = one.book.add("shot", session_id=session, game_id=game, frame_number=1, shot_number=1, count=3)
    sync_all(server, one, other)
    one.book.change("shot", shot, {"board": 17})
    one.book.delete("game", game)
    (outcome,) = sync_all(server, one)
    assert (outcome.unsent, len(one.shown())) == (0, 1)
    other.book.change("game", game, {"entered_score": 150})
    sync_all(server, other, one, one)
    assert one.shown() == server.live()
    assert one.shown()["shot", shot]["board"] == 17


def test_what_stands_below_a_deleted_entry_is_not_sent(phone: Phone, network: Between, server: ModelServer) -> None:
    """Shots written into a game that is then deleted cost nothing: neither before nor after the deletion went out."""
    session = phone.book.add("session", started_at="2026-11-24T18:00:00Z")
    game = phone.book.add("game", session_id=session, game_number=1)
    sync_all(server, phone)
    phone.book.add("shot", session_id=session, game_id=game, frame_number=1, shot_number=1, count=3)
    phone.book.delete("game", game)
    sync_all(server, phone, phone)
    assert [change.op for batch in network.batches[1:] for change in batch.changes] == ["delete"]
    with phone.database.reading() as db:
        assert outbox.unsent_count(db) == 0
        assert entries.find(db, "game", game) is None


@pytest.mark.parametrize("is_known", [True, False])
def test_an_entry_that_comes_twice_on_a_page_is_as_it_came_last(
    phone: Phone, network: Between, *, is_known: bool
) -> None:
    """A ball and its deletion on one page, as of a feed that is read while it grows, leave no ball."""
    ball = ServerEntry("b1", "ball", 1, fields={"name": "x"})
    pages = iter(([ball] * is_known, [ServerEntry("b1", "ball", 2, fields={"name": "y"}), _deleted("b1", 3)]))
    network.on_page = lambda _: PullReply(tuple(next(pages)), "epoch-1/0/1")
    phone.sync()
    phone.sync()
    assert phone.shown() == {}
    pages = iter(([ball, _deleted("b1", 2), ServerEntry("b1", "ball", 3, fields={"name": "back"})],))
    phone.sync()
    assert phone.shown() == {("ball", "b1"): {"name": "back"}}


def _deleted(ball_id: str, ver: int) -> ServerEntry:
    return ServerEntry(ball_id, "ball", ver, deleted=True, fields={})


def test_a_shot_that_moved_out_of_a_deleted_game_is_shown(new_phone: NewPhone, server: ModelServer) -> None:
    """One phone moves a shot to another game and the other deletes the first game: the shot is there on both."""
    one, other = new_phone(), new_phone()
    session = one.book.add("session", started_at="2026-11-24T18:00:00Z")
    games = [one.book.add("game", session_id=session, game_number=number) for number in (1, 2)]
    shots = [
        one.book.add("shot", session_id=session, game_id=games[0], frame_number=frame, shot_number=1, count=3)
        for frame in (1, 2)
    ]
    sync_all(server, one, other)
    other.book.change("shot", shots[0], {"game_id": games[1]})
    one.book.delete("game", games[0])
    sync_all(server, other, one)
    server.work()
    sync_all(server, one, other)
    assert one.shown() == other.shown() == server.live()
    assert ("shot", shots[0]) in one.shown()
    assert ("shot", shots[1]) not in one.shown()


def test_what_another_program_pushed_during_a_pull_of_everything_stays(phone: Phone, network: Between) -> None:
    """A page that was made before a new ball was pushed does not hold it, and that is no reason to remove it."""
    phone.book.add("ball", "b1", name="x")
    is_inside = False

    def push_meanwhile(reply: PullReply) -> PullReply:
        nonlocal is_inside
        if not is_inside:
            is_inside = True
            phone.engine._push(SyncOutcome())
        return reply

    network.on_page = push_meanwhile
    phone.sync()
    assert ("ball", "b1") in phone.shown()


@pytest.mark.parametrize("is_deletion", [False, True])
def test_what_was_written_behind_a_sent_note_is_held_to_what_was_seen(
    new_phone: NewPhone, network: Between, server: ModelServer, *, is_deletion: bool
) -> None:
    """A score or a deletion behind a note without a reply does not pass over another phone's score."""
    one, other, shot = two_with_a_shot(new_phone, server)
    one.book.change("shot", shot, {"board": 17})
    lose_push(one, network)
    _write(one, shot, {"count": 6}, is_deletion=is_deletion)
    _change_step_by_step(server, other, shot, {"count": 7}, {"comment": "thin"}, {"stance": 20})
    (outcome,) = sync_all(server, one)
    assert outcome.held_in_all == 1
    assert server.live()["shot", shot]["count"] == 7


def test_a_deletion_behind_ones_own_score_is_no_question(phone: Phone, network: Between, server: ModelServer) -> None:
    """A shot is deleted while its new score has no reply: nobody else wrote, so it goes."""
    shot = add_shot(phone, shot_number=2, count=8)
    sync_all(server, phone)
    phone.book.change("shot", shot, {"count": 7})
    lose_reply(phone, network)
    phone.book.change("shot", shot, {"comment": "thin"})
    phone.book.delete("shot", shot)
    (outcome,) = sync_all(server, phone)
    assert outcome.held_in_all == 0
    assert ("shot", shot) not in server.live()


def test_a_deletion_behind_a_new_entry_is_held_to_what_was_written(
    new_phone: NewPhone, network: Between, server: ModelServer
) -> None:
    """A new shot without a reply is deleted here while another phone corrects its score: the user is asked."""
    one, other = new_phone(), new_phone()
    shot = add_shot(one, shot_number=2, count=8)
    lose_reply(one, network)
    one.book.delete("shot", shot)
    sync_all(server, other)
    other.book.change("shot", shot, {"count": 7})
    first, second = sync_all(server, other, one)
    assert (first.held_in_all, second.held_in_all) == (0, 1)
    assert server.live()["shot", shot]["count"] == 7 == one.shown()["shot", shot]["count"]


def test_a_second_score_does_not_answer_what_the_first_one_hides(
    new_phone: NewPhone, network: Between, server: ModelServer
) -> None:
    """8 to 7 without a reply, 5 from another phone below it, then 6: the user has not seen the 5, and is asked."""
    one, other, shot = two_with_a_shot(new_phone, server)
    one.book.change("shot", shot, {"count": 7})
    network.on_push = lose
    other.book.change("shot", shot, {"count": 5})
    sync_all(server, other)
    with pytest.raises(NetworkError):
        one.sync()
    with pytest.raises(NetworkError):
        sync_all(server, one)
    network.on_push = lambda _: None
    one.book.change("shot", shot, {"count": 6})
    other.book.change("shot", shot, {"comment": "thin"})
    sync_all(server, other, one)
    assert server.live()["shot", shot]["count"] == 5
    assert [held.mine.fields for held in one.decisions.every()] == [{"count": 7}, {"count": 6}]


@pytest.mark.parametrize("is_deletion", [False, True])
def test_what_is_written_behind_ones_own_score_meets_a_note_without_a_question(
    new_phone: NewPhone, network: Between, server: ModelServer, *, is_deletion: bool
) -> None:
    """A score that went in exactly is what its user saw: a note of another phone's after it is merged, or goes too."""
    one, other, shot = two_with_a_shot(new_phone, server)
    one.book.change("shot", shot, {"count": 7})
    lose_reply(one, network)
    _write(one, shot, {"count": 6, "comment": "thin"}, is_deletion=is_deletion)
    sync_all(server, other)
    _change_step_by_step(server, other, shot, {"comment": "fat"}, {"comment": "fatter"})
    (outcome,) = sync_all(server, one)
    assert (outcome.held_in_all, outcome.unsent) == (0, 0)
    assert one.shown() == server.live()
    assert (("shot", shot) in server.live()) is not is_deletion
    if not is_deletion:
        assert server.live()["shot", shot]["count"] == 6


def test_a_note_behind_a_new_entry_is_no_question(new_phone: NewPhone, network: Between, server: ModelServer) -> None:
    """Of a new shot without a reply, both phones write a note, and this one its score: the later note stays."""
    one, other = new_phone(), new_phone()
    shot = add_shot(one, shot_number=2, count=8)
    lose_reply(one, network)
    one.book.change("shot", shot, {"count": 6, "comment": "thin"})
    sync_all(server, other)
    other.book.change("shot", shot, {"comment": "fat"})
    sync_all(server, other)
    (outcome,) = sync_all(server, one)
    assert (outcome.held_in_all, outcome.unsent) == (0, 0)
    assert server.live()["shot", shot]["count"] == 6


@pytest.mark.parametrize("is_deletion", [False, True])
def test_what_an_earlier_client_left_behind_a_sent_change_is_held_to_what_was_seen(
    new_phone: NewPhone, network: Between, server: ModelServer, *, is_deletion: bool
) -> None:
    """It noted no version behind a sent change: a score of another phone's above that is a question all the same."""
    one, other, shot = two_with_a_shot(new_phone, server)
    one.book.change("shot", shot, {"board": 17})
    lose_reply(one, network)
    _write(one, shot, {"count": 6}, is_deletion=is_deletion)
    with one.database.transaction() as db:
        db.execute("UPDATE outbox SET base_ver = NULL, seen = iif(op = 'delete', '{}', seen) WHERE batch_id IS NULL")
    sync_all(server, other)
    _change_step_by_step(server, other, shot, {"count": 7}, {"comment": "thin"})
    (outcome,) = sync_all(server, one)
    assert (outcome.held_in_all, outcome.unsent) == (1, 0)
    assert server.live()["shot", shot]["count"] == 7 == one.shown()["shot", shot]["count"]


def test_a_score_behind_one_that_brings_a_shot_back_is_held_to_what_was_seen(
    new_phone: NewPhone, network: Between, server: ModelServer
) -> None:
    """A foul brings back a shot with another phone's count, of before its deletion: nobody saw it here."""
    one, other, shot = two_with_a_shot(new_phone, server)
    other.book.change("shot", shot, {"count": 5})
    sync_all(server, other)
    other.book.delete("shot", shot)
    one.book.change("shot", shot, {"foul": True})
    sync_all(server, other)
    network.on_reply = lose
    with pytest.raises(NetworkError):
        one.engine._push(SyncOutcome())
    network.on_reply = lambda reply: reply
    one.book.change("shot", shot, {"count": 7})
    (outcome,) = sync_all(server, one)
    assert (outcome.held_in_all, outcome.unsent) == (1, 0)
    assert server.live()["shot", shot]["count"] == 5 == one.shown()["shot", shot]["count"]
