"""What synchronisation costs in DynamoDB, counted by the sizes of items as AWS does."""

import math
import uuid
from typing import Any

import msgspec
import pytest

from chalicelib.scorebook import pulling, pushing, store
from chalicelib.scorebook.model import PullQuery, PushReply, PushRequest
from chalicelib.settings import settings
from chalicelib.versions import RawItem
from local_cloud.cloud import LocalCloud
from tests.chalicelib.people import new_user_id
from tests.chalicelib.wire import Call, Wire

SHOTS = 90
LEAST_WRU, MOST_WRU = 364, 544
"""Of a push of 90 shots: each is written to the table and to two indexes, which may count once or twice."""


@pytest.fixture
def wire(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Wire:
    """The wire to the shared local cloud."""
    assert cloud.aws_url
    return Wire(monkeypatch)


def size_of(item: RawItem) -> int:
    """Return the size of an item in bytes ("DynamoDB item sizes and formats", Amazon DynamoDB Developer Guide)."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: dict[str, Any]) -> int:
    if "N" in value:
        return math.ceil(len(value["N"].strip("-")) / 2) + 1
    return 1 if "BOOL" in value else len(str(value["S"]).encode())


def _push(user_id: str, *changes: dict[str, Any]) -> PushReply:
    raw = [msgspec.Raw(msgspec.json.encode(change)) for change in changes]
    reply = pushing.push(user_id, PushRequest(str(uuid.uuid4()), raw))
    assert {result.status for result in reply.results} == {"applied"}
    return reply


def _session(user_id: str) -> tuple[str, str]:
    session_id, game_id = str(uuid.uuid4()), str(uuid.uuid4())
    started = {"id": session_id, "type": "session", "op": "put", "fields": {"started_at": "2026-11-24T19:00:00Z"}}
    fields = {"session_id": session_id, "game_number": 1}
    _push(user_id, started, {"id": game_id, "type": "game", "op": "put", "fields": fields})
    return session_id, game_id


def _shot(session_id: str, game_id: str, number: int) -> dict[str, Any]:
    fields = {
        "session_id": session_id,
        "game_id": game_id,
        "frame_number": number % 10 + 1,
        "shot_number": 1,
        "pins_standing": 512,
        "count": 9,
    }
    return {"id": str(uuid.uuid4()), "type": "shot", "op": "put", "base_ver": 0, "fields": fields}


def _written(call: Call) -> tuple[int, int]:
    """Return the write units of a transaction, with each index counted once and twice."""
    least = most = 0
    for action in call.json["TransactItems"]:
        ((kind, content),) = action.items()
        item = content.get("Item", {})
        units = math.ceil(size_of(item) / 1024) or 1
        indexes = ("seq" in item) + ("tree" in item)
        least += units * (2 + indexes)
        most += units * (2 + 2 * indexes)
        assert kind in {"Put", "Update", "ConditionCheck"}
    return least, most


def test_a_push_of_90_shots(wire: Wire) -> None:
    """One strong read of the head, and one transaction; the checks that session and game are live cost 2 each."""
    user_id = new_user_id()
    session_id, game_id = _session(user_id)
    wire.heal()
    _push(user_id, *(_shot(session_id, game_id, number) for number in range(SHOTS)))
    read, written = wire.own
    assert (read.operation, read.json["ConsistentRead"]) == ("GetItem", True)
    least, most = _written(written)
    assert LEAST_WRU <= least <= MOST_WRU
    assert (least, most) == (LEAST_WRU + 2 * 2, MOST_WRU + 2 * 2)


def test_a_poll_and_pulls(wire: Wire) -> None:
    """A poll reads the head; ten entries take three units; a thousand typical shots 105 at most, head included."""
    user_id = new_user_id()
    session_id, game_id = _session(user_id)
    for _ in range(2):
        _push(user_id, *(_shot(session_id, game_id, number) for number in range(500)))
    wire.heal()
    page = pulling.pull(user_id, PullQuery(limit=1000))
    assert [call.operation for call in wire.own] == ["GetItem", "Query"]
    assert all(call.json["ConsistentRead"] for call in wire.own)
    last = pulling.pull(user_id, PullQuery(page.cursor))
    wire.heal()
    assert pulling.pull(user_id, PullQuery(last.cursor)).changes == ()
    assert [call.operation for call in wire.own] == ["GetItem"]
    assert _units_of_page(user_id, 1000) + 1 <= 105
    # And the head once more, for whoever is told a count.
    assert _units_of_page(user_id, 10) + 2 <= 3


def _units_of_page(user_id: str, count: int) -> int:
    items = list(store.changed_between(user_id, 2, 10**9, count))
    assert len(items) == count
    return math.ceil(sum(map(size_of, items)) / 4096)


def test_an_entry_takes_a_unit_unless_it_is_long(wire: Wire) -> None:
    """A shot with every short field filled stays below 1 KB, so that it is written in one unit, in each index too."""
    user_id = new_user_id()
    session_id, game_id = _session(user_id)
    shot = _shot(session_id, game_id, 3)
    boards = dict.fromkeys(("board", "stance", "target", "breakpoint", "impact_board", "speed_mph"), 17.25)
    links = {"ball_id": str(uuid.uuid4()), "capture_id": "f" * 64, "thrown_at": "2026-11-24T19:03:20.123+01:00"}
    shot["fields"] |= {**boards, **links, "foul": False, "lane": 12, "side": "right", "position": "h-pocket"}
    wire.heal()
    _push(user_id, shot)
    assert wire.own[1].json["TransactItems"][-1]
    items = [action["Put"]["Item"] for action in wire.own[1].json["TransactItems"] if "Put" in action]
    (item,) = [item for item in items if "seq" in item]
    assert 600 < size_of(item) < 1024


def test_all_is_in_one_table(cloud: LocalCloud) -> None:
    """The table that the settings name is the one that the template makes."""
    assert cloud.aws_url
    assert settings().scorebook_table == "revmetrix-local-scorebook"
