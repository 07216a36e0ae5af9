"""What captures is told and what it answers."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from chalicelib.forms import SHA256, of_form

CaptureId = Annotated[str, of_form(*SHA256, description="The SHA-256 of a capture's bytes, in hex.")]
SMALLEST_CAPTURE_BYTES = 256
"""A capture begins with the device's first page."""
LARGEST_CAPTURE_BYTES = 64 * 1024 * 1024
REJECTED = "rejected"
PENDING = "pending"

ShortText = Annotated[str, msgspec.Meta(max_length=64)]
Sha256Hex = Annotated[str, of_form(*SHA256)]


class Provenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the sender says is known beside the bytes: a claim, stored as such.

    Attributes:
        device: The device's serial.
        record: The record's number in the device.
        started_at: When the shot began, as the sender writes it; RFC 3339 is expected and not checked.
        read_at: When the record was read from the device, in the same way.
        clock: How device ticks and the host's clocks stood to each other.
    """

    device: ShortText | None = None
    record: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] | None = None
    started_at: ShortText | None = None
    read_at: ShortText | None = None
    clock: dict[str, Any] | None = None


class BadPage(msgspec.Struct, frozen=True):
    """A damaged page.

    Attributes:
        page: Its index in the capture; the first page is 0.
        problem: One of the words of the format's section 5: `checksum`, `number`, `kind`, `content`, `incomplete`,
            `missing`, `surplus`.
        detail: The same for a person.
    """

    page: int
    problem: str
    detail: str


class CaptureView(msgspec.Struct, frozen=True):
    """A capture as the API shows it.

    Attributes:
        id: The SHA-256 of its bytes, in hex.
        size_bytes: How many there are.
        state: `verified`: every page is what the device wrote. `damaged`: kept, with its bad pages named. `unreadable`:
            kept, of a format version that is not known yet. `pending`: a ticket is open, or the bytes have arrived and
            were not looked at yet. `rejected`: what arrived was not kept, for the `reason`.
        reason: Why it was rejected; null in any other state.
        bad_pages: The damaged pages, at most 100 of them.
        bad_page_count: How many there are.
        device: The device's serial, as its first page says.
        record: The record's number, as its header says.
        format_version: The format's version, as the first page says.
        provenance: The claim that came with the bytes, as it was sent.
        bridge_id: The bridge that brought it.
        received_at: When it came, or when it was rejected; null while it is pending.
    """

    id: str
    size_bytes: int
    state: str
    bad_pages: tuple[BadPage, ...]
    bad_page_count: int
    device: str | None
    record: int | None
    format_version: int | None
    provenance: dict[str, Any] | None
    bridge_id: str | None
    received_at: datetime | None
    reason: str | None = None


class CaptureList(msgspec.Struct, frozen=True):
    """A page of a list.

    Attributes:
        items: Newest first.
        next: The cursor of the next page; null on the last one.
    """

    items: tuple[CaptureView, ...]
    next: str | None


class UploadRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/captures/uploads`.

    Attributes:
        sha256: The SHA-256 of the capture's bytes, 64 hexadecimal digits in small letters.
        size_bytes: How many there are, 256 bytes to 64 MiB.
        provenance: What is known beside them.
    """

    sha256: Sha256Hex
    size_bytes: Annotated[int, msgspec.Meta(ge=SMALLEST_CAPTURE_BYTES)]
    provenance: Provenance | None = None


class UploadTicket(msgspec.Struct, frozen=True):
    """Leave to put one object into the raw bucket: the request to make, letter by letter.

    Attributes:
        sha256: The id that the capture will have.
        method: `PUT`.
        url: Where; it carries the leave, so it is as secret as a credential.
        headers: All of them must be sent as they stand here.
        expires_at: The request must have begun by then.
    """

    sha256: str
    method: str
    url: str
    headers: dict[str, str]
    expires_at: datetime


class RawLink(msgspec.Struct, frozen=True):
    """Where the bytes of a large capture can be fetched with a plain GET, without any credential.

    Attributes:
        url: It carries the leave, so it is as secret as a credential.
        expires_at: The request must have begun by then.
    """

    url: str
    expires_at: datetime


class InboxEntry(msgspec.Struct, frozen=True):
    """A capture that one of the user's bridges brought and that is nobody's yet.

    Attributes:
        id: The SHA-256 of its bytes, in hex.
        device: The device's serial; null when neither its bytes nor the bridge tell.
        started_at: When the shot began: the bridge's word while it can be true, else when it was received.
        size_bytes: How many bytes there are.
        state: As of a capture.
        reason: Why it was rejected; null in any other state.
        bridge_id: The bridge that brought it.
        received_at: When it came.
    """

    id: str
    device: str | None
    started_at: datetime
    size_bytes: int
    state: str
    reason: str | None
    bridge_id: str
    received_at: datetime


class InboxList(msgspec.Struct, frozen=True):
    """A page of a list.

    Attributes:
        items: Newest first.
        next: The cursor of the next page; null on the last one.
    """

    items: tuple[InboxEntry, ...]
    next: str | None
