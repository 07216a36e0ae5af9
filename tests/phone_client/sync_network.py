"""A network between a phone and the model on which a test can listen, and break in."""

from collections.abc import Callable
from typing import Any

import pytest

from phone_client import NetworkError, ReplyLostError
from phone_client.sync import PullReply, PushBatch, PushReply, SyncOutcome
from tests.phone_client.phones import Phone
from tests.phone_client.sync_model import ModelServer

NewPhone = Callable[[], Phone]


class Between:
    """Carries every message, notes it, and lets a test change or drop it."""

    def __init__(self, server: ModelServer) -> None:
        self.server = server
        self.batches: list[PushBatch] = []
        self.cursors: list[str | None] = []
        self.on_push: Callable[[PushBatch], object] = lambda _: None
        self.on_reply: Callable[[PushReply], PushReply] = lambda reply: reply
        self.on_page: Callable[[PullReply], PullReply] = lambda reply: reply

    def push(self, batch: PushBatch) -> PushReply:
        """Carry a batch."""
        self.batches.append(batch)
        self.on_push(batch)
        return self.on_reply(self.server.push(batch))

    def pull(self, cursor: str | None, limit: int) -> PullReply:
        """Carry a question."""
        self.cursors.append(cursor)
        return self.on_page(self.server.pull(cursor, limit))


def sync_all(server: ModelServer, *phones: Phone) -> list[SyncOutcome]:
    """Let phones sync, one after the other, a minute apart."""
    outcomes = []
    for phone in phones:
        server.now_s += 60.0
        outcomes.append(phone.sync())
    return outcomes


def lose(_: Any) -> Any:
    """Stand in for a reply that never comes."""
    raise ReplyLostError("No reply came.")


def lose_reply(phone: Phone, network: Between) -> None:
    """Let a phone sync until the reply to its push is lost."""
    network.on_reply = lose
    with pytest.raises(NetworkError):
        phone.sync()
    network.on_reply = lambda reply: reply


def lose_push(phone: Phone, network: Between) -> None:
    """Let a phone sync until its push is lost on the way to the server."""
    network.on_push = lose
    with pytest.raises(NetworkError):
        phone.sync()
    network.on_push = lambda _: None


def two_with_a_shot(new_phone: NewPhone, server: ModelServer) -> tuple[Phone, Phone, str]:
    """Return two phones of one user that both have a shot of 8 pins, and the shot's id."""
    one, other = new_phone(), new_phone()
    shot = add_shot(one, shot_number=2, count=8)
    sync_all(server, one, other)
    return one, other, shot


def add_shot(phone: Phone, **fields: Any) -> str:
    """Add a session and a shot in it, and return the shot's id."""
    return phone.book.add(
        "shot", **{"session_id": phone.book.add("session", started_at="2026-11-24T18:00:00Z"), **fields}
    )
