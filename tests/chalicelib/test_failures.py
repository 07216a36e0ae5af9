"""What is promised when AWS or the process fails: at every call of every operation, and after its repeat."""

import hashlib
import uuid
from typing import Any

import boto3
import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Registration, TokenView
from chalicelib.captures import bucket
from chalicelib.captures import service as captures
from chalicelib.captures import store as capture_store
from chalicelib.captures.items import CaptureItem
from chalicelib.metrics import service as metrics
from chalicelib.metrics import store as metrics_store
from chalicelib.settings import settings
from chalicelib.web import Caller
from local_cloud.cloud import LocalCloud
from tests.api import PASSWORD
from tests.chalicelib.faults import FAULTS, Operation, try_every_call
from tests.chalicelib.tickets import without_events
from tests.chalicelib.wire import Fault, Wire
from tests.throws import Throw


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


def _new_capture() -> tuple[str, bytes]:
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


def _unprocessed() -> tuple[str, str]:
    user_id, data = _new_capture()
    sha256 = hashlib.sha256(data).hexdigest()
    # Without its event, so that only the test computes these metrics.
    with without_events():
        bucket.put_once(bucket.object_key(user_id, sha256), data, sha256)
    return user_id, sha256


def _check_computed(owned: tuple[str, str], _: Any) -> None:
    item = metrics_store.find(*owned)
    assert item is not None
    assert item.state == "ready"


def _user_id(name: str) -> str:
    return accounts.authenticate(accounts.log_in(name, PASSWORD).access_token).user_id


def _assert_object_first(owned: tuple[str, bytes]) -> None:
    for row in _rows(owned[0]):
        assert bucket.get(row.object_key) is not None


def _operations(name: str) -> dict[str, Operation]:
    """Return the operations, as they are tried with a registered user."""
    return {
        "register": Operation(lambda: f"failing-{uuid.uuid4().hex}", _register, _check_registered),
        "log in": Operation(lambda: name, lambda name: accounts.log_in(name, PASSWORD), _check_tokens),
        "refresh": Operation(lambda: _refresh_token(name), accounts.refresh, _check_tokens),
        "refresh after a lost reply": Operation(lambda: _refreshed_token(name), accounts.refresh, _check_tokens),
        "add a bridge": Operation(
            lambda: _user_id(name), lambda user_id: accounts.add_bridge(user_id, "bridge"), _check_bridge
        ),
        "upload": Operation(_new_capture, _upload, _check_kept, _assert_object_first),
        "process": Operation(
            _unprocessed, lambda owned: metrics.process_object(bucket.object_key(*owned)), _check_computed
        ),
    }


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("operation", _operations(""))
def test_every_call_may_fail(wire: Wire, username: str, operation: str, fault: Fault) -> None:
    """Whichever call fails, no row lacks its object, and after the same request again the promise holds."""
    assert try_every_call(wire, _operations(username)[operation], fault) >= 1


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
