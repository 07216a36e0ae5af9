"""The export: all that is held, bit-exact, nothing secret, and whole whatever fails on the way."""

import hashlib
import importlib
import io
import json
import pkgutil
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3

import chalicelib
from chalicelib import jobs
from chalicelib.accounts.closing import AccountClosing
from chalicelib.accounts.items import LoginItem
from chalicelib.captures import bucket as raw_bucket
from chalicelib.captures import inbox, inbox_store
from chalicelib.captures import store as captures
from chalicelib.captures.places import inbox_of
from chalicelib.devices import claims
from chalicelib.devices.model import NewDevice
from chalicelib.errors import NotFound
from chalicelib.partition import UnknownKindError, kind_of
from chalicelib.privacy import exporting, store
from chalicelib.privacy.archive import Archive
from chalicelib.settings import settings
from chalicelib.versions import VersionedItem
from local_cloud.cloud import LocalCloud
from maintenance.tables import KINDS
from tests.api import Api, Bowler
from tests.chalicelib import dump, lanes
from tests.chalicelib.faults import FAULTS, Operation, try_every_call
from tests.chalicelib.people import new_user_id
from tests.chalicelib.tickets import large_capture, new_capture, objects, without_events
from tests.chalicelib.wire import Fault, Wire

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def sent(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> list[tuple[jobs.Job, float]]:
    """The jobs that would have been sent: the test does them itself."""
    # What is still under way of other tests sends its jobs before.
    cloud.pump.drain(30)
    waiting: list[tuple[jobs.Job, float]] = []
    monkeypatch.setattr(jobs, "send", lambda job, delay_s=0.0: waiting.append((job, delay_s)))
    return waiting


def _classes() -> Iterator[type[VersionedItem]]:
    """Yield every class of items that there is, wherever it is declared."""
    for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        importlib.import_module(module.name)
    waiting = list(VersionedItem.__subclasses__())
    while waiting:
        found = waiting.pop()
        waiting += found.__subclasses__()
        if found.__module__.startswith("chalicelib."):
            yield found


def test_every_attribute_is_told_or_withheld() -> None:
    """A class or an attribute that is added must be decided on: what an export does not know stands in no list."""
    decided = {kind.item: (kind.told, kind.withheld) for kind in KINDS}
    assert len(decided) == len(KINDS)
    assert set(_classes()) == set(decided)
    for item, (told, withheld) in decided.items():
        names = [*told, *withheld]
        assert len(set(names)) == len(names), item
        assert set(names) == set(item.get_attributes()) - {"pk", "sk"}, item


def test_what_is_secret_is_withheld() -> None:
    """Nothing that looks like a password, a code, a hash of one, or a token is told by any class."""
    told = {name for kind in KINDS for name in kind.told}
    assert not [name for name in told if any(word in name for word in ("password_hash", "sha256", "salt", "refresh"))]


def test_an_item_of_no_known_kind_stops_the_export() -> None:
    """What the export knows nothing of is an error for the operator, and never left out in silence."""
    with pytest.raises(UnknownKindError, match="NEW"):
        kind_of(KINDS, {"pk": {"S": "U#1"}, "sk": {"S": "NEW#1"}})


def _members(url: str) -> dict[str, bytes]:
    with urllib3.PoolManager(retries=False) as http:
        reply = http.request("GET", url)
    assert reply.status == 200
    return _unzip(reply.data)


def _unzip(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def _check_manifest(members: dict[str, bytes]) -> None:
    listed = json.loads(members["manifest.json"])["members"]
    found = [
        {"name": name, "size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in members.items()
        if name != "manifest.json"
    ]
    assert listed == found


def _export(cloud: LocalCloud, bowler: Bowler) -> dict[str, bytes]:
    assert bowler("POST", "/v1/users/me/export").status == 202
    cloud.pump.drain(30)
    view = bowler("GET", "/v1/users/me/export").json
    assert view["state"] == "ready"
    return _members(view["archive"]["url"])


def test_an_export_holds_everything(cloud: LocalCloud, api: Api, bowler: Bowler, capture: bytes) -> None:
    """Profile, logins, bridges, captures, metrics and the bytes are in the archive, the bytes as they came."""
    bridge = bowler("POST", "/v1/bridges", json={"name": "lane 7"}).json
    assert bowler.post_capture(capture).status == 201
    cloud.pump.drain(30)
    members = _export(cloud, bowler)
    _check_manifest(members)
    sha256 = hashlib.sha256(capture).hexdigest()
    assert members[f"raw/{sha256}.smartdot"] == capture
    (profile,) = json.loads(members["profile.json"])
    assert (profile["username"], profile["state"]) == (bowler.username, "open")
    assert [row["key"] for row in json.loads(members["captures/captures.json"])] == [f"C#{sha256}"]
    (metrics,) = json.loads(members["captures/metrics.json"])
    assert metrics["result"]["metrics"]
    assert [row["name"] for row in json.loads(members["bridges.json"])] == ["lane 7"]
    assert len(json.loads(members["logins.json"])) == 1
    whole = b"".join(members.values())
    for secret in (bridge["credential"], bowler.refresh_token, bowler.token):
        assert hashlib.sha256(secret.encode()).hexdigest().encode() not in whole
    assert b"$argon2" not in whole
    assert api("GET", "/v1/users/me/export").status == 401


def test_an_export_holds_nothing_of_others(cloud: LocalCloud, new_bowler: Callable[[], Bowler], capture: bytes) -> None:
    """Another user's id and name are nowhere in the archive."""
    one, other = new_bowler(), new_bowler()
    assert other.post_capture(capture).status == 201
    members = _export(cloud, one)
    foreign = (other("GET", "/v1/users/me").json["id"], other.username)
    assert not [name for text in foreign for name, data in members.items() if text.encode() in data or text in name]


def test_bytes_that_were_removed_are_told_while_they_are_kept(sent: list[tuple[jobs.Job, float]]) -> None:
    """A version behind a delete marker is still held, so the export gives it, apart from what counts."""
    user_id, data = new_user_id(), new_capture()
    key = raw_bucket.object_key(user_id, hashlib.sha256(data).hexdigest())
    with without_events(), objects() as client:
        client.put_object(Bucket=settings().raw_bucket, Key=key, Body=data)
        client.delete_object(Bucket=settings().raw_bucket, Key=key)
    members = _written(user_id, sent)
    assert [content for name, content in members.items() if name.startswith("removed/")] == [data]


def test_an_export_holds_no_bytes_of_what_waits_or_went_to_others(sent: list[tuple[jobs.Job, float]]) -> None:
    """Bytes that wait in an inbox are for whoever had the device, and stay so once they were delivered there.

    The object that was taken out of the inbox is still there as a version that is not current.
    """
    owner, holder, serial = lanes.new_user(), lanes.new_user(), lanes.new_serial()
    delivered, waiting = lanes.capture_of(serial), lanes.capture_of(lanes.new_serial())
    bridge = lanes.new_bridge(owner, "lane")
    for data in (delivered, waiting):
        lanes.bring(bridge, data)
    row = captures.find(inbox_of(owner), hashlib.sha256(delivered).hexdigest())
    assert row is not None
    claims.claim(holder, NewDevice(serial, begins=datetime.now(UTC) - timedelta(days=7)))
    inbox.deliver(serial, inbox_store.waiting_key(row))
    members = _written(owner, sent)
    assert [key["key"] for key in json.loads(members["inbox/captures/captures.json"])] == [
        f"C#{hashlib.sha256(waiting).hexdigest()}"
    ]
    assert not {delivered, waiting} & set(members.values())
    assert delivered in _written(holder, sent).values()


def test_there_is_one_export_at_a_time(sent: list[tuple[jobs.Job, float]]) -> None:
    """Asked again while one is on its way, the same one is shown; once it is ready, a new one is made."""
    user_id = new_user_id()
    first, again = exporting.request(user_id), exporting.request(user_id)
    assert (again.id, again.state) == (first.id, "queued")
    exporting.run(user_id, first.id, "a message")
    assert exporting.show(user_id).state == "ready"
    assert exporting.request(user_id).id != first.id
    assert len(sent) == 3


def test_nobody_has_an_export_without_asking(cloud: LocalCloud) -> None:
    """Before one was asked for there is none, and an account that is gone gets none."""
    assert cloud.aws_url
    with pytest.raises(NotFound):
        exporting.show(new_user_id())
    with pytest.raises(AccountClosing):
        exporting.request(str(uuid.uuid4()))


def test_a_second_worker_leaves_an_export_alone(sent: list[tuple[jobs.Job, float]], monkeypatch: Any) -> None:
    """While one worker writes, another message does nothing; long after the first must have died it takes over."""
    user_id = new_user_id()
    view = exporting.request(user_id)
    export = store.find(user_id)
    assert export is not None
    now_s = int(time.time())
    store.hold(user_id, export, "the first", now_s, now_s + exporting.HELD_S)
    exporting.run(user_id, view.id, "another")
    assert exporting.show(user_id).state == "running"
    monkeypatch.setattr(time, "time", lambda: now_s + exporting.HELD_S + 1)
    exporting.run(user_id, view.id, "another")
    assert exporting.show(user_id).state == "ready"
    assert len(sent) == 1


def test_an_export_that_never_ends_can_be_asked_for_again(
    sent: list[tuple[jobs.Job, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day later it counts as failed, and a new one begins; after 7 days a ready one is gone."""
    user_id = new_user_id()
    first = exporting.request(user_id)
    now_s = time.time()
    monkeypatch.setattr(time, "time", lambda: now_s + exporting.GIVEN_UP_AFTER_S + 1)
    assert exporting.show(user_id).state == "failed"
    assert exporting.request(user_id).id != first.id
    monkeypatch.setattr(time, "time", lambda: now_s + exporting.KEPT_S + 60)
    with pytest.raises(NotFound):
        exporting.show(user_id)
    assert len(sent) == 2


def _written(user_id: str, sent: list[tuple[jobs.Job, float]]) -> dict[str, bytes]:
    exporting.request(user_id)
    while sent:
        job, _ = sent.pop(0)
        exporting.run(job.user_id, job.export_id, f"message-{uuid.uuid4()}")
    view = exporting.show(user_id)
    assert view.archive is not None
    return _members(view.archive.url)


def _account_with_logins(count: int) -> str:
    user_id = new_user_id()
    with LoginItem.batch_write() as batch:
        for _ in range(count):
            login = f"{LoginItem.SK_PREFIX}{uuid.uuid4()}"
            batch.save(LoginItem(f"U#{user_id}", login, created_at="2026-01-01T00:00:00+00:00", expires_at=2**32))
    return user_id


def test_a_long_section_goes_on_in_further_files(sent: list[tuple[jobs.Job, float]]) -> None:
    """Rows are read and written page by page, and none is missing or twice."""
    user_id = _account_with_logins(450)
    members = _written(user_id, sent)
    names = [name for name in members if name.startswith("logins")]
    assert names == ["logins.json", "logins-2.json", "logins-3.json"]
    keys = [row["key"] for name in names for row in json.loads(members[name])]
    assert (len(keys), len(set(keys))) == (450, 450)


@pytest.mark.long
def test_an_export_is_written_by_one_worker_after_another(
    sent: list[tuple[jobs.Job, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the time of one worker is over, the next goes on behind its last part; nothing is missing or twice."""
    user_id, capture = new_user_id(), large_capture(3 * 1024 * 1024)
    wanted = {}
    with without_events(), objects() as client:
        for number in range(5):
            data = capture + bytes([number])
            sha256 = hashlib.sha256(data).hexdigest()
            wanted[f"raw/{sha256}.smartdot"] = data
            client.put_object(Bucket=settings().raw_bucket, Key=raw_bucket.object_key(user_id, sha256), Body=data)
    monkeypatch.setattr(exporting, "WORKING_S", -1)
    monkeypatch.setattr(exporting, "PART_BYTES", 5 * 1024 * 1024)
    exporting.request(user_id)
    workers = 0
    while sent:
        job, _ = sent.pop(0)
        exporting.run(job.user_id, job.export_id, f"message-{workers}")
        workers += 1
    assert workers > 2
    view = exporting.show(user_id)
    assert view.archive is not None
    members = _members(view.archive.url)
    _check_manifest(members)
    assert {name: data for name, data in members.items() if name.startswith("raw/")} == wanted
    assert [key for key, _ in dump.everything() if user_id in key and "progress" in key] == []


def _prepared() -> tuple[str, str, bytes]:
    user_id, data = new_user_id(), new_capture()
    with without_events():
        sha256 = hashlib.sha256(data).hexdigest()
        raw_bucket.put_once(raw_bucket.object_key(user_id, sha256), data, sha256)
    return user_id, exporting.request(user_id).id, data


def _run(prepared: tuple[str, str, bytes]) -> None:
    exporting.run(prepared[0], prepared[1], "the message")


def _check_whole(prepared: tuple[str, str, bytes], _: Any) -> None:
    view = exporting.show(prepared[0])
    assert view.archive is not None
    members = _members(view.archive.url)
    _check_manifest(members)
    assert prepared[2] in members.values()


@pytest.mark.long
@pytest.mark.parametrize("fault", [FAULTS["died before"], FAULTS["died after"]], ids=["died before", "died after"])
def test_every_call_of_an_export_may_fail(wire: Wire, sent: list[tuple[jobs.Job, float]], fault: Fault) -> None:
    """Whichever call fails, before or after it was done, the job repeated ends with a whole archive."""
    assert try_every_call(wire, Operation(_prepared, _run, _check_whole), fault) >= 1
    assert sent


def test_asking_may_fail_at_every_call(wire: Wire, sent: list[tuple[jobs.Job, float]]) -> None:
    """Whichever call of the asking fails, asked again there is one export, and a message of it."""

    def check(user_id: str, _: Any) -> None:
        export = store.find(user_id)
        assert export is not None
        assert (jobs.Job(jobs.EXPORT, user_id, export.export_id), 0.0) in sent

    for fault in FAULTS.values():
        assert try_every_call(wire, Operation(new_user_id, exporting.request, check), fault) >= 1


_MEASURE = """
import pathlib, re
from chalicelib.privacy.archive import Archive
archive, taken = Archive(), 0
def chunks():
    for _ in range(64):
        yield b"x" * (1024 * 1024)
for number in range(12):
    archive.add(f"raw/{number}.smartdot", 64 * 1024 * 1024, chunks())
    if archive.waiting_bytes >= 8 * 1024 * 1024:
        taken += len(archive.take())
archive.finish()
# Not ru_maxrss: a process that was just started counts the memory of the one that started it.
print(int(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) // 1024, taken)
"""


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the memory is read from Linux's /proc")
def test_an_archive_of_large_captures_takes_bounded_memory() -> None:
    """12 captures of 64 MiB, the largest that there are, take less than a quarter of the 1,024 MB."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=100
    )
    most_mb, taken = map(int, done.stdout.split())
    assert taken > 12 * 64 * 1024 * 1024
    assert most_mb < 256, most_mb


def test_an_archive_is_the_same_however_it_is_cut() -> None:
    """Written in one go or in any number of pieces, it has the same members and is a sound zip."""
    contents = {f"{number}.json": bytes([number]) * (number * 50) for number in range(40)}
    for pieces in (1, 3, 40):
        data, archive = b"", Archive()
        for index, (name, content) in enumerate(contents.items()):
            archive.add(name, len(content), [content])
            if index % (40 // pieces) == 0:
                data += archive.take()
                archive.abandon()
                archive = Archive(archive.members, archive.offset)
        archive.finish()
        assert _unzip(data + archive.take()) == contents
