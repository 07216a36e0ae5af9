"""From a new object in the bucket to its metrics: events early, late, twice and poisoned."""

import hashlib
import json
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from chalicelib.captures import bucket
from chalicelib.captures import store as capture_store
from chalicelib.captures.items import CaptureItem
from chalicelib.metrics import service
from chalicelib.metrics import store as metrics_store
from chalicelib.metrics.events import process_capture
from chalicelib.settings import settings
from local_cloud.cloud import LocalCloud
from tests.api import Bowler
from tests.chalicelib.people import new_user_id
from tests.throws import Throw

PATIENCE_S = 30.0


def _s3_event(key: str) -> dict[str, Any]:
    notification = {"Records": [{"s3": {"bucket": {"name": settings().raw_bucket}, "object": {"key": key}}}]}
    return _sqs_event(json.dumps(notification))


def _sqs_event(body: str) -> dict[str, Any]:
    return {"Records": [{"messageId": "1", "receiptHandle": "1", "body": body, "attributes": {}}]}


def _put_object(user_id: str, data: bytes) -> tuple[str, str]:
    sha256 = hashlib.sha256(data).hexdigest()
    key = bucket.object_key(user_id, sha256)
    bucket.put_once(key, data, sha256)
    return key, sha256


def test_metrics_arrive_by_themselves(cloud: LocalCloud, bowler: Bowler, capture: bytes) -> None:
    """Posting is all a client does: the object's event reaches the algorithm unit, and the result is there."""
    capture_id = bowler.post_capture(capture).json["id"]
    cloud.pump.drain(PATIENCE_S)
    answer = bowler("GET", f"/v1/captures/{capture_id}/metrics")
    assert answer.json["state"] == "ready"
    assert "retry-after" not in answer.headers
    assert answer.json["metrics"]["rate_peak_rpm"]["value"] == pytest.approx(300, abs=0.1)
    assert answer.json["metrics"]["shot_detected"]["value"] is True
    assert answer.json["sensors"]["accel"]["samples"] == 301


def test_a_result_that_is_not_there_yet_is_pending(bowler: Bowler, capture: bytes) -> None:
    """A capture whose event has not been handled answers pending, and says when to ask again."""
    capture_id = bowler.post_capture(capture).json["id"]
    row = next(item for item in CaptureItem.scan(CaptureItem.sk == f"C#{capture_id}"))
    later = "f" * 64
    row.sk, row.received_key = f"C#{later}", f"{row.received_at}#{later}"
    capture_store.add(row)
    answer = bowler("GET", f"/v1/captures/{later}/metrics")
    assert (answer.status, answer.json["state"], answer.json["metrics"]) == (200, "pending", {})
    assert int(answer.headers["retry-after"]) >= 1


def test_the_event_may_come_before_the_row(cloud: LocalCloud, capture: bytes) -> None:
    """An object without a row is processed all the same, and the result waits for the row by its key."""
    user_id = new_user_id()
    _, sha256 = _put_object(user_id, capture)
    cloud.pump.drain(PATIENCE_S)
    item = metrics_store.find(user_id, sha256)
    assert item is not None
    assert item.state == "ready"


def test_the_same_event_again_gives_the_same_numbers(cloud: LocalCloud, capture: bytes) -> None:
    """SQS delivers at least once: a second delivery computes the same, bit for bit."""
    user_id = new_user_id()
    key, sha256 = _put_object(user_id, capture)
    cloud.pump.drain(PATIENCE_S)
    first = metrics_store.find(user_id, sha256)
    process_capture(_s3_event(key), None)
    second = metrics_store.find(user_id, sha256)
    assert first is not None
    assert second is not None
    assert first.result == second.result


def test_messages_that_tell_of_no_capture_are_done_with(cloud: LocalCloud) -> None:
    """S3's test event, an object elsewhere in the bucket, and an object that was removed are no errors."""
    assert cloud.aws_url
    process_capture(_sqs_event(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"})), None)
    process_capture(_s3_event("notes/readme.txt"), None)
    process_capture(_s3_event(f"raw/{uuid.uuid4()}/{'0' * 64}"), None)
    assert metrics_store.find("nobody", "0" * 64) is None


def test_an_object_that_is_not_what_its_key_says_is_never_computed(cloud: LocalCloud, capture: bytes) -> None:
    """Bytes of another hash under a key raise, so that the message ends as a dead letter that someone sees."""
    assert cloud.aws_url
    client = boto3.client("s3", region_name=settings().region)
    user_id, sha256 = str(uuid.uuid4()), "1" * 64
    key = f"raw/{user_id}/{sha256}"
    with pytest.raises(service.ObjectChangedError, match=sha256):
        _process_object_of(client, key, capture)
    client.close()
    assert metrics_store.find(user_id, sha256) is None


def _process_object_of(client: Any, key: str, data: bytes) -> None:
    bucket_name = settings().raw_bucket
    configuration = client.get_bucket_notification_configuration(Bucket=bucket_name)
    configuration.pop("ResponseMetadata", None)
    # The pump must not get this one: its retries would outlive the test.
    client.put_bucket_notification_configuration(Bucket=bucket_name, NotificationConfiguration={})
    try:
        client.put_object(Bucket=bucket_name, Key=key, Body=data)
        service.process_object(key)
    finally:
        client.delete_object(Bucket=bucket_name, Key=key)
        client.put_bucket_notification_configuration(Bucket=bucket_name, NotificationConfiguration=configuration)


def test_two_users_with_the_same_bytes_have_results_of_their_own(
    cloud: LocalCloud, new_bowler: Callable[[], Bowler]
) -> None:
    """A result belongs to a user's capture, not to a hash."""
    data = Throw(record=77, rpm=200.0).capture()
    bowlers = [new_bowler(), new_bowler()]
    ids = [one.post_capture(data).json["id"] for one in bowlers]
    cloud.pump.drain(PATIENCE_S)
    states = [one("GET", f"/v1/captures/{ids[0]}/metrics").json["state"] for one in bowlers]
    assert states == ["ready", "ready"]
