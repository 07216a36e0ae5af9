"""What is unsent when the server has lost what stands above it: the phone still has that, and sends it again."""

import pytest

from tests.phone_client.phones import Phone
from tests.phone_client.sync_model import ModelServer
from tests.phone_client.sync_network import Between, NewPhone, lose_reply, sync_all

STARTED_AT = "2026-11-24T18:00:00Z"


def _season(phone: Phone) -> None:
    """Write an event, a session of it with a game and a shot, and another game."""
    phone.book.add("event", "e1", name="Tuesday league", kind="league")
    phone.book.add("session", "s1", started_at=STARTED_AT, event_id="e1", comment="lane 7 is dry")
    phone.book.add("game", "g1", session_id="s1", game_number=1)
    phone.book.add("game", "g2", session_id="s1", game_number=2)
    _shoot(phone, "h1", 1)


def _shoot(phone: Phone, shot_id: str, frame: int) -> None:
    phone.book.add("shot", shot_id, session_id="s1", game_id="g1", frame_number=frame, shot_number=1, count=9)


@pytest.mark.parametrize("is_on_its_way", [False, True])
def test_an_unsent_shot_takes_its_lost_game_session_and_event_along(
    phone: Phone, network: Between, server: ModelServer, *, is_on_its_way: bool
) -> None:
    """After a restore to before the evening, a new shot arrives with all that it needs; what nothing needs is gone."""
    empty = server.snapshot()
    _season(phone)
    sync_all(server, phone)
    _shoot(phone, "h2", 2)
    if is_on_its_way:
        lose_reply(phone, network)
    server.restore(empty, "epoch-2")
    (outcome,) = sync_all(server, phone)
    assert (outcome.held_in_all, outcome.unsent) == (0, 0)
    assert {entry_id for _, entry_id in server.live()} == {"e1", "s1", "g1", "h2"}
    assert phone.shown() == server.live()


def test_what_is_only_needed_gives_way_to_what_another_phone_wrote(new_phone: NewPhone, server: ModelServer) -> None:
    """Two phones send the lost session again: the one that edited it keeps its note, although the other comes later."""
    one, other = new_phone(), new_phone()
    empty = server.snapshot()
    _season(one)
    sync_all(server, one, other)
    one.book.change("session", "s1", {"comment": "lane 7 is wet"})
    server.now_s += 60
    _shoot(other, "h2", 2)
    server.restore(empty, "epoch-2")
    sync_all(server, one, other, one)
    assert server.live()["session", "s1"]["comment"] == "lane 7 is wet"
    assert one.shown() == other.shown() == server.live()


def test_a_rejected_shot_keeps_its_game(phone: Phone, server: ModelServer) -> None:
    """A shot that waits for the user's decision does not lose its game to a pull of everything."""
    empty = server.snapshot()
    _season(phone)
    phone.book.add("shot", "h2", session_id="s1", game_id="elsewhere", frame_number=2, shot_number=1, count=9)
    sync_all(server, phone)
    server.restore(empty, "epoch-2")
    (outcome,) = sync_all(server, phone)
    assert outcome.held_in_all == 1
    assert {entry_id for _, entry_id in server.live()} == {"e1", "s1"}
    phone.book.change("shot", "h2", {"game_id": None})
    sync_all(server, phone)
    assert ("shot", "h2") in server.live()


def test_a_deletion_needs_nothing(phone: Phone, server: ModelServer) -> None:
    """An unsent deletion of what the server has lost brings back neither it nor what stood above it."""
    empty = server.snapshot()
    _season(phone)
    sync_all(server, phone)
    phone.book.delete("shot", "h1")
    _shoot(phone, "h2", 2)
    phone.book.delete("game", "g1")
    server.restore(empty, "epoch-2")
    sync_all(server, phone)
    assert phone.shown() == server.live() == {}
    assert phone.book.unsent() == 0
