"""A network between a phone and the model on which a test can listen, and break in."""

from collections.abc import Callable
from typing import Any

from phone_client import ReplyLostError
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


def add_shot(phone: Phone, **fields: Any) -> str:
    """Add a session and a shot in it, and return the shot's id."""
    return phone.book.add(
        "shot", **{"session_id": phone.book.add("session", started_at="2026-11-24T18:00:00Z"), **fields}
    )
