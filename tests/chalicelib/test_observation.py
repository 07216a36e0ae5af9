"""What is logged: one line of JSON for each request, event and error, with its figures and without a secret."""

import hashlib
import io
import json
import logging
import re
import time
import uuid
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from chalicelib import dynamodb, observation, settings
from chalicelib.accounts.items import UserItem
from chalicelib.captures import service as captures
from chalicelib.metrics import events
from chalicelib.metrics import service as metrics
from chalicelib.secrets import signing_keys
from local_cloud.cloud import LocalCloud
from tests.api import PASSWORD, Api, Bowler, upload_headers
from tests.mails import code_sent_to

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Where the lines go while a test runs."""
    stream = io.StringIO()
    observation.write_lines(stream)
    yield stream
    observation.write_no_lines()


@pytest.fixture
def lines(log: io.StringIO) -> Lines:
    """The lines so far, each read as JSON."""
    return lambda: [json.loads(line) for line in log.getvalue().splitlines()]


def _of(lines: Lines, request_id: str) -> dict[str, Any]:
    """Return the one line of a request."""
    (line,) = [line for line in lines() if line.get("request_id") == request_id and "_aws" in line]
    return line


def _ask(api: Api | Bowler, method: str, path: str, **rest: Any) -> str:
    """Send a request under a name of its own, and return that name."""
    request_id = uuid.uuid4().hex
    headers = {**rest.pop("headers", {}), "X-Request-Id": request_id}
    assert api(method, path, headers=headers, **rest).headers["x-request-id"] == request_id
    return request_id


def test_a_request_is_one_line_of_log_and_metrics(bowler: Bowler, lines: Lines) -> None:
    """The line names the route without its parameter, who asked, the status, the time, and what is a metric of it."""
    request_id = _ask(bowler, "GET", f"/v1/captures/{'0' * 64}")
    line = _of(lines, request_id)
    assert line["message"] == "GET /v1/captures/{capture_id} 404"
    assert (line["status"], line["problem"], line["level"], line["failed"]) == (404, "not-found", "INFO", 0)
    assert line["user_id"]
    assert line["stage"] == "local"
    assert 0 < line["duration_ms"] < 60_000
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    named = {metric["Name"] for metric in directive["Metrics"]}
    assert {"duration_ms", "read_units", "write_units", "failed"} == named
    # Every metric and every dimension that is announced stands in the line (Embedded metric format specification).
    assert named | {name for group in directive["Dimensions"] for name in group} <= line.keys()
    assert abs(line["_aws"]["Timestamp"] / 1000 - time.time()) < 60


def test_the_capacity_that_dynamodb_counted_is_in_the_line(api: Api, bowler: Bowler, lines: Lines) -> None:
    """A request that reads shows read units, one that does not ask the database none."""
    health = _of(lines, _ask(api, "GET", "/v1/health"))
    assert (health["read_units"], health["write_units"]) == (0, 0)
    read = _of(lines, _ask(bowler, "GET", "/v1/captures"))
    assert read["read_units"] > 0
    assert read["write_units"] == 0


def test_capacity_is_counted_whoever_asks(cloud: LocalCloud) -> None:
    """What pynamodb and boto3 consume is added up, reads and writes apart, and a transaction's tables together."""
    assert cloud.aws_url
    client = boto3.Session().client("dynamodb", region_name="us-east-1")
    table = settings.settings().accounts_table
    key = {"pk": {"S": f"U#{uuid.uuid4()}"}, "sk": {"S": "TEST"}}
    with observation.observe("GET", "/", "r") as told:
        client.put_item(TableName=table, Item=key, ReturnConsumedCapacity="TOTAL")
        assert (told.read_units, told.write_units) == (0, 1)
        client.get_item(TableName=table, Key=key, ReturnConsumedCapacity="TOTAL")
        assert (told.read_units > 0, told.write_units) == (True, 1)
        read_units = told.read_units
        assert list(UserItem.query(f"U#{uuid.uuid4()}", limit=1)) == []
        assert told.read_units > read_units
        consumed = [{"TableName": "a", "CapacityUnits": 2.0}, {"TableName": "b", "CapacityUnits": 4.0}]
        model = SimpleNamespace(name="TransactWriteItems")
        dynamodb._note_consumed(parsed={"ConsumedCapacity": consumed}, model=model)
        assert told.write_units == 7
        dynamodb._note_consumed(parsed={"Error": {"Code": "Throttled"}}, model=model)
        assert told.write_units == 7
    client.delete_item(TableName=table, Key=key)
    client.close()


def test_capacity_outside_a_request_is_nobodys(lines: Lines, api: Api) -> None:
    """What else the process asks DynamoDB for is counted for no request, and fails nothing."""
    assert api("GET", "/v1/health").status == 200
    before = len(lines())
    assert list(UserItem.query(f"U#{uuid.uuid4()}", limit=1)) == []
    assert observation.current() is None
    assert len(lines()) == before


def test_no_secret_is_ever_logged(
    cloud: LocalCloud, new_bowler: Callable[[], Bowler], capture: bytes, log: io.StringIO
) -> None:
    """Accounts, codes, resets, pairings, bridges, uploads, downloads and exports leave no secret in the log."""
    bowler = new_bowler()
    bridge = bowler("POST", "/v1/bridges", json={"name": "lane 7"}).json["credential"]
    refreshed = bowler.api("POST", "/v1/tokens/refresh", json={"refresh_token": bowler.refresh_token}).json
    wrong = "wrong " + PASSWORD
    assert bowler.api("POST", "/v1/tokens", json={"username": bowler.username, "password": wrong}).status == 401
    assert bowler.api("POST", "/v1/users", body=f'{{"password": "{wrong}"'.encode()).status == 415
    assert bowler.api("GET", "/v1/captures", token=bowler.token + "x").status == 401
    assert bowler.post_capture(capture).status == 201
    assert bowler.api("POST", "/v1/captures", token=bridge, body=capture, headers=upload_headers(capture)).status < 300
    listed = bowler("GET", "/v1/captures").json["items"]
    assert bowler("GET", f"/v1/captures/{listed[0]['id']}/raw").data == capture
    ticket = bowler("POST", "/v1/captures/uploads", json={"sha256": uuid.uuid4().hex * 2, "size_bytes": 5_000_000})
    cloud.pump.drain(30)
    codes, others = _use_codes(cloud, bowler)
    text = log.getvalue()
    routes = {json.loads(line).get("route") for line in text.splitlines()}
    assert routes > {"/v1/password-resets", "/v1/password-resets/confirmation", "/v1/email-verifications"}
    assert routes > {"/v1/pairings", "/v1/pairings/approval", "/v1/users/me/export", "/v1/captures/uploads"}
    assert len(set(codes)) == 4
    # A code is short: it is looked for as a word of its own, not within a longer number.
    assert not [code for code in codes if re.search(rf"(?<![0-9A-Za-z]){code}(?![0-9A-Za-z])", text)]
    secrets = [PASSWORD, wrong, bowler.token, bowler.refresh_token, bridge]
    secrets += [refreshed["access_token"], refreshed["refresh_token"], ticket.json["url"]]
    secrets += others
    secrets += [key.decode() for key in signing_keys().keys.values()]
    assert all(len(secret) > 10 for secret in secrets)
    assert not [secret for secret in secrets if secret in text]
    # Nor a part of one: a token's signature, a password's hash.
    assert bowler.token.rpartition(".")[2] not in text
    assert "argon2" not in text


def _use_codes(cloud: LocalCloud, bowler: Bowler) -> tuple[list[str], list[str]]:
    """Use everything that sends or shows a code or a link, and return the codes and the longer secrets."""
    email, new_password = f"{bowler.username}@example.org", f"new {PASSWORD} {uuid.uuid4()}"
    codes = [code_sent_to(cloud, email)]
    assert bowler("POST", "/v1/email-verifications").status == 204
    codes.append(code_sent_to(cloud, email))
    assert bowler("POST", "/v1/email-verifications/confirmation", json={"code": codes[-1]}).status == 204
    assert bowler.api("POST", "/v1/password-resets", json={"email": email}).status == 204
    codes.append(code_sent_to(cloud, email))
    secret = f"rmb_{uuid.uuid4().hex}"
    pairing = {"secret_sha256": hashlib.sha256(secret.encode()).hexdigest()}
    codes.append(bowler.api("POST", "/v1/pairings", json=pairing).json["code"])
    approval = {"code": codes[-1], "kind": "personal"}
    assert bowler("POST", "/v1/pairings/approval", json=approval).status in {200, 201}
    assert bowler("POST", "/v1/users/me/export").status == 202
    cloud.pump.drain(60)
    link = bowler("GET", "/v1/users/me/export").json["archive"]["url"]
    reset = {"email": email, "code": codes[2], "password": new_password}
    assert bowler.api("POST", "/v1/password-resets/confirmation", json=reset).status == 204
    return codes, [secret, new_password, link]


def test_an_error_is_one_line_with_its_traceback(bowler: Bowler, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure of ours gives one line that holds the traceback, the incident and the request, and counts as failed."""

    def fail(*_: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(captures, "find", fail)
    request_id = uuid.uuid4().hex
    answer = bowler("GET", f"/v1/captures/{'0' * 64}", headers={"X-Request-Id": request_id})
    assert answer.problem == "internal"
    incident = answer.json["detail"].split()[-1].rstrip(".")
    (error,) = [line for line in lines() if line["level"] == "ERROR" and "_aws" not in line]
    assert incident in error["message"]
    assert error["request_id"] == request_id
    assert "RuntimeError: two\nlines" in error["exception"]
    assert _of(lines, request_id)["failed"] == 1


def _handle(body: dict[str, Any], message_id: str) -> None:
    """Give the function a queue's message, as Lambda does."""
    record = {"messageId": message_id, "receiptHandle": "1", "body": json.dumps(body), "attributes": {}}
    handler: Any = events.process_capture
    handler({"Records": [record]}, None)


def test_an_event_has_its_line_too(bowler: Bowler, capture: bytes, cloud: LocalCloud, lines: Lines) -> None:
    """What the queue hands to the algorithm unit gives a line with the message's id, its time and its capacity."""
    assert bowler.post_capture(capture).status == 201
    cloud.pump.drain(30)
    handled = [line for line in lines() if line.get("route") == "process_capture"]
    assert handled
    assert all((line["method"], line["status"]) == ("EVENT", 200) for line in handled)
    assert any(line["read_units"] + line["write_units"] > 0 for line in handled)


def test_an_event_that_fails_is_logged_and_comes_again(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event's error is logged with its traceback, counts as failed, and still reaches the queue."""

    def fail(_: str) -> None:
        raise RuntimeError("no luck")

    monkeypatch.setattr(metrics, "process_object", fail)
    message_id = uuid.uuid4().hex
    body = {"Records": [{"s3": {"object": {"key": "raw/x"}}}]}
    with pytest.raises(RuntimeError):
        _handle(body, message_id)
    assert _of(lines, message_id)["failed"] == 1
    assert [line for line in lines() if "no luck" in line.get("exception", "")]


@pytest.mark.parametrize("sent", ["", "a b", "x" * 129, "\u00e4", "a\u0085b", "a/b", '{"a":1}'])
def test_a_request_id_that_does_not_fit_is_replaced(api: Api, lines: Lines, sent: str) -> None:
    """What could forge a line, or is no name, is neither echoed nor logged: the request gets another name."""
    answer = api("GET", "/v1/health", headers={"X-Request-Id": sent.encode().decode("latin-1")})
    given = answer.headers["x-request-id"]
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", given)
    assert given != sent
    assert _of(lines, given)["status"] == 200


def test_a_view_adds_facts() -> None:
    """What a view adds stands in the line, and outside of a request there is nothing to add to."""
    assert observation.current() is None
    with observation.observe("POST", "/v1/sync", "r") as told:
        now = observation.current()
        assert now is told
        told.facts["entries"] = 7
        observation.note_capacity(0.5, 2.0)
    line = json.loads(told.line(1.5))
    assert (line["entries"], line["read_units"], line["write_units"], line["duration_ms"]) == (7, 0.5, 2.0, 1.5)


@pytest.mark.parametrize(
    ("stage", "asked", "written"),
    [("local", None, False), ("prod", None, True), ("local", "1", True), ("prod", "0", False)],
)
def test_the_stage_decides_about_lines(
    monkeypatch: pytest.MonkeyPatch, stage: str, asked: str | None, *, written: bool
) -> None:
    """Every stage but the local one writes lines, unless LOG_REQUESTS says otherwise."""
    monkeypatch.setenv("STAGE", stage)
    monkeypatch.delenv("LOG_REQUESTS", raising=False)
    if asked is not None:
        monkeypatch.setenv("LOG_REQUESTS", asked)
    assert settings.read_settings().log_requests is written


def test_without_lines_the_log_is_as_before(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no lines are asked for, a request writes nothing and the controller's warnings go where they always do."""
    assert api("GET", "/v1/health").status == 200
    assert "_aws" not in "".join(capsys.readouterr())
    assert logging.getLogger("chalicelib").propagate
