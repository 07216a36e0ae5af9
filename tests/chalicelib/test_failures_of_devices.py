"""The same promises for devices, bridges, pairings and inboxes: a failure before and after every call to AWS."""

import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib import queue
from chalicelib.accounts import audit, service, store
from chalicelib.accounts.items import UserItem, user_key
from chalicelib.accounts.tokens import secret_sha256
from chalicelib.administration import devices as device_administration
from chalicelib.call import Caller
from chalicelib.captures import bucket, inbox, inbox_store, uploads
from chalicelib.captures import service as captures
from chalicelib.captures import store as capture_store
from chalicelib.captures.items import CaptureItem
from chalicelib.captures.model import Provenance, UploadRequest, UploadTicket
from chalicelib.captures.places import inbox_of
from chalicelib.devices import bridge_store, bridges, claims, holders, pairings
from chalicelib.devices.bridge_model import BridgeKind
from chalicelib.devices.items import BridgeItem, ClaimItem
from chalicelib.devices.model import DeviceChange, NewDevice, PairingApproval
from chalicelib.devices.store import device_key
from chalicelib.errors import NotAuthenticated, NotFound
from tests.chalicelib.faults import FAULTS, Operation, try_every_call
from tests.chalicelib.lanes import bring, capture_of, new_bridge, new_serial, new_user
from tests.chalicelib.tickets import sha256_of, without_events
from tests.chalicelib.wire import Fault, Wire

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
NOW = datetime.now(UTC)
BEGAN = NOW - timedelta(days=2)
WEEK_AGO = NOW - timedelta(days=7)


@dataclass
class Scene:
    """A lane: whose bridge, whose device, and a capture.

    Attributes:
        kind: The bridge's kind.
        owner: Its owner.
        holder: Who claims the device, or has it.
        serial: The device.
        data: A capture of it.
        secret: What a bridge that is to be paired has made.
        code: What it shows.
    """

    kind: BridgeKind = "lane"
    owner: str = field(default_factory=new_user)
    holder: str = field(default_factory=new_user)
    serial: str = field(default_factory=new_serial)
    secret: str = field(default_factory=lambda: "rmb_" + secrets.token_urlsafe(32))
    code: str = ""

    def __post_init__(self) -> None:
        self.bridge: Caller = new_bridge(self.owner, self.kind)
        self.data = capture_of(self.serial)

    @property
    def sha256(self) -> str:
        """The capture's id."""
        return sha256_of(self.data)


def _claimed() -> Scene:
    scene = Scene()
    claims.claim(scene.holder, NewDevice(scene.serial, begins=WEEK_AGO))
    return scene


def _released() -> Scene:
    scene = _claimed()
    claims.release(scene.holder, scene.serial, None)
    return scene


def _waiting(*, is_claimed: bool = True) -> Scene:
    scene = Scene()
    with without_events():
        bring(scene.bridge, scene.data, BEGAN.isoformat())
    if is_claimed:
        # Without the message, so that only the test delivers.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(queue, "_send", lambda _: None)
            claims.claim(scene.holder, NewDevice(scene.serial, begins=WEEK_AGO))
    return scene


def _shown() -> Scene:
    scene = Scene()
    scene.code = pairings.begin(secret_sha256(scene.secret), "192.0.2.9").code
    return scene


def _approved() -> Scene:
    scene = _shown()
    _approve(scene)
    return scene


def _approve(scene: Scene) -> Any:
    return pairings.approve(scene.owner, PairingApproval(scene.code, "lane", "lane 9"))


def _claims(scene: Scene) -> list[ClaimItem]:
    return list(ClaimItem.query(device_key(scene.serial), ClaimItem.sk.startswith(ClaimItem.SK_PREFIX)))


def _check_held(scene: Scene, claimed: tuple[Any, bool]) -> None:
    assert holders.holder_at(scene.serial, datetime.now(UTC)) == scene.holder
    assert [claim.until for claim in _claims(scene)] == [None]
    assert claims.view_of(claimed[0]) == claims.view_of(claims.show(scene.holder, scene.serial))


def _at_most_one_holder(scene: Scene) -> None:
    """Holder, history and the user's own item say the same at any moment."""
    history = _claims(scene)
    assert sum(claim.until is None for claim in history) <= 1
    holder = holders.holder_at(scene.serial, datetime.now(UTC))
    with contextlib.suppress(NotFound):
        device = claims.show(scene.holder, scene.serial)
        assert (device.until is None) == (holder == scene.holder)
        assert device.until == next(claim.until for claim in history[::-1] if claim.user_id == scene.holder)


def _check_released(scene: Scene, _: Any) -> None:
    assert holders.holder_at(scene.serial, datetime.now(UTC)) is None
    assert all(claim.until for claim in _claims(scene))


def _claimed_beside_an_admin() -> Scene:
    """Return a scene whose owner and holder are registered; the service leaves it to the route who is an admin."""
    scene = _claimed()
    for user_id in (scene.owner, scene.holder):
        assert audit.pseudonym_of(_user(user_id))
    return scene


def _user(user_id: str) -> UserItem:
    user = store.find_user(user_id)
    assert user is not None
    return user


def _releases_on_record(scene: Scene) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    cursor, is_last = None, False
    while not is_last:
        part = audit.of_day(None, 100, cursor)
        found += [
            (record.actor, record.target)
            for record in part.items
            if (record.action, record.detail) == ("end_claim", scene.serial) and record.target
        ]
        cursor, is_last = part.next, part.next is None
    return found


def _check_released_on_record(scene: Scene, _: Any) -> None:
    _check_released(scene, _)
    _no_release_without_record(scene)


def _no_release_without_record(scene: Scene) -> None:
    """The release and its record are there both or neither."""
    _at_most_one_holder(scene)
    is_released = holders.holder_at(scene.serial, datetime.now(UTC)) is None
    both = (_user(scene.owner).pseudonym, _user(scene.holder).pseudonym)
    assert _releases_on_record(scene) == ([both] if is_released else [])


def _check_changed(scene: Scene, changed: Any) -> None:
    assert (changed.name, changed.version) == ("new", claims.show(scene.holder, scene.serial).version)
    assert holders.holder_at(scene.serial, WEEK_AGO - timedelta(days=1)) == scene.holder


def _remove(scene: Scene) -> None:
    with contextlib.suppress(NotFound):
        bridges.remove_bridge(scene.owner, str(scene.bridge.bridge_id))


def _check_removed(scene: Scene, _: Any) -> None:
    assert bridge_store.find_bridge(scene.owner, str(scene.bridge.bridge_id)) is None
    with pytest.raises(NotAuthenticated):
        bridges.identify(scene.bridge)


def _check_pairing(scene: Scene, begun: Any) -> None:
    scene.code = begun.code
    with pytest.raises(NotAuthenticated):
        service.authenticate(scene.secret)
    assert _approve(scene)[1]


def _check_paired(scene: Scene, approved: Any) -> None:
    assert service.authenticate(scene.secret) == Caller(user_id=scene.owner, bridge_id=approved[0].id)
    made = BridgeItem.query(user_key(scene.owner), BridgeItem.sk.startswith(BridgeItem.SK_PREFIX))
    assert sorted(item.name for item in made) == ["lane 7", "lane 9"]


def _bring(scene: Scene) -> Any:
    return bring(scene.bridge, scene.data, BEGAN.isoformat())


def _rows(place: str) -> list[CaptureItem]:
    return list(CaptureItem.query(capture_store.partition(place), CaptureItem.sk.startswith("C#")))


def _object_first(scene: Scene) -> None:
    """At any moment each row has its object; but for one in an inbox, whose object may be at its owner's already."""
    for place in (scene.owner, scene.holder, inbox_of(scene.owner)):
        for row in _rows(place):
            there = bucket.is_there(str(row.object_key))
            assert there or bucket.is_there(bucket.object_key(scene.holder, scene.sha256))


def _check_at(place: Callable[[Scene], str]) -> Callable[[Scene, Any], None]:
    def check(scene: Scene, brought: Any) -> None:
        assert brought[0].state == "verified"
        assert captures.show(scene.bridge, scene.sha256).state == "verified"
        assert bring(scene.bridge, scene.data)[1] is False
        where = [at for at in (scene.owner, scene.holder, inbox_of(scene.owner)) if _rows(at)]
        assert where == [place(scene)]

    return check


def _check_waiting(scene: Scene, brought: Any) -> None:
    _check_at(lambda scene: inbox_of(scene.owner))(scene, brought)
    (key,) = inbox_store.waiting_of(scene.serial, BEGAN.isoformat()[:10], 10)
    claims.claim(scene.holder, NewDevice(scene.serial, begins=WEEK_AGO))
    inbox.deliver(scene.serial, key)
    assert captures.raw(scene.holder, scene.sha256) == scene.data


def _deliver(scene: Scene) -> None:
    for key in inbox_store.waiting_of(scene.serial, "2020", 10):
        inbox.deliver(scene.serial, key)


def _check_delivered(scene: Scene, _: Any) -> None:
    assert captures.raw(scene.holder, scene.sha256) == scene.data
    assert len(_rows(scene.holder)) == 1
    assert _rows(inbox_of(scene.owner)) == []
    assert inbox_store.waiting_of(scene.serial, "2020", 10) == []
    assert not bucket.is_there(bucket.object_key(inbox_of(scene.owner), scene.sha256))
    assert captures.show(scene.bridge, scene.sha256).state == "verified"


def _ask(scene: Scene) -> Any:
    claim = Provenance(device=scene.serial, started_at=BEGAN.isoformat())
    return uploads.request(scene.bridge, UploadRequest(scene.sha256, len(scene.data), claim))


def _check_ticket(scene: Scene, answered: Any) -> None:
    assert isinstance(answered, UploadTicket)
    assert f"/raw/{scene.holder}/{scene.sha256}" in answered.url
    assert captures.show(scene.bridge, scene.sha256).state == "pending"


def _check_listed(scene: Scene, listed: Any) -> None:
    assert [item.id for item in listed.items] == [scene.sha256]


OPERATIONS: dict[str, Operation] = {
    "claim a device": Operation(
        Scene, lambda scene: claims.claim(scene.holder, NewDevice(scene.serial)), _check_held, _at_most_one_holder
    ),
    "claim a released device": Operation(
        _released,
        lambda scene: claims.claim(scene.owner, NewDevice(scene.serial)),
        lambda scene, _: _is_owners(scene),
        _at_most_one_holder,
    ),
    "change a device": Operation(
        _claimed,
        lambda scene: claims.change(
            scene.holder, scene.serial, DeviceChange(name="new", begins=WEEK_AGO - timedelta(days=2)), None
        ),
        _check_changed,
        _at_most_one_holder,
    ),
    "release a device": Operation(
        _claimed,
        lambda scene: claims.release(scene.holder, scene.serial, None),
        _check_released,
        _at_most_one_holder,
    ),
    "release a device for an admin": Operation(
        _claimed_beside_an_admin,
        lambda scene: device_administration.release(scene.owner, scene.serial, None),
        _check_released_on_record,
        _no_release_without_record,
    ),
    "show whose a device is": Operation(
        _claimed_beside_an_admin,
        lambda scene: device_administration.show(scene.owner, scene.serial)[0],
        lambda scene, shown: _is_shown(scene, shown.serial),
    ),
    "show a device": Operation(
        _claimed,
        lambda scene: claims.show(scene.holder, scene.serial),
        lambda scene, shown: _is_shown(scene, shown.serial),
    ),
    "list devices": Operation(
        _claimed,
        lambda scene: claims.overview(scene.holder, 10, None),
        lambda scene, listed: _is_shown(scene, listed.items[0].serial),
    ),
    "remove a bridge": Operation(Scene, _remove, _check_removed),
    "begin a pairing": Operation(
        Scene, lambda scene: pairings.begin(secret_sha256(scene.secret), scene.owner), _check_pairing
    ),
    "approve a pairing": Operation(_shown, _approve, _check_paired),
    "approve a pairing again": Operation(_approved, _approve, _check_paired),
    "bring to its holder": Operation(_claimed, _bring, _check_at(lambda scene: scene.holder), _object_first),
    "bring to an inbox": Operation(Scene, _bring, _check_waiting, _object_first),
    "ask for a ticket to its holder": Operation(_claimed, _ask, _check_ticket),
    "deliver": Operation(_waiting, _deliver, _check_delivered, _object_first),
    "show an inbox": Operation(
        lambda: _waiting(is_claimed=False), lambda scene: inbox.overview(scene.owner, 10, None), _check_listed
    ),
}


def _is_owners(scene: Scene) -> None:
    assert holders.holder_at(scene.serial, datetime.now(UTC)) == scene.owner


def _is_shown(scene: Scene, serial: str) -> None:
    assert serial == scene.serial


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_every_call_may_fail(wire: Wire, operation: Operation, fault: Fault) -> None:
    """Whichever call fails, nobody has another's device or capture, and after the same once more all is done."""
    assert try_every_call(wire, operation, fault) >= 1
