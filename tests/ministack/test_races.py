"""Concurrency where transactions are what they are on AWS: one winner, no double effect, nothing acknowledged lost."""

import contextlib
import hashlib
import secrets
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from local_cloud.environment import local_environment
from tests.api import PASSWORD, Answer, Api, Bowler, upload_headers
from tests.ministack.served_app import ServedApp, race
from tests.ministack.stack import Clients
from tests.throws import Throw

from .conftest import register, unique_name

RACERS = 8
ROUNDS = 3


def new_capture() -> bytes:
    """Return a capture that no other test has."""
    return Throw(duration_s=0.3, record=secrets.randbelow(2**32 - 2) + 1, serial="SD-RACE").capture()


def log_in(api: Api, username: str, password: str = PASSWORD) -> Answer:
    """Log in."""
    return api("POST", "/v1/tokens", json={"username": username, "password": password})


def refresh(api: Api, token: str) -> Answer:
    """Refresh a login."""
    return api("POST", "/v1/tokens/refresh", json={"refresh_token": token})


def is_void(aws_url: str, token: str) -> bool:
    """Tell whether a refresh token's place was taken by one of another reply."""
    key = {"pk": {"S": f"R#{hashlib.sha256(token.encode()).hexdigest()}"}, "sk": {"S": "REFRESH"}}
    with contextlib.closing(Clients(aws_url, local_environment(aws_url)).client("dynamodb")) as database:
        return (
            "voided_at" in database.get_item(TableName="revmetrix-local-accounts", Key=key, ConsistentRead=True)["Item"]
        )


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_racing_registrations_of_one_username(apps: list[ServedApp], api: Api, _round: int) -> None:
    """Of many who register one name, in whatever capitals, one gets it, and only that one's password opens it."""
    name = unique_name()
    names = [name if number % 2 else name.upper() for number in range(RACERS)]
    statuses = race(apps, RACERS, lambda api, number: register(api, names[number], f"{PASSWORD} {number}"))
    assert Counter(statuses) == {201: 1, 409: RACERS - 1}
    opened = [log_in(api, name, f"{PASSWORD} {number}").status for number in range(RACERS)]
    assert [status == 200 for status in opened] == [status == 201 for status in statuses]


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_racing_refreshes_of_one_token(apps: list[ServedApp], bowler: Bowler, aws_url: str, _round: int) -> None:
    """However many refresh with one token at once, one successor lives on, and the login stays open."""
    answers = race(apps, RACERS, lambda api, _: refresh(api, bowler.refresh_token))
    assert {answer.status for answer in answers} <= {200, 401}
    successors = [answer.json["refresh_token"] for answer in answers if answer.status == 200]
    assert successors
    assert len(set(successors)) == len(successors)
    (living,) = [token for token in successors if not is_void(aws_url, token)]
    following = refresh(bowler.api, living)
    assert following.status == 200
    # One that lost is a lost reply's: whoever uses it after all ends the login.
    for lost in set(successors) - {living}:
        assert refresh(bowler.api, lost).status == 401
    assert refresh(bowler.api, following.json["refresh_token"]).status == (200 if len(successors) == 1 else 401)


def test_refreshes_beside_the_end_of_all_logins(apps: list[ServedApp], bowler: Bowler) -> None:
    """Once the end of all logins is acknowledged, no token that a refresh gave meanwhile opens anything."""

    def act(api: Api, number: int) -> Answer:
        if number == 0:
            return api("DELETE", "/v1/tokens/all", token=bowler.token)
        return refresh(api, bowler.refresh_token)

    ended, *answers = race(apps, RACERS, act)
    assert ended.status == 204
    given = [answer.json["refresh_token"] for answer in answers if answer.status == 200]
    assert [refresh(bowler.api, token).status for token in [bowler.refresh_token, *given]] == [401] * (len(given) + 1)


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_racing_claims_of_one_device(apps: list[ServedApp], new_bowler: Callable[[], Bowler], _round: int) -> None:
    """Of many who claim one device, one has it."""
    bowlers = [new_bowler() for _ in range(RACERS)]
    serial = f"SD-{secrets.token_hex(5)}"
    claim = {"serial": serial, "name": "mine"}
    answers = race(apps, RACERS, lambda api, at: api("POST", "/v1/devices", token=bowlers[at].token, json=claim))
    assert Counter(answer.status for answer in answers) == {201: 1, 409: RACERS - 1}
    held = [bowler("GET", f"/v1/devices/{serial}").status for bowler in bowlers]
    assert [status == 200 for status in held] == [answer.status == 201 for answer in answers]


def test_racing_claims_by_one_user(apps: list[ServedApp], bowler: Bowler) -> None:
    """A claim that a client sends many times at once makes one claim."""
    claim = {"serial": f"SD-{secrets.token_hex(5)}"}
    answers = race(apps, RACERS, lambda api, _: api("POST", "/v1/devices", token=bowler.token, json=claim))
    assert {answer.status for answer in answers} <= {200, 201, 409}
    assert len(bowler("GET", "/v1/devices").json["items"]) == 1


def test_racing_approvals_of_one_code(apps: list[ServedApp], new_bowler: Callable[[], Bowler], api: Api) -> None:
    """Of many who approve one bridge's code, one gets the bridge, and its secret opens that one's account alone."""
    bowlers = [new_bowler() for _ in range(RACERS)]
    secret = f"rmb_{secrets.token_urlsafe(32)}"
    pairing = {"secret_sha256": hashlib.sha256(secret.encode()).hexdigest()}
    approval = {"code": api("POST", "/v1/pairings", json=pairing).json["code"], "kind": "personal", "name": "lane 7"}
    answers = race(
        apps, RACERS, lambda api, at: api("POST", "/v1/pairings/approval", token=bowlers[at].token, json=approval)
    )
    assert Counter(answer.status < 300 for answer in answers) == {True: 1, False: RACERS - 1}
    assert api("GET", "/v1/bridges/me", token=secret).status == 200
    having = [len(bowler("GET", "/v1/bridges").json["items"]) for bowler in bowlers]
    assert having == [int(answer.status < 300) for answer in answers]


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_racing_uploads_of_one_capture(apps: list[ServedApp], bowler: Bowler, _round: int) -> None:
    """The same bytes sent many times at once are one capture: 201 once, 200 for all others, one row."""
    data = new_capture()
    answers = race(
        apps,
        RACERS,
        lambda api, _: api("POST", "/v1/captures", token=bowler.token, body=data, headers=upload_headers(data)),
    )
    assert Counter(answer.status for answer in answers) == {201: 1, 200: RACERS - 1}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert len(bowler("GET", "/v1/captures").json["items"]) == 1


def test_racing_changes_of_a_profile(apps: list[ServedApp], bowler: Bowler) -> None:
    """Of many who change the same version, one does; the others learn that it is no longer so."""
    tag = str(bowler("GET", "/v1/users/me").headers["ETag"])
    answers = race(
        apps,
        RACERS,
        lambda api, at: api(
            "PATCH", "/v1/users/me", token=bowler.token, json={"first_name": f"n{at}"}, headers={"If-Match": tag}
        ),
    )
    assert Counter(answer.status for answer in answers) == {200: 1, 412: RACERS - 1}
    winner = next(at for at, answer in enumerate(answers) if answer.status == 200)
    assert bowler("GET", "/v1/users/me").json["first_name"] == f"n{winner}"


def test_nothing_that_was_acknowledged_is_lost(apps: list[ServedApp], new_bowler: Callable[[], Bowler]) -> None:
    """Clients that register, log in, make bridges, claim and upload beside each other all find what they were told."""
    shared = new_bowler()

    def act(api: Api, number: int) -> tuple[str, list[str], list[str]]:
        name = unique_name()
        assert register(api, name) == 201
        token = log_in(api, name).json["access_token"]
        serials, captures = [], []
        for _ in range(4):
            serial = f"SD-{secrets.token_hex(5)}"
            claim = {"serial": serial, "from": datetime(2026, 11, 1, tzinfo=UTC).isoformat()}
            if api("POST", "/v1/devices", token=shared.token, json=claim).status == 201:
                serials.append(serial)
            data = new_capture()
            sent = api("POST", "/v1/captures", token=token, body=data, headers=upload_headers(data))
            assert sent.status == 201
            captures.append(sent.json["id"])
        listed = {item["id"] for item in api("GET", "/v1/captures", token=token).json["items"]}
        assert listed == set(captures), number
        return name, serials, captures

    results = race(apps, RACERS, act)
    claimed = {serial for _, serials, _ in results for serial in serials}
    assert len(claimed) == RACERS * 4
    listed = {item["serial"] for item in shared("GET", "/v1/devices?limit=100").json["items"]}
    assert listed == claimed
