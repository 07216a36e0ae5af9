"""Pushes, pulls and deletions when AWS or the process fails: at every call, before it and after it, and once more."""

import itertools
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from chalicelib import jobs
from chalicelib.scorebook import actions, descendants, pulling, pushing, store
from chalicelib.scorebook.changes import SentChange
from chalicelib.scorebook.model import PullQuery, PullReply, PushReply, PushRequest
from local_cloud.cloud import LocalCloud
from tests.chalicelib.faults import FAULTS, Operation, try_every_call
from tests.chalicelib.people import new_user_id
from tests.chalicelib.wire import Died, Fault, Wire

STARTED = "2026-11-24T19:00:00Z"
SMALL = 12
"""Actions of a transaction, so that a push of a few changes has several parts."""


@pytest.fixture
def wire(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Wire:
    """The wire to the shared local cloud."""
    assert cloud.aws_url
    return Wire(monkeypatch)


@pytest.fixture(autouse=True)
def sent(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> list[jobs.Job]:
    """The jobs that would have been sent: the test does them itself."""
    assert cloud.aws_url
    waiting: list[jobs.Job] = []
    monkeypatch.setattr(jobs, "send", lambda job, _delay_s=0.0: waiting.append(job))
    monkeypatch.setattr(actions, "MOST", SMALL)
    return waiting


def _change(kind: str, entry_id: str, op: str = "put", base: int | None = None, **fields: Any) -> SentChange:
    return SentChange(entry_id, kind, op, base, fields)  # type: ignore[arg-type]  # a word, as it is sent


def _request(*changes: SentChange) -> PushRequest:
    return PushRequest(str(uuid.uuid4()), [msgspec.Raw(msgspec.json.encode(change)) for change in changes])


def _shot(number: int) -> SentChange:
    return _change("shot", f"shot-{number}", session_id="s", shot_number=2, count=1)


def _push(scene: "Scene") -> PushReply:
    return pushing.push(scene.user_id, scene.request)


@dataclass
class Scene:
    """A user, what is to be pushed, and how often each entry may have been written.

    Attributes:
        user_id: The user.
        request: What is pushed.
        before: What was pushed before.
    """

    user_id: str = field(default_factory=new_user_id)
    request: PushRequest = field(default_factory=lambda: _request(_change("ball", "b", name="blue")))

    def vers(self) -> dict[str, int]:
        """Return the version of each live entry."""
        items = [item for item in store.all_entries(self.user_id) if "deleted" not in item]
        return {item["sk"]["S"].rpartition("#")[2]: int(item["ver"]["N"]) for item in items}


def _new() -> Scene:
    """Return a user who has nothing, with a push of three parts, a rejected change in its middle."""
    changes = [_change("session", "s", started_at=STARTED), *(_shot(number) for number in range(20))]
    return Scene(request=_request(*changes, _change("ball", "bad")))


def _check_new(scene: Scene, reply: PushReply) -> None:
    assert Counter(result.status for result in reply.results) == {"applied": 21, "rejected": 1}
    assert set(scene.vers().values()) == {1}
    assert len(scene.vers()) == 21
    _check_feed(scene)


def _check_feed(scene: Scene) -> None:
    """The head counts what there is, and the sequences of the feed are no more than it says."""
    head = store.find_head(scene.user_id)
    assert head is not None
    assert (head.count, head.sweeping) == (len(scene.vers()), 0)
    items = list(store.changed_between(scene.user_id, 0, head.n, 1000))
    seqs = [int(item["seq"]["N"]) for item in items]
    assert (len(items), len(set(seqs)), max(seqs)) == (len(list(store.all_entries(scene.user_id))), len(seqs), head.n)


def _written() -> Scene:
    """Return a user with a session, and a push that changes some of it, adds and deletes."""
    scene = Scene()
    before = [_change("session", "s", started_at=STARTED), *(_shot(number) for number in range(12))]
    pushing.push(scene.user_id, _request(*before))
    patches = [_change("shot", f"shot-{number}", "patch", 1, count=2) for number in range(10)]
    scene.request = _request(
        *patches, _shot(99), _change("shot", "shot-10", "delete"), _change("shot", "shot-11", "delete", 1)
    )
    return scene


def _check_written(scene: Scene, reply: PushReply) -> None:
    assert {result.status for result in reply.results} == {"applied"}
    assert scene.vers() == {"s": 1, "shot-99": 1, **{f"shot-{number}": 2 for number in range(10)}}
    _check_feed(scene)


def _check_pulled(_: Scene, reply: PullReply) -> None:
    assert (len(reply.changes), reply.more, reply.count) == (14, False, 12)


def _session() -> Scene:
    """Return a user with a session of two games, and the push that deletes it."""
    scene = Scene()
    games = [_change("game", f"g{number}", session_id="s", game_number=number) for number in (1, 2)]
    frames = [_change("frame", f"f{number}", game_id="g1", frame_number=number) for number in (1, 2)]
    shots = [
        _change("shot", f"{game}-{shot}", session_id="s", game_id=game, frame_number=1, shot_number=2, count=1)
        for game, shot in itertools.product(("g1", "g2"), range(3))
    ]
    kept = _change("ball", "kept", name="blue")
    pushing.push(scene.user_id, _request(_change("session", "s", started_at=STARTED), *games, *frames, *shots, kept))
    scene.request = _request(_change("session", "s", "delete", 1))
    return scene


def _delete(scene: Scene) -> PushReply:
    reply = _push(scene)
    descendants.sweep(scene.user_id)
    return reply


def _check_deleted(scene: Scene, reply: PushReply) -> None:
    assert [result.status for result in reply.results] == ["applied"]
    descendants.sweep(scene.user_id)
    assert scene.vers() == {"kept": 1}
    # Each tombstone was made once.
    assert {int(item["ver"]["N"]) for item in store.all_entries(scene.user_id)} == {1, 2}
    _check_feed(scene)


OPERATIONS = {
    "push to an empty scorebook": Operation(_new, _push, _check_new),
    "push changes": Operation(_written, _push, _check_written),
    "pull": Operation(
        lambda: _pushed(_written()), lambda scene: pulling.pull(scene.user_id, PullQuery()), _check_pulled
    ),
    "delete a session": Operation(_session, _delete, _check_deleted),
}


def _pushed(scene: Scene) -> Scene:
    _push(scene)
    return scene


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_every_call_may_fail(wire: Wire, operation: Operation, fault: Fault) -> None:
    """Whichever call fails, before it or after it, the same once more leaves each change done once."""
    assert try_every_call(wire, operation, fault) >= 1


def test_a_push_that_died_between_its_parts_goes_on(wire: Wire) -> None:
    """The parts that were written are found again, the others are written, and nothing is done twice."""
    scene = _new()
    wire.fail(2, FAULTS["died before"])
    with pytest.raises(Died):
        _push(scene)
    wire.heal()
    assert 0 < len(scene.vers()) < 21
    first, again = _push(scene), _push(scene)
    assert first == again
    _check_new(scene, first)


def test_a_deletion_is_told_to_the_job_also_when_its_push_is_repeated(sent: list[jobs.Job]) -> None:
    """Until the descendants are gone each push sends the job; afterwards none does."""
    scene = _session()
    for _ in range(2):
        reply = _push(scene)
        assert (reply.count, reply.checksum) == (None, None)
    assert [(job.kind, job.user_id) for job in sent] == [(jobs.DESCENDANTS, scene.user_id)] * 2
    descendants.sweep(scene.user_id)
    assert _push(scene).count == 1
    assert len(sent) == 2


def test_a_deletion_whose_job_was_lost_is_told_by_a_pull(sent: list[jobs.Job], monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute after a deletion whose descendants are still there, whoever pulls sends the job again."""
    scene = _session()
    _push(scene)
    sent.clear()
    assert pulling.pull(scene.user_id, PullQuery()).count is None
    assert sent == []
    monkeypatch.setattr(pulling, "_SWEEP_AGAIN_AFTER", -1)
    pulling.pull(scene.user_id, PullQuery())
    assert [job.kind for job in sent] == [jobs.DESCENDANTS]


def test_the_job_twice_at_once_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that finish the same deletion: one of them forgets it, and the head counts it once."""
    scene = _session()
    _push(scene)
    finish = descendants._finish

    def twice(*given: Any) -> bool:
        return finish(*given) and finish(*given)

    monkeypatch.setattr(descendants, "_finish", twice)
    assert descendants.sweep(scene.user_id) == 10
    assert descendants.sweep(scene.user_id) == 0
    _check_feed(scene)


def _bring_back(scene: Scene) -> None:
    """Bring the session back, with another game in it."""
    session = _change("session", "s", "put", 2, started_at=STARTED)
    game = _change("game", "new", session_id="s", game_number=1)
    results = pushing.push(scene.user_id, _request(session, game)).results
    assert [result.status for result in results] == ["applied"] * 2


def test_a_job_that_comes_late_removes_nothing_of_what_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """It read of the deletion, another one finished it, and the session came back: its new game is not the job's."""
    scene = _session()
    _push(scene)
    late = store.sweeps(scene.user_id)
    descendants.sweep(scene.user_id)
    _bring_back(scene)
    with monkeypatch.context() as patched:
        patched.setattr(store, "sweeps", lambda _: late)
        assert descendants.sweep(scene.user_id) == 0
    assert scene.vers() == {"kept": 1, "s": 3, "new": 1}
    _check_feed(scene)


def test_a_deletion_is_not_finished_for_a_later_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was brought back and deleted again while a job was about to finish has descendants anew: they go too."""
    scene = _session()
    _push(scene)
    finish = descendants._finish

    def late(*given: Any) -> bool:
        monkeypatch.setattr(descendants, "_finish", finish)
        descendants.sweep(scene.user_id)
        _bring_back(scene)
        pushing.push(scene.user_id, _request(_change("session", "s", "delete", 3)))
        return finish(*given)

    monkeypatch.setattr(descendants, "_finish", late)
    descendants.sweep(scene.user_id)
    descendants.sweep(scene.user_id)
    assert scene.vers() == {"kept": 1}
    _check_feed(scene)


def test_two_deletions_that_are_finished_at_once_are_both_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes its own mark away and counts from the same head: the second one counts again."""
    scene = _session()
    pushing.push(scene.user_id, _request(_change("game", "g1", "delete"), _change("game", "g2", "delete")))
    other_key, other_below = store.sweeps(scene.user_id)[1]
    descendants._remove_below(scene.user_id, other_key, other_below)
    write = store.write

    def meanwhile(transaction: Any, token: str) -> Any:
        if "Delete" in transaction[-1]:
            monkeypatch.setattr(store, "write", write)
            assert descendants._finish(scene.user_id, other_key, other_below)
        return write(transaction, token)

    monkeypatch.setattr(store, "write", meanwhile)
    descendants.sweep(scene.user_id)
    head = store.find_head(scene.user_id)
    assert head is not None
    assert (head.sweeping, store.sweeps(scene.user_id)) == (0, [])
    _check_feed(scene)
