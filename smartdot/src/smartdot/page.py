"""Pages: the checksum and the numbers that every page of memory carries (FORMAT.md section 2)."""

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

from smartdot.errors import PageError

PAGE_SIZE_BYTES = 256
BODY_OFFSET = 16
ERASED_PAGE = b"\xff" * PAGE_SIZE_BYTES

_HEAD = struct.Struct("<IB3xII")


class PageKind(IntEnum):
    """The kinds of pages of format version 1."""

    FIRST = 1
    DIRECTORY = 2
    HEADER = 3
    DATA = 4
    END = 5


@dataclass(frozen=True, slots=True)
class Page:
    """A page whose checksum is right.

    Attributes:
        kind: What the body holds; a plain number when this version does not know it.
        record: The record's number, 0 on the first page.
        number: The page's number in its record, or the directory slot's number.
        data: All 256 bytes; fields are unpacked from here with the offsets of FORMAT.md.
    """

    kind: int
    record: int
    number: int
    data: bytes


def build_page(kind: PageKind, record: int, number: int, body: bytes) -> bytes:
    """Return the 256 bytes of a page, its checksum first.

    Args:
        kind: What the body holds.
        record: The record's number, 0 to 2^32 - 1.
        number: The page's number in its record, or the slot's, 0 to 2^32 - 1.
        body: At most 240 bytes; the rest of the page is zero.

    Raises:
        ValueError: The body is too long.
    """
    if len(body) > PAGE_SIZE_BYTES - BODY_OFFSET:
        raise ValueError(f"a page's body holds 240 bytes, not {len(body)}")
    covered = struct.pack("<B3xII", kind, record, number) + body
    covered = covered.ljust(PAGE_SIZE_BYTES - 4, b"\0")
    return struct.pack("<I", zlib.crc32(covered)) + covered


def read_page(data: bytes) -> Page:
    """Return the page that these 256 bytes hold.

    Raises:
        PageError: They are fewer (`incomplete`), or the checksum is wrong (`checksum`).
    """
    if len(data) != PAGE_SIZE_BYTES:
        raise PageError("incomplete", f"a page has {PAGE_SIZE_BYTES} bytes, not {len(data)}")
    crc, kind, record, number = _HEAD.unpack_from(data)
    if zlib.crc32(memoryview(data)[4:]) != crc:
        raise PageError("checksum", "the page's checksum does not fit its bytes")
    return Page(kind, record, number, bytes(data))


def expect_page(data: bytes, kinds: tuple[PageKind, ...], record: int, number: int) -> Page:
    """Return the page, when it is the one that belongs at its place.

    Args:
        data: 256 bytes as read.
        kinds: The kinds that may stand here.
        record: The record that was asked for.
        number: The page's number that was asked for.

    Raises:
        PageError: As `read_page`, or another page stands here (`number`, `kind`).
    """
    page = read_page(data)
    if (page.record, page.number) != (record, number):
        raise PageError(
            "number", f"page {page.number} of record {page.record} stands where page {number} of {record} belongs"
        )
    if page.kind not in kinds:
        raise PageError("kind", f"a page of kind {page.kind} does not belong here")
    return page
