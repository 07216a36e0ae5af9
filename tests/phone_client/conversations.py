"""Sync conversations as JSON: recorded with the real server, to be replayed by every port of this client.

`python -m tests.phone_client.conversations` records them anew.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from uuid import uuid4

import msgspec

from chalicelib.scorebook.busy import ScorebookBusy
from local_cloud.cloud import LocalCloud
from phone_client import ProblemError
from phone_client.model import Problem
from phone_client.sync import PushBatch
from tests.api import PASSWORD, Api, Bowler
from tests.phone_client.real_server import RealServer
from tests.phone_client.recording import Recorder, Step, error_of, outcome_of

FOLDER = Path(str(files("phone_client") / "vectors"))
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
    recorder.sync_and_lose("push")
    recorder.do("change", "ball", "b1", {"weight_lb": 14.5, "colour": "blue"})
    recorder.sync()


def written_behind(recorder: Recorder, server: RealServer) -> None:
    """A score behind a note without a reply, and two versions of another phone between the two: the user is asked."""
    recorder.do("add", "session", "s1", SESSION)
    recorder.do("add", "game", "g1", {**GAME, "entered_score": 150})
    recorder.sync()
    recorder.do("change", "game", "g1", {"comment": "counted twice"})
    recorder.sync_and_lose("push")
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


def restored(recorder: Recorder, server: RealServer) -> None:
    """The server goes back to a backup: what it has lost goes from the phone too, but for an edit, which goes whole."""
    recorder.do("add", "ball", "b1", {"name": "in the backup"})
    recorder.sync()
    backup = server.backup()
    recorder.do("add", "ball", "b2", {"name": "lost"})
    recorder.do("add", "ball", "b3", {"name": "edited", "weight_lb": 15})
    recorder.sync()
    server.restore(backup)
    recorder.do("change", "ball", "b1", {"comment": "unsent"})
    recorder.do("change", "ball", "b3", {"comment": "unsent"})
    recorder.sync()


def restored_between(recorder: Recorder, server: RealServer) -> None:
    """The server goes back between the pull and the push of one sync: a shot goes again, with its session and game."""
    empty = server.backup()
    recorder.do("add", "session", "s1", SESSION)
    recorder.do("add", "game", "g1", GAME)
    recorder.sync()
    recorder.do("add", "shot", "h1", SHOT)
    recorder.do("change", "game", "g1", {"starting_lane": 12})
    went_back: list[PushBatch] = []

    def go_back(batch: PushBatch) -> None:
        if not went_back:
            server.restore(empty)
        went_back.append(batch)

    recorder.before_push = go_back
    recorder.sync()


def broken_off(recorder: Recorder, server: RealServer) -> None:
    """A pull of everything breaks off after its first page, goes on with the next sync, and ends with what is gone."""
    recorder.do("add", "ball", "b0", {"name": "in the backup"})
    recorder.sync()
    backup = server.backup()
    recorder.do("add", "ball", "b1", {"name": "lost"})
    recorder.sync()
    server.restore(backup)
    push(server, *({"id": f"c{at}", "type": "ball", "op": "put", "fields": {"name": f"{at}"}} for at in range(9)))
    recorder.sync_and_lose("pull", 2)
    recorder.do("add", "ball", "b2", {"name": "added between"})
    recorder.sync()


def too_large(recorder: Recorder, server: RealServer) -> None:
    """The server refuses a batch as too large: half of it goes out, then the rest, each under another batch_id."""
    for at in range(4):
        recorder.do("add", "ball", f"b{at}", {"name": f"{at}"})
    problem = too_large_problem(server)

    def refuse(batch: PushBatch) -> None:
        if len(batch.changes) > 2:
            raise error_of(problem)

    recorder.before_push = refuse
    recorder.sync()


def batch_reused(recorder: Recorder, server: RealServer) -> None:
    """Another batch has had this batch_id: the changes go out under another one."""
    used: list[str] = []

    def use(batch: PushBatch) -> None:
        if not used:
            used.append(batch.batch_id)
            push(server, {"id": "b9", "type": "ball", "op": "put", "fields": {"name": "9"}}, batch_id=batch.batch_id)

    recorder.do("add", "ball", "b1", {"name": "Phaze II"})
    recorder.before_push = use
    recorder.sync()


def busy(recorder: Recorder, _: RealServer) -> None:
    """The server has too much to do, which ends the sync: the next one sends the same batch, then what came since."""
    recorder.do("add", "ball", "b1", {"name": "Phaze II"})

    def refuse(_: PushBatch) -> None:
        raise error_of(msgspec.convert(msgspec.to_builtins(ScorebookBusy.overloaded().document()), Problem))

    recorder.before_push = refuse
    recorder.sync_with_a_busy_server()
    recorder.before_push = lambda _: None
    recorder.do("change", "ball", "b1", {"colour": "blue"})
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
    restored,
    restored_between,
    broken_off,
    too_large,
    batch_reused,
    busy,
)


def push(server: RealServer, *changes: Step, batch_id: str | None = None) -> None:
    """Let another phone push."""
    batch = {
        "batch_id": batch_id or str(uuid4()),
        "changes": [{"edited_at": "2026-11-24T17:00:00.000+00:00", **change} for change in changes],
    }
    server.push(msgspec.convert(batch, PushBatch))


def too_large_problem(server: RealServer) -> Problem:
    """Return what the server says of a batch that has more changes than it takes."""
    changes = ({"id": f"b{at}", "type": "ball", "op": "put", "fields": {"name": "x"}} for at in range(1_001))
    try:
        push(server, *changes)
    except ProblemError as error:
        return error.problem
    raise AssertionError("The server takes more than it says.")


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
    tokens = api("POST", "/v1/tokens", json={"username": username, "password": PASSWORD}).json
    return Bowler(api, username, tokens["access_token"], tokens["refresh_token"])


if __name__ == "__main__":
    with LocalCloud(access_log=False) as running:
        record(running)
    sys.stdout.write(f"{len(CONVERSATIONS)} conversations are in {FOLDER}\n")
