"""What a push and pulls cost a user with so many entries: `python -m bench.sync_cost ROUNDS SIZE ...` prints JSON.

The entries are written straight into the table of an emulated AWS in this process; then a client pushes and pulls.
"""

import itertools
import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any
from unittest.mock import patch

from pynamodb.connection import Connection as PynamodbConnection

from bench.capacity import Consumed, metered
from bench.measure import progress
from chalicelib import dynamodb
from chalicelib.dynamodb import plain_client
from chalicelib.scorebook import cursor, rows, store, tree
from chalicelib.scorebook.merging import Row as Entry
from chalicelib.scorebook.rows import OPEN, Head
from chalicelib.settings import settings
from local_cloud.cloud import LocalCloud
from phone_client import ApiClient, Connection
from phone_client.sync import PushBatch, PushChange

PUSH, POLL, PULL_10, PULL_1000 = "push of 90 new shots", "poll with nothing new", "pull of 10", "pull of 1,000"
UNITS = ("write_units_least", "write_units_most", "read_units")
_SHOTS = 90
_SHOTS_A_GAME = 18
_LARGEST_BATCH = 25
# The emulator looks at every item of the table for a page, which takes it 10 s of 100,000.
_PATIENCE_S = 300.0
_FEWEST_ROUNDS = 2
_FEWER_ROUNDS_ABOVE = 10_000
_HOUR_MICROS = 3_600_000_000
_PASSWORD = "strike after strike"  # noqa: S105 - of a user of the benchmark's

Row = dict[str, float]
Found = dict[str, dict[str, Row]]
"""By operation, by entries behind it: units, and median milliseconds."""
Fields = dict[str, Any]


def main(rounds: int, sizes: list[int]) -> None:
    """Print what was found as JSON."""
    os.environ["REGISTRATIONS_PER_ADDRESS"] = "0"
    found: Found = {what: {} for what in (PUSH, POLL, PULL_10, PULL_1000)}
    with LocalCloud(access_log=False) as cloud, patch.object(dynamodb, "Connection", _patient_connection):
        for size in sizes:
            some = rounds if size <= _FEWER_ROUNDS_ABOVE else min(rounds, _FEWEST_ROUNDS)
            for what, row in _measure(str(cloud.api_url), size, some).items():
                found[what][str(size)] = row
    sys.stdout.write(json.dumps(found) + "\n")


def _patient_connection(region: str, **_: float) -> Any:
    return PynamodbConnection(region=region, read_timeout_seconds=_PATIENCE_S)


def _measure(api_url: str, size: int, rounds: int) -> dict[str, Row]:
    began_s = time.monotonic()
    with ApiClient(api_url, connection=Connection(read_timeout_s=_PATIENCE_S)) as client:
        user_id, game = _fill(client, size)
        progress(f"sync: {size} entries in the table after {time.monotonic() - began_s:.0f} s")
        with metered() as consumed:
            found = {PUSH: _row(consumed, [_pushing(client, _batch(*game)) for _ in range(rounds)])}
            head = store.find_head(user_id)
            if head is None or head.n != size + rounds * _SHOTS:
                raise RuntimeError(f"the pushes left the head at {head}")
            for what, after, entries in (
                (POLL, head.n, 0),
                (PULL_10, head.n - 10, 10),
                (PULL_1000, size - 1000, 1000),
            ):
                place = cursor.encode(head.epoch, after, int(time.time()))
                found[what] = _row(consumed, [_pulling(client, place, entries)] * rounds)
    progress(f"sync: {size} entries done after {time.monotonic() - began_s:.0f} s")
    return found


def _row(consumed: Consumed, actions: list[Callable[[], None]]) -> Row:
    """Do something some times, and return what it costs: the most units, the median time."""
    whole, own, units = [], [], []
    for action in actions:
        consumed.clear()
        began_s = time.perf_counter()
        action()
        took_s = time.perf_counter() - began_s
        whole.append(took_s * 1e3)
        own.append((took_s - consumed.aws_s) * 1e3)
        units.append((consumed.least_write_units, consumed.most_write_units, consumed.read_units))
    most = (max(each) for each in zip(*units, strict=True))
    return {**dict(zip(UNITS, most, strict=True)), "ms": median(whole), "own_ms": median(own)}


def _pushing(client: ApiClient, batch: PushBatch) -> Callable[[], None]:
    def push() -> None:
        statuses = {result.status for result in client.sync.push(batch).results}
        if statuses != {"applied"}:
            raise RuntimeError(f"a push of new shots was answered {statuses}")

    return push


def _pulling(client: ApiClient, place: str, entries: int) -> Callable[[], None]:
    def pull() -> None:
        reply = client.sync.pull(place, 1000)
        if reply.reset or len(reply.changes) != entries:
            raise RuntimeError(f"a pull brought {len(reply.changes)} entries, not {entries}; reset: {reply.reset}")

    return pull


def _batch(session_id: str, game_id: str) -> PushBatch:

    changes = [
        PushChange(str(uuid.uuid4()), "shot", "put", "2026-11-24T19:00:00Z", 0, _shot(session_id, game_id, at))
        for at in range(_SHOTS)
    ]
    return PushBatch(str(uuid.uuid4()), tuple(changes))


def _fill(client: ApiClient, size: int) -> tuple[str, tuple[str, str]]:
    """Make a user with so many entries; return who it is, and a session and a game for new shots."""
    name = f"bench-{size}"
    client.register(name, f"{name}@example.org", _PASSWORD)
    client.log_in(name, _PASSWORD)
    user_id = client.account.profile().id
    items = itertools.chain([_head(user_id, size)], _items(user_id, size))
    game = ("", "")
    while batch := list(itertools.islice(items, _LARGEST_BATCH)):
        game = next(filter(None, map(_game_of, batch)), game)
        puts = [{"PutRequest": {"Item": item}} for item in batch]
        plain_client().batch_write_item(RequestItems={settings().scorebook_table: puts})
    return user_id, game


def _game_of(item: dict[str, Any]) -> tuple[str, str] | None:
    """Return the session and the game that a shot's item is of; None for what is no shot."""
    fields = json.loads(item["fields"]["S"]) if "fields" in item else {}
    return (fields["session_id"], fields["game_id"]) if "game_id" in fields else None


def _head(user_id: str, size: int) -> dict[str, Any]:
    now = time.time_ns() // 1000
    head = Head(size, size - 1, now - _HOUR_MICROS, uuid.uuid4().hex, 0, OPEN, size, 0)
    # The job that computes checksums was there today, so no pull asks for it.
    return {**rows.head_item(user_id, head), "digest_at": {"N": str(now)}}


def _items(user_id: str, size: int) -> Iterator[dict[str, Any]]:

    at = time.time_ns() // 1000 - _HOUR_MICROS
    for seq, (kind, entry_id, fields) in enumerate(itertools.islice(_history(), size), 1):
        position = tree.position_of(kind, entry_id, fields)
        yield rows.row_item(
            user_id, Entry(entry_id, kind, 1, seq, deleted=False, fields=fields, created=at, updated=at, tree=position)
        )


def _history() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield sessions, their games and their shots, as typical as a shot is: pins and count, and nothing noted."""
    while True:
        session_id = str(uuid.uuid4())
        yield "session", session_id, {"started_at": "2026-11-24T19:00:00+01:00", "session_number": 12}
        for number in range(1, 4):
            game_id = str(uuid.uuid4())
            yield "game", game_id, {"session_id": session_id, "game_number": number}
            for at in range(_SHOTS_A_GAME):
                yield "shot", str(uuid.uuid4()), _shot(session_id, game_id, at)


def _shot(session_id: str, game_id: str, at: int) -> dict[str, Any]:
    return {
        "session_id": session_id,
        "game_id": game_id,
        "frame_number": at % 10 + 1,
        "shot_number": 1,
        "pins_standing": 512,
        "count": 9,
    }


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(size) for size in sys.argv[2:]])
