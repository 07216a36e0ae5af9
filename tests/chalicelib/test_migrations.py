"""Schema versions: readers take old items as today's, and the migration writes them so, whatever happens beside it."""

import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from chalicelib.accounts import erasure, store
from chalicelib.accounts.closing import require_open
from chalicelib.accounts.items import UserItem
from chalicelib.captures import store as captures
from chalicelib.dynamodb import ConditionFailedError, write_together
from chalicelib.settings import settings
from chalicelib.versions import RawItem, upgraded, version_of
from local_cloud.cloud import LocalCloud
from maintenance import __main__ as command
from maintenance import position
from maintenance.migration import migrating
from maintenance.table import ItemChangedError, Table
from maintenance.tables import KINDS, kinds_of
from maintenance.walk import Pace
from tests.chalicelib import dump

PROJECT = Path(__file__).parents[2]
FAST = 1e9
_PAUSE_S = 0.005


def _old_user(number: int, tag: str) -> RawItem:
    """Return a user as it was written before there were profiles."""
    return {
        "pk": {"S": f"U#{tag}-{number}"},
        "sk": {"S": "USER"},
        "v": {"N": "1"},
        "username": {"S": f"{tag}-{number}"},
        "email": {"S": f"{tag}-{number}@example.org"},
        "password_hash": {"S": "$argon2id$none"},
        "created_at": {"S": "2026-01-01T00:00:00+00:00"},
    }


def _old_name(number: int, tag: str) -> RawItem:
    return {
        "pk": {"S": f"N#{tag}-{number}"},
        "sk": {"S": "NAME"},
        "v": {"N": "1"},
        "user_id": {"S": f"{tag}-{number}"},
    }


def _old_capture(number: int, tag: str, **attributes: Any) -> RawItem:
    """Return a row as it was written before bridges had kinds."""
    sha256 = f"{number:064x}"
    return {
        "pk": {"S": f"U#{tag}"},
        "sk": {"S": f"C#{sha256}"},
        "v": {"N": "1"},
        "received_key": {"S": f"2026-01-01T00:00:00.000000+00:00#{sha256}"},
        "object_key": {"S": f"raw/{tag}/{sha256}"},
        "size_bytes": {"N": "512"},
        "state": {"S": "verified"},
        "bad_pages": {"S": "[]"},
        "bad_page_count": {"N": "0"},
        "received_at": {"S": "2026-01-01T00:00:00.000000+00:00"},
        "write_id": {"S": str(uuid.uuid4())},
        **attributes,
    }


def _write(table: str, items: list[RawItem]) -> None:
    with dump.client("dynamodb") as client:
        for begin in range(0, len(items), 25):
            puts = [{"PutRequest": {"Item": item}} for item in items[begin : begin + 25]]
            assert client.batch_write_item(RequestItems={table: puts})["UnprocessedItems"] == {}


def _raw(table: str, item: RawItem) -> RawItem:
    with dump.client("dynamodb") as client:
        key = {name: item[name] for name in ("pk", "sk")}
        found: RawItem = client.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
    return found


def test_readers_take_an_old_user_for_one_of_today(cloud: LocalCloud) -> None:
    """A user of version 1 is read by the ordinary store with everything that came since, and can be changed."""
    assert cloud.aws_url
    tag = uuid.uuid4().hex
    _write(settings().accounts_table, [_old_user(1, tag)])
    user = store.find_user(f"{tag}-1")
    assert user is not None
    assert (user.v, user.role, user.state, user.accepts_lane_bridges, user.version) == (2, "bowler", "open", True, 1)
    store.change_user(user, [UserItem.phone.set("1")])
    changed = store.find_user(f"{tag}-1")
    assert changed is not None
    assert (changed.phone, changed.version, changed.role) == ("1", 2, "bowler")


def test_an_old_user_is_open_and_can_be_closed(cloud: LocalCloud) -> None:
    """A user of version 1 has no state: the account counts as open, for whoever makes something and for an erasure."""
    assert cloud.aws_url
    tag = uuid.uuid4().hex
    _write(settings().accounts_table, [_old_user(1, tag)])
    write_together(lambda write: require_open(write, f"{tag}-1"))
    assert erasure.close(f"{tag}-1") is not None
    with pytest.raises(ConditionFailedError):
        write_together(lambda write: require_open(write, f"{tag}-1"))


def test_readers_take_an_old_capture_for_one_of_today(cloud: LocalCloud) -> None:
    """A row of version 1 is read with the shot's start as the bridge told it, and with whose bridge it was."""
    assert cloud.aws_url
    tag = uuid.uuid4().hex
    claim = {"S": json.dumps({"started_at": "2025-12-31T20:00:00+01:00"})}
    rows = [_old_capture(1, tag, bridge_id={"S": "b"}, provenance=claim), _old_capture(2, tag)]
    _write(settings().captures_table, rows)
    brought, sent = (captures.find(tag, f"{number:064x}") for number in (1, 2))
    assert brought is not None
    assert sent is not None
    assert (brought.start_at, brought.brought_by, brought.bridge_kind) == (
        "2025-12-31T19:00:00.000000+00:00",
        tag,
        "personal",
    )
    assert sent.start_at == sent.received_at
    assert sent.brought_by is None


def test_an_upgrade_keeps_what_is_there() -> None:
    """An old item that today's code has changed already loses nothing by its upgrade, and one of tomorrow is left."""
    item = {**_old_user(1, "tag"), "role": {"S": "admin"}, "state": {"S": "closing"}}
    result = upgraded(UserItem, item)
    assert (result["role"]["S"], result["state"]["S"], version_of(result)) == ("admin", "closing", 2)
    assert version_of(item) == 1
    tomorrow: RawItem = {**result, "v": {"N": "7"}, "new": {"S": "x"}}
    assert upgraded(UserItem, tomorrow) == tomorrow


def test_every_upgrade_leads_to_what_is_written_today() -> None:
    """Each class writes the version that its upgrades end at."""
    for kind in KINDS:
        assert kind.item("U#1", "SK").v == kind.item.schema_version()
        assert len(kind.item.UPGRADES) == kind.item.schema_version() - 1


def _items(table: str, tag: str) -> list[RawItem]:
    with dump.client("dynamodb") as client:
        pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"] if tag in item["pk"]["S"]]


@pytest.mark.usefixtures("cloud")
class TestSmall:
    """The walk, on a few items."""

    def test_a_dry_run_counts_and_writes_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """By class and version it tells what there is; the items and the folder stay as they are."""
        tag = uuid.uuid4().hex
        olds = [_old_user(number, tag) for number in range(3)]
        _write(settings().accounts_table, olds)
        monkeypatch.chdir(tmp_path)
        arguments = ["migrate", "--stage", "local", "--table", "accounts", "--dry-run", "--units", "1e9"]
        assert command.main(arguments) in {0, 1}
        told = capsys.readouterr().out
        assert "UserItem, version 1: old" in told
        assert "Nothing was written." in told
        assert sorted(_items(settings().accounts_table, tag), key=str) == sorted(olds, key=str)
        assert list(tmp_path.iterdir()) == []

    def test_what_is_of_no_known_kind_is_told_and_left(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """An item that no class describes is counted, left alone, and makes the command end with 1."""
        item: RawItem = {"pk": {"S": f"Z#{uuid.uuid4()}"}, "sk": {"S": "STRANGE#1"}}
        _write(settings().captures_table, [item])
        arguments = ["migrate", "--stage", "local", "--table", "captures", "--units", "1e9"]
        try:
            assert command.main([*arguments, "--position", str(tmp_path / "position")]) == 1
            assert "unknown STRANGE, version 1: left as it is" in capsys.readouterr().out
            assert _raw(settings().captures_table, item) == item
            assert list(tmp_path.iterdir()) == []
        finally:
            with dump.client("dynamodb") as client:
                client.delete_item(TableName=settings().captures_table, Key=item)

    def test_a_concurrent_change_wins(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """An item that changes between reading and writing keeps the change, and is migrated from what it is then."""
        tag = uuid.uuid4().hex
        old = _old_user(1, tag)
        _write(settings().accounts_table, [old])
        table = Table(settings().accounts_table)
        replace, changes = table.replace, iter(("first", "second"))

        def after_a_change(before: RawItem, after: RawItem) -> float:
            with contextlib.suppress(StopIteration):
                UserItem(old["pk"]["S"], "USER").update(actions=[UserItem.email.set(next(changes))])
            return replace(before, after)

        monkeypatch.setattr(table, "replace", after_a_change)
        assert _migrate(table, old) == "UserItem, version 1: migrated"
        found = _raw(table.name, old)
        assert (found["email"]["S"], found["v"]["N"], found["role"]["S"]) == ("second", "2", "bowler")

    def test_an_item_that_goes_stays_gone(self) -> None:
        """An item that was removed between reading and writing is not made again."""
        old = _old_user(1, uuid.uuid4().hex)
        table = Table(settings().accounts_table)
        with pytest.raises(ItemChangedError):
            table.replace(old, upgraded(UserItem, old))
        assert _migrate(table, old) == "UserItem, version 1: gone"
        assert table.find(old) is None

    def test_a_position_of_another_walk_is_refused(self, tmp_path: Path) -> None:
        """A file of another table, of other segments, or that is no position, stops the command with what to do."""
        path = tmp_path / "position"
        position.save(path, position.Position("revmetrix-other-accounts", [position.Segment()]))
        arguments = ["migrate", "--stage", "local", "--table", "accounts", "--position", str(path)]
        assert command.main(arguments) == 2
        position.save(path, position.Position(settings().accounts_table, [position.Segment()]))
        assert command.main(arguments) == 2
        path.write_text("{")
        assert command.main(arguments) == 2


def _migrate(table: Table, item: RawItem) -> str:
    return migrating(table, kinds_of(table.name), Pace(FAST), is_dry=False)(item)


def test_the_pace_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many threads ask, what they use in a second is not more than was given, after the first use."""
    slept: list[float] = []
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    monkeypatch.setattr(time, "sleep", slept.append)
    pace = Pace(50)
    for _ in range(4):
        pace.spend(25)
    assert slept == [0.0, 0.5, 1.0, 1.5]


@pytest.fixture
def own_stage(cloud: LocalCloud) -> Iterator[str]:
    """Make a stage of its own with an accounts table and nothing else, and return its name.

    moto goes through all of a table for each page of a scan, so what other tests left would count again and again.
    """
    assert cloud.aws_url
    stage = f"old-{uuid.uuid4().hex[:8]}"
    with dump.client("dynamodb") as client:
        like = client.describe_table(TableName=settings().accounts_table)["Table"]
        indexes = [
            {name: index[name] for name in ("IndexName", "KeySchema", "Projection")}
            for index in like["GlobalSecondaryIndexes"]
        ]
        client.create_table(
            TableName=f"revmetrix-{stage}-accounts",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=like["AttributeDefinitions"],
            KeySchema=like["KeySchema"],
            GlobalSecondaryIndexes=indexes,
        )
        yield stage
        client.delete_table(TableName=f"revmetrix-{stage}-accounts")


def _start(stage: str, path: Path) -> "subprocess.Popen[str]":
    arguments = ["migrate", "--stage", stage, "--table", "accounts", "--position", str(path), "--units", "25000"]
    return subprocess.Popen(
        [sys.executable, "-m", "maintenance", *arguments],
        cwd=PROJECT,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


class _Changes:
    """Someone who changes and removes old items while they are being migrated, and remembers what must be so."""

    def __init__(self, table: str, items: list[RawItem]) -> None:
        self._table, self._items = table, items
        self._stopping = threading.Event()
        self._random = random.Random(7)  # noqa: S311 - which item is changed next is no secret
        self.phones: dict[str, str] = {}
        self.removed: set[str] = set()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        with dump.client("dynamodb") as client:
            for number in itertools.count():
                # A pause, so that the walk has most of the emulator's time.
                if self._stopping.wait(_PAUSE_S):
                    return
                self._change(client, self._random.choice(self._items), number)

    def _change(self, client: Any, item: RawItem, number: int) -> None:
        key = {name: item[name] for name in ("pk", "sk")}
        name = item["pk"]["S"]
        if number % 20 == 0:
            client.delete_item(TableName=self._table, Key=key)
            self.removed.add(name)
            return
        with contextlib.suppress(client.exceptions.ConditionalCheckFailedException):
            client.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression="SET phone = :phone",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":phone": {"S": str(number)}},
            )
            self.phones[name] = str(number)


def _wait_for(path: Path, process: "subprocess.Popen[str]", items: int) -> None:
    """Return once a walk has noted that so many items are done."""
    while not path.exists() or sum(json.loads(path.read_text())["counts"].values()) < items:
        assert process.poll() is None
        time.sleep(0.02)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_ten_thousand_old_items_with_writers_and_kills(own_stage: str, tmp_path: Path) -> None:
    """10,000 old items are migrated in several runs, each but the last killed; no change made beside them is lost."""
    tag, table, path = uuid.uuid4().hex, f"revmetrix-{own_stage}-accounts", tmp_path / "position"
    users = [_old_user(number, tag) for number in range(5_000)]
    _write(table, users + [_old_name(number, tag) for number in range(5_000)])
    kills, out = 0, ""
    with _Changes(table, users) as changes:
        while True:
            process = _start(own_stage, path)
            if kills == 2:
                out, _ = process.communicate()
                break
            _wait_for(path, process, (1_000, 3_000)[kills])
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
    assert kills == 2
    assert process.returncode in {0, 1}
    assert "UserItem, version 1: migrated" in out
    assert not path.exists()
    found = {item["pk"]["S"]: item for item in _items(table, tag)}
    assert Counter(version_of(item) for item in found.values()) == {2: 10_000 - len(changes.removed)}
    assert not changes.removed & set(found)
    phones = {name: item["phone"]["S"] for name, item in found.items() if "phone" in item}
    assert phones == {name: phone for name, phone in changes.phones.items() if name not in changes.removed}
    assert all(item["role"]["S"] == "bowler" for item in found.values() if item["sk"]["S"] == "USER")
    assert all(item["folded"]["S"] == item["pk"]["S"][2:] for item in found.values() if item["sk"]["S"] == "NAME")
