"""Bridges as they tell of themselves, and as their owner sees them."""

import re
from datetime import UTC, datetime, timedelta

import msgspec

from chalicelib.accounts import store
from chalicelib.accounts.items import BridgeItem
from chalicelib.accounts.model import (
    BridgeIdentity,
    BridgeList,
    BridgeStatus,
    Heartbeat,
    HeartbeatReply,
    ReceivedHeartbeat,
)
from chalicelib.dynamodb import ConditionFailedError
from chalicelib.errors import NotAuthenticated, NotPermitted
from chalicelib.lists import decode_position, encode_position
from chalicelib.web import Caller

HEARTBEAT_PERIOD_S = 300
SILENT_AFTER = timedelta(minutes=15)
"""Three heartbeats in a row did not come."""
_GONE = "The bridge's credential is not valid any more: the bridge was removed."
_SORT_KEY = re.compile(r"BRIDGE#[0-9a-f-]{36}")


def identify(caller: Caller) -> BridgeIdentity:
    """Return which bridge calls; nothing is written.

    Raises:
        NotAuthenticated: It was removed.
    """
    bridge = store.find_bridge(caller.user_id, _bridge_id(caller))
    if bridge is None:
        raise NotAuthenticated(_GONE)
    return BridgeIdentity(bridge.bridge_id, bridge.name, datetime.now(UTC))


def note_heartbeat(caller: Caller, heartbeat: Heartbeat) -> HeartbeatReply:
    """Keep a bridge's heartbeat in the place of its last one.

    Raises:
        NotAuthenticated: The bridge was removed, and stays so.
    """
    now = datetime.now(UTC)
    try:
        store.set_heartbeat(caller.user_id, _bridge_id(caller), msgspec.to_builtins(heartbeat), now.isoformat())
    except ConditionFailedError as error:
        raise NotAuthenticated(_GONE) from error
    return HeartbeatReply(now, HEARTBEAT_PERIOD_S)


def _bridge_id(caller: Caller) -> str:
    if caller.bridge_id is None:
        raise NotPermitted("This is for a bridge, with the credential of its own.")
    return caller.bridge_id


def overview(user_id: str, limit: int, after: str | None) -> BridgeList:
    """Return a part of a user's bridges, and where the next part begins."""
    items, last = store.bridges_of(user_id, limit, after)
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
    return BridgeStatus(item.bridge_id, item.name, created_at, heartbeat, now - heard_at > SILENT_AFTER)


def _received(item: BridgeItem) -> ReceivedHeartbeat | None:
    if item.heartbeat is None:
        return None
    return msgspec.convert({**item.heartbeat, "received_at": item.heartbeat_received_at}, ReceivedHeartbeat)
