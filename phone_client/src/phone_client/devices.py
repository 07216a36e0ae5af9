"""What the API says of devices, pairings and inboxes, as types. An answer may hold fields that are not known here."""

from datetime import datetime

import msgspec


class Device(msgspec.Struct, frozen=True):
    """A claim on a device.

    Attributes:
        serial: The device.
        name: What its user calls it.
        begins: As `from`: since when it is the user's.
        ball_id: The ball that it sits in; None for none.
        until: Until when it was; None while the user has it.
    """

    serial: str
    name: str
    begins: datetime = msgspec.field(name="from")
    ball_id: str | None = None
    until: datetime | None = None


class DeviceList(msgspec.Struct, frozen=True):
    """A part of the list of claims.

    Attributes:
        items: The claims.
        next: Where the next part begins; None on the last one.
    """

    items: tuple[Device, ...]
    next: str | None = None


class PairedBridge(msgspec.Struct, frozen=True):
    """A bridge that was taken in by its code.

    Attributes:
        id: What the server calls it.
        name: What its owner calls it.
        kind: `personal` or `lane`.
        created_at: When it was made.
    """

    id: str
    name: str
    kind: str
    created_at: datetime


class WaitingCapture(msgspec.Struct, frozen=True):
    """A capture that one of the user's bridges brought and that is nobody's yet.

    Attributes:
        id: The SHA-256 of its bytes, in hex.
        size_bytes: How many there are.
        state: As of a capture.
        started_at: When the shot began, as far as that is known.
        bridge_id: The bridge that brought it.
        device: The device's serial; None when nothing tells it.
        reason: Why it was rejected.
    """

    id: str
    size_bytes: int
    state: str
    started_at: datetime
    bridge_id: str
    device: str | None = None
    reason: str | None = None


class Inbox(msgspec.Struct, frozen=True):
    """A part of the list of what waits.

    Attributes:
        items: Newest first.
        next: Where the next part begins; None on the last one.
    """

    items: tuple[WaitingCapture, ...]
    next: str | None = None
