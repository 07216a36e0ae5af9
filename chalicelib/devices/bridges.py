"""Bridges as they tell of themselves, and as their owner sees them."""

import re
import uuid
from datetime import UTC, datetime, timedelta

import msgspec

from chalicelib.accounts.closing import check_open
from chalicelib.accounts.items import CredentialItem, user_key
from chalicelib.accounts.tokens import BRIDGE_PREFIX, new_secret, secret_sha256
from chalicelib.call import Caller
from chalicelib.devices import bridge_store
from chalicelib.devices.bridge_model import (
    BridgeIdentity,
    BridgeKind,
    BridgeList,
    BridgeStatus,
    BridgeView,
    Heartbeat,
    HeartbeatReply,
    ReceivedHeartbeat,
)
from chalicelib.devices.items import BridgeItem
from chalicelib.dynamodb import ConditionFailedError
from chalicelib.errors import NotAuthenticated, NotFound, NotPermitted
from chalicelib.lists import decode_position, encode_position

HEARTBEAT_PERIOD_S = 300
SILENT_AFTER = timedelta(minutes=15)
"""Three heartbeats in a row did not come."""
PERSONAL: BridgeKind = "personal"
LANE: BridgeKind = "lane"
NOTHING_MADE = "Nothing was made: this account is being deleted."
_NO_SUCH_BRIDGE = "You have no such bridge."
_GONE = "The bridge's credential is not valid any more: the bridge was removed."
_SORT_KEY = re.compile(r"BRIDGE#[0-9a-f-]{36}")


def add_bridge(user_id: str, name: str, kind: BridgeKind = PERSONAL) -> BridgeView:
    """Make a bridge, whose own credential uploads captures and does nothing else.

    Raises:
        AccountClosing: The account is being deleted.
    """
    credential = new_secret(BRIDGE_PREFIX)
    bridge, credential_item = bridge_items(user_id, name, kind, secret_sha256(credential))
    try:
        bridge_store.add_bridge(bridge, credential_item)
    except ConditionFailedError:
        check_open(user_id, NOTHING_MADE)
        raise
    return BridgeView(bridge.bridge_id, name, datetime.fromisoformat(bridge.created_at), credential, kind)


def bridge_items(user_id: str, name: str, kind: BridgeKind, hashed: str) -> tuple[BridgeItem, CredentialItem]:
    """Return a new bridge and its credential.

    Args:
        user_id: Its owner.
        name: What the owner calls it.
        kind: `personal` or `lane`.
        hashed: The SHA-256 of its secret.
    """
    bridge_id = str(uuid.uuid4())
    bridge = BridgeItem(
        user_key(user_id),
        BridgeItem.SK_PREFIX + bridge_id,
        bridge_id=bridge_id,
        name=name,
        kind=kind,
        created_at=datetime.now(UTC).isoformat(),
        credential_sha256=hashed,
    )
    return bridge, CredentialItem(f"B#{hashed}", CredentialItem.SK, user_id=user_id, bridge_id=bridge_id)


def remove_bridge(user_id: str, bridge_id: str) -> None:
    """Remove a bridge; its credential stops at once. What it brought stays where it is.

    Raises:
        NotFound: The user has no such bridge.
    """
    bridge = bridge_store.find_bridge(user_id, bridge_id)
    if bridge is None:
        raise NotFound(_NO_SUCH_BRIDGE)
    try:
        bridge_store.remove_bridge(bridge)
    except ConditionFailedError as error:
        # Another request has removed it since.
        raise NotFound(_NO_SUCH_BRIDGE) from error


def kind_of(bridge: BridgeItem | None) -> BridgeKind:
    """Return a bridge's kind; one of the time before there were two kinds is personal."""
    return LANE if bridge is not None and bridge.kind == LANE else PERSONAL


def find_kind(caller: Caller) -> BridgeKind:
    """Return the kind of the bridge that calls.

    Raises:
        NotAuthenticated: It was removed.
    """
    bridge = bridge_store.find_bridge(caller.user_id, _bridge_id(caller))
    if bridge is None:
        raise NotAuthenticated(_GONE)
    return kind_of(bridge)


def identify(caller: Caller) -> BridgeIdentity:
    """Return which bridge calls; nothing is written.

    Raises:
        NotAuthenticated: It was removed.
    """
    bridge = bridge_store.find_bridge(caller.user_id, _bridge_id(caller))
    if bridge is None:
        raise NotAuthenticated(_GONE)
    return BridgeIdentity(bridge.bridge_id, bridge.name, datetime.now(UTC), kind_of(bridge))


def note_heartbeat(caller: Caller, heartbeat: Heartbeat) -> HeartbeatReply:
    """Keep a bridge's heartbeat in the place of its last one.

    Raises:
        NotAuthenticated: The bridge was removed, and stays so.
    """
    now = datetime.now(UTC)
    try:
        bridge_store.set_heartbeat(caller.user_id, _bridge_id(caller), msgspec.to_builtins(heartbeat), now.isoformat())
    except ConditionFailedError as error:
        raise NotAuthenticated(_GONE) from error
    return HeartbeatReply(now, HEARTBEAT_PERIOD_S)


def _bridge_id(caller: Caller) -> str:
    if caller.bridge_id is None:
        raise NotPermitted("This is for a bridge, with the credential of its own.")
    return caller.bridge_id


def overview(user_id: str, limit: int, after: str | None) -> BridgeList:
    """Return a part of a user's bridges, and where the next part begins."""
    items, last = bridge_store.bridges_of(user_id, limit, after)
    now = datetime.now(UTC)
    return BridgeList(tuple(_status(item, now) for item in items), encode_position(None if last is None else (last,)))


def decode_cursor(text: str | None) -> str | None:
    """Return the sort key of a cursor, None for none.

    Raises:
        InvalidQuery: It is none of ours.
    """
    return None if text is None else decode_position(text, (_SORT_KEY,))[0]


def _status(item: BridgeItem, now: datetime) -> BridgeStatus:
    heartbeat = _received(item)
    created_at = datetime.fromisoformat(item.created_at)
    heard_at = heartbeat.received_at if heartbeat else created_at
    return BridgeStatus(item.bridge_id, item.name, created_at, heartbeat, now - heard_at > SILENT_AFTER, kind_of(item))


def _received(item: BridgeItem) -> ReceivedHeartbeat | None:
    if item.heartbeat is None:
        return None
    return msgspec.convert({**item.heartbeat, "received_at": item.heartbeat_received_at}, ReceivedHeartbeat)
