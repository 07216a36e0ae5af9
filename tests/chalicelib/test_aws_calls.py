"""What the app asks of AWS, seen on the wire: conditions, checksums, tokens, retries and permissions."""

import base64
import fnmatch
import hashlib
import json
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest

from chalicelib import jobs, queue, secrets
from chalicelib.accounts import login_store
from chalicelib.accounts.items import LoginItem, RefreshItem, UsernameItem, user_key
from chalicelib.captures import bucket
from chalicelib.captures.cursor import decode_cursor, encode_cursor
from chalicelib.dynamodb import ConditionFailedError, write_together
from chalicelib.errors import InvalidQuery
from chalicelib.privacy import events
from local_cloud.cloud import LocalCloud
from tests.api import PASSWORD, Api, Bowler
from tests.chalicelib.tickets import ask, new_capture, put, sha256_of, without_events
from tests.chalicelib.use_of_accounts import use_accounts
from tests.chalicelib.use_of_devices import use_devices
from tests.chalicelib.use_of_scorebook import use_scorebook
from tests.chalicelib.wire import Call, Wire

POLICIES = Path(__file__).parents[2] / ".chalice"
UNSEEN = {"RawObjectsTellMissingFromForbidden", "ProcessingQueue", "LinksToExports"}
"""Statements that no request of ours needs: with s3:ListBucket S3 answers 404 for an object that is not there, without
it 403; Lambda itself takes messages out of the queue, with the function's role; who holds a link reads its object."""
HEARTBEAT = {
    "version": "1",
    "captures_waiting": 0,
    "bytes_waiting": 0,
    "captures_quarantined": 0,
    "sent_at": "2026-11-24T07:00:00Z",
}


@pytest.fixture
def wire(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Wire:
    """The wire to the shared local cloud."""
    assert cloud.aws_url
    return Wire(monkeypatch)


def _cancelled(code: str) -> tuple[int, str]:
    name = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{code}]"
    return 400, json.dumps({"__type": name, "Message": message, "CancellationReasons": [{"Code": code}]})


def _write_a_name() -> str:
    key = f"N#wire-{uuid.uuid4().hex}"
    item = UsernameItem(key, UsernameItem.SK, user_id="wire")
    write_together(lambda write: write.save(item, condition=UsernameItem.pk.does_not_exist()))
    return key


def test_a_conflicting_transaction_is_sent_again_with_its_token(wire: Wire) -> None:
    """TransactionConflict is no failure: the same transaction goes again under the same token, and is done."""
    wire.answers = [_cancelled("TransactionConflict")] * 2
    key = _write_a_name()
    sent = [call for call in wire.own if call.operation == "TransactWriteItems"]
    tokens = {call.json["ClientRequestToken"] for call in sent}
    assert (len(sent), len(tokens)) == (3, 1)
    assert all(tokens)
    assert UsernameItem.get(key, UsernameItem.SK).user_id == "wire"


def test_a_failed_condition_is_not_tried_again(wire: Wire) -> None:
    """ConditionalCheckFailed is an answer, and reaches the caller after one request."""
    wire.answers = [_cancelled("ConditionalCheckFailed")]
    with pytest.raises(ConditionFailedError):
        _write_a_name()
    assert len(wire.own) == 1


def test_every_transaction_has_a_token_of_its_own(wire: Wire) -> None:
    """Two transactions are two tokens, or the second would be taken for the first again."""
    _write_a_name()
    _write_a_name()
    assert len({call.json["ClientRequestToken"] for call in wire.own}) == 2


def _put(data: bytes) -> tuple[str, str]:
    sha256 = hashlib.sha256(data).hexdigest()
    key = bucket.object_key(str(uuid.uuid4()), sha256)
    bucket.put_once(key, data, sha256)
    return key, sha256


def test_an_object_is_put_once_and_checked_by_s3(wire: Wire, capture: bytes) -> None:
    """The request says that nothing may be there, and carries the hash it was given, not one made of what is sent."""
    promised = hashlib.sha256(b"what the client sent")
    # No capture's key: the algorithm unit would try such an object again and again, beside the other tests.
    bucket.put_once(f"notes/{uuid.uuid4()}", capture, promised.hexdigest())
    (call,) = wire.own
    assert call.headers["if-none-match"] == "*"
    assert call.headers["x-amz-checksum-sha256"] == base64.b64encode(promised.digest()).decode()


def test_other_bytes_under_a_key_are_noticed(cloud: LocalCloud, capture: bytes) -> None:
    """An object of other bytes is never taken for the capture, and never written over."""
    key, _ = _put(capture)
    cloud.pump.drain(30)
    with pytest.raises(bucket.ObjectDiffersError):
        bucket.put_once(key, b"other", hashlib.sha256(b"other").hexdigest())
    assert bucket.get(key) == capture


def test_a_conflicting_put_is_sent_again(wire: Wire, capture: bytes) -> None:
    """Two puts of one key at the same moment: S3 answers 409 to one of them, which then tries again."""
    error = "<Error><Code>ConditionalRequestConflict</Code><Message>Again.</Message></Error>"
    wire.answers = [(409, error)]
    key, _ = _put(capture)
    assert [call.operation for call in wire.own] == ["PutObject"] * 2
    assert bucket.get(key) == capture


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "revmetrix-local-raw.s3.eu-central-1.amazonaws.com"),
        ("us-east-1", "revmetrix-local-raw.s3.amazonaws.com"),
    ],
)
def test_tickets_and_links_lead_to_the_buckets_own_region(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch, region: str, host: str
) -> None:
    """On AWS nothing has to be redirected, and all of it is TLS: whoever holds a ticket follows no redirect."""
    # The events of earlier tests must not meet the other environment.
    cloud.pump.drain(30)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    for name, value in {"AWS_REGION": region, "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}.items():
        monkeypatch.setenv(name, value)
    bucket._client.cache_clear()
    try:
        links = [bucket.presign_put("raw/u/x", 300, "0" * 64).url, bucket.presign_get("raw/u/x")[0]]
        bucket._client().close()
    finally:
        monkeypatch.undo()
        bucket._client.cache_clear()
    assert all(link.startswith(f"https://{host}/raw/u/x?") for link in links), links


def test_a_successor_is_replaced_only_where_it_was_read(cloud: LocalCloud) -> None:
    """A refresh that read an older successor changes nothing, though that older one is still there and unused."""
    assert cloud.aws_url
    user_id, login_id, tag = str(uuid.uuid4()), str(uuid.uuid4()), uuid.uuid4().hex
    login_store.add_login(
        LoginItem(user_key(user_id), f"LOGIN#{login_id}", created_at="now", expires_at=2**32),
        _refresh_item(f"first-{tag}", user_id, login_id),
    )
    for name, successor in (("old", f"second-{tag}"), ("first", None)):
        item = _refresh_item(f"{name}-{tag}", user_id, login_id)
        item.successor = successor
        item.save()
    stale = _refresh_item(f"old-{tag}", user_id, login_id)
    stale.successor = f"first-{tag}"
    with pytest.raises(ConditionFailedError):
        login_store.replace_lost(stale, _refresh_item(f"third-{tag}", user_id, login_id), 1, "now")
    kept = login_store.find_refresh(f"old-{tag}")
    assert kept is not None
    assert kept.successor == f"second-{tag}"


def _refresh_item(sha256: str, user_id: str, login_id: str) -> RefreshItem:
    return RefreshItem(f"R#{sha256}", RefreshItem.SK, user_id=user_id, login_id=login_id, expires_at=2**32)


@pytest.mark.parametrize("sort_key", ["USER", f"M#{'0' * 64}", f"C#{'0' * 63}", ""])
def test_a_cursor_names_a_capture(sort_key: str) -> None:
    """A cursor whose sort key is no capture's is refused, however well its time is formed."""
    received_key = f"2026-01-01T00:00:00.000000+00:00#{'0' * 64}"
    good = (received_key, f"C#{'0' * 64}")
    assert decode_cursor(encode_cursor(good)) == good
    with pytest.raises(InvalidQuery):
        decode_cursor(encode_cursor((received_key, sort_key)))


def _use_everything(cloud: LocalCloud, api: Api, bowler: Bowler, capture: bytes) -> None:
    registration = {"username": f"w{uuid.uuid4().hex}", "email": "w@example.org", "password": PASSWORD}
    assert api("POST", "/v1/users", json=registration).status == 201
    grant = {"username": registration["username"], "password": PASSWORD}
    refresh = {"refresh_token": api("POST", "/v1/tokens", json=grant).json["refresh_token"]}
    assert [api("POST", "/v1/tokens/refresh", json=refresh).status for _ in range(2)] == [200, 200]
    bridge = bowler("POST", "/v1/bridges", json={}).json
    assert bowler("GET", "/v1/bridges").status == 200
    assert api("GET", "/v1/bridges/me", token=bridge["credential"]).status == 200
    assert api("PUT", "/v1/bridges/me/heartbeat", token=bridge["credential"], json=HEARTBEAT).status == 200
    assert [bowler.post_capture(capture).status for _ in range(2)] == [201, 200]
    cloud.pump.drain(30)
    one = f"/v1/captures/{hashlib.sha256(capture).hexdigest()}"
    assert [bowler("GET", path).status for path in ("/v1/captures", one, f"{one}/raw", f"{one}/metrics")] == [200] * 4
    _use_tickets(cloud, bowler)
    use_devices(cloud, api, bowler)
    use_accounts(cloud, api)
    use_scorebook(cloud, bowler)


def _let_an_object_come_too_late(cloud: LocalCloud) -> None:
    """Put an object of a user who is gone, for the processing function to find."""
    jobs._queue_url.cache_clear()
    _put(new_capture())
    cloud.pump.drain(30)


def _use_tickets(cloud: LocalCloud, bowler: Bowler) -> None:
    junk = uuid.uuid4().bytes * 20
    for data in (new_capture(), junk):
        assert put(ask(bowler, data).json, data) == 200
        cloud.pump.drain(30)
        assert bowler("GET", f"/v1/captures/{sha256_of(data)}").status == 200
    assert ask(bowler, junk).status == 201
    without_row = new_capture()
    with without_events():
        assert put(ask(bowler, without_row).json, without_row) == 200
        assert bowler("GET", f"/v1/captures/{sha256_of(without_row)}").json["state"] == "pending"
    assert ask(bowler, without_row).json["state"] == "pending"
    cloud.pump.drain(30)


def _requested(call: Call) -> set[tuple[str, str]]:  # noqa: PLR0911 - one for each service
    """Return the actions that IAM asks for, each with its resource (the service authorization reference's terms)."""
    if call.headers.get("x-amz-target", "").startswith("AmazonSQS."):
        name = call.json.get("QueueName") or call.json["QueueUrl"].rpartition("/")[2]
        return {(f"sqs:{call.operation}", f":{name}")}
    if call.operation == "GetSecretValue":
        return {("secretsmanager:GetSecretValue", f"{call.json['SecretId']}-AbCdEf")}
    if call.operation == "TransactWriteItems":
        names = {
            "Put": "PutItem",
            "Update": "UpdateItem",
            "Delete": "DeleteItem",
            "ConditionCheck": "ConditionCheckItem",
        }
        items = [pair for item in call.json["TransactItems"] for pair in item.items()]
        return {(f"dynamodb:{names[kind]}", f"table/{content['TableName']}") for kind, content in items}
    if call.operation == "SendEmail":
        return {("ses:SendEmail", f"identity/{call.json['FromEmailAddress']}")}
    if call.operation == "BatchGetItem":
        return {("dynamodb:BatchGetItem", f"table/{name}") for name in call.json["RequestItems"]}
    if "x-amz-target" in call.headers:
        index = f"/index/{call.json['IndexName']}" if "IndexName" in call.json else ""
        return {(f"dynamodb:{call.operation}", f"table/{call.json['TableName']}{index}")}
    # HEAD asks for the permission to read.
    return {(f"s3:{call.operation.replace('Head', 'Get')}", f":::{call.path.lstrip('/')}")}


def _idle(statements: list[dict[str, Any]], requested: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return what statements allow and no request asked for: each action, and each resource, by its statement."""
    idle = set()
    for each in statements:
        if not each["Action"][0].startswith("logs:"):
            idle |= {
                (each["Sid"], action)
                for action in each["Action"]
                if not any(asked == action and _is_allowed([each], asked, name) for asked, name in requested)
            }
            resources = [each["Resource"]] if isinstance(each["Resource"], str) else each["Resource"]
            idle |= {
                (each["Sid"], resource)
                for resource in resources
                if not any(_is_allowed([{**each, "Resource": resource}], *pair) for pair in requested)
            }
    return idle


def _is_allowed(statements: list[dict[str, Any]], action: str, resource: str) -> bool:
    name = resource.replace("revmetrix-local", "revmetrix-prod")
    for statement in statements:
        patterns = statement["Resource"]
        for pattern in [patterns] if isinstance(patterns, str) else patterns:
            # The pattern's own account and region stand in for those that the local cloud has none of.
            prefix = pattern[: pattern.find(":::")] if ":::" in pattern else pattern.rpartition(":")[0] + ":"
            if action in statement["Action"] and fnmatch.fnmatchcase(prefix + name, pattern):
                return True
    return False


def test_policies_allow_what_is_done_and_nothing_else(
    wire: Wire, cloud: LocalCloud, api: Api, bowler: Bowler, capture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request of a function is allowed by its policy, and each action and resource is one that it really uses."""
    # Jobs are another function's (test_job_policy.py).
    monkeypatch.setattr(events, "run", lambda *_: None)
    secrets.forget()
    jobs._queue_url.cache_clear()
    queue._queue_url.cache_clear()
    wire.heal()
    _use_everything(cloud, api, bowler, capture)
    _let_an_object_come_too_late(cloud)
    here = threading.current_thread().name
    for policy, is_worker in (("policy-prod.json", False), ("policy-prod-process-capture.json", True)):
        calls = [call for call in wire.calls if call.thread != here and (call.thread == "event-pump") is is_worker]
        statements = json.loads((POLICIES / policy).read_text())["Statement"]
        requested = {pair for call in calls for pair in _requested(call)}
        assert not [pair for pair in requested if not _is_allowed(statements, *pair)]
        assert {each for each in _idle(statements, requested) if each[0] not in UNSEEN} == set(), policy


def test_every_read_is_consistent(wire: Wire, cloud: LocalCloud, api: Api, bowler: Bowler, capture: bytes) -> None:
    """What was written is what the next request reads: no read of a table may be an old one.

    Except where it makes no difference: the admins' list of users, counters of tries, and what a login or a refresh
    reads first, which is looked at once more (test_old_reads.py). A user's own item is read as it is elsewhere.
    """
    _use_everything(cloud, api, bowler, capture)
    credential = bowler("POST", "/v1/bridges", json={}).json["credential"]
    assert api("GET", "/v1/captures", token=credential).status == 403
    reads = [call for call in wire.calls if call.operation in {"GetItem", "Query"} and not _may_be_old(call)]
    assert {call.operation for call in reads} == {"GetItem", "Query"}
    assert {call.json["IndexName"] for call in reads if "IndexName" in call.json} == {
        "by_received",
        "by_seq",
        "by_tree",
    }
    assert all(call.json.get("ConsistentRead") is True for call in reads)
    several = [call.json["RequestItems"] for call in wire.calls if call.operation == "BatchGetItem"]
    assert [table for asked in several for table in asked if "scorebook" in table]
    assert all(
        asked[table].get("ConsistentRead") is True for asked in several for table in asked if "scorebook" in table
    )
    so_far = len(wire.calls)
    assert bowler("GET", "/v1/users/me").status == 200
    own = [call for call in wire.calls[so_far:] if call.operation == "GetItem"]
    assert own
    assert all(call.json.get("ConsistentRead") is True for call in own)


def _may_be_old(call: Call) -> bool:
    key = call.json.get("Key", {})
    partition, row = (key.get(part, {}).get("S", "") for part in ("pk", "sk"))
    is_of_all_users = call.json.get("IndexName") == "by_username"
    return is_of_all_users or row == "USER" or str(partition).startswith(("L#", "N#", "R#"))
