"""Erasure when AWS or the process fails: at every call of the sweep and of the asking, and after the job's repeat."""

import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import boto3
import pytest

from chalicelib import jobs, partition
from chalicelib.accounts import erasure as accounts
from chalicelib.accounts.closing import OpennessItem
from chalicelib.accounts.items import LoginItem, UserItem
from chalicelib.call import Caller
from chalicelib.captures import object_versions
from chalicelib.partition import AccountsRow, CapturesRow, Row
from chalicelib.privacy import bucket, erasing
from chalicelib.settings import settings
from local_cloud.cloud import LocalCloud
from tests.chalicelib.faults import FAULTS, Operation, try_every_call
from tests.chalicelib.people import new_user_id
from tests.chalicelib.tickets import without_events
from tests.chalicelib.wire import Fault, Wire

START_AT = "2026-11-24T10:00:00.000000+00:00"
Sent = list[jobs.Job]


@pytest.fixture
def sent(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Sent:
    """The jobs that would have been sent."""
    # What is still under way of other tests sends its jobs before.
    cloud.pump.drain(30)
    waiting: Sent = []
    monkeypatch.setattr(jobs, "send", lambda job, _delay_s=0.0: waiting.append(job))
    return waiting


@pytest.fixture(scope="module", autouse=True)
def _quiet(cloud: LocalCloud) -> Iterator[None]:
    """The bucket tells nobody of the objects that these tests put."""
    assert cloud.aws_url
    with without_events():
        yield


@cache
def _dynamodb() -> Any:
    return boto3.client("dynamodb", region_name=settings().region)


@dataclass(frozen=True)
class _Account:
    """A closed account whose wait is over, with something in every place.

    Attributes:
        user_id: The user.
        outside: The rows that name the user and stand in no partition of the user's.
    """

    user_id: str
    outside: list[tuple[type[Row], str, str]] = field(default_factory=list)
    writes: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))

    def put(self, rows: type[Row], pk: str, sk: str, **texts: str) -> None:
        """Have a row written."""
        named = {name: {"S": text} for name, text in texts.items()}
        item = {"pk": {"S": pk}, "sk": {"S": sk}, "v": {"N": "9"}, **named}
        self.writes[rows.Meta.table_name].append({"PutRequest": {"Item": item}})
        if not pk.startswith(f"U#{self.user_id}"):
            self.outside.append((rows, pk, sk))


def _account() -> _Account:
    account = _Account(new_user_id())
    me, other, tag = account.user_id, str(uuid.uuid4()), uuid.uuid4().hex
    account.outside.append((AccountsRow, f"N#made-{me}", "NAME"))
    account.put(AccountsRow, f"E#made-{me}@example.org", "EMAIL", user_id=me)
    account.put(AccountsRow, f"R#{tag}1", "REFRESH", user_id=me, successor=f"{tag}2")
    account.put(AccountsRow, f"R#{tag}2", "REFRESH", user_id=me)
    account.put(AccountsRow, f"U#{me}", "LOGIN#1", first_refresh=f"{tag}1")
    account.put(AccountsRow, f"B#{tag}", "CREDENTIAL", user_id=me)
    account.put(AccountsRow, f"P#{tag}", "PAIRING", user_id=me)
    account.put(AccountsRow, f"U#{me}", "BRIDGE#1", credential_sha256=tag, pairing_sha256=tag)
    account.put(AccountsRow, f"D#{tag}", "HOLDER", user_id=me, **{"from": START_AT})
    account.put(AccountsRow, f"U#{me}", f"DEVICE#{tag}#000001")
    account.put(CapturesRow, f"U#{me}", f"C#{tag}", brought_by=other)
    account.put(CapturesRow, f"U#{other}", f"B#{tag}", place=me)
    account.put(CapturesRow, f"U#{other}", f"C#{tag}", brought_by=me)
    account.put(CapturesRow, f"U#{me}", f"B#{tag}", place=other)
    account.put(CapturesRow, f"U#{me}/inbox", f"C#{tag}", device=tag, start_at=START_AT)
    account.put(CapturesRow, f"D#{tag}", f"W#{START_AT}#{me}#{tag}")
    _dynamodb().batch_write_item(RequestItems=dict(account.writes))
    client = object_versions._client()
    client.put_object(Bucket=settings().raw_bucket, Key=f"raw/{me}/{tag}", Body=b"1")
    client.put_object(Bucket=settings().raw_bucket, Key=f"raw/{other}/inbox/{tag}", Body=b"1")
    client.put_object(Bucket=settings().export_bucket, Key=f"{me}/1/archive", Body=b"1")
    client.create_multipart_upload(Bucket=settings().export_bucket, Key=f"{me}/2/archive")
    accounts.close(me)
    closed_at = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    OpennessItem(f"U#{me}", UserItem.SK).update(actions=[OpennessItem.closed_at.set(closed_at)])
    return account


def _check_gone(account: _Account, _: Any) -> None:
    me = account.user_id
    for rows, place in ((AccountsRow, me), (CapturesRow, me), (CapturesRow, f"{me}/inbox")):
        assert partition.page(rows, f"U#{place}") == []
    left = {key: row.raw for key in account.outside if (row := partition.find(*key)) is not None}
    # Two rows of others stay, and name the user no more: the history of a device, and a capture that a bridge brought.
    assert sorted(sk[:2] for _, _, sk in left) == ["C#", "HO"]
    assert me not in str(left)
    assert list(object_versions.versions(f"raw/{me}/")) == []
    exports, prefix = settings().export_bucket, f"{me}/"
    assert bucket._client().list_objects_v2(Bucket=exports, Prefix=prefix)["KeyCount"] == 0
    assert "Uploads" not in bucket._client().list_multipart_uploads(Bucket=exports, Prefix=prefix)
    assert accounts.was_erased(me)


def _erase(account: _Account) -> None:
    erasing.run(account.user_id)


@pytest.mark.long
@pytest.mark.parametrize("name", ["reply lost", "died before", "died after"])
def test_every_call_of_an_erasure_may_fail(wire: Wire, sent: Sent, name: str) -> None:
    """Whichever call of the job fails, before or after it was done, the job repeated leaves nothing."""
    assert try_every_call(wire, Operation(_account, _erase, _check_gone), FAULTS[name]) >= 1
    assert sent == []


def test_an_erasure_makes_the_calls_that_are_tried(wire: Wire, sent: Sent) -> None:
    """The account has something for each kind of call: reading, changing and removing, in both tables and buckets."""
    account = _account()
    wire.heal()
    _erase(account)
    made = {call.operation for call in wire.own}
    assert made >= {"Query", "GetItem", "TransactWriteItems", "BatchWriteItem", "ListObjectVersions", "DeleteObjects"}
    assert made >= {"ListMultipartUploads", "AbortMultipartUpload", "ListObjectsV2", "DeleteObject", "PutItem"}
    _check_gone(account, None)
    assert sent == []


def test_a_job_that_could_not_be_sent_on_is_repeated(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first sweep sends the job on to the last one; when that fails the message comes again, and does it."""
    user_id = new_user_id()

    def fail(_: jobs.Job, __: float = 0.0) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(jobs, "send", fail)
        with pytest.raises(ConnectionError):
            erasing.run(user_id)
    assert accounts.is_closing(user_id)
    erasing.run(user_id)
    assert sent == [jobs.Job(jobs.ERASURE, user_id)]
    bucket.remove_all(user_id)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_every_call_of_the_asking_may_fail(wire: Wire, sent: Sent, fault: Fault) -> None:
    """However far the request came, either nothing has happened or the job that does it all was sent."""

    def prepare() -> Caller:
        user_id, now = new_user_id(), datetime.now(UTC).isoformat()
        LoginItem(f"U#{user_id}", "LOGIN#1", created_at=now, expires_at=2**32).save()
        return Caller(user_id=user_id, login_id="1")

    def at_once(caller: Caller) -> None:
        if accounts.is_closing(caller.user_id):
            assert jobs.Job(jobs.ERASURE, caller.user_id) in sent

    def check(caller: Caller, _: Any) -> None:
        assert accounts.is_closing(caller.user_id)
        assert jobs.Job(jobs.ERASURE, caller.user_id) in sent

    assert try_every_call(wire, Operation(prepare, erasing.request, check, at_once), fault) >= 1
