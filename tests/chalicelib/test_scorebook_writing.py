"""The one write path beside others that write: nothing lost, nothing doubled, no transaction too large, and an end."""

import json
import time
import uuid
from collections.abc import Sequence
from typing import Any

import pytest

from chalicelib.errors import InvalidRequest
from chalicelib.scorebook import store, writing
from chalicelib.scorebook.actions import MOST
from chalicelib.scorebook.busy import ATTEMPTS, ScorebookBusy
from chalicelib.scorebook.changes import Change
from chalicelib.scorebook.rows import Head
from chalicelib.scorebook.writing import write
from local_cloud.cloud import LocalCloud
from tests.chalicelib.people import new_user_id
from tests.chalicelib.wire import Wire

SESSION = {"started_at": "2026-11-24T19:00:00Z"}


@pytest.fixture
def wire(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Wire:
    """The wire to the shared local cloud."""
    assert cloud.aws_url
    return Wire(monkeypatch)


@pytest.fixture
def user_id(cloud: LocalCloud) -> str:
    """A user with one ball."""
    assert cloud.aws_url
    made = new_user_id()
    write(made, [_ball("first")])
    return made


def _ball(entry_id: str, name: str = "blue") -> Change:
    return Change(entry_id, "ball", "put", 0, {"name": name})


def _shot(entry_id: str, session_id: str) -> Change:
    return Change(entry_id, "shot", "put", 0, {"session_id": session_id, "shot_number": 2, "count": 1})


def _seqs(user_id: str) -> dict[str, int]:
    return {
        item["sk"]["S"].rpartition("#")[2]: int(item["seq"]["N"])
        for item in store.changed_between(user_id, 0, 10**6, 1000)
    }


def test_a_write_that_came_second_is_decided_again(user_id: str) -> None:
    """Another write between the head and the transaction: both are in the feed, each with a sequence of its own."""
    others = iter([_ball("other")])

    def meanwhile(_: Head) -> None:
        for other in others:
            write(user_id, [other])

    written = write(user_id, [_ball("mine")], guard=meanwhile)
    assert written.outcomes[0].status == "applied"
    assert _seqs(user_id) == {"first": 1, "other": 2, "mine": 3}
    assert (written.head.n, written.head.prev, written.head.count) == (3, 2, 3)


def test_what_a_guard_saw_still_holds(user_id: str) -> None:
    """A guard is asked again after another write, and what it raises leaves everything as it was."""
    seen: list[int] = []

    def guard(head: Head) -> None:
        seen.append(head.n)
        if len(seen) == 1:
            write(user_id, [_ball("other")])
        elif head.n == 2:
            raise InvalidRequest("no")

    with pytest.raises(InvalidRequest):
        write(user_id, [_ball("mine")], guard=guard)
    assert seen == [1, 2]
    assert "mine" not in _seqs(user_id)


def test_an_entry_that_is_there_is_told_by_the_failure(user_id: str, wire: Wire) -> None:
    """A put of an entry thought to be new reads nothing: what was there comes with the refusal, and is merged with."""
    written = write(user_id, [_ball("first", "red"), _ball("second")])
    assert [outcome.status for outcome in written.outcomes] == ["merged", "applied"]
    assert [call.operation for call in wire.own] == ["GetItem", "TransactWriteItems", "TransactWriteItems"]


def test_a_collision_is_tried_again(user_id: str, wire: Wire) -> None:
    """Another transaction at the same items is no failure: the head is read again, and the part written."""
    reasons = [{"Code": "TransactionConflict", "Message": "x"}, {"Code": "None"}]
    head = store.find_head
    answers = [_cancelled(reasons)]

    def find_head(user_id: str) -> Head | None:
        found = head(user_id)
        wire.answers += answers
        answers.clear()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "find_head", find_head)
        assert write(user_id, [_ball("mine")]).outcomes[0].status == "applied"
    assert [call.operation for call in wire.own].count("TransactWriteItems") == 2


def _cancelled(reasons: list[dict[str, str]]) -> tuple[int, str]:
    name = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"
    return 400, json.dumps({"__type": name, "Message": "Transaction cancelled", "CancellationReasons": reasons})


def test_whoever_never_comes_first_is_told_to_come_again(user_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many tries 503 with Retry-After; nothing was written, and nothing is tried for ever."""
    tries: list[Sequence[Any]] = []

    def collide(transaction: Sequence[Any], _: str) -> Any:
        tries.append(transaction)
        raise store.CollidedError

    monkeypatch.setattr(store, "write", collide)
    monkeypatch.setattr(time, "sleep", lambda seconds: None if 0 <= seconds <= 1 else pytest.fail(str(seconds)))
    with pytest.raises(ScorebookBusy) as raised:
        write(user_id, [_ball("mine")])
    assert len(tries) == ATTEMPTS
    assert 1 <= int(raised.value.headers["Retry-After"]) <= 10
    assert (raised.value.status, raised.value.name) == (503, "scorebook-busy")


@pytest.mark.parametrize("code", ["ProvisionedThroughputExceededException", "ThrottlingException"])
def test_a_database_with_too_much_to_do_is_told_as_busy(
    user_id: str, wire: Wire, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """A throttled table is 503 with Retry-After, not an error of the server."""
    monkeypatch.setattr(time, "sleep", lambda _: None)
    answer = 400, json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "slow down"})
    wire.answers = [answer] * 20
    with pytest.raises(ScorebookBusy):
        write(user_id, [_ball("mine")])
    wire.answers = []
    assert write(user_id, [_ball("mine")]).outcomes[0].status == "applied"


def test_no_transaction_has_more_than_a_hundred_actions(user_id: str, wire: Wire) -> None:
    """Shots that each belong to another session take two actions each; deletions of sessions take a mark each."""
    sessions = [str(uuid.uuid4()) for _ in range(70)]
    write(user_id, [Change(session_id, "session", "put", 0, SESSION) for session_id in sessions])
    write(user_id, [_shot(f"shot-{session_id}", session_id) for session_id in sessions])
    written = write(user_id, [Change(session_id, "session", "delete") for session_id in sessions])
    assert {outcome.status for outcome in written.outcomes} == {"applied"}
    assert (written.head.sweeping, written.head.count) == (70, 71)
    sizes = [len(call.json["TransactItems"]) for call in wire.own if call.operation == "TransactWriteItems"]
    assert max(sizes) <= MOST
    assert len(sizes) == 1 + 2 + 2
    assert len(_seqs(user_id)) == 141


def test_a_transaction_touches_no_item_twice(user_id: str, wire: Wire) -> None:
    """A session, what belongs to it, and a change of it, in one push: what is written is not checked as well."""
    session = Change("s", "session", "put", 0, SESSION)
    later = Change("s", "session", "patch", 1, {"comment": "late"})
    game = Change("g", "game", "put", 0, {"session_id": "s", "game_number": 1})
    frame = Change("f", "frame", "put", 0, {"game_id": "g", "frame_number": 1})
    written = write(user_id, [frame, game, _shot("x", "s"), session, later])
    assert [outcome.ver for outcome in written.outcomes] == [1, 1, 1, 1, 2]
    transaction = wire.own[-1].json["TransactItems"]
    keys = [(content.get("Item") or content["Key"])["sk"]["S"] for action in transaction for content in action.values()]
    assert sorted(keys) == ["E#frame#f", "E#game#g", "E#session#s", "E#shot#x", "HEAD"]


def test_nothing_to_write_is_no_write(user_id: str, wire: Wire) -> None:
    """A direct change that changes nothing costs reads only."""
    written = write(
        user_id, [Change("nobody", "ball", "delete"), Change("first", "ball", "patch", 1, {"name": "blue"})]
    )
    assert [outcome.status for outcome in written.outcomes] == ["duplicate", "applied"]
    assert {call.operation for call in wire.own} == {"GetItem", "BatchGetItem"}
    assert written.head.n == 1


def test_the_order_of_a_push() -> None:
    """Parents first, deletions last, and one entry's changes as they were sent."""
    changes = [
        _shot("x", "s"),
        Change("b", "ball", "delete"),
        Change("s", "session", "put", 0, SESSION),
        Change("b", "ball", "put", 2, {"name": "back"}),
        Change("g", "game", "delete"),
    ]
    assert writing._order(changes) == [1, 3, 2, 0, 4]
