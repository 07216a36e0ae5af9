"""Erasure: it closes first, leaves nothing, and ends right whatever fails and whoever writes meanwhile."""

import dataclasses
import hashlib
import itertools
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib import jobs, partition
from chalicelib.accounts import audit, codes, logins, recovery, store, throttling
from chalicelib.accounts import erasure as accounts
from chalicelib.accounts.closing import AccountClosing, OpennessItem
from chalicelib.accounts.items import EmailItem, LimiterItem, LoginItem, RefreshItem, UserItem
from chalicelib.accounts.model import PasswordGrant
from chalicelib.accounts.throttling import Limit
from chalicelib.call import Caller
from chalicelib.captures import bucket, inbox, inbox_store, places
from chalicelib.captures import service as captures
from chalicelib.captures import store as capture_store
from chalicelib.captures.items import CaptureItem
from chalicelib.devices.items import ClaimItem, HolderItem
from chalicelib.metrics import service as metrics
from chalicelib.partition import AccountsRow, CapturesRow
from chalicelib.privacy import erasing, events
from chalicelib.settings import settings
from local_cloud.cloud import LocalCloud
from tests.api import PASSWORD, Api, Bowler, upload_headers
from tests.chalicelib import dump, lanes
from tests.chalicelib.people import new_user_id
from tests.chalicelib.tickets import ask, new_capture, objects, put, sha256_of, without_events
from tests.chalicelib.wire import Wire

Sent = list[tuple[jobs.Job, float]]
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


@pytest.fixture
def sent(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Sent:
    """The jobs that would have been sent: the test does them itself."""
    # What is still under way of other tests sends its jobs before.
    cloud.pump.drain(30)
    waiting: Sent = []
    monkeypatch.setattr(jobs, "send", lambda job, delay_s=0.0: waiting.append((job, delay_s)))
    return waiting


@pytest.fixture
def long_wait(monkeypatch: pytest.MonkeyPatch) -> float:
    """The wait of a real stage; a test moves the closing into the past instead of waiting."""
    wait_s = 26 * 60.0
    monkeypatch.setattr(erasing, "settings", lambda: dataclasses.replace(settings(), erasure_wait_s=wait_s))
    return wait_s


def _move_closing(user_id: str, by_s: float) -> None:
    """Let an account have been closed longer ago."""
    row = partition.find(AccountsRow, f"U#{user_id}", UserItem.SK)
    assert row is not None
    closed_at = datetime.fromisoformat(row.text("closed_at") or "") - timedelta(seconds=by_s)
    OpennessItem(row.pk, row.sk).update(actions=[OpennessItem.closed_at.set(closed_at.isoformat())])


def _erase(user_id: str, wait_s: float = 3600) -> None:
    """Erase a user at once, as if the wait were over."""
    accounts.close(user_id)
    _move_closing(user_id, wait_s)
    erasing.run(user_id)
    assert store.find_user(user_id) is None


def _me(bowler: Bowler) -> dict[str, Any]:
    profile: dict[str, Any] = bowler("GET", "/v1/users/me").json
    return profile


def _age_login(bowler: Bowler, user_id: str, age: timedelta) -> None:
    created_at = (datetime.now(UTC) - age).isoformat()
    for login in LoginItem.query(f"U#{user_id}", LoginItem.sk.startswith(LoginItem.SK_PREFIX)):
        login.update(actions=[LoginItem.created_at.set(created_at)])
    assert bowler("GET", "/v1/users/me").status == 200


def test_an_account_is_deleted_with_a_young_login_only(bowler: Bowler) -> None:
    """A login older than 10 minutes gets 403 and a type that says so; the account stays as it is."""
    user_id = _me(bowler)["id"]
    _age_login(bowler, user_id, timedelta(minutes=10, seconds=1))
    refused = bowler("DELETE", "/v1/users/me")
    assert (refused.status, refused.problem) == (403, "login-too-old")
    assert not accounts.is_closing(user_id)
    _age_login(bowler, user_id, timedelta(minutes=9))
    assert bowler("DELETE", "/v1/users/me").status == 202


def test_deletion_ends_all_that_works(api: Api, bowler: Bowler, capture: bytes) -> None:
    """From the answer on no login, refresh, bridge, upload or export works; then the username is anyone's."""
    bridge = bowler("POST", "/v1/bridges", json={"name": "lane 7"}).json["credential"]
    user_id, email = _me(bowler)["id"], _me(bowler)["email"]
    answer = bowler("DELETE", "/v1/users/me")
    assert (answer.status, answer.json["state"]) == (202, "closing")
    password = {"username": bowler.username, "password": PASSWORD}
    assert api("POST", "/v1/tokens", json=password).status == 401
    assert bowler.post_capture(capture).status == 401
    assert ask(bowler, capture).status == 401
    assert bowler("POST", "/v1/users/me/export").status == 401
    _until(lambda: accounts.was_erased(user_id))
    assert api("POST", "/v1/tokens/refresh", json={"refresh_token": bowler.refresh_token}).status == 401
    assert api("PUT", "/v1/bridges/me/heartbeat", token=bridge, json=HEARTBEAT).status == 401
    assert api("POST", "/v1/captures", token=bridge, body=capture, headers=upload_headers(capture)).status == 401
    again = {"username": bowler.username.upper(), "email": email, "password": PASSWORD}
    # The name is given back at the very end.
    _until(lambda: api("POST", "/v1/users", json=again).status == 201)


def test_deletion_asked_for_twice_is_one(sent: Sent, long_wait: float) -> None:
    """Asked again while the login lasts, the answer is the same; the account stays closed since the first time."""
    user_id = new_user_id()
    login = LoginItem(f"U#{user_id}", "LOGIN#1", created_at=datetime.now(UTC).isoformat(), expires_at=2**32)
    login.save()
    caller = Caller(user_id=user_id, login_id="1")
    first = erasing.request(caller)
    assert erasing.request(caller) == first
    assert first.gone_by - datetime.now(UTC) > timedelta(seconds=long_wait - 60)
    assert [job.kind for job, _ in sent] == [jobs.ERASURE] * 2


def test_nothing_is_written_into_a_closed_account(sent: Sent, bowler: Bowler) -> None:
    """With the access token still alive, whatever would make something for the user is refused."""
    user_id = _me(bowler)["id"]
    assert bowler("POST", "/v1/bridges", json={"name": "lane"}).status == 201
    accounts.close(user_id)
    before = _rows_of(user_id)
    data = new_capture()
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/v1/bridges", {"json": {"name": "lane"}}),
        ("POST", "/v1/devices", {"json": {"serial": lanes.new_serial()}}),
        ("POST", "/v1/captures", {"body": data, "headers": upload_headers(data)}),
        ("POST", "/v1/captures/uploads", {"json": {"sha256": sha256_of(data), "size_bytes": len(data)}}),
        ("POST", "/v1/users/me/export", {}),
        ("POST", "/v1/email-verifications", {}),
        ("POST", "/v1/tokens/refresh", {"json": {"refresh_token": bowler.refresh_token}}),
    ]
    for method, path, content in requests:
        answer = bowler(method, path, **content)
        assert answer.status in {401, 409}, (path, answer.data)
    with pytest.raises(AccountClosing):
        logins.log_in(PasswordGrant(bowler.username, PASSWORD))
    assert _rows_of(user_id) == before
    # The bytes of the upload came before its refused row: the erasure is told of them.
    assert {job.kind for job, _ in sent} <= {jobs.LATE_OBJECTS}


def _rows_of(user_id: str) -> set[str]:
    tables = (AccountsRow, CapturesRow)
    return {row.sk for table in tables for rows in partition.pages(table, f"U#{user_id}") for row in rows}


class _Writers:
    """Clients that go on as if nothing had happened, each in a thread of its own, until they are told to stop."""

    def __init__(self, bowler: Bowler, bridge: str) -> None:
        self._bowler, self._bridge = bowler, bridge
        self._stopping = threading.Event()
        self.statuses: list[tuple[str, int]] = []
        self.tickets: list[tuple[Any, bytes]] = []
        loops = (self._upload, self._upload_by_ticket, self._refresh, self._beat, self._log_in)
        self._threads = [threading.Thread(target=self._loop, args=(each,)) for each in loops]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, each with what it has in hand."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _loop(self, step: Callable[[], int]) -> None:
        while not self._stopping.is_set():
            self.statuses.append((step.__name__, step()))

    def _upload(self) -> int:
        data = new_capture()
        return self._bowler.api(
            "POST", "/v1/captures", token=self._bridge, body=data, headers=upload_headers(data)
        ).status

    def _upload_by_ticket(self) -> int:
        data = new_capture()
        answer = ask(self._bowler, data)
        if answer.status == 201:
            # Half of them are used at once, the others when everything seems to be over.
            self.tickets.append((answer.json, data))
            if len(self.tickets) % 2:
                put(answer.json, data)
        return answer.status

    def _refresh(self) -> int:
        return self._bowler.api("POST", "/v1/tokens/refresh", json={"refresh_token": self._bowler.refresh_token}).status

    def _beat(self) -> int:
        return self._bowler.api("PUT", "/v1/bridges/me/heartbeat", token=self._bridge, json=HEARTBEAT).status

    def _log_in(self) -> int:
        password = {"username": self._bowler.username, "password": PASSWORD}
        return self._bowler.api("POST", "/v1/tokens", json=password).status


def _furnish(cloud: LocalCloud, bowler: Bowler) -> tuple[list[str], str]:
    """Give an account something of everything, and return what names its user and a bridge's credential."""
    me = _me(bowler)
    tag = uuid.uuid4().hex[:10]
    names = {"first_name": f"Ingrid{tag}", "last_name": f"Lind{tag}", "phone": f"+46 {uuid.uuid4().int % 10**9:09}"}
    changed = bowler(
        "PATCH", "/v1/users/me", json=names, headers={"If-Match": bowler("GET", "/v1/users/me").headers["ETag"]}
    )
    assert changed.status == 200
    EmailItem(f"E#{me['email']}", EmailItem.SK, user_id=me["id"]).save()
    assert bowler("POST", "/v1/email-verifications").status in {200, 202, 204}
    credential: str = bowler("POST", "/v1/bridges", json={"name": "lane 7", "kind": "lane"}).json["credential"]
    serial = lanes.new_serial()
    assert (
        bowler("POST", "/v1/devices", json={"serial": serial, "name": f"ball of {names['first_name']}"}).status == 201
    )
    user = store.find_user(me["id"])
    assert user is not None
    audit.add(audit.record(user, "users.lock", audit.DENIED))
    mine, foreign = lanes.capture_of(serial), new_capture()
    for data in (mine, foreign):
        headers = upload_headers(data)
        assert bowler.api("POST", "/v1/captures", token=credential, body=data, headers=headers).status == 201
    junk = uuid.uuid4().bytes * 30
    assert put(ask(bowler, junk).json, junk) == 200
    assert bowler("POST", "/v1/users/me/export").status == 202
    cloud.pump.drain(60)
    return [me["id"], bowler.username, me["email"], *names.values()], credential


def test_nothing_is_left_with_writers_running(cloud: LocalCloud, bowler: Bowler, sent: Sent, long_wait: float) -> None:
    """Uploads, tickets, refreshes, heartbeats and logins race with every step, and nothing that names the user stays.

    The wait is not waited out: the closing is moved into the past once every writer has seen that all is over, as the
    wait gives it the time for; objects by tickets of before arrive between the two sweeps.
    """
    names, credential = _with_real_jobs(cloud, bowler, sent)
    found = dump.holding(names)
    assert {name for _, name in found} == {name.lower() for name in names}
    pseudonym = store.find_user(names[0]).pseudonym  # type: ignore[union-attr]
    writers = _Writers(bowler, credential)
    writers.start()
    try:
        _until(lambda: len(writers.statuses) > 30)
        assert bowler("DELETE", "/v1/users/me").status == 202
        _do_jobs(sent)
        _until(lambda: all(_is_over(writers, name) for name in ("_upload", "_refresh", "_beat", "_log_in")))
        _move_closing(names[0], long_wait)
    finally:
        writers.stop()
    late = [put(ticket, data) for ticket, data in writers.tickets]
    assert 200 in late
    cloud.pump.drain(60)
    _do_jobs(sent)
    cloud.pump.drain(60)
    _do_jobs(sent)
    assert dump.holding(names) == []
    lines = [place for place, content in dump.everything() if str(pseudonym).encode() in content]
    assert lines
    assert all(place.startswith(settings().audit_table) for place in lines)


def _with_real_jobs(cloud: LocalCloud, bowler: Bowler, sent: Sent) -> tuple[list[str], str]:
    """Furnish an account; its export is done by the test, like every job."""
    names, credential = _furnish(cloud, bowler)
    _do_jobs(sent)
    assert bowler("GET", "/v1/users/me/export").json["state"] == "ready"
    return names, credential


def _do_jobs(sent: Sent) -> None:
    """Do each job that waits, once; those that they send wait for the next time."""
    waiting, sent[:] = list(sent), []
    for job, _ in waiting:
        events.run(job, str(uuid.uuid4()))


def _is_over(writers: _Writers, name: str) -> bool:
    """Tell whether a writer was refused at last."""
    statuses = [status for step, status in writers.statuses if step == name]
    return bool(statuses) and statuses[-1] == 401


def _until(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_the_last_sweep_waits_for_what_is_still_alive(sent: Sent, long_wait: float) -> None:
    """The first sweep leaves the closed user and sends the job on; the user goes when the wait is over, not before."""
    user_id = new_user_id()
    erasing.run(user_id)
    assert accounts.is_closing(user_id)
    ((job, delay_s),) = sent
    assert job == jobs.Job(jobs.ERASURE, user_id)
    assert long_wait - 60 < delay_s <= long_wait
    _move_closing(user_id, long_wait - 60)
    erasing.run(user_id)
    assert accounts.is_closing(user_id)
    assert sent[-1][1] <= 60
    _move_closing(user_id, 60)
    erasing.run(user_id)
    assert dump.holding([user_id]) == []
    assert len(sent) == 2


def test_a_long_wait_is_cut_into_what_a_queue_holds_back(cloud: LocalCloud, wire: Wire) -> None:
    """SQS holds a message back for 15 minutes at most; the rest is waited out by the next message."""
    assert cloud.aws_url
    # For nobody: the message does nothing when it comes.
    wire.answers = [(200, "{}")] * 2
    jobs._queue_url.cache_clear()
    wire.answers = [(200, json.dumps({"QueueUrl": "http://127.0.0.1/jobs"})), (200, json.dumps({"MessageId": "1"}))]
    jobs.send(jobs.Job(jobs.ERASURE, "nobody"), 26 * 60)
    jobs._queue_url.cache_clear()
    assert wire.own[-1].json["DelaySeconds"] == jobs.LONGEST_DELAY_S


@pytest.mark.parametrize("place_of", [str, places.inbox_of], ids=["account", "inbox"])
def test_bytes_that_arrive_after_everything_are_removed(sent: Sent, place_of: Callable[[str], str]) -> None:
    """An upload that had begun before the closing may end after the last sweep: its event has it removed."""
    user_id, data = new_user_id(), new_capture()
    _erase(user_id)
    key = bucket.object_key(place_of(user_id), sha256_of(data))
    with without_events(), objects() as client:
        client.put_object(Bucket=settings().raw_bucket, Key=key, Body=data)
    metrics.process_object(key)
    assert [job for job, _ in sent] == [jobs.Job(jobs.LATE_OBJECTS, user_id)]
    _do_jobs(sent)
    assert dump.holding([user_id]) == []


def test_late_objects_of_the_living_stay(sent: Sent) -> None:
    """The job removes nothing of an open account, nor of a user whom it does not know to be erased."""
    open_id, unknown_id, closing_id = new_user_id(), str(uuid.uuid4()), new_user_id()
    accounts.close(closing_id)
    data = new_capture()
    keys = [bucket.object_key(user_id, sha256_of(data)) for user_id in (open_id, unknown_id, closing_id)]
    with without_events():
        for key in keys:
            bucket.put_once(key, data, sha256_of(data))
    for user_id in (open_id, unknown_id, closing_id):
        erasing.sweep_late(user_id)
    assert all(bucket.is_there(key) for key in keys)
    assert [job for job, _ in sent] == [jobs.Job(jobs.LATE_OBJECTS, closing_id)]
    with objects() as client:
        client.delete_object(Bucket=settings().raw_bucket, Key=keys[1])


def test_what_was_computed_meanwhile_is_not_kept(sent: Sent) -> None:
    """A result that is ready after the closing is refused, and no item comes of it."""
    user_id, data = new_user_id(), new_capture()
    with without_events():
        bucket.put_once(bucket.object_key(user_id, sha256_of(data)), data, sha256_of(data))
    accounts.close(user_id)
    metrics.process_object(bucket.object_key(user_id, sha256_of(data)))
    assert list(CaptureItem.query(f"U#{user_id}")) == []
    assert [job.kind for job, _ in sent] == [jobs.LATE_OBJECTS]


def _login_with_tokens(user_id: str, count: int, *, first_is_known: bool = True) -> list[str]:
    login_id = str(uuid.uuid4())
    hashes = [hashlib.sha256(f"{login_id}{number}".encode()).hexdigest() for number in range(count)]
    login = LoginItem(f"U#{user_id}", f"LOGIN#{login_id}", created_at="2026-01-01T00:00:00+00:00", expires_at=2**32)
    login.first_refresh = hashes[0] if first_is_known else None
    login.save()
    with RefreshItem.batch_write() as batch:
        for token, successor in itertools.zip_longest(hashes, hashes[1:]):
            item = RefreshItem(f"R#{token}", RefreshItem.SK, user_id=user_id, login_id=login_id, expires_at=2**32)
            item.successor = successor
            batch.save(item)
    return hashes


@pytest.mark.parametrize("first_is_known", [True, False])
def test_every_refresh_token_of_a_login_goes(sent: Sent, *, first_is_known: bool) -> None:
    """All that a login was refreshed with is found from its first token, or, of an old login, by its user."""
    user_id, other_id = new_user_id(), new_user_id()
    _login_with_tokens(user_id, 120, first_is_known=first_is_known)
    others = _login_with_tokens(other_id, 3)
    _erase(user_id)
    assert dump.holding([user_id]) == []
    assert all(partition.find(AccountsRow, f"R#{token}", RefreshItem.SK) for token in others)
    assert sent == []


def _limits_of_users() -> list[Limit]:
    made = [
        make for name, make in vars(throttling).items() if getattr(make, "__annotations__", {}) == {"return": Limit}
    ]
    return [limit for limit in (make() for make in made) if not limit.is_by_address]


def test_every_counter_of_a_user_goes(sent: Sent) -> None:
    """Whatever counts a user, the user's logins and mails has a row of its own in the table, and none is left."""
    user_id, other_id = new_user_id(), new_user_id()
    user, login_id = store.find_user(user_id), str(uuid.uuid4())
    assert user is not None
    LoginItem(f"U#{user_id}", f"LOGIN#{login_id}", created_at="2026-01-01T00:00:00+00:00", expires_at=2**32).save()
    counted = {"login": user.username, "known-login": login_id, "mail": user.email, "mail-reset": user.email}
    limits = _limits_of_users()
    assert {limit.name for limit in limits} > {*counted, "mail-sender"}
    keys = [throttling.partition_key(limit, counted.get(limit.name, user_id)) for limit in limits]
    others = throttling.partition_key(throttling.mails_of_sender(), other_id)
    for key in (*keys, others):
        LimiterItem(key, "W#1", tries={"a"}, expires_at=2**32).save()
    _erase(user_id)
    left = {limit.name for limit, key in zip(limits, keys, strict=True) if list(LimiterItem.query(key))}
    assert left == set()
    assert len(list(LimiterItem.query(others))) == 1
    assert sent == []


def test_a_code_for_an_address_that_was_never_confirmed_goes(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a forgotten password left for the address of a user who had not confirmed it goes with the user."""
    monkeypatch.setattr(recovery, "ANSWER_EVERY_S", 0)
    user_id = new_user_id()
    user = store.find_user(user_id)
    assert user is not None
    recovery.request(user.email, "")
    key = f"U#{codes.nobody_of(user.email)}"
    assert [row.sk for row in partition.page(AccountsRow, key)] == ["CODE#password"]
    _erase(user_id)
    assert partition.page(AccountsRow, key) == []
    assert dump.holding([user.email]) == []
    assert sent == []


def test_a_devices_history_keeps_its_order_and_no_name(sent: Sent) -> None:
    """The claim of an erased user ends and is nobody's; others' claims stay, and the next one follows."""
    serial, first_id, erased_id = lanes.new_serial(), new_user_id(), new_user_id()
    begins = lanes.kept_form("2026-11-01T00:00:00+00:00")
    for number, user_id in enumerate((first_id, erased_id), start=1):
        ClaimItem(f"D#{serial}", f"CLAIM#{number:06d}", user_id=user_id, from_=begins).save()
        AccountsRow(f"U#{user_id}", f"DEVICE#{serial}#{number:06d}").save()
    HolderItem(f"D#{serial}", "HOLDER", number=2, user_id=erased_id, from_=begins, version=2).save()
    _erase(erased_id)
    holder = HolderItem.get(f"D#{serial}", "HOLDER")
    assert (holder.user_id, holder.until is not None, holder.number) == ("nobody", True, 2)
    claims = list(ClaimItem.query(f"D#{serial}", ClaimItem.sk.startswith("CLAIM#")))
    assert [claim.user_id for claim in claims] == [first_id, "nobody"]
    assert sent == []


def test_captures_of_others_no_longer_say_who_brought_them(sent: Sent) -> None:
    """The owner of a lane bridge goes; the capture that it brought stays with its bowler, the bringer unnamed."""
    bowler_id, owner_id, serial = lanes.new_user(), lanes.new_user(), lanes.new_serial()
    _claim(bowler_id, serial)
    bridge = lanes.new_bridge(owner_id, "lane")
    view, _ = lanes.bring(bridge, lanes.capture_of(serial))
    row = capture_store.find(bowler_id, view.id)
    assert row is not None
    assert row.brought_by == owner_id
    _erase(owner_id)
    assert dump.holding([owner_id]) == []
    kept = capture_store.find(bowler_id, view.id)
    assert kept is not None
    assert (kept.brought_by, kept.bridge_id) == ("nobody", bridge.bridge_id)
    assert captures.raw(bowler_id, view.id)
    assert sent == []


def test_what_a_lane_keeps_of_an_erased_bowler_goes(sent: Sent) -> None:
    """A capture waited in a lane's inbox and was delivered: with its bowler go the lane's note and the old bytes."""
    bowler_id, owner_id, serial = lanes.new_user(), lanes.new_user(), lanes.new_serial()
    bridge = lanes.new_bridge(owner_id, "lane")
    with without_events():
        view, _ = lanes.bring(bridge, lanes.capture_of(serial))
    waiting = capture_store.find(places.inbox_of(owner_id), view.id)
    assert waiting is not None
    _claim(bowler_id, serial)
    with without_events():
        inbox.deliver(serial, inbox_store.waiting_key(waiting))
    assert capture_store.find(bowler_id, view.id) is not None
    _erase(bowler_id)
    assert dump.holding([bowler_id, view.id]) == []
    assert sent == []


def test_what_waits_in_the_inbox_of_an_erased_user_goes(sent: Sent) -> None:
    """Captures of nobody in one's inbox, their bytes, and what finds them by their device go with the user."""
    owner_id, serial = lanes.new_user(), lanes.new_serial()
    with without_events():
        lanes.bring(lanes.new_bridge(owner_id, "personal"), lanes.capture_of(serial))
    assert len(dump.holding([owner_id])) > 3
    _erase(owner_id)
    assert dump.holding([owner_id]) == []
    assert sent == []


def _claim(user_id: str, serial: str) -> None:
    begins = lanes.kept_form("2026-11-01T00:00:00+00:00")
    HolderItem(f"D#{serial}", "HOLDER", number=1, user_id=user_id, from_=begins, version=1).save()
    ClaimItem(f"D#{serial}", "CLAIM#000001", user_id=user_id, from_=begins).save()
    AccountsRow(f"U#{user_id}", f"DEVICE#{serial}#000001").save()


@pytest.fixture(autouse=True)
def _jobs_forget_their_queue() -> Iterator[None]:
    yield
    jobs._queue_url.cache_clear()
