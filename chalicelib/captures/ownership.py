"""In whose account a capture belongs that a bridge brings (docs/decisions/0019-devices-and-ownership.md).

What a user sends with an access token is the user's, whatever its device; this is about bridges alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from chalicelib.accounts.closing import AccountClosing
from chalicelib.call import Caller
from chalicelib.captures import inbox_store, store
from chalicelib.captures.items import BroughtItem, CaptureItem
from chalicelib.captures.model import REJECTED, CaptureView
from chalicelib.captures.places import inbox_of, owner_of
from chalicelib.captures.rows import partition, place_of, serial_of
from chalicelib.captures.start_times import start_time
from chalicelib.devices import bridges, holders

Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a bridge's capture goes.

    Attributes:
        place: The account in which it belongs, or the inbox of the bridge's owner.
        bridge_kind: The kind of the bridge.
    """

    place: str
    bridge_kind: str


def address(caller: Caller, serial: str | None, provenance: Mapping[str, Any] | None) -> Address:
    """Return where a capture goes that a bridge brings now.

    Args:
        caller: The bridge.
        serial: The device, None when it is not known.
        provenance: The bridge's claim, as plain values.

    Raises:
        NotAuthenticated: The bridge was removed.
    """
    kind = bridges.find_kind(caller)
    start_at = start_time(provenance, datetime.now(UTC))
    recipient = None if serial is None else holders.recipient(serial, start_at, caller.user_id, kind)
    return Address(recipient or inbox_of(caller.user_id), kind)


def put_where_it_belongs(
    caller: Caller,
    sha256: str,
    serial: str | None,
    provenance: Mapping[str, Any] | None,
    put: Callable[[Address], Kept],
) -> Kept:
    """Put a bridge's capture, or leave to send it, where it goes, on record before there are bytes.

    Args:
        caller: The bridge.
        sha256: The capture.
        serial: The device, None when it is not known.
        provenance: The bridge's claim, as plain values.
        put: Puts it there.

    Raises:
        NotAuthenticated: The bridge was removed.
        AccountClosing: The account of the bridge's owner is being deleted; nothing was kept.
    """
    goes = address(caller, serial, provenance)
    # On record first: whatever fails from here on, the same bytes again mend it.
    note(caller, sha256, goes.place)
    try:
        return put(goes)
    except AccountClosing:
        if owner_of(goes.place) == caller.user_id:
            raise
        # Another closed the account between the look-up and the write; the bridge has nothing to do with that.
        goes = address(caller, serial, provenance)
        note(caller, sha256, goes.place)
        return put(goes)


def recipient_of(row: CaptureItem) -> str | None:
    """Return in whose account a capture of an inbox belongs by now, None when it still has to wait."""
    serial = serial_of(row)
    if serial is None or row.state == REJECTED:
        return None
    start_at = datetime.fromisoformat(str(row.start_at))
    return holders.recipient(serial, start_at, owner_of(place_of(row)), str(row.bridge_kind))


def brought_before(caller: Caller, sha256: str) -> CaptureItem | None:
    """Return the capture of these bytes that a bridge of the same owner has brought, None when it was not kept."""
    brought = inbox_store.find_brought(caller.user_id, sha256)
    if brought is not None:
        row = store.find(brought.place, sha256)
    else:
        row = store.find(caller.user_id, sha256)
        # Before there were places, every bridge's captures went into its owner's account.
        row = row if row is not None and row.bridge_id is not None else None
    return row if row is not None and row.state != REJECTED else None


def place_for(caller: Caller, sha256: str) -> str:
    """Return where to look for a capture that a bridge asks after."""
    brought = inbox_store.find_brought(caller.user_id, sha256)
    return caller.user_id if brought is None else str(brought.place)


def note(caller: Caller, sha256: str, place: str) -> None:
    """Put on record which bridge brought a capture, and where it goes."""
    inbox_store.put_brought(caller.user_id, brought_item(caller.user_id, str(caller.bridge_id), sha256, place))


def brought_item(owner_id: str, bridge_id: str, sha256: str, place: str) -> BroughtItem:
    """Return the record of a bridge's capture."""
    return BroughtItem(
        partition(owner_id),
        BroughtItem.SK_PREFIX + sha256,
        place=place,
        bridge_id=bridge_id,
        brought_at=datetime.now(UTC).isoformat(),
    )


def seen_by(caller: Caller, view: CaptureView) -> CaptureView:
    """Return what a bridge is shown of a capture: what follows from the bytes, and what it said itself.

    What another bridge or the user said of the same bytes, and when, is not for it.
    """
    if caller.bridge_id is None or view.bridge_id == caller.bridge_id:
        return view
    return msgspec.structs.replace(view, provenance=None, bridge_id=None, received_at=None)
