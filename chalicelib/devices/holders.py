"""Whose a device was at a moment, and in whose account a capture of it belongs."""

from datetime import datetime

from chalicelib.accounts.profile import accepts_lane_bridges
from chalicelib.devices import store
from chalicelib.devices.bridges import LANE


def holder_at(serial: str, moment: datetime) -> str | None:
    """Return the user who had a device at a moment, None when nobody had."""
    at = store.kept_form(moment)
    holder = store.find_holder(serial)
    if holder is None:
        return None
    found = holder if holder.from_ <= at else store.claim_at(serial, at)
    return None if found is None or _has_ended(found.until, at) else str(found.user_id)


def _has_ended(until: str | None, at: str) -> bool:
    return until is not None and until <= at


def recipient(serial: str, moment: datetime, owner_id: str, kind: str) -> str | None:
    """Return in whose account a capture belongs that a bridge brought, None when it has to wait.

    Args:
        serial: The device.
        moment: When the shot began.
        owner_id: The bridge's owner.
        kind: The bridge's kind.
    """
    holder_id = holder_at(serial, moment)
    if holder_id is None or holder_id == owner_id:
        return holder_id
    return holder_id if kind == LANE and accepts_lane_bridges(holder_id) else None
