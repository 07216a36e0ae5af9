"""What the spool holds."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CaptureState(StrEnum):
    """How far a capture has come."""

    READING = "reading"
    SEALED = "sealed"
    SENT = "sent"
    DELIVERED = "delivered"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class NewCapture:
    """A record of which reading begins.

    Attributes:
        device: The device's serial.
        record: The record's number.
        first_bytes: The device's first page as it was read, which begins the capture.
        page_count: Pages of the record, the first page not counted.
    """

    device: str
    record: int
    first_bytes: bytes
    page_count: int


@dataclass(frozen=True, slots=True)
class SpooledPage:
    """A page of a record as it was read.

    Attributes:
        number: Its number in the record.
        data: 256 bytes.
        problem: Why it is damaged, a word of FORMAT.md section 5, or None.
    """

    number: int
    data: bytes
    problem: str | None


@dataclass(frozen=True, slots=True)
class CaptureRow:
    """A capture's row in the spool.

    Attributes:
        id: The row's number.
        device: The device's serial.
        record: The record's number.
        state: How far it has come.
        pages_read: Pages of the record that are in the spool.
        page_count: Pages of the record.
        damaged_pages: Pages that stayed damaged on the device, by their index in the capture; the first 1,000 of them.
        sha256: The capture's hash in hex, once it is sealed.
        size_bytes: The capture's size, once it is sealed.
        provenance: What is known beside the bytes, once it is sealed (`provenance.provenance`).
        cloud_state: What the cloud made of it, once it is delivered: `verified`, `damaged`, `unreadable`.
        attempts: How often it was sent.
        last_problem: Why the last attempt failed, in a line.
        generation: 1 for the first capture of a record, one more for each that was read under the same number after it.
        damaged_count: How many pages stayed damaged.
        wants_reread: Its bytes changed in the spool: it is kept, and the record is to be read again if it is there.
        is_unusable: Its row is damaged on the disk: it is shown as quarantined, whatever stands there.
        began_at: When reading it began, in UTC; None for one from a spool of version 1, as the other times.
        last_read_at: When its last page came.
        sealed_at: When it was sealed.
        sent_at: When its bytes were last sent by ticket.
        delivered_at: When the cloud had confirmed its hash.
        erased_at: When the device's copy was erased.
    """

    id: int
    device: str
    record: int
    state: CaptureState
    pages_read: int
    page_count: int
    damaged_pages: tuple[int, ...]
    sha256: str | None
    size_bytes: int | None
    provenance: dict[str, object] | None
    cloud_state: str | None
    attempts: int
    last_problem: str | None
    generation: int = 1
    damaged_count: int = 0
    wants_reread: bool = False
    is_unusable: bool = False
    began_at: datetime | None = None
    last_read_at: datetime | None = None
    sealed_at: datetime | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    erased_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device that was seen.

    Attributes:
        serial: Its serial.
        place: Where it was connected last.
        seen_at: When it answered last, in UTC.
        battery_percent: Its battery then, None when it did not say.
        link_errors: Link errors of that connection.
        records_held: Its records that the spool holds, however far they have come.
    """

    serial: str
    place: str
    seen_at: datetime
    battery_percent: int | None
    link_errors: int
    records_held: int
