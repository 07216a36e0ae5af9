"""What the API says of bridges, as types. An answer may hold fields that are not known here."""

from datetime import datetime

import msgspec


class Bridge(msgspec.Struct, frozen=True):
    """A new bridge.

    Attributes:
        id: What the server calls it.
        name: What its owner calls it.
        created_at: When it was made.
        credential: What it uploads with; shown this once.
        kind: `personal` or `lane`.
    """

    id: str
    name: str
    created_at: datetime
    credential: str
    kind: str = "personal"


class SeenDevice(msgspec.Struct, frozen=True):
    """The device that a bridge saw last.

    Attributes:
        serial: The device's serial.
        seen_at: When, by the bridge's clock.
        battery_percent: What its battery had left; None when it does not tell.
    """

    serial: str
    seen_at: datetime
    battery_percent: int | None = None


class Heartbeat(msgspec.Struct, frozen=True):
    """How a bridge was, as it said itself.

    Attributes:
        version: The version of its program.
        captures_waiting: Captures that it holds and the cloud has not confirmed.
        bytes_waiting: How many bytes those have.
        captures_quarantined: Captures that were refused and wait for a person.
        sent_at: When it was sent, by the bridge's clock.
        received_at: When it was received, by the server's.
        device: The device that it saw last; None when it has seen none.
    """

    version: str
    captures_waiting: int
    bytes_waiting: int
    captures_quarantined: int
    sent_at: datetime
    received_at: datetime
    device: SeenDevice | None = None


class BridgeStatus(msgspec.Struct, frozen=True):
    """A bridge as its owner sees it.

    Attributes:
        id: What the server calls it.
        name: What its owner calls it.
        created_at: When it was made.
        last_heartbeat: How it was when it was last heard of; None before the first time.
        is_silent: Whether it was not heard of for so long that someone should look after it.
        kind: `personal` or `lane`.
    """

    id: str
    name: str
    created_at: datetime
    last_heartbeat: Heartbeat | None = None
    is_silent: bool = False
    kind: str = "personal"


class BridgeList(msgspec.Struct, frozen=True):
    """A part of the list of bridges.

    Attributes:
        items: The bridges.
        next: Where the next part begins; None on the last one.
    """

    items: tuple[BridgeStatus, ...]
    next: str | None = None
