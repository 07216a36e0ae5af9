"""What is asked and answered of bridges."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from chalicelib.forms import WITHOUT_CONTROLS, of_form

ShortText = Annotated[str, msgspec.Meta(max_length=64)]
Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
BridgeName = Annotated[str, of_form(*WITHOUT_CONTROLS, min_length=1, max_length=64)]
BridgeKind = Literal["personal", "lane"]
"""Whether a bridge reads its owner's devices alone, or those of whoever bowls where it stands."""


class NewBridge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/bridges`.

    Attributes:
        name: What its owner calls it.
        kind: `personal`: it reads its owner's devices; `lane`: those of whoever bowls where it stands.
    """

    name: BridgeName = "bridge"
    kind: BridgeKind = "personal"


class BridgeView(msgspec.Struct, frozen=True):
    """A new bridge; its credential is shown this once and kept as a hash only.

    Attributes:
        id: The bridge.
        name: What its owner calls it.
        created_at: When it was made.
        credential: What it sends as Bearer.
        kind: `personal` or `lane`.
    """

    id: str
    name: str
    created_at: datetime
    credential: str
    kind: BridgeKind


class BridgeIdentity(msgspec.Struct, frozen=True):
    """The answer of `GET /v1/bridges/me`: which bridge holds this credential, and the server's clock.

    Attributes:
        id: The bridge.
        name: What its owner calls it.
        server_time: The server's clock.
        kind: `personal` or `lane`.
    """

    id: str
    name: str
    server_time: datetime
    kind: BridgeKind


class SeenDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The device that a bridge saw last.

    Attributes:
        serial: The device's serial.
        seen_at: When, by the bridge's clock.
        battery_percent: What its battery had left; null when it does not tell.
    """

    serial: ShortText
    seen_at: Moment
    battery_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None


class Heartbeat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PUT /v1/bridges/me/heartbeat`: how a bridge is, as it says itself.

    Attributes:
        version: The version of its program.
        captures_waiting: Captures that it holds and the cloud has not confirmed.
        bytes_waiting: How many bytes those have.
        captures_quarantined: Captures that were refused and wait for a person.
        sent_at: When it was sent, by the bridge's clock.
        device: The device that it saw last; null when it has seen none.
    """

    version: ShortText
    captures_waiting: Count
    bytes_waiting: Count
    captures_quarantined: Count
    sent_at: Moment
    device: SeenDevice | None = None


class HeartbeatReply(msgspec.Struct, frozen=True):
    """The answer to a heartbeat.

    Attributes:
        server_time: The server's clock.
        next_s: Send the next one after so many seconds; sooner when something changed, at most one a minute.
    """

    server_time: datetime
    next_s: int


class ReceivedHeartbeat(msgspec.Struct, frozen=True):
    """A heartbeat as it was sent, and when it was received by the server's clock.

    Attributes:
        version: The version of the bridge's program.
        captures_waiting: Captures that it holds and the cloud has not confirmed.
        bytes_waiting: How many bytes those have.
        captures_quarantined: Captures that were refused and wait for a person.
        sent_at: When it was sent, by the bridge's clock.
        device: The device that it saw last; null when it has seen none.
        received_at: When it was received, by the server's clock.
    """

    version: str
    captures_waiting: int
    bytes_waiting: int
    captures_quarantined: int
    sent_at: datetime
    device: SeenDevice | None
    received_at: datetime


class BridgeStatus(msgspec.Struct, frozen=True):
    """A bridge as its owner sees it.

    Attributes:
        id: The bridge.
        name: What its owner calls it.
        created_at: When it was made.
        last_heartbeat: The last one; null before the first.
        is_silent: Whether there was none for 15 minutes, or for as long since it was made.
        kind: `personal` or `lane`.
    """

    id: str
    name: str
    created_at: datetime
    last_heartbeat: ReceivedHeartbeat | None
    is_silent: bool
    kind: BridgeKind


class BridgeList(msgspec.Struct, frozen=True):
    """A part of a list.

    Attributes:
        items: In the order of their ids.
        next: The cursor of the next part; null on the last one.
    """

    items: tuple[BridgeStatus, ...]
    next: str | None
