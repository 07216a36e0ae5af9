"""The scorebook where DynamoDB counts and races as on AWS: what a push and a pull cost, and eight writers at once."""

import itertools
import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.api import Api, Bowler
from tests.chalicelib.phones import STARTED, Json, Phone, new_id
from tests.ministack.served_app import ServedApp, race

WRITERS = 8
PUSHES = 6
SHOTS = 90
LEAST_WRU, MOST_WRU = 364, 544


class Meter:
    """Sends a phone's requests, and reads from the log what each of them cost.

    Args:
        app: The process that answers.
        bowler: Whose phone it is.
    """

    def __init__(self, app: ServedApp, bowler: Bowler) -> None:
        self.api = Api(app.url)
        self._app = app
        self._bowler = replace(bowler, api=self.api)

    def push(self, changes: list[Json]) -> tuple[float, float]:
        """Push changes, and return the write and read units."""
        body = {"batch_id": new_id(), "changes": changes}
        return self._cost("POST", "/v1/sync/push", body)[1]

    def pull(self, cursor: str | None = None, limit: int = 1000) -> tuple[Json, tuple[float, float]]:
        """Pull a page, and return it with the write and read units."""
        place = f"&cursor={cursor}" if cursor else ""
        return self._cost("GET", f"/v1/sync/pull?limit={limit}{place}", None)

    def _cost(self, method: str, path: str, body: Json | None) -> tuple[Json, tuple[float, float]]:
        request_id = secrets.token_hex(8)
        content: Any = {} if body is None else {"json": body}
        answer = self._bowler(method, path, headers={"X-Request-Id": request_id}, **content)
        assert answer.status == 200, answer.data
        line = self._app.line_of(request_id)
        assert "Scan" not in str(line.get("calls", ""))
        reply: Json = answer.json
        if body is not None:
            assert {result["status"] for result in reply["results"]} == {"applied"}
        return reply, (line["write_units"], line["read_units"])


@pytest.fixture
def meter(apps: list[ServedApp], bowler: Bowler) -> Iterator[Meter]:
    """A meter of a new user's phone."""
    made = Meter(apps[0], bowler)
    yield made
    made.api.close()


def _shots(count: int, session_id: str, game_id: str) -> list[Json]:
    links = {"session_id": session_id, "game_id": game_id}
    pins = {"pins_standing": 0, "count": 10, "ball_id": new_id()}
    return [
        {
            "id": new_id(),
            "type": "shot",
            "op": "put",
            "fields": {**links, "frame_number": number % 10 + 1, "shot_number": 1, **pins},
        }
        for number in range(count)
    ]


def test_push_and_pull_cost_what_the_design_says(meter: Meter) -> None:
    """A push of 90 shots, a poll, a pull of 10 and of 1,000: within the table, and the same behind more history.

    The emulator counts a query as one unit, however much it reads; bytes are counted in test_scorebook_cost.py.
    """
    session_id, game_id = new_id(), new_id()
    meter.push(
        [
            {"id": session_id, "type": "session", "op": "put", "fields": {"started_at": STARTED}},
            {"id": game_id, "type": "game", "op": "put", "fields": {"session_id": session_id, "game_number": 1}},
        ]
    )
    costs: dict[str, list[tuple[float, float]]] = {"push": [], "poll": [], "ten": [], "thousand": []}
    for _ in range(2):
        costs["push"].append(meter.push(_shots(SHOTS, session_id, game_id)))
        meter.push(_shots(920, session_id, game_id))
        begin, cost = meter.pull()
        costs["thousand"].append(cost)
        assert len(begin["changes"]) == 1000
        cursor = begin["cursor"]
        while True:
            page, _ = meter.pull(cursor)
            cursor = page["cursor"]
            if not page["more"]:
                break
        polled, cost = meter.pull(cursor)
        assert (polled["changes"], polled["more"]) == ([], False)
        costs["poll"].append(cost)
        meter.push(_shots(10, session_id, game_id))
        ten, cost = meter.pull(cursor)
        assert len(ten["changes"]) == 10
        costs["ten"].append(cost)
    assert all(LEAST_WRU <= write <= MOST_WRU and read == 1 for write, read in costs["push"]), costs
    assert costs["poll"] == [(0, 1)] * 2
    assert all((write, read <= 3) == (0, True) for write, read in costs["ten"]), costs
    assert all((write, read <= 105) == (0, True) for write, read in costs["thousand"]), costs
    assert costs["push"][0] == costs["push"][1]
    assert costs["ten"][0] == costs["ten"][1]
    assert abs(costs["thousand"][0][1] - costs["thousand"][1][1]) <= 1


def test_the_feed_loses_nothing_of_eight_writers(apps: list[ServedApp], bowler: Bowler) -> None:
    """Eight phones push beside each other while a ninth pulls: it gets all that was acknowledged, as it was last."""
    ball = Phone(bowler).put("ball", {"name": "shared"})
    Phone(bowler).push(ball)

    def act(api: Api, number: int) -> dict[str, int]:
        phone = Phone(replace(bowler, api=api), itertools.count(1000 * (number + 1)))
        if number == WRITERS:
            return _follow(phone)
        acknowledged: dict[str, int] = {}
        for turn in range(PUSHES):
            made = [phone.put("ball", {"name": f"{number}-{turn}-{each}"}) for each in range(5)]
            shared = {**phone.patch(ball, 1, comment=f"{number}-{turn}"), "edited_at": "2026-11-24T12:00:00Z"}
            results = _push_until_taken(phone, [*made, shared])
            assert {result["status"] for result in results[:5]} == {"applied"}
            assert results[5]["status"] in ("applied", "merged")
            acknowledged |= {result["id"]: result["ver"] for result in results[:5]}
        return acknowledged

    *acknowledged, followed = race(apps, WRITERS + 1, act)
    written = {entry_id: ver for each in acknowledged for entry_id, ver in each.items()}
    assert len(written) == WRITERS * PUSHES * 5
    everything = {entry_id: change["ver"] for (_, entry_id), change in Phone(bowler).everything().items()}
    assert {**written, ball["id"]: everything[ball["id"]]} == everything == followed


def _push_until_taken(phone: Phone, changes: list[Json]) -> list[Json]:
    batch_id = new_id()
    for _ in range(20):
        answer = phone.send(changes, batch_id)
        if answer.status == 200:
            results: list[Json] = answer.json["results"]
            return results
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) >= 1
    raise AssertionError("busy for ever")


def _follow(phone: Phone) -> dict[str, int]:
    """Pull from page to page until all that was written is there, and return what came, each at its last version."""
    seen: dict[str, int] = {}
    cursor = None
    for _ in range(3000):
        page = phone.pull(cursor, limit=20)
        cursor = page["cursor"]
        for change in page["changes"]:
            seen[change["id"]] = max(change["ver"], seen.get(change["id"], 0))
        if len(seen) == WRITERS * PUSHES * 5 + 1 and page["count"] == len(seen) and not page["more"]:
            return seen
    raise AssertionError(f"{len(seen)} entries came")
