"""What is promised when AWS or the process fails: at every call of every operation, and after its repeat."""

import contextlib
import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from chalicelib import secrets
from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Registration, TokenView
from chalicelib.captures import bucket
from chalicelib.captures import service as captures
from chalicelib.captures import store as capture_store
from chalicelib.captures.items import CaptureItem
from chalicelib.metrics import service as metrics
from chalicelib.metrics import store as metrics_store
from chalicelib.settings import settings
from chalicelib.call import Caller
from local_cloud.cloud import LocalCloud
from tests.api import PASSWORD
from tests.chalicelib.wire import Died, Fault, Wire
from tests.throws import Throw

FAULTS = {
    "connection lost before": Fault(is_done=False, is_fatal=False),
    "reply lost": Fault(is_done=True, is_fatal=False),
    "died before": Fault(is_done=False, is_fatal=True),
    "died after": Fault(is_done=True, is_fatal=True),
}


@pytest.fixture
def wire(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Wire:
    """The wire to the shared local cloud."""
    assert cloud.aws_url
    return Wire(monkeypatch)


@pytest.fixture(scope="module")
def username(cloud: LocalCloud) -> str:
    """A registered user."""
    assert cloud.aws_url
    name = f"failing-{uuid.uuid4().hex}"
    accounts.register(Registration(name, "a@example.org", PASSWORD))
    return name


@dataclass(frozen=True)
class _Operation:
    prepare: Callable[[str], Any]
    do: Callable[[Any], Any]
    check: Callable[[Any, Any], None]


def _register(name: str) -> None:
    accounts.register(Registration(name, "a@example.org", PASSWORD))


def _check_registered(name: str, _: Any) -> None:
    assert accounts.authenticate(accounts.log_in(name, PASSWORD).access_token).user_id


def _check_tokens(_: Any, tokens: TokenView) -> None:
    assert accounts.authenticate(tokens.access_token).user_id
    assert accounts.refresh(tokens.refresh_token).refresh_token != tokens.refresh_token


def _refresh_token(name: str) -> str:
    return accounts.log_in(name, PASSWORD).refresh_token


def _refreshed_token(name: str) -> str:
    token = _refresh_token(name)
    accounts.refresh(token)
    return token


def _check_bridge(user_id: str, bridge: Any) -> None:
    assert accounts.authenticate(bridge.credential) == Caller(user_id=user_id, bridge_id=bridge.id)


def _new_capture(_: str) -> tuple[str, bytes]:
    return str(uuid.uuid4()), Throw(duration_s=0.5, record=uuid.uuid4().int % (2**32 - 1) + 1).capture()


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


def _unprocessed(_: str) -> tuple[str, str]:
    user_id, data = _new_capture("")
    sha256 = hashlib.sha256(data).hexdigest()
    client = boto3.client("s3", region_name=settings().region)
    configuration = client.get_bucket_notification_configuration(Bucket=settings().raw_bucket)
    configuration.pop("ResponseMetadata", None)  # type: ignore[misc]  # botocore puts it into every answer
    # Without its event, so that only the test computes these metrics.
    client.put_bucket_notification_configuration(Bucket=settings().raw_bucket, NotificationConfiguration={})
    try:
        bucket.put_once(bucket.object_key(user_id, sha256), data, sha256)
    finally:
        client.put_bucket_notification_configuration(
            Bucket=settings().raw_bucket,
            NotificationConfiguration=configuration,  # type: ignore[arg-type]  # what was read is written back
        )
        client.close()
    return user_id, sha256


def _check_computed(owned: tuple[str, str], _: Any) -> None:
    item = metrics_store.find(*owned)
    assert item is not None
    assert item.state == "ready"


def _user_id(name: str) -> str:
    return accounts.authenticate(accounts.log_in(name, PASSWORD).access_token).user_id


OPERATIONS = {
    "register": _Operation(lambda _: f"failing-{uuid.uuid4().hex}", _register, _check_registered),
    "log in": _Operation(lambda name: name, lambda name: accounts.log_in(name, PASSWORD), _check_tokens),
    "refresh": _Operation(_refresh_token, accounts.refresh, _check_tokens),
    "refresh after a lost reply": _Operation(_refreshed_token, accounts.refresh, _check_tokens),
    "add a bridge": _Operation(_user_id, lambda user_id: accounts.add_bridge(user_id, "bridge"), _check_bridge),
    "upload": _Operation(_new_capture, _upload, _check_kept),
    "process": _Operation(
        _unprocessed, lambda owned: metrics.process_object(bucket.object_key(*owned)), _check_computed
    ),
}


def _count(wire: Wire, operation: _Operation, username: str) -> int:
    given = operation.prepare(username)
    secrets.forget()
    wire.heal()
    result = operation.do(given)
    count = len(wire.own)
    operation.check(given, result)
    return count


def _assert_object_first(given: Any) -> None:
    if isinstance(given, tuple):
        for row in _rows(given[0]):
            assert bucket.get(row.object_key) is not None


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_every_call_may_fail(wire: Wire, username: str, operation: _Operation, fault: Fault) -> None:
    """Whichever call fails, no row lacks its object, and after the same request again the promise holds.

    One lost connection is mended by the SDK, so that nobody notices: an upload is still new and a name still free.
    """
    count = _count(wire, operation, username)
    assert count >= 1
    for at in range(count):
        given = operation.prepare(username)
        secrets.forget()
        wire.fail(at, fault)
        with pytest.raises(Died) if fault.is_fatal else contextlib.nullcontext():
            result = operation.do(given)
        wire.heal()
        _assert_object_first(given)
        if fault.is_fatal:
            result = _again(operation, given)
        elif operation.do is _upload:
            assert result[1] is True
        operation.check(given, result)


def _again(operation: _Operation, given: Any) -> Any:
    try:
        return operation.do(given)
    except accounts.UsernameTaken:
        # The first request was done, and only its reply is missing: the user can log in, which the check does.
        return None
