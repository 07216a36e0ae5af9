"""What accounts is asked and what it answers of devices and pairings."""

from datetime import datetime
from typing import Annotated

import msgspec

from chalicelib.devices.bridge_model import BridgeKind, BridgeName
from chalicelib.forms import SHA256, UUID, WITHOUT_CONTROLS, of_form

Serial = Annotated[
    str,
    of_form(
        r"^[A-Za-z0-9._-]{1,16}\Z",
        "a device's serial: 1 to 16 of A-Z, a-z, 0-9, ., _ and -",
        description="A device's serial, as FORMAT.md has it.",
    ),
]
Label = Annotated[str, of_form(*WITHOUT_CONTROLS, min_length=1, max_length=64)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
SecretSha256 = Annotated[str, of_form(*SHA256, description="The SHA-256 of a bridge's secret, in hex.")]
BridgeId = Annotated[str, of_form(*UUID, description="A bridge.")]


class NewDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/devices`.

    Attributes:
        serial: The device.
        name: What its user calls it; by default its serial.
        ball_id: The ball that it sits in: an id, or words of one's own.
        begins: As `from`: since when it is the user's; by default now, at most 90 days ago.
    """

    serial: Serial
    name: Label | None = None
    ball_id: Label | None = None
    begins: Moment | None = msgspec.field(name="from", default=None)


class DeviceChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PATCH /v1/devices/{serial}`; what is left out stays.

    Attributes:
        name: What its user calls it.
        ball_id: The ball that it sits in; null for none.
        begins: As `from`: an earlier beginning of the claim.
    """

    name: Label | msgspec.UnsetType = msgspec.UNSET
    ball_id: Label | msgspec.UnsetType | None = msgspec.UNSET
    begins: Moment | msgspec.UnsetType = msgspec.field(name="from", default=msgspec.UNSET)


class DeviceView(msgspec.Struct, frozen=True):
    """A user's claim on a device.

    Attributes:
        serial: The device.
        name: What its user calls it.
        ball_id: The ball that it sits in.
        begins: As `from`: since when it is the user's.
        until: Until when it was; null while the user has it.
    """

    serial: str
    name: str
    ball_id: str | None
    begins: datetime = msgspec.field(name="from")
    until: datetime | None


class DeviceList(msgspec.Struct, frozen=True):
    """A part of a list.

    Attributes:
        items: One's claims, those of today and those that have ended, by serial and in the order of time.
        next: The cursor of the next part; null on the last one.
    """

    items: tuple[DeviceView, ...]
    next: str | None


class NewPairing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/pairings`.

    Attributes:
        secret_sha256: Of the secret that the bridge has made and keeps: `rmb_` and 43 characters of base64url, of 32
            random bytes.
    """

    secret_sha256: SecretSha256


class PairingApproval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/pairings/approval`.

    Attributes:
        code: What the bridge shows; capitals, hyphens and spaces do not matter.
        kind: `personal` or `lane`.
        name: What its owner calls it.
    """

    code: Annotated[str, msgspec.Meta(max_length=64)]
    kind: BridgeKind = "personal"
    name: BridgeName = "bridge"


class PairedBridge(msgspec.Struct, frozen=True):
    """A bridge that was taken in; its credential is the secret that it has made itself.

    Attributes:
        id: The bridge.
        name: What its owner calls it.
        kind: `personal` or `lane`.
        created_at: When it was made.
    """

    id: str
    name: str
    kind: BridgeKind
    created_at: datetime


class PairingView(msgspec.Struct, frozen=True):
    """A code for people (RFC 8628 section 3.2).

    Attributes:
        code: To be shown by the bridge, and typed by its user.
        expires_in: Seconds until it is void.
        interval: Seconds between two looks whether it was approved.
    """

    code: str
    expires_in: int
    interval: int
