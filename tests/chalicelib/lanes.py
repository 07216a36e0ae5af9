"""Users, bridges and captures of devices, as the services know them, without a password being hashed."""

import hashlib
import uuid
from datetime import datetime

from chalicelib.accounts.items import UserItem, user_key
from chalicelib.call import Caller
from chalicelib.captures import service
from chalicelib.captures.model import CaptureView, Provenance
from chalicelib.devices import bridges
from chalicelib.devices import store as device_store
from chalicelib.devices.bridge_model import BridgeKind
from tests.chalicelib.people import new_user_id
from tests.throws import Throw

EARLIER = "2026-11-20T18:00:00Z"


def new_user(*, accepts_lane_bridges: bool = True) -> str:
    """Make a user, and return the id."""
    user_id = new_user_id()
    if not accepts_lane_bridges:
        UserItem(user_key(user_id), UserItem.SK).update(actions=[UserItem.accepts_lane_bridges.set(False)])
    return user_id


def new_bridge(owner_id: str, kind: BridgeKind) -> Caller:
    """Make a bridge, and return it as the caller that its credential proves."""
    return Caller(user_id=owner_id, bridge_id=bridges.add_bridge(owner_id, "lane 7", kind).id)


def new_serial() -> str:
    """Return a serial that no other test has."""
    return f"SD-{uuid.uuid4().hex[:12]}"


def capture_of(serial: str, duration_s: float = 0.2) -> bytes:
    """Return a capture of a device that no other test has."""
    return Throw(duration_s=duration_s, serial=serial, record=uuid.uuid4().int % (2**32 - 1) + 1).capture()


def bring(caller: Caller, data: bytes, started_at: str | None = EARLIER) -> tuple[CaptureView, bool]:
    """Send a capture inline, as a bridge or as a user does."""
    claim = Provenance(started_at=started_at)
    return service.keep(caller, data, hashlib.sha256(data).hexdigest(), claim)


def kept_form(text: str) -> str:
    """Return a time as claims keep it."""
    return device_store.kept_form(datetime.fromisoformat(text))
