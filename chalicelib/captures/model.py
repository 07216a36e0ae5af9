"""What captures is told and what it answers."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

CaptureId = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z", description="The SHA-256 of a capture's bytes, in hex.")
]
ShortText = Annotated[str, msgspec.Meta(max_length=64)]


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
        state: `verified`, `damaged` or `unreadable`.
        bad_pages: The damaged pages, at most 100 of them.
        bad_page_count: How many there are.
        device: The device's serial, as its first page says.
        record: The record's number, as its header says.
        format_version: The format's version, as the first page says.
        provenance: The claim that came with the bytes, as it was sent.
        bridge_id: The bridge that brought it.
        received_at: When it came.
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
    received_at: datetime


class CaptureList(msgspec.Struct, frozen=True):
    """A page of a list.

    Attributes:
        items: Newest first.
        next: The cursor of the next page; null on the last one.
    """

    items: tuple[CaptureView, ...]
    next: str | None
