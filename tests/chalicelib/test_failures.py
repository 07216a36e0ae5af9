"""What is promised when AWS or the process fails: at every call of every operation, and after its repeat."""

import hashlib
import uuid
from typing import Any

import boto3
import pytest

from chalicelib.call import Caller
from chalicelib.captures import bucket
from chalicelib.captures import service as captures
from chalicelib.captures import store as capture_store
from chalicelib.captures.items import CaptureItem
from chalicelib.metrics import service as metrics
from chalicelib.metrics import store as metrics_store
from chalicelib.scorebook import store as scorebook_store
from chalicelib.settings import settings
from tests.chalicelib.faults import FAULTS, Operation, try_every_call
from tests.chalicelib.people import new_user_id
from tests.chalicelib.tickets import without_events
from tests.chalicelib.wire import Fault, Wire
from tests.throws import Throw


def _new_capture() -> tuple[str, bytes]:
    return new_user_id(), Throw(duration_s=0.5, record=uuid.uuid4().int % (2**32 - 1) + 1).capture()


def _upload(owned: tuple[str, bytes]) -> tuple[Any, bool]:
    user_id, data = owned
    return captures.keep(Caller(user_id=user_id), data, hashlib.sha256(data).hexdigest(), None)


def _rows(user_id: str) -> list[CaptureItem]:
    return list(CaptureItem.query(capture_store.partition(user_id), CaptureItem.sk.startswith("C#")))


def _object_versions(user_id: str) -> int:
    client = boto3.client("s3", region_name=settings().region)
    listed = client.list_object_versions(Bucket=settings().raw_bucket, Prefix=f"raw/{user_id}/")
    client.close()
    return len(listed.get("Versions", []))


def _check_kept(owned: tuple[str, bytes], kept: tuple[Any, bool]) -> None:
    user_id, data = owned
    assert captures.raw(user_id, kept[0].id) == data
    assert (len(_rows(user_id)), _object_versions(user_id)) == (1, 1)


def _unprocessed() -> tuple[str, str]:
    user_id, data = _new_capture()
    sha256 = hashlib.sha256(data).hexdigest()
    # Without its event, so that only the test computes these metrics.
    with without_events():
        bucket.put_once(bucket.object_key(user_id, sha256), data, sha256)
    return user_id, sha256


def _kept() -> tuple[str, str]:
    user_id, data = _new_capture()
    with without_events():
        view, _ = _upload((user_id, data))
    return user_id, view.id


def _check_computed(owned: tuple[str, str], _: Any) -> None:
    item = metrics_store.find(*owned)
    assert item is not None
    assert item.state == "ready"
    (entry,) = scorebook_store.all_entries(owned[0])
    assert entry["ver"]["N"] == "1"


def _assert_object_first(owned: tuple[str, bytes]) -> None:
    for row in _rows(owned[0]):
        assert bucket.get(row.object_key) is not None


OPERATIONS = {
    "upload": Operation(_new_capture, _upload, _check_kept, _assert_object_first),
    "process a kept one": Operation(
        _kept, lambda owned: metrics.process_object(bucket.object_key(*owned)), _check_computed
    ),
    "process": Operation(
        _unprocessed, lambda owned: metrics.process_object(bucket.object_key(*owned)), _check_computed
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_every_call_may_fail(wire: Wire, operation: Operation, fault: Fault) -> None:
    """Whichever call fails, no row lacks its object, and after the same request again the promise holds."""
    assert try_every_call(wire, operation, fault) >= 1


@pytest.mark.parametrize("at", range(2))
@pytest.mark.parametrize("is_done", [False, True])
def test_one_lost_connection_is_noticed_by_nobody(wire: Wire, at: int, *, is_done: bool) -> None:
    """The SDK mends one lost connection, also of a write that was done: the upload is still new."""
    given = _new_capture()
    wire.fail(at, Fault(is_done=is_done, is_fatal=False))
    kept, is_new = _upload(given)
    wire.heal()
    assert is_new
    _check_kept(given, (kept, is_new))
