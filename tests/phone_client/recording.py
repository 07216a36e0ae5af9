"""What a phone and the server say to each other, written down, and said again as it was."""

import json
import random
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from phone_client import ProblemError, ReplyLostError, ServerTroubleError
from phone_client.model import Problem
from phone_client.sync import PullReply, PushBatch, PushReply, SyncTransport
from tests.phone_client.phones import Phone
from tests.phone_client.real_server import RealServer

if TYPE_CHECKING:
    from collections.abc import Callable

NOW_S = 1_790_000_000.0
BUSY = HTTPStatus.SERVICE_UNAVAILABLE
Step = dict[str, Any]


class Recorder:
    """A phone whose steps, and what it says to the server, are written down.

    Attributes:
        server: What the phone syncs with.
        phone: The phone.
        steps: What was written down.
        before_push: Called with each batch before the server gets it; a `ProblemError` of it is the answer.
    """

    def __init__(self, folder: Path, server: RealServer) -> None:
        self.server = server
        self.phone = new_phone(folder, self)
        self.steps: list[Step] = []
        self.before_push: Callable[[PushBatch], None] = lambda _: None
        self._lost_reply: tuple[str, int] | None = None

    def do(self, what: str, *arguments: Any) -> None:
        """Let the user do something."""
        self.steps.append({"do": what, "arguments": list(arguments)})
        act(self.phone, what, arguments)

    def sync(self) -> None:
        """Let the phone sync to its end."""
        self._begin_sync()
        self.phone.sync()

    def sync_and_lose(self, kind: str, number: int = 1) -> None:
        """Let the phone sync until the reply to a push or a pull is lost, the first or a later one of its kind."""
        self._begin_sync()
        self._lost_reply = kind, number
        with pytest.raises(ReplyLostError):
            self.phone.sync()
        self._lost_reply = None

    def sync_with_a_busy_server(self) -> None:
        """Let the phone sync until a push is answered 503."""
        self._begin_sync()
        with pytest.raises(ServerTroubleError):
            self.phone.sync()

    def push(self, batch: PushBatch) -> PushReply:
        """Carry a batch, and write both sides down."""
        asked = {"push": msgspec.to_builtins(batch)}
        try:
            self.before_push(batch)
            reply = self.server.push(batch)
        except ProblemError as error:
            self._exchanges.append({**asked, "problem": msgspec.to_builtins(error.problem)})
            raise
        self.server.wait_for_sweeps()
        self._note("push", asked, reply)
        return reply

    def pull(self, cursor: str | None, limit: int) -> PullReply:
        """Carry a question, and write both sides down."""
        reply = self.server.pull(cursor, limit)
        self._note("pull", {"pull": {"cursor": cursor, "limit": limit}}, reply)
        return reply

    def _begin_sync(self) -> None:
        self._exchanges: list[Step] = []
        self.steps.append({"sync": self._exchanges})

    def _note(self, kind: str, asked: Step, reply: PushReply | PullReply) -> None:
        so_far = sum(kind in exchange for exchange in self._exchanges)
        is_lost = self._lost_reply == (kind, so_far + 1)
        self._exchanges.append({**asked, "reply": None if is_lost else msgspec.to_builtins(reply)})
        if is_lost:
            raise ReplyLostError("No reply came.")


class Replay:
    """A server that expects what was recorded, and answers as it was."""

    def __init__(self) -> None:
        self.exchanges: list[Step] = []

    def push(self, batch: PushBatch) -> PushReply:
        """Hold a batch to what was recorded."""
        exchange = self.exchanges.pop(0)
        assert exchange.get("push") == json.loads(msgspec.json.encode(batch))
        return msgspec.convert(_reply_of(exchange), PushReply)

    def pull(self, cursor: str | None, limit: int) -> PullReply:
        """Hold a question to what was recorded."""
        exchange = self.exchanges.pop(0)
        assert exchange.get("pull") == {"cursor": cursor, "limit": limit}
        return msgspec.convert(_reply_of(exchange), PullReply)


def _reply_of(exchange: Step) -> Any:
    if "problem" in exchange:
        raise error_of(msgspec.convert(exchange["problem"], Problem))
    if exchange["reply"] is None:
        raise ReplyLostError("No reply came.")
    return exchange["reply"]


def error_of(problem: Problem) -> ProblemError:
    """Return as what the phone's client raises a problem with which a push is refused."""
    return ServerTroubleError(problem) if problem.status == BUSY else ProblemError(problem)


def ends_the_sync(exchange: Step) -> bool:
    """Return whether the reply was lost, or the server was busy."""
    if "problem" in exchange:
        return bool(exchange["problem"]["status"] == BUSY)
    return exchange["reply"] is None


def new_phone(folder: Path, transport: SyncTransport) -> Phone:
    """Return a phone whose ids and times are the same in every run."""
    return Phone(0, folder, transport, random.Random(0), lambda: NOW_S)  # noqa: S311 - the same in every run


def act(phone: Phone, what: str, arguments: Any) -> None:
    """Do on a phone what its user did."""
    match what:
        case "add":
            type_name, entry_id, fields = arguments
            phone.book.add(type_name, entry_id, **fields)
        case "change":
            phone.book.change(*arguments)
        case "delete":
            phone.book.delete(*arguments)
        case "keep":
            phone.decisions.keep(*arguments)
        case "take":
            phone.decisions.take(*arguments)


def outcome_of(phone: Phone) -> Step:
    """Return what a phone has in the end."""
    shown = [
        {"type": type_name, "id": entry_id, "fields": fields}
        for (type_name, entry_id), fields in sorted(phone.shown().items())
    ]
    held = [
        {"reason": each.mine.reason, "op": each.mine.op, "id": each.mine.id, "mine": each.mine.fields}
        for each in phone.decisions.every()
    ]
    return {"shown": shown, "held": held, "unsent": phone.book.unsent()}
