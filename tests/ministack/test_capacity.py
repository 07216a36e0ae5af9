"""What each operation costs in DynamoDB, as DynamoDB counts it; write units and read units, as CloudWatch sees them."""

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.api import PASSWORD, Answer, Api, Bowler, upload_headers
from tests.ministack.served_app import NO_LIMITS, ServedApp, served_app
from tests.throws import Throw

from .conftest import unique_name

MOST: dict[str, tuple[float, float]] = {
    "register": (8, 0),
    # Half a unit above the design's: it looks whether the address is throttled.
    # Two write units above the design's 4: the tries of a user and of an address are taken before the password is
    # computed, so that no crowd of them computes more hashes than it has tries, and given back after.
    "log in": (6, 2),
    "log in with a wrong password": (2, 3),
    # The design's reads nothing: this one finds whose token it is, and whether that user is still there and unlocked.
    "refresh": (6, 1.5),
    "read the profile": (0, 1),
    "change the profile": (2, 3),
    "list the logins": (0, 3),
    # Two of them check that the account is open.
    "add a bridge": (6, 2),
    "list the bridges": (0, 3),
    # Two reads check the login; one write is for the claims of a day.
    "claim a device": (11, 3),
    "list the devices": (0, 1),
    # Head, batch and entries at two units each, and one for each of an entry's two indexes.
    "push a session with a game of one shot": (2 * 5 + 2 * 3 + 2, 2),
    # The head, what changed, and, the history being short, all of it for the checksum.
    "pull them": (0, 3),
    "read a session's tree": (0, 3),
    # One read looks whether its bytes were processed before its row was there.
    "keep a capture": (5, 1),
    "keep the same capture": (0, 1),
    "list the captures": (0, 1),
    "show a capture": (0, 1),
    "log out": (1, 0),
}
"""The most write and read units of each, of an account that is almost empty."""


class Meter:
    """Sends requests, and reads from the log what each of them cost.

    Attributes:
        costs: Write and read units by what was done.
        calls: The calls of AWS by what was done.
    """

    def __init__(self, app: ServedApp, bowler: Bowler) -> None:
        self._app = app
        self._bowler = bowler
        self.costs: dict[str, tuple[float, float]] = {}
        self.calls: dict[str, list[str]] = {}

    def __call__(self, what: str, method: str, path: str, *, is_mine: bool = True, **content: Any) -> Answer:
        """Send a request and note its cost."""
        request_id = secrets.token_hex(8)
        headers = {**content.pop("headers", {}), "X-Request-Id": request_id}
        token = self._bowler.token if is_mine else None
        answer = self._bowler.api(method, path, token=token, headers=headers, **content)
        line = self._app.line_of(request_id)
        self.costs[what] = (line["write_units"], line["read_units"])
        self.calls[what] = str(line.get("calls", "")).split()
        return answer


@pytest.fixture(scope="module")
def throttled_app(aws_url: str) -> Iterator[ServedApp]:
    """The app with its limiters at work, which cost something as well."""
    with served_app(aws_url, **dict.fromkeys(NO_LIMITS, "1000")) as app:
        yield app


@pytest.fixture
def meter(throttled_app: ServedApp, bowler: Bowler) -> Iterator[Meter]:
    """A meter of a new user's requests."""
    api = Api(throttled_app.url)
    yield Meter(throttled_app, replace(bowler, api=api))
    api.close()


def a_session(name: str) -> dict[str, Any]:
    """Return a push of a session, a game and a shot, with ids that begin so."""
    session, game = {"session_id": f"{name}-s"}, {"game_id": f"{name}-g"}
    entries = {
        "session": ("s", {"started_at": "2026-11-24T19:00:00Z"}),
        "game": ("g", {**session, "game_number": 1}),
        "shot": ("t", {**session, **game, "frame_number": 1, "shot_number": 1, "count": 9}),
    }
    changes = [
        {"id": f"{name}-{end}", "type": kind, "op": "put", "fields": fields} for kind, (end, fields) in entries.items()
    ]
    return {"batch_id": name, "changes": changes}


def do_everything(meter: Meter) -> None:
    """Do each operation of the table once, as a user whose account is almost empty."""
    name = unique_name()
    fields = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
    assert meter("register", "POST", "/v1/users", is_mine=False, json=fields).status == 201
    wrong = {"username": name, "password": "not this one, no"}
    assert meter("log in with a wrong password", "POST", "/v1/tokens", is_mine=False, json=wrong).status == 401
    right = {"username": name, "password": PASSWORD}
    tokens = meter("log in", "POST", "/v1/tokens", is_mine=False, json=right)
    refreshing = {"refresh_token": tokens.json["refresh_token"]}
    assert meter("refresh", "POST", "/v1/tokens/refresh", is_mine=False, json=refreshing).status == 200
    tag = str(meter("read the profile", "GET", "/v1/users/me").headers["ETag"])
    change: Any = {"json": {"first_name": "Ada"}, "headers": {"If-Match": tag}}
    assert meter("change the profile", "PATCH", "/v1/users/me", **change).status == 200
    assert meter("list the logins", "GET", "/v1/users/me/logins").status == 200
    assert meter("add a bridge", "POST", "/v1/bridges", json={"name": "lane 7"}).status == 201
    assert meter("list the bridges", "GET", "/v1/bridges").status == 200
    serial = f"SD-{secrets.token_hex(5)}"
    assert meter("claim a device", "POST", "/v1/devices", json={"serial": serial}).status == 201
    assert meter("list the devices", "GET", "/v1/devices").status == 200
    pushed = meter("push a session with a game of one shot", "POST", "/v1/sync/push", json=a_session(name))
    assert [result["status"] for result in pushed.json["results"]] == ["applied"] * 3
    assert len(meter("pull them", "GET", "/v1/sync/pull").json["changes"]) == 3
    assert meter("read a session's tree", "GET", f"/v1/sessions/{name}-s/tree").status == 200
    data = Throw(duration_s=0.3, record=secrets.randbelow(2**32 - 2) + 1).capture()
    upload: Any = {"body": data, "headers": upload_headers(data)}
    assert meter("keep a capture", "POST", "/v1/captures", **upload).status == 201
    assert meter("keep the same capture", "POST", "/v1/captures", **upload).status == 200
    assert meter("list the captures", "GET", "/v1/captures").status == 200
    assert meter("show a capture", "GET", f"/v1/captures/{hashlib.sha256(data).hexdigest()}").status == 200
    assert meter("log out", "DELETE", "/v1/tokens").status == 204


def test_each_operation_costs_at_most_what_the_design_says(meter: Meter) -> None:
    """No operation writes or reads more than its row allows, and none of them scans a table."""
    do_everything(meter)
    assert meter.costs.keys() == MOST.keys()
    dearer = {
        what: f"{writes} write and {reads} read units, at most {MOST[what]}"
        for what, (writes, reads) in meter.costs.items()
        if writes > MOST[what][0] or reads > MOST[what][1]
    }
    assert dearer == {}, meter.costs
    assert {what for what, calls in meter.calls.items() if "Scan" in calls} == set()


def test_cost_is_counted_at_all(meter: Meter) -> None:
    """What must write has a cost: a meter that always says 0 would let anything pass."""
    do_everything(meter)
    assert meter.costs["register"][0] >= 4
    assert meter.costs["log in"][0] >= 2
    assert meter.costs["list the captures"][1] > 0
    assert all(meter.calls.values())
