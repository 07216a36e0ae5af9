"""The same promises for uploads by ticket and for bridges: a failure before and after every call to AWS."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from chalicelib.call import Caller
from chalicelib.captures import bucket, service, store
from chalicelib.captures.model import CaptureView, UploadTicket
from chalicelib.devices import bridges
from chalicelib.devices.bridge_model import Heartbeat
from chalicelib.metrics import service as metrics
from chalicelib.metrics import store as metrics_store
from tests.chalicelib.faults import FAULTS, Operation, try_every_call
from tests.chalicelib.people import new_user_id
from tests.chalicelib.tickets import Account, new_capture, sha256_of, without_events
from tests.chalicelib.wire import Fault, Wire

JUNK = b"no SmartDot's" * 50
PATIENCE_S = 30.0
HEARTBEAT = msgspec.convert(
    {
        "version": "1",
        "captures_waiting": 1,
        "bytes_waiting": 2,
        "captures_quarantined": 0,
        "sent_at": "2026-11-24T07:00:00Z",
    },
    Heartbeat,
)

Given = tuple[Account, bytes]


def _nothing_yet() -> Given:
    return Account(), new_capture()


def _with(step: Callable[[Account, bytes], object], data: Callable[[], bytes] = new_capture) -> Callable[[], Given]:
    """Return what makes an account with some bytes and takes a step there, of which the cloud is not told."""

    def prepare() -> Given:
        account, content = Account(), data()
        with without_events():
            step(account, content)
        return account, content

    return prepare


def _expired(account: Account, data: bytes) -> None:
    account.expire(account.arrive(data))


def _rejected_before(account: Account, data: bytes) -> None:
    assert account.verify(account.arrive(JUNK, named=data)) == "rejected"
    account.ask(data)
    account.put(data)


def _ask(given: Given) -> Any:
    return given[0].ask(given[1])


def _process(given: Given) -> None:
    metrics.process_object(bucket.object_key(given[0].user_id, sha256_of(given[1])))


def _find(given: Given) -> CaptureView:
    return service.find(given[0].user_id, sha256_of(given[1]))


def _assert_object_first(given: Given) -> None:
    """A row that says that the bytes are kept has its object at any moment."""
    for row in given[0].rows():
        assert row.state == "rejected" or given[0].has_object(sha256_of(given[1]))


def _check_ticket(given: Given, answered: Any) -> None:
    account, data = given
    assert isinstance(answered, UploadTicket)
    assert store.find_ticket(account.user_id, sha256_of(data)) is not None
    assert _find(given).state == "pending"
    assert account.rows() == []


def _check_looked_at(given: Given, answered: Any) -> None:
    assert isinstance(answered, CaptureView)
    deadline_s = time.monotonic() + PATIENCE_S
    while (state := _find(given).state) == "pending" and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert state == "verified"


def _check_verified(given: Given, _: Any) -> None:
    account, data = given
    assert [row.state for row in account.rows()] == ["verified"]
    assert service.raw(account.user_id, sha256_of(data)) == data
    result = metrics_store.find(account.user_id, sha256_of(data))
    assert result is not None
    assert result.state == "ready"


def _check_rejected(given: Given, _: Any) -> None:
    account, data = given
    assert [(row.state, row.provenance) for row in account.rows()] == [("rejected", {"device": "SD-7", "record": 41})]
    assert not account.has_object(sha256_of(data))


def _check_pending(_: Given, shown: CaptureView) -> None:
    assert shown.state == "pending"


def _bridge() -> Caller:
    user_id = new_user_id()
    return Caller(user_id=user_id, bridge_id=bridges.add_bridge(user_id, "lane 7").id)


def _check_heard(caller: Caller, _: Any) -> None:
    (status,) = bridges.overview(caller.user_id, 10, None).items
    assert status.last_heartbeat is not None
    assert status.last_heartbeat.bytes_waiting == 2


OPERATIONS: dict[str, Operation] = {
    "ask for a ticket": Operation(_nothing_yet, _ask, _check_ticket),
    "ask about an object without a row": Operation(_with(Account.put), _ask, _check_looked_at, _assert_object_first),
    "verify": Operation(_with(Account.arrive), _process, _check_verified, _assert_object_first),
    "verify after a rejection": Operation(_with(_rejected_before), _process, _check_verified, _assert_object_first),
    "reject": Operation(_with(Account.arrive, lambda: JUNK), _process, _check_rejected, _assert_object_first),
    "show what is pending": Operation(_with(_expired), _find, _check_pending),
    "identify a bridge": Operation(_bridge, bridges.identify, lambda who, told: _same_bridge(who, told.id)),
    "note a heartbeat": Operation(_bridge, lambda who: bridges.note_heartbeat(who, HEARTBEAT), _check_heard),
    "list bridges": Operation(
        _bridge,
        lambda who: bridges.overview(who.user_id, 10, None),
        lambda who, listed: _same_bridge(who, listed.items[0].id),
    ),
}


def _same_bridge(caller: Caller, bridge_id: str) -> None:
    assert caller.bridge_id == bridge_id


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_every_call_may_fail(wire: Wire, operation: Operation, fault: Fault) -> None:
    """Whichever call fails, no kept capture lacks its object, and after the same once more the promise holds."""
    assert try_every_call(wire, operation, fault) >= 1
