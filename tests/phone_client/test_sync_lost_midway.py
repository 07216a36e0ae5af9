"""A server that loses what it had between a sync's pull and its push: the phone still has it, and sends it whole."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from phone_client.sync import PushBatch, PushReply, PushResult
from tests.phone_client.phones import Phone
from tests.phone_client.sync_model import ModelServer
from tests.phone_client.sync_network import Between, NewPhone, sync_all

EVENT = {"name": "Tuesday league", "kind": "league"}
SESSION = {"started_at": "2026-11-24T18:00:00Z", "event_id": "e1", "comment": "lane 7 is dry"}
GAME = {"session_id": "s1", "game_number": 1}
SHOT = {"session_id": "s1", "game_id": "g1", "frame_number": 1, "shot_number": 1, "count": 9}


def _restore_at_push(network: Between, server: ModelServer, backup: dict[str, Any]) -> None:
    """Let a backup come back right before the next batch arrives."""

    def restore(_: PushBatch) -> None:
        network.on_push = lambda _: None
        server.restore(backup, "epoch-2")

    network.on_push = restore


@pytest.fixture
def empty(server: ModelServer) -> dict[str, Any]:
    """A backup of a server with nothing in it."""
    return server.snapshot()


@pytest.fixture
def season(empty: dict[str, Any], phone: Phone, server: ModelServer) -> dict[str, Any]:
    """An evening on the phone and on the server; the backup is from before it."""
    phone.book.add("event", "e1", **EVENT)
    phone.book.add("session", "s1", **SESSION)
    phone.book.add("game", "g1", **GAME)
    phone.book.add("game", "g2", session_id="s1", game_number=2)
    phone.book.add("shot", "h1", **SHOT)
    sync_all(server, phone, phone)
    return empty


def _edit_shot(phone: Phone) -> None:
    phone.book.change("shot", "h1", {"count": 8})


def _add_shot(phone: Phone) -> None:
    phone.book.add("shot", "h2", **{**SHOT, "frame_number": 2})


def _add_frame_of_new_game(phone: Phone) -> None:
    phone.book.add("game", "g3", session_id="s1", game_number=3)
    phone.book.add("frame", "f1", game_id="g3", frame_number=1)


def _add_session(phone: Phone) -> None:
    phone.book.add("session", "s2", started_at="2026-11-25T18:00:00Z", event_id="e1")


def _write_and_delete(phone: Phone) -> None:
    phone.book.change("game", "g1", {"comment": "good"})
    phone.book.delete("game", "g2")


@pytest.mark.parametrize(
    ("edit", "left"),
    [
        (_edit_shot, {"e1", "s1", "g1", "h1"}),
        (_add_shot, {"e1", "s1", "g1", "h2"}),
        (_add_frame_of_new_game, {"e1", "s1", "g3", "f1"}),
        (_write_and_delete, {"e1", "s1", "g1"}),
    ],
)
def test_what_is_sent_goes_out_whole_with_what_it_needs(
    edit: Callable[[Phone], None],
    left: set[str],
    season: dict[str, Any],
    phone: Phone,
    network: Between,
    server: ModelServer,
) -> None:
    """An edit or a new entry whose ground is lost on its way arrives in the same sync, and nobody is asked."""
    edit(phone)
    _restore_at_push(network, server, season)
    (outcome,) = sync_all(server, phone)
    assert (outcome.held_in_all, outcome.unsent, outcome.full_pulls) == (0, 0, 1)
    assert {entry_id for _, entry_id in server.live()} == left
    assert phone.shown() == server.live()
    assert server.live()["session", "s1"] == SESSION


@pytest.mark.parametrize("is_edited", [True, False])
def test_what_is_deleted_meanwhile_is_gone(
    season: dict[str, Any], phone: Phone, network: Between, server: ModelServer, *, is_edited: bool
) -> None:
    """The user deletes shots before the server says that they are lost: nobody is asked, a new one costs no pull."""
    _add_shot(phone)
    if is_edited:
        _edit_shot(phone)
    asked: list[int] = []

    def delete_and_restore(_: PushBatch) -> None:
        asked.append(len(network.cursors))
        network.on_push = lambda _: asked.append(len(network.cursors))
        server.restore(season, "epoch-2")
        phone.book.delete("shot", "h1")
        phone.book.delete("shot", "h2")

    network.on_push = delete_and_restore
    (outcome,) = sync_all(server, phone)
    assert (outcome.held_in_all, outcome.unsent) == (0, 0)
    assert phone.shown() == server.live() == {}
    if not is_edited:
        assert len(asked) == 2
        assert len(set(asked)) == 1


def test_what_is_edited_meanwhile_goes_along(
    season: dict[str, Any], phone: Phone, network: Between, server: ModelServer
) -> None:
    """Edits before and after the sending are one entry on the server that lost it."""
    phone.book.change("ball", phone.book.add("ball", name="x"), {"colour": "red"})
    phone.book.change("shot", "h1", {"comment": "thin"})

    def edit_and_restore(_: PushBatch) -> None:
        network.on_push = lambda _: None
        server.restore(season, "epoch-2")
        phone.book.change("shot", "h1", {"count": 7})

    network.on_push = edit_and_restore
    (outcome,) = sync_all(server, phone)
    assert (outcome.held_in_all, outcome.unsent) == (0, 0)
    assert server.live()["shot", "h1"] == {**SHOT, "comment": "thin", "count": 7} == phone.shown()["shot", "h1"]
    assert phone.shown() == server.live()


def test_a_session_takes_its_lost_event_along(
    season: dict[str, Any], phone: Phone, network: Between, server: ModelServer
) -> None:
    """The server knows nothing of the event that a new session names: the event goes first."""
    _add_session(phone)

    def refuse(reply: PushReply) -> PushReply:
        network.on_reply = lambda reply: reply
        del server.entries["session", "s2"]
        return _rejected(reply, "reference-missing")

    _restore_at_push(network, server, season)
    network.on_reply = refuse
    (outcome,) = sync_all(server, phone)
    assert (outcome.held_in_all, outcome.unsent, outcome.full_pulls) == (0, 0, 1)
    assert {entry_id for _, entry_id in server.live()} == {"e1", "s2"}
    assert phone.shown() == server.live()


def _refused(result: PushResult, word: str) -> PushResult:
    return PushResult(result.id, result.type, "rejected", problem={"type": f"urn:problem-type:revmetrix:{word}"})


def _rejected(reply: PushReply, word: str) -> PushReply:
    """Return a reply in which all is rejected."""
    return msgspec.structs.replace(reply, results=tuple(_refused(each, word) for each in reply.results))


@pytest.mark.parametrize("word", ["nothing-there", "parent-missing"])
def test_a_server_that_contradicts_itself_costs_one_pull_of_everything(
    word: str, season: dict[str, Any], phone: Phone, network: Between, server: ModelServer
) -> None:
    """A shot that is in the feed and is said not to be there is asked about, and the syncs after it are as ever."""
    assert season
    _edit_shot(phone)
    network.on_reply = lambda reply: _rejected(reply, word)
    first, second = sync_all(server, phone, phone)
    assert (first.full_pulls, first.held, first.unsent) == (1, 1, 0)
    assert (second.full_pulls, second.held_in_all) == (0, 1)
    assert len(network.batches) == 3
    assert [(held.mine.op, held.mine.fields) for held in phone.decisions.every()] == [("patch", {"count": 8})]


def test_what_the_server_never_had_is_no_reason_to_pull_everything(
    season: dict[str, Any], phone: Phone, server: ModelServer
) -> None:
    """A shot of a game that nobody knows is held at once."""
    assert season
    phone.book.add("shot", "h2", **{**SHOT, "game_id": "elsewhere"})
    (outcome,) = sync_all(server, phone)
    assert (outcome.full_pulls, outcome.held) == (0, 1)


def test_a_shot_of_a_game_that_was_deleted_elsewhere_is_held_at_once(
    season: dict[str, Any], phone: Phone, network: Between, server: ModelServer, new_phone: NewPhone
) -> None:
    """Another phone deletes the game between pull and push: that is no loss, and everything need not be pulled."""
    assert season
    other = new_phone()
    sync_all(server, other)
    other.book.delete("game", "g1")
    _add_shot(phone)

    def delete(_: PushBatch) -> None:
        network.on_push = lambda _: None
        sync_all(server, other)

    network.on_push = delete
    (outcome,) = sync_all(server, phone)
    assert (outcome.full_pulls, outcome.held) == (0, 1)


def test_a_child_of_what_is_sent_again_is_sent_again(phone: Phone, network: Between, server: ModelServer) -> None:
    """A game is refused and put right meanwhile: its shot, refused for want of it, goes with it and is not held."""
    phone.book.add("session", "s1", started_at="2026-11-24T18:00:00Z")
    sync_all(server, phone)
    phone.book.add("game", "g1", session_id="s1", game_number=7)
    phone.book.add("shot", "h1", **SHOT)

    def refuse(reply: PushReply) -> PushReply:
        network.on_reply = lambda reply: reply
        game, shot = reply.results
        for key in (("game", "g1"), ("shot", "h1")):
            del server.entries[key]
        phone.book.change("game", "g1", {"game_number": 1})
        return PushReply((_refused(game, "invalid-change"), _refused(shot, "parent-missing")))

    network.on_reply = refuse
    (outcome,) = sync_all(server, phone)
    assert (outcome.held_in_all, outcome.unsent, outcome.full_pulls) == (0, 0, 0)
    assert phone.shown() == server.live()
    assert len(server.live()) == 3


def test_what_was_deleted_and_forgotten_meanwhile_is_held_whole(new_phone: NewPhone, server: ModelServer) -> None:
    """An edit of an entry whose deletion is known here, and on the server no more, does not bring it back unasked."""
    one, other = new_phone(), new_phone()
    one.book.add("ball", "b1", name="x")
    sync_all(server, one, other)
    other.book.delete("ball", "b1")
    sync_all(server, other)
    one.book.change("ball", "b1", {"colour": "red"})
    assert isinstance(one.network, Between)
    one.network.on_push = lambda _: server.forget_tombstones()
    sync_all(server, one)
    assert [(each.mine.reason, each.mine.fields) for each in one.decisions.every()] == [
        ("deleted", {"name": "x", "colour": "red"})
    ]
    assert one.shown() == server.live() == {}
