"""What accounts is asked and what it answers."""

from datetime import datetime
from typing import Annotated

import msgspec

Username = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Email = Annotated[
    str, msgspec.Meta(min_length=3, max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f-\x9f]+@[^@\s\x00-\x1f\x7f-\x9f]+\Z")
]
ShortText = Annotated[str, msgspec.Meta(max_length=64)]
Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
NewPassword = Annotated[str, msgspec.Meta(min_length=8, max_length=1024)]
SentPassword = Annotated[str, msgspec.Meta(max_length=1024)]


class Registration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/users`.

    Attributes:
        username: 1 to 64 characters, no control characters, no space at either end; unique however it is capitalised.
        email: An address.
        password: 8 to 1,024 characters, any of Unicode.
    """

    username: Username
    email: Email
    password: NewPassword


class UserView(msgspec.Struct, frozen=True):
    """A user as the API shows it."""

    id: str
    username: str
    email: str
    created_at: datetime


class PasswordGrant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/tokens`."""

    username: Annotated[str, msgspec.Meta(max_length=256)]
    password: SentPassword


class RefreshGrant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/tokens/refresh`."""

    refresh_token: Annotated[str, msgspec.Meta(max_length=256)]


class TokenView(msgspec.Struct, frozen=True):
    """A login's tokens.

    Attributes:
        access_token: A JWT, sent as Bearer with every request.
        refresh_token: Gives new tokens once, after which it is void.
        token_type: `Bearer`.
        expires_in: Seconds until the access token expires.
    """

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int


class NewBridge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/bridges`.

    Attributes:
        name: What its owner calls it.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f-\x9f]+\Z")] = "bridge"


class BridgeView(msgspec.Struct, frozen=True):
    """A new bridge; its credential is shown this once and kept as a hash only."""

    id: str
    name: str
    created_at: datetime
    credential: str


class BridgeIdentity(msgspec.Struct, frozen=True):
    """The answer of `GET /v1/bridges/me`: which bridge holds this credential, and the server's clock."""

    id: str
    name: str
    server_time: datetime


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
    """A heartbeat as it was sent, and when it was received by the server's clock."""

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
    """

    id: str
    name: str
    created_at: datetime
    last_heartbeat: ReceivedHeartbeat | None
    is_silent: bool


class BridgeList(msgspec.Struct, frozen=True):
    """A part of a list.

    Attributes:
        items: In the order of their ids.
        next: The cursor of the next part; null on the last one.
    """

    items: tuple[BridgeStatus, ...]
    next: str | None
