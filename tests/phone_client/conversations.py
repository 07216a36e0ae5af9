"""Sync conversations as JSON: recorded with the real server, to be replayed by every port of this client.

`python -m tests.phone_client.conversations` records them anew.
"""

import json
import random
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from local_cloud.cloud import LocalCloud
from phone_client import NetworkError, ReplyLostError
from phone_client.sync import PullReply, PushBatch, PushReply, SyncTransport
from tests.api import PASSWORD, Api, Bowler
from tests.phone_client.phones import Phone
from tests.phone_client.real_server import RealServer

FOLDER = Path(str(files("phone_client") / "vectors"))
NOW_S = 1_790_000_000.0
Step = dict[str, Any]


class Recorder:
    """A phone whose steps, and what it says to the server, are written down."""

    def __init__(self, folder: Path, server: RealServer) -> None:
        self.steps: list[Step] = []
        self.server = server
        self.loses_replies = False
        self.phone = new_phone(folder, self)

    def do(self, what: str, *arguments: Any) -> None:
        """Let the user do something."""
        self.steps.append({"do": what, "arguments": list(arguments)})
        act(self.phone, what, arguments)

    def sync(self) -> None:
        """Let the phone sync."""
        self.steps.append({"sync": []})
        with suppress(NetworkError):
            self.phone.sync()

    def push(self, batch: PushBatch) -> PushReply:
        """Carry a batch, and write both sides down."""
        reply = self.server.push(batch)
        self._note({"push": msgspec.to_builtins(batch), "reply": msgspec.to_builtins(reply)})
        return reply

    def pull(self, cursor: str | None, limit: int) -> PullReply:
        """Carry a question, and write both sides down."""
        reply = self.server.pull(cursor, limit)
        self._note({"pull": {"cursor": cursor, "limit": limit}, "reply": msgspec.to_builtins(reply)})
        return reply

    def _note(self, exchange: Step) -> None:
        if self.loses_replies and "push" in exchange:
            exchange = {**exchange, "reply": None}
        self.steps[-1]["sync"].append(exchange)
        if exchange["reply"] is None:
            raise ReplyLostError("No reply came.")


class Replay:
    """A server that expects what was recorded, and answers as it was."""

    def __init__(self) -> None:
        self.exchanges: list[Step] = []

    def push(self, batch: PushBatch) -> PushReply:
        """Hold a batch to what was recorded."""
        exchange = self.exchanges.pop(0)
        assert exchange.get("push") == json.loads(msgspec.json.encode(batch))
        if exchange["reply"] is None:
            raise ReplyLostError("No reply came.")
        return msgspec.convert(exchange["reply"], PushReply)

    def pull(self, cursor: str | None, limit: int) -> PullReply:
        """Hold a question to what was recorded."""
        exchange = self.exchanges.pop(0)
        assert exchange.get("pull") == {"cursor": cursor, "limit": limit}
        return msgspec.convert(exchange["reply"], PullReply)


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


SESSION = {"started_at": "2026-11-24T18:00:00+01:00", "comment": "🎳"}
GAME = {"session_id": "s1", "game_number": 1}
SHOT = {"session_id": "s1", "game_id": "g1", "frame_number": 1, "shot_number": 1, "pins_standing": 576, "count": 8}


def first_sync(recorder: Recorder, _: RealServer) -> None:
    """A session, a game and a shot, written in another order, go out parents first and come back as an echo."""
    recorder.do("add", "shot", "h1", SHOT)
    recorder.do("add", "session", "s1", SESSION)
    recorder.do("add", "game", "g1", GAME)
    recorder.do("change", "shot", "h1", {"board": 17.5})
    recorder.sync()


def lost_reply(recorder: Recorder, _: RealServer) -> None:
    """A reply is lost, the user edits, and the same batch goes out again before the edit does."""
    recorder.do("add", "ball", "b1", {"name": "Phaze II", "weight_lb": 15})
    recorder.loses_replies = True
    recorder.sync()
    recorder.loses_replies = False
    recorder.do("change", "ball", "b1", {"weight_lb": 14.5, "colour": "blue"})
    recorder.sync()


def written_behind(recorder: Recorder, server: RealServer) -> None:
    """A score behind a note without a reply, and two versions of another phone between the two: the user is asked."""
    recorder.do("add", "session", "s1", SESSION)
    recorder.do("add", "game", "g1", {**GAME, "entered_score": 150})
    recorder.sync()
    recorder.do("change", "game", "g1", {"comment": "counted twice"})
    recorder.loses_replies = True
    recorder.sync()
    recorder.loses_replies = False
    push(server, {"id": "g1", "type": "game", "op": "patch", "base_ver": 2, "fields": {"entered_score": 160}})
    push(server, {"id": "g1", "type": "game", "op": "patch", "base_ver": 3, "fields": {"starting_lane": 12}})
    recorder.do("change", "game", "g1", {"entered_score": 170})
    recorder.sync()


def merged(recorder: Recorder, server: RealServer) -> None:
    """Two phones change other fields of one entry before they know of each other."""
    recorder.do("add", "ball", "b1", {"name": "Phaze II"})
    recorder.sync()
    push(server, {"id": "b1", "type": "ball", "op": "patch", "base_ver": 1, "fields": {"colour": "blue"}})
    recorder.do("change", "ball", "b1", {"comment": "new grip"})
    recorder.sync()


def conflict(recorder: Recorder, server: RealServer) -> None:
    """Two phones change a total: the later one is asked, sees the other's, and keeps its own; its note goes through."""
    recorder.do("add", "session", "s1", SESSION)
    recorder.do("add", "game", "g1", {**GAME, "entered_score": 150})
    recorder.sync()
    push(server, {"id": "g1", "type": "game", "op": "patch", "base_ver": 1, "fields": {"entered_score": 160}})
    recorder.do("change", "game", "g1", {"entered_score": 170, "comment": "counted twice"})
    recorder.sync()
    recorder.do("keep", 1)
    recorder.sync()


def rejected(recorder: Recorder, _: RealServer) -> None:
    """A game whose session was never sent is rejected beside a ball that is taken; dropped, it is gone."""
    recorder.do("add", "game", "g1", GAME)
    recorder.do("add", "game", "g2", {**GAME, "game_number": 2})
    recorder.do("add", "ball", "b1", {"name": "Phaze II"})
    recorder.sync()
    recorder.do("take", 2)


def deletion(recorder: Recorder, server: RealServer) -> None:
    """A deleted session hides what stands below it at once; a ball that another phone deleted is held whole."""
    recorder.do("add", "session", "s1", SESSION)
    recorder.do("add", "game", "g1", GAME)
    recorder.do("add", "ball", "b1", {"name": "Phaze II"})
    recorder.sync()
    push(server, {"id": "b1", "type": "ball", "op": "delete", "base_ver": 1})
    recorder.do("delete", "session", "s1")
    recorder.do("change", "ball", "b1", {"comment": "new grip"})
    recorder.sync()


def returned(recorder: Recorder, server: RealServer) -> None:
    """A count brings back a shot that another phone changed and deleted: the change comes with the next pull."""
    recorder.do("add", "session", "s1", SESSION)
    recorder.do("add", "shot", "h1", {"session_id": "s1", "shot_number": 1, "count": 3})
    recorder.sync()
    push(server, {"id": "h1", "type": "shot", "op": "patch", "base_ver": 1, "fields": {"comment": "new grip"}})
    push(server, {"id": "h1", "type": "shot", "op": "delete", "base_ver": 2})
    recorder.do("change", "shot", "h1", {"count": 7})
    recorder.sync()


def pages(recorder: Recorder, server: RealServer) -> None:
    """A new phone of a bowler with twenty balls pulls them in pages of seven."""
    push(server, *({"id": f"b{at:02}", "type": "ball", "op": "put", "fields": {"name": f"{at}"}} for at in range(20)))
    recorder.sync()


CONVERSATIONS: tuple[Callable[[Recorder, RealServer], None], ...] = (
    first_sync,
    lost_reply,
    written_behind,
    merged,
    conflict,
    rejected,
    deletion,
    returned,
    pages,
)


def push(server: RealServer, *changes: Step) -> None:
    """Let another phone push."""
    batch = {
        "batch_id": str(uuid4()),
        "changes": [{"edited_at": "2026-11-24T17:00:00.000+00:00", **change} for change in changes],
    }
    server.push(msgspec.convert(batch, PushBatch))


def record(cloud: LocalCloud) -> None:
    """Record all conversations."""
    FOLDER.mkdir(exist_ok=True)
    assert cloud.api_url is not None
    for converse in CONVERSATIONS:
        with closing(Api(cloud.api_url)) as api, tempfile.TemporaryDirectory() as folder:
            server = RealServer(_new_bowler(api))
            recorder = Recorder(Path(folder), server)
            converse(recorder, server)
            told = {"about": converse.__doc__, "steps": recorder.steps, "outcome": outcome_of(recorder.phone)}
            recorder.phone.close()
            server.close()
        text = json.dumps(told, indent=1, ensure_ascii=False)
        (FOLDER / f"{converse.__name__}.json").write_text(text + "\n", encoding="utf-8")


def _new_bowler(api: Api) -> Bowler:
    username = f"bowler-{uuid4().hex}"
    api("POST", "/v1/users", json={"username": username, "email": f"{username}@example.org", "password": PASSWORD})
    return Bowler(api, username, "", "")


if __name__ == "__main__":
    with LocalCloud(access_log=False) as running:
        record(running)
    sys.stdout.write(f"{len(CONVERSATIONS)} conversations are in {FOLDER}\n")
