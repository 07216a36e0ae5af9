"""Images made by our writer: what the golden ones are too small for."""

import random
from functools import cache

from smartdot import (
    PAGE_SIZE_BYTES,
    DirectorySlot,
    FirstPage,
    MemoryImage,
    RecordHeader,
    RecordWriter,
    SampleType,
    Sensor,
    SensorKind,
    Version,
)
from smartdot.layout import pack_first, pack_slot

ACCEL = Sensor(SensorKind.ACCEL, 3, SampleType.INT16, 800_000, 2048.0, 16.0, -32768, 32767)
LIGHT = Sensor(SensorKind.LIGHT, 1, SampleType.UINT16, 20_000, 1.0, 64000.0, 0, 65535)
MAG = Sensor(SensorKind.MAG, 2, SampleType.INT16, 30_000, 16.0, 2500.0, -32768, 32767)
FIRST_PAGE = pack_first(FirstPage("SD-1", Version(1, 2, 3), Version(4, 5, 6), 4096, 64))
# 1 first page, 4 slots, a ring of 12 pages: 5 to 16.
SMALL_MEMORY = FirstPage("TEST", Version(1, 0, 0), Version(1, 0, 0), page_count=17, directory_pages=4)


def record_of(number: int, page_count: int) -> list[bytes]:
    """Return the pages of a record: header, end, and a full data page for each other page."""
    start = 1000 * number
    writer = RecordWriter(RecordHeader(number, start, 1000, (ACCEL,), power_up=number % 65536))
    for sample in range(36 * (page_count - 2)):
        writer.add(0, start + 10 * sample, (number % 1000, sample, page_count))
    pages = writer.finish()
    assert len(pages) == page_count
    return pages


def changed(data: bytes, page: int, offset: int, value: bytes) -> bytes:
    """Return data with other bytes at an offset of one of its pages."""
    at = PAGE_SIZE_BYTES * page + offset
    return data[:at] + value + data[at + len(value) :]


def _record(number: int, *, jitter: int = 0, lost: int = 0, limit: int = 40_000) -> list[bytes]:
    chance = random.Random(number)  # noqa: S311 - the same record in every run
    start = 2**40 + number * 30_000_000
    writer = RecordWriter(RecordHeader(number, start, 1_000_000, (ACCEL, LIGHT, MAG), power_up=1 + number // 21))
    for index in range(60 + 10 * (number % 5)):
        ticks = start + 1250 * index + chance.randint(0, jitter)
        counts = (chance.randint(-limit, limit) for _ in range(3))
        writer.add(0, ticks, tuple(max(-32768, min(32767, count)) for count in counts))
        if index % 10 == 0:
            writer.add(1, ticks, (chance.randint(0, 65535),))
            writer.add(2, ticks, (chance.randint(-9, 9), index))
        if lost and index % 25 == 24:
            writer.lose(0, lost)
    return writer.finish()


def three_games() -> MemoryImage:
    """63 shots in a ring that holds fewer than the 90 that were made: the oldest were freed."""
    memory = MemoryImage.blank(FirstPage("SD-3", Version(1, 0, 0), Version(1, 0, 0), 65 + 560, 64))
    for number in range(1, 91):
        if number > 63:
            assert memory.erase_record(number - 63)
        memory.store_record(_record(number))
    return memory


def _with_torn_slots() -> MemoryImage:
    memory = three_games()
    torn = memory.page(1 + 70 % 64)
    memory.write_page(1 + 70 % 64, torn[:20] + b"\xff" * 236)
    memory.write_page(1 + 71 % 64, pack_slot(DirectorySlot(71, 2**31, 5), 64))
    memory.write_page(1 + 72 % 64, pack_slot(DirectorySlot(72, 65, 561), 64))
    return memory


def _capture(pages: list[bytes]) -> bytes:
    return FIRST_PAGE + b"".join(pages)


def _flip(data: bytes, page: int) -> bytes:
    return changed(data, page, 77, bytes([data[page * PAGE_SIZE_BYTES + 77] ^ 4]))


@cache
def made_images() -> dict[str, bytes]:
    """Return images by name: many records, clipping, gaps, offsets, torn slots, damage."""
    plain = _capture(_record(8))
    return {
        "three_games": bytes(three_games().data),
        "clipped_and_lost": _capture(_record(5, lost=3, limit=90_000)),
        "uneven": _capture(_record(6, jitter=900)),
        "torn_slots": bytes(_with_torn_slots().data),
        "damaged": _flip(_flip(plain, 2), 4),
        "damaged_header": _flip(plain, 1),
        "cut_off": plain[: 5 * PAGE_SIZE_BYTES],
    }
