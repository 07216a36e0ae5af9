"""Erasure where two accounts meet: what a bridge brought to somebody else, and what its pairing leaves behind."""

import hashlib
import secrets
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib import jobs, queue
from chalicelib.accounts import erasure as accounts
from chalicelib.accounts.closing import AccountClosing
from chalicelib.accounts.tokens import secret_sha256
from chalicelib.call import Caller
from chalicelib.captures import arrival, bucket, inbox, inbox_store, ownership, places, service, store, uploads
from chalicelib.captures import erasure as captures
from chalicelib.captures.model import Provenance, UploadRequest, UploadTicket
from chalicelib.devices import bridges, claims, pairings
from chalicelib.devices.erasure import LEADS
from chalicelib.devices.items import PairingItem
from chalicelib.devices.model import NewDevice, PairingApproval
from chalicelib.settings import settings
from local_cloud.cloud import LocalCloud
from tests.chalicelib import dump, lanes
from tests.chalicelib.tickets import objects, sha256_of, without_events

Sent = list[jobs.Job]
WEEK_AGO = datetime.now(UTC) - timedelta(days=7)


@pytest.fixture(autouse=True)
def sent(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Jobs that were sent; messages of the processing queue go nowhere."""
    cloud.pump.drain(30)
    waiting: Sent = []
    monkeypatch.setattr(jobs, "send", lambda job, _delay_s=0.0: waiting.append(job))
    monkeypatch.setattr(queue, "_send", lambda _: None)
    return waiting


def _erase(user_id: str) -> None:
    accounts.close(user_id)
    accounts.sweep(user_id, LEADS)
    captures.sweep(user_id)
    accounts.finish(user_id)


def _ask(caller: Caller, data: bytes, serial: str) -> UploadTicket:
    wanted = UploadRequest(sha256_of(data), len(data), Provenance(device=serial, started_at=lanes.EARLIER))
    ticket = uploads.request(caller, wanted)
    assert isinstance(ticket, UploadTicket)
    return ticket


def _holder_and_lane() -> tuple[str, str, str, Caller]:
    """Return a device, its holder, and the owner of a lane bridge with the bridge."""
    holder, owner, serial = lanes.new_user(), lanes.new_user(), lanes.new_serial()
    claims.claim(holder, NewDevice(serial, begins=WEEK_AGO))
    return serial, holder, owner, lanes.new_bridge(owner, "lane")


def _put(place: str, data: bytes) -> None:
    with without_events(), objects() as client:
        client.put_object(Bucket=settings().raw_bucket, Key=bucket.object_key(place, sha256_of(data)), Body=data)


def test_a_ticket_that_was_never_used_leaves_nothing_with_its_bridge() -> None:
    """What a lane keeps of an upload into an erased account goes with the account, though no bytes ever came."""
    serial, holder, owner, bridge = _holder_and_lane()
    data = lanes.capture_of(serial)
    _ask(bridge, data, serial)
    _erase(holder)
    assert dump.holding([holder]) == []
    assert inbox_store.find_brought(owner, sha256_of(data)) is None


@pytest.mark.parametrize("is_swept", [False, True], ids=["closing", "erased"])
def test_bytes_on_their_way_arrive_though_their_bridges_owner_is_gone(sent: Sent, *, is_swept: bool) -> None:
    """Whoever erases a bridge's account takes no capture from the bowler in whose account its ticket lets it in."""
    serial, holder, owner, bridge = _holder_and_lane()
    data = lanes.capture_of(serial)
    _ask(bridge, data, serial)
    accounts.close(owner)
    if is_swept:
        _erase(owner)
    _put(holder, data)
    verified = arrival.verify(holder, sha256_of(data))
    assert verified is not None
    assert (verified.state, sent) == ("verified", [])
    row = store.find(holder, sha256_of(data))
    assert row is not None
    assert row.brought_by == places.NOBODY


@pytest.mark.parametrize("is_swept", [False, True], ids=["closing", "erased"])
def test_a_ticket_of_an_erased_bridge_stands_in_nobodys_way(*, is_swept: bool) -> None:
    """The same bytes may be announced again, by the bowler and by another bridge, whoever announced them first."""
    serial, holder, owner, bridge = _holder_and_lane()
    data = lanes.capture_of(serial)
    _ask(bridge, data, serial)
    accounts.close(owner)
    if is_swept:
        _erase(owner)
    by_bridge = _ask(lanes.new_bridge(lanes.new_user(), "lane"), data, serial)
    by_bowler = _ask(Caller(user_id=holder, login_id="login"), data, serial)
    assert by_bridge.sha256 == by_bowler.sha256 == sha256_of(data)


def test_nobody_announces_anything_for_a_closed_account() -> None:
    """A bridge whose own account is closed, and a bowler whose is, get no ticket out of this."""
    serial, holder, owner, bridge = _holder_and_lane()
    data = lanes.capture_of(serial)
    _ask(bridge, data, serial)
    accounts.close(owner)
    with pytest.raises(AccountClosing):
        _ask(bridge, data, serial)
    accounts.close(holder)
    with pytest.raises(AccountClosing):
        _ask(Caller(user_id=holder, login_id="login"), data, serial)
    _put(holder, data)
    with pytest.raises(AccountClosing):
        arrival.verify(holder, sha256_of(data))


def test_what_was_said_in_error_stands_in_nobodys_way() -> None:
    """A bridge that names another device has the bytes refused once, not for ever: the bowler's next upload is kept."""
    serial, holder, _, bridge = _holder_and_lane()
    data = lanes.capture_of(lanes.new_serial())
    caller = Caller(user_id=holder, login_id="login")
    _ask(bridge, data, serial)
    _ask(caller, data, serial)
    _put(holder, data)
    refused = arrival.verify(holder, sha256_of(data))
    assert refused is not None
    assert refused.state == "rejected"
    _ask(caller, data, serial)
    _put(holder, data)
    kept = arrival.verify(holder, sha256_of(data))
    assert kept is not None
    assert (kept.state, kept.bridge_id) == ("verified", None)


def test_a_delivery_that_was_cut_off_names_an_erased_bringer_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off once the row is in its account, it has told nobody where it went; the bringer's name goes still."""
    owner, holder, serial = lanes.new_user(), lanes.new_user(), lanes.new_serial()
    data = lanes.capture_of(serial)
    lanes.bring(lanes.new_bridge(owner, "lane"), data)
    claims.claim(holder, NewDevice(serial, begins=WEEK_AGO))
    waiting = store.find(places.inbox_of(owner), sha256_of(data))
    assert waiting is not None
    close = inbox_store.close_waiting

    def closed_meanwhile(*arguments: object) -> None:
        accounts.close(owner)
        close(*arguments)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(inbox_store, "close_waiting", closed_meanwhile)
    with pytest.raises(AccountClosing):
        inbox.deliver(serial, inbox_store.waiting_key(waiting))
    _erase(owner)
    assert service.raw(holder, sha256_of(data)) == data
    assert dump.holding([owner]) == []


def _paired(owner: str) -> tuple[str, str]:
    secret = "rmb_" + secrets.token_urlsafe(32)
    code = pairings.begin(secret_sha256(secret), str(uuid.uuid4())).code
    bridge, _ = pairings.approve(owner, PairingApproval(code, "lane", "lane 7"))
    return code, bridge.id


def test_a_removed_bridge_leaves_no_pairing() -> None:
    """The pairing names the user until it expires, and nothing would lead there once the bridge is gone."""
    owner = lanes.new_user()
    code, bridge_id = _paired(owner)
    bridges.remove_bridge(owner, bridge_id)
    _erase(owner)
    assert dump.holding([owner, bridge_id]) == []
    with pytest.raises(pairings.PairingCodeInvalid):
        pairings.approve(lanes.new_user(), PairingApproval(code, "lane", "lane 7"))


def test_an_erased_users_bridge_leaves_no_pairing() -> None:
    """The pairing of a bridge that its owner kept to the end goes with the account, and its credential too."""
    owner = lanes.new_user()
    _, bridge_id = _paired(owner)
    assert [place for place, _ in dump.holding([bridge_id]) if " P#" in place]
    _erase(owner)
    assert dump.holding([owner, bridge_id]) == []


def test_nothing_is_put_on_record_for_a_closed_account() -> None:
    """Neither that a capture waits nor where one went is written down for a user who is being erased."""
    owner, serial = lanes.new_user(), lanes.new_serial()
    data = lanes.capture_of(serial)
    bridge = lanes.new_bridge(owner, "lane")
    lanes.bring(bridge, data)
    row = store.find(places.inbox_of(owner), sha256_of(data))
    assert row is not None
    inbox_store.remove_waiting(serial, inbox_store.waiting_key(row))
    accounts.close(owner)
    brought = ownership.brought_item(owner, str(bridge.bridge_id), "0" * 64, owner)
    with pytest.raises(AccountClosing):
        inbox_store.put_waiting(serial, row)
    with pytest.raises(AccountClosing):
        inbox_store.put_brought(owner, brought)
    assert inbox_store.waiting_of(serial, "", 10) == []
    assert inbox_store.find_brought(owner, "0" * 64) is None


def test_a_removed_bridge_takes_no_other_pairing_with_it() -> None:
    """Years later the same letters may be another bridge's: that pairing stays."""
    owner = lanes.new_user()
    code, bridge_id = _paired(owner)
    letters = hashlib.sha256(code.replace("-", "").encode()).hexdigest()
    item = PairingItem.get(f"P#{letters}", PairingItem.SK)
    item.user_id, item.bridge_id, item.secret_sha256 = None, None, "0" * 64
    item.save()
    bridges.remove_bridge(owner, bridge_id)
    assert PairingItem.get(f"P#{letters}", PairingItem.SK).secret_sha256 == "0" * 64
