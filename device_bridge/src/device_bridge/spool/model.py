"""What the spool holds."""

from dataclasses import dataclass
from enum import StrEnum


class CaptureState(StrEnum):
    """How far a capture has come."""

    READING = "reading"
    SEALED = "sealed"
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
        damaged_pages: Pages that stayed damaged on the device, by their index in the capture.
        sha256: The capture's hash in hex, once it is sealed.
        size_bytes: The capture's size, once it is sealed.
        provenance: What is known beside the bytes, once it is sealed (`provenance.provenance`).
        cloud_state: What the cloud made of it, once it is delivered: `verified`, `damaged`, `unreadable`.
        attempts: How often it was sent.
        last_problem: Why the last attempt failed, in a line.
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
