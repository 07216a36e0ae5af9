"""Memories of devices for the campaigns, made quickly and the same for the same seed."""

import random
import struct

from smartdot import (
    EndReason,
    FirstPage,
    MemoryImage,
    RecordHeader,
    RecordWriter,
    SampleType,
    Sensor,
    SensorKind,
    Version,
)

TICK_HZ = 1_000_000
_DIRECTORY_PAGES = 128
_SAMPLES_PER_PAGE = 36
_STEP_TICKS = 1250
_ACCEL = Sensor(SensorKind.ACCEL, 3, SampleType.INT16, 800_000, 2048.0, 16.0, -32768, 32767)


def write_pages(chance: random.Random, record: int, data_pages: int) -> list[bytes]:
    """Return a record of this many data pages, full of chance."""
    writer = RecordWriter(RecordHeader(record, record * 20 * TICK_HZ, TICK_HZ, (_ACCEL,)))
    samples = data_pages * _SAMPLES_PER_PAGE
    counts = struct.iter_unpack("<3h", chance.randbytes(6 * samples))
    for place, sample in enumerate(counts):
        writer.add(0, record * 20 * TICK_HZ + place * _STEP_TICKS, sample)
    return writer.finish(EndReason.SHOT_OVER)


def blank_memory(serial: str, ring_pages: int, directory_pages: int = _DIRECTORY_PAGES) -> MemoryImage:
    """Return the memory of a device that has recorded nothing."""
    pages = 1 + directory_pages + ring_pages
    return MemoryImage.blank(FirstPage(serial, Version(1, 0, 0), Version(1, 0, 0), pages, directory_pages))


def make_memory(
    chance: random.Random,
    serial: str,
    sizes: list[int],
    first_record: int = 1,
    directory_pages: int = _DIRECTORY_PAGES,
) -> MemoryImage:
    """Return a device's memory.

    Args:
        chance: What the samples are drawn from.
        serial: The device's serial.
        sizes: Data pages of each record.
        first_record: The first record's number.
        directory_pages: How many records it can hold.
    """
    image = blank_memory(serial, sum(sizes) + 2 * len(sizes) + 64, directory_pages)
    for place, size in enumerate(sizes):
        image.store_record(write_pages(chance, first_record + place, size))
    return image


def captures(image: MemoryImage) -> list[bytes]:
    """Return the captures of all records in a memory."""
    return [image.capture(slot.record) for slot in image.slots()]
