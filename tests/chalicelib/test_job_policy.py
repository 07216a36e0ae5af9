"""The function of the jobs may do what exports and erasures ask of AWS, and nothing else."""

import json
import uuid
from typing import Any

import pytest

from chalicelib import jobs
from chalicelib.accounts.items import UserItem, user_key
from chalicelib.captures import inbox, inbox_store, store
from chalicelib.privacy import bucket, events, exporting
from chalicelib.scorebook.changes import Change
from chalicelib.scorebook.writing import write
from chalicelib.settings import ERASURE_WAIT_S
from local_cloud.cloud import LocalCloud
from tests.chalicelib import lanes
from tests.chalicelib.phones import STARTED
from tests.chalicelib.test_aws_calls import POLICIES, _idle, _is_allowed, _requested
from tests.chalicelib.test_erasure import _claim, _login_with_tokens, _move_closing
from tests.chalicelib.tickets import without_events
from tests.chalicelib.wire import Call, Wire

BY_LAMBDA = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
"""Lambda itself takes the messages out of the queue, with the function's role."""
TELLS_MISSING = {"s3:ListBucket"}
"""With it S3 answers 404 for an object that is not there, without it 403; it is asked for by the listing as well."""
_OBJECT_ACTIONS = {
    "CreateMultipartUpload": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "DeleteObjects": "s3:DeleteObjectVersion",
    "ListObjectVersions": "s3:ListBucketVersions",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "ListObjectsV2": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
}


def _asked(call: Call) -> set[tuple[str, str]]:
    """Return the actions that IAM asks for (the service authorization reference's terms)."""
    if call.operation == "BatchWriteItem":
        return {("dynamodb:BatchWriteItem", f"table/{table}") for table in call.json["RequestItems"]}
    if "x-amz-target" in call.headers:
        return _requested(call)
    path = call.path.strip("/")
    if call.operation == "DeleteObjects":
        path += "/raw/every-key-of-the-list"
    return {(_OBJECT_ACTIONS.get(call.operation, f"s3:{call.operation}"), f":::{path}")}


def _run(kind: str, user_id: str, export_id: str = "") -> None:
    events.run(jobs.Job(kind, user_id, export_id), str(uuid.uuid4()))


def _fill_scorebook(user_id: str) -> None:
    """Let there be a session that was deleted, of which a game with a note and a shot are still to go."""
    shot = {"session_id": "s", "game_id": "g", "frame_number": 1, "shot_number": 1, "count": 3}
    entries: dict[str, dict[str, Any]] = {
        "session": {"started_at": STARTED},
        "game": {"session_id": "s", "game_number": 1},
    }
    entries |= {"frame": {"game_id": "g", "frame_number": 1}, "shot": shot}
    write(user_id, [Change(kind[0], kind, "put", 0, fields) for kind, fields in entries.items()])
    write(user_id, [Change("s", "session", "delete", 1)])


def _let_the_audit_tell(user_id: str) -> None:
    """Let the user be one who stands in the audit."""
    UserItem(user_key(user_id), UserItem.SK).update(actions=[UserItem.pseudonym.set(str(uuid.uuid4()))])


def _deliver(bringer_id: str, holder_id: str) -> None:
    """Let a capture come into an account out of the inbox of another."""
    serial = lanes.new_serial()
    view, _ = lanes.bring(lanes.new_bridge(bringer_id, "lane"), lanes.capture_of(serial))
    waiting = store.find(f"{bringer_id}/inbox", view.id)
    assert waiting is not None
    _claim(holder_id, serial)
    inbox.deliver(serial, inbox_store.waiting_key(waiting))


def _do_everything(wire: Wire) -> list[Call]:
    user_id, other_id = lanes.new_user(), lanes.new_user()
    with without_events():
        _deliver(other_id, user_id)
        _deliver(user_id, other_id)
    _login_with_tokens(user_id, 2)
    _login_with_tokens(user_id, 2, first_is_known=False)
    lanes.new_bridge(user_id, "personal")
    _fill_scorebook(user_id)
    _let_the_audit_tell(user_id)
    export_id = exporting.request(user_id).id
    bucket.begin(bucket.archive_key(user_id, "unfinished"))
    jobs._queue_url.cache_clear()
    wire.heal()
    _run(jobs.DESCENDANTS, user_id)
    _run(jobs.DIGEST, user_id)
    _run(jobs.EXPORT, user_id, export_id)
    for erased_id in (user_id, other_id):
        _run(jobs.ERASURE, erased_id)
        _move_closing(erased_id, 3600)
        _run(jobs.ERASURE, erased_id)
    _run(jobs.LATE_OBJECTS, user_id)
    return list(wire.own)


def test_the_jobs_policy_allows_what_is_done_and_nothing_else(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request of the function is allowed by its policy, and each action allowed is one that it really uses."""
    assert cloud.aws_url
    wire = Wire(monkeypatch)
    jobs._queue_url.cache_clear()
    _send_nothing_real(monkeypatch)
    calls = _do_everything(wire)
    statements: list[dict[str, Any]] = json.loads((POLICIES / "policy-prod-run-job.json").read_text())["Statement"]
    asked = {pair for call in calls for pair in _asked(call)}
    assert not sorted(pair for pair in asked if not _is_allowed(statements, *pair))
    assert {what for _, what in _idle(statements, asked)} == BY_LAMBDA


def _send_nothing_real(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each job that is sent be asked of SQS for a queue that is there, but hold nothing that anyone would do."""
    send = jobs.send
    monkeypatch.setattr(jobs, "send", lambda *_: send(jobs.Job(jobs.ERASURE, "nobody")))


def test_only_the_jobs_function_removes_versions() -> None:
    """No other function's policy lets it remove a version of an object, or read one that was removed."""
    for path in POLICIES.glob("policy-prod*.json"):
        actions = {action for statement in json.loads(path.read_text())["Statement"] for action in statement["Action"]}
        is_the_jobs = path.name == "policy-prod-run-job.json"
        assert ({"s3:DeleteObjectVersion", "s3:GetObjectVersion"} <= actions) is is_the_jobs
        assert not any("*" in action for action in actions)


def test_the_queue_waits_longer_than_the_function_runs() -> None:
    """A message comes again six times the function's timeout after it was taken, as AWS advises, and not before."""
    stage = json.loads((POLICIES / "config.json").read_text())["stages"]["prod"]
    timeout_s = stage["lambda_functions"]["run_job"]["lambda_timeout"]
    text = (POLICIES.parent / "infra" / "resources.yaml").read_text()
    assert (
        f"VisibilityTimeout: {6 * timeout_s}\n" in text.partition("  JobsQueue:")[2].partition("  JobsDeadLetters:")[0]
    )
    assert timeout_s > exporting.WORKING_S
    assert timeout_s < exporting.HELD_S
    assert timeout_s < ERASURE_WAIT_S
