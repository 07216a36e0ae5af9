"""Replies that say less than the phone would need to know: nothing that the user wrote is lost by them."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from phone_client import ProblemError
from phone_client.sync import PushBatch, PushReply, PushResult, ServerEntry
from tests.phone_client.phones import Phone
from tests.phone_client.sync_model import ModelServer, problem
from tests.phone_client.sync_network import Between, NewPhone, lose_reply, sync_all, two_with_a_shot


def _without_rows(reply: PushReply) -> PushReply:
    """Return a reply as it is when the server's rows would make it too large."""
    return msgspec.structs.replace(
        reply, results=tuple(msgspec.structs.replace(result, server=None) for result in reply.results)
    )


def _held(phone: Phone) -> list[tuple[str, str, dict[str, Any]]]:
    return [(held.mine.reason, held.mine.op, held.mine.fields) for held in phone.decisions.every()]


@pytest.mark.parametrize("is_seen", [True, False])
def test_what_a_score_brings_back_is_shown_as_the_server_has_it(
    new_phone: NewPhone, network: Between, server: ModelServer, *, is_seen: bool
) -> None:
    """A shot that came back by this phone's count has the note that another phone wrote before it deleted the shot."""
    one, other, shot = two_with_a_shot(new_phone, server)

    def delete_elsewhere(_: PushBatch) -> None:
        network.on_push = lambda _: None
        other.book.change("shot", shot, {"comment": "theirs"})
        sync_all(server, other)
        other.book.delete("shot", shot)
        sync_all(server, other)

    one.book.change("shot", shot, {"count": 7})
    if is_seen:
        delete_elsewhere(PushBatch("", ()))
    else:
        network.on_push = delete_elsewhere
    sync_all(server, one, one, other)
    assert server.live()["shot", shot]["comment"] == "theirs"
    assert one.shown() == other.shown() == server.live()


def test_a_note_that_came_too_late_is_held_also_when_the_reply_has_no_room(
    new_phone: NewPhone, network: Between, server: ModelServer
) -> None:
    """A ball is deleted elsewhere while a note on it waits: the note is held although the reply has no row."""
    one, other = new_phone(), new_phone()
    one.book.add("ball", "b1", name="Phaze II")
    sync_all(server, one, other)
    other.book.delete("ball", "b1")
    sync_all(server, other)
    one.book.change("ball", "b1", {"comment": "new grip"})
    network.on_reply = _without_rows
    sync_all(server, one)
    assert _held(one) == [("deleted", "put", {"name": "Phaze II", "comment": "new grip"})]


@pytest.mark.parametrize("rows", [_without_rows, lambda reply: reply])
def test_an_entry_that_contradicts_the_servers_is_held_whole(
    new_phone: NewPhone, network: Between, server: ModelServer, rows: Callable[[PushReply], PushReply]
) -> None:
    """Two phones made a shot of one id, right alone and wrong together: this one's is asked about, not lost."""
    one, other = new_phone(), new_phone()
    session = other.book.add("session", started_at="2026-11-24T18:00:00Z")
    shot = {"session_id": session, "shot_number": 2}
    sync_all(server, other, one)
    other.book.add("shot", "h1", **shot, count=7)

    def refuse(_: PushReply) -> PushReply:
        row = ServerEntry("h1", "shot", 1, fields={**shot, "count": 7})
        return rows(PushReply((PushResult("h1", "shot", "conflict", 1, row),)))

    one.book.add("shot", "h1", **shot, pins_standing=0b11111)
    network.on_push = lambda _: sync_all(server, other)
    network.on_reply = refuse
    sync_all(server, one)
    ((reason, op, fields),) = _held(one)
    assert (reason, op, fields["pins_standing"]) == ("conflict", "put", 0b11111)
    network.on_push, network.on_reply = lambda _: None, lambda reply: reply
    sync_all(server, one)
    assert one.shown() == server.live()
    one.decisions.keep(one.decisions.every()[0].mine.number, {"count": 5})
    sync_all(server, one, other)
    assert one.shown() == other.shown() == server.live()
    assert server.live()["shot", "h1"] == {**shot, "count": 5, "pins_standing": 0b11111}


def test_a_score_in_a_game_that_went_with_its_session_is_held_whole(new_phone: NewPhone, server: ModelServer) -> None:
    """It cannot come back without its session, and leaves this phone: all of it is kept, not the new score alone."""
    one, other = new_phone(), new_phone()
    session = one.book.add("session", started_at="2026-11-24T18:00:00Z")
    game = one.book.add("game", session_id=session, game_number=1, comment="league")
    sync_all(server, one, other)
    other.book.delete("session", session)
    sync_all(server, other)
    server.work()
    one.book.change("game", game, {"entered_score": 150})
    sync_all(server, one)
    whole = {"session_id": session, "game_number": 1, "comment": "league", "entered_score": 150}
    assert _held(one) == [("deleted", "put", whole)]
    assert one.shown() == server.live() == {}


def test_a_new_game_that_was_deleted_before_its_reply_came_back_whole(
    new_phone: NewPhone, network: Between, server: ModelServer
) -> None:
    """Its reply lost, deleted elsewhere, and saved by a score that was written meanwhile: no field is missing."""
    one, other = new_phone(), new_phone()
    session = one.book.add("session", started_at="2026-11-24T18:00:00Z")
    game = one.book.add("game", session_id=session, game_number=1)
    lose_reply(one, network)
    sync_all(server, other)
    other.book.delete("game", game)
    sync_all(server, other)
    one.book.change("game", game, {"entered_score": 86})
    sync_all(server, one, other)
    assert one.shown()["game", game] == {"session_id": session, "game_number": 1, "entered_score": 86}
    sync_all(server, one, other)
    assert one.shown() == other.shown() == server.live()


def test_edits_that_were_joined_are_held_to_what_was_seen_first(
    new_phone: NewPhone, network: Between, server: ModelServer
) -> None:
    """8, then 7 in a batch that came back, then 6, and 7 on another phone: the 7 was not seen, so the user is asked."""
    one, other, shot = two_with_a_shot(new_phone, server)
    one.book.change("shot", shot, {"count": 7})
    one.book.add("ball", name="x")

    def refuse(_: PushBatch) -> None:
        network.on_push = lambda _: None
        one.book.change("shot", shot, {"count": 6})
        other.book.change("shot", shot, {"count": 7})
        sync_all(server, other)
        server.problems = [problem(413, "too-large"), problem(403, "closed")]

    network.on_push = refuse
    with pytest.raises(ProblemError):
        one.sync()
    (outcome,) = sync_all(server, one)
    assert outcome.held_in_all == 1
