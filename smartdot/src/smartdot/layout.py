"""Page bodies: packing and unpacking the fields of FORMAT.md sections 3 and 4.

Each `pack_...` gives a whole page of 256 bytes; each `unpack_...` takes a page whose checksum and numbers are right and
raises `PageError("content", ...)` for a value that FORMAT.md does not allow.
"""

import math
import re
import struct

from smartdot.errors import NotACaptureError, PageError, UnknownVersionError
from smartdot.model import (
    MAX_SENSORS,
    Block,
    DirectorySlot,
    EndReason,
    FirstPage,
    RecordEnd,
    RecordHeader,
    SampleType,
    Sensor,
    SensorKind,
    Total,
    Version,
)
from smartdot.page import BODY_OFFSET, PAGE_SIZE_BYTES, Page, PageKind, build_page

MAGIC = b"SMARTDOT"
FORMAT_VERSION = 1
BLOCK_SAMPLES_OFFSET = 36
EVENLY_SPACED, WITH_OFFSETS = 1, 2

_FIRST = struct.Struct("<8sHHII3Bx3Bx16s")
_SLOT = struct.Struct("<II")
_HEADER = struct.Struct("<QIBxH")
_SENSOR_HEAD = struct.Struct("<BBBxIdf")
_BLOCK = struct.Struct("<BBHIQI")
_END = struct.Struct("<QIBB2x")
_TOTAL = struct.Struct("<III")
_SENSOR_BYTES = 24
_LIMITS = {SampleType.INT16: struct.Struct("<hh"), SampleType.UINT16: struct.Struct("<HH")}
_SERIAL = re.compile(r"[A-Za-z0-9._-]{1,16}")
_MAX_AXES = 3
_FEWEST_RECORD_PAGES = 2
_LSB_PER_UNIT_MIN, _LSB_PER_UNIT_MAX = 1e-9, 1e9


def _require(*, that: bool, otherwise: str) -> None:
    if not that:
        raise PageError("content", otherwise)


def has_magic(data: bytes) -> bool:
    """Tell whether the bytes begin with a page that calls itself a SmartDot's first (FORMAT.md 3.1)."""
    return len(data) >= PAGE_SIZE_BYTES and data[BODY_OFFSET : BODY_OFFSET + len(MAGIC)] == MAGIC


def pack_first(first: FirstPage) -> bytes:
    """Return the first page (FORMAT.md 3.1).

    Raises:
        ValueError: The serial has other characters or another length than the format allows.
    """
    if not _SERIAL.fullmatch(first.serial):
        raise ValueError(f"a serial is 1 to 16 of A-Z a-z 0-9 . _ -, not {first.serial!r}")
    hardware, firmware = first.hardware, first.firmware
    body = _FIRST.pack(
        MAGIC,
        first.format_version,
        first.page_size_bytes,
        first.page_count,
        first.directory_pages,
        *(hardware.major, hardware.minor, hardware.patch),
        *(firmware.major, firmware.minor, firmware.patch),
        first.serial.encode("ascii"),
    )
    return build_page(PageKind.FIRST, 0, 0, body)


def unpack_first(page: Page) -> FirstPage:
    """Return what the first page says.

    Raises:
        NotACaptureError: The magic is another one.
        UnknownVersionError: Another format version; nothing after it was read.
        PageError: A value that version 1 does not allow.
    """
    if not has_magic(page.data):
        raise NotACaptureError("the page does not carry the magic SMARTDOT")
    _, version, page_size, page_count, slots, *rest = _FIRST.unpack_from(page.data, BODY_OFFSET)
    if version != FORMAT_VERSION:
        raise UnknownVersionError(version)
    raw_serial = bytes(rest[6]).rstrip(b"\0")
    serial = raw_serial.decode("ascii", errors="replace")
    _require(that=page_size == PAGE_SIZE_BYTES, otherwise=f"version 1 has pages of 256 bytes, not {page_size}")
    _require(
        that=1 <= slots <= page_count - 1 - _FEWEST_RECORD_PAGES,
        otherwise=f"{slots} directory pages do not fit {page_count} pages",
    )
    _require(that=_SERIAL.fullmatch(serial) is not None, otherwise=f"{serial!r} is not a serial")
    return FirstPage(serial, Version(*rest[0:3]), Version(*rest[3:6]), page_count, slots, version, page_size)


def pack_slot(slot: DirectorySlot, directory_pages: int) -> bytes:
    """Return the directory page of a record (FORMAT.md 3.2)."""
    number = slot.record % directory_pages
    return build_page(PageKind.DIRECTORY, slot.record, number, _SLOT.pack(slot.first_page, slot.page_count))


def unpack_slot(page: Page, first: FirstPage) -> DirectorySlot:
    """Return where a record stands.

    Raises:
        PageError: The slot is not this record's, or points outside the ring.
    """
    slot = DirectorySlot(page.record, *_SLOT.unpack_from(page.data, BODY_OFFSET))
    _require(that=slot.record > 0, otherwise="a directory slot names record 0")
    _require(
        that=page.number == slot.record % first.directory_pages,
        otherwise=f"record {slot.record} does not belong in slot {page.number}",
    )
    _require(
        that=first.first_ring_page <= slot.first_page < first.page_count
        and _FEWEST_RECORD_PAGES <= slot.page_count <= first.ring_pages,
        otherwise=f"record {slot.record}: {slot.page_count} pages from page {slot.first_page} are outside the memory",
    )
    return slot


def pack_header(header: RecordHeader) -> bytes:
    """Return a record's header page (FORMAT.md 4.1)."""
    body = _HEADER.pack(header.start_ticks, header.tick_hz, len(header.sensors), header.power_up)
    body += b"".join(_pack_sensor(sensor) for sensor in header.sensors)
    return build_page(PageKind.HEADER, header.record, 0, body)


def _pack_sensor(sensor: Sensor) -> bytes:
    head = _SENSOR_HEAD.pack(
        sensor.kind,
        sensor.axes,
        sensor.sample_type,
        sensor.rate_millihertz,
        sensor.lsb_per_unit,
        sensor.full_scale,
    )
    return head + _LIMITS[sensor.sample_type].pack(sensor.clip_low, sensor.clip_high)


def unpack_header(page: Page) -> RecordHeader:
    """Return what a record's header page says.

    Raises:
        PageError: A value that FORMAT.md 4.1 does not allow.
    """
    start_ticks, tick_hz, sensor_count, power_up = _HEADER.unpack_from(page.data, BODY_OFFSET)
    _require(that=page.record > 0, otherwise="a record with the number 0")
    _require(that=tick_hz > 0, otherwise="a clock of 0 ticks a second")
    _require(that=1 <= sensor_count <= MAX_SENSORS, otherwise=f"{sensor_count} sensors, not 1 to {MAX_SENSORS}")
    offset = BODY_OFFSET + _HEADER.size
    sensors = tuple(_unpack_sensor(page.data, offset + _SENSOR_BYTES * place) for place in range(sensor_count))
    return RecordHeader(page.record, start_ticks, tick_hz, sensors, power_up)


def _unpack_sensor(data: bytes, offset: int) -> Sensor:
    kind, axes, raw_type, rate, lsb_per_unit, full_scale = _SENSOR_HEAD.unpack_from(data, offset)
    _require(that=1 <= axes <= _MAX_AXES, otherwise=f"a sensor with {axes} axes")
    _require(that=raw_type in tuple(SampleType), otherwise=f"sample type {raw_type}")
    _require(that=rate > 0, otherwise="a sensor's rate is 0")
    lsb_is_usable = _LSB_PER_UNIT_MIN <= lsb_per_unit <= _LSB_PER_UNIT_MAX
    _require(that=lsb_is_usable, otherwise=f"{lsb_per_unit} counts in a unit")
    _require(that=math.isfinite(full_scale) and full_scale >= 0, otherwise=f"a full scale of {full_scale}")
    sample_type = SampleType(raw_type)
    low, high = _LIMITS[sample_type].unpack_from(data, offset + _SENSOR_HEAD.size)
    known = SensorKind(kind) if kind in tuple(SensorKind) else kind
    return Sensor(known, axes, sample_type, rate, lsb_per_unit, full_scale, low, high)


def pack_block(record: int, number: int, block: Block) -> bytes:
    """Return the data page of a block (FORMAT.md 4.2)."""
    timing = WITH_OFFSETS if block.offsets else EVENLY_SPACED
    fields = _BLOCK.pack(block.sensor, timing, block.count, block.first_index, block.first_ticks, block.span_ticks)
    return build_page(PageKind.DATA, record, number, fields + block.offsets + block.samples)


def unpack_block(page: Page, sensors: tuple[Sensor, ...]) -> Block:
    """Return a data page's block.

    Raises:
        PageError: A value that FORMAT.md 4.2 does not allow.
    """
    place, timing, count, index, ticks, span = _BLOCK.unpack_from(page.data, BODY_OFFSET)
    _require(that=place < len(sensors), otherwise=f"sensor {place} is not in the header")
    _require(that=timing in (EVENLY_SPACED, WITH_OFFSETS), otherwise=f"timing {timing}")
    samples_at = BLOCK_SAMPLES_OFFSET + (4 * count if timing == WITH_OFFSETS else 0)
    samples_end = samples_at + count * sensors[place].sample_bytes
    _require(that=count > 0 and samples_end <= PAGE_SIZE_BYTES, otherwise=f"{count} samples in a page")
    _require(that=count > 1 or span == 0, otherwise="one sample has no span")
    offsets = page.data[BLOCK_SAMPLES_OFFSET:samples_at]
    if offsets:
        _check_offsets(struct.unpack(f"<{count}I", offsets), span)
    return Block(place, index, ticks, span, count, offsets, page.data[samples_at:samples_end])


def _check_offsets(offsets: tuple[int, ...], span: int) -> None:
    ascending = list(offsets) == sorted(offsets)
    _require(that=ascending and offsets[0] == 0 and offsets[-1] == span, otherwise="tick offsets out of order")


def pack_end(record: int, end: RecordEnd) -> bytes:
    """Return a record's end page (FORMAT.md 4.3)."""
    body = _END.pack(end.end_ticks, end.page_count, len(end.totals), end.reason)
    body += b"".join(_TOTAL.pack(total.stored, total.made, total.clipped) for total in end.totals)
    return build_page(PageKind.END, record, end.page_count - 1, body)


def unpack_end(page: Page) -> RecordEnd:
    """Return what a record's end page says.

    Raises:
        PageError: A value that FORMAT.md 4.3 does not allow.
    """
    end_ticks, page_count, sensor_count, raw_reason = _END.unpack_from(page.data, BODY_OFFSET)
    _require(that=page_count == page.number + 1, otherwise=f"{page_count} pages end at page {page.number}")
    _require(that=1 <= sensor_count <= MAX_SENSORS, otherwise=f"totals of {sensor_count} sensors")
    reason = EndReason(raw_reason) if raw_reason in tuple(EndReason) else EndReason.UNKNOWN
    at = BODY_OFFSET + _END.size
    totals = tuple(Total(*_TOTAL.unpack_from(page.data, at + _TOTAL.size * place)) for place in range(sensor_count))
    return RecordEnd(end_ticks, page_count, reason, totals)
