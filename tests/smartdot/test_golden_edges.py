"""Golden images at the edges of FORMAT.md: the reader gives their values, the writer gives their bytes."""

import struct
from collections.abc import Callable

import numpy as np

from smartdot import (
    Block,
    CaptureState,
    DirectorySlot,
    EndReason,
    FirstPage,
    MemoryImage,
    RecordEnd,
    RecordHeader,
    RecordWriter,
    SampleType,
    Sensor,
    SensorKind,
    Total,
    Version,
    decode_capture,
    inspect_capture,
)
from smartdot.columns import sensor_columns
from smartdot.layout import pack_block, pack_end, pack_first, pack_header

Golden = Callable[[str], bytes]
Seal = Callable[[bytes], bytes]
INT16, UINT16 = SampleType.INT16, SampleType.UINT16

FIRST = FirstPage("SD-0042_a.Z", Version(2, 0, 5), Version(1, 12, 3), page_count=2048, directory_pages=16)
UNKNOWN = Sensor(200, 2, INT16, 12_500, 0.5, 0.0, -100, 100)
MAG = Sensor(SensorKind.MAG, 3, INT16, 30_000, 16.0, 2500.0, -32768, 32767)
SPIN = Sensor(SensorKind.GYRO, 1, UINT16, 1_600_000, 16.4, 2000.0, 42, 65535)
THREE_HEADER = RecordHeader(300, 2**63 - 16, 1_000_000_000, (UNKNOWN, MAG, SPIN), power_up=513)
MAG_COUNTS = ((32767, -32768, 0), (32766, -32767, 1), (0, 0, -256), (-1, -1, -1))
UNKNOWN_COUNTS = ((-100, 99), (-99, 100), (0, 0))
THREE_BLOCKS = (
    Block(1, 2, 2**63 - 16, 100, 4, b"", struct.pack("<12h", *sum(MAG_COUNTS, ()))),
    Block(0, 0, 2**63, 2**32 - 1, 3, struct.pack("<3I", 0, 0, 2**32 - 1), struct.pack("<6h", *sum(UNKNOWN_COUNTS, ()))),
    Block(2, 0, 2**63 + 2**32 - 1, 0, 1, b"", struct.pack("<H", 41)),
)
THREE_END = RecordEnd(2**63 + 2**32 - 1, 5, EndReason.MEMORY_FULL, (Total(3, 3, 2), Total(4, 6, 1), Total(1, 1, 0)))

LARGEST_F32 = struct.unpack("<f", b"\xff\xff\x7f\x7f")[0]
EMPTY_HEADER = RecordHeader(
    record=2**32 - 1,
    start_ticks=2**64 - 2,
    tick_hz=1,
    sensors=(
        Sensor(SensorKind.ACCEL, 3, INT16, 800_000, 16384.0, 2.0, -32768, 32767),
        Sensor(SensorKind.ACCEL, 1, UINT16, 1, 1e-9, 0.0, 0, 1),
        Sensor(SensorKind.GYRO, 2, INT16, 1_600_000, 262.4, 125.0, -32768, 32767),
        Sensor(SensorKind.MAG, 3, INT16, 2_000, 16.0, 2500.0, -1, 1),
        Sensor(SensorKind.LIGHT, 1, UINT16, 500, 1.0, 600.0, 0, 65535),
        Sensor(0, 1, INT16, 2**32 - 1, 1e9, LARGEST_F32, -32768, -32768),
        Sensor(255, 3, UINT16, 1_000, 1.0, 1.0, 0, 0),
        Sensor(5, 1, INT16, 1_000, 1.0, 1.0, -32768, 32767),
    ),
    power_up=65535,
)
EMPTY_TOTALS = (*[Total(0, 0, 0)] * 7, Total(0, 2**32 - 1, 0))
EMPTY_END = RecordEnd(2**64 - 1, 2, EndReason.UNKNOWN, EMPTY_TOTALS)

RING_FIRST = FirstPage("0123456789abcdef", Version(255, 255, 255), Version(0, 0, 0), page_count=9, directory_pages=3)
RING_ACCEL = Sensor(SensorKind.ACCEL, 1, INT16, 100_000, 1024.0, 12.0, -32768, 32767)


def test_three_sensors_are_read(smartdot_golden: Golden) -> None:
    """One to three axes, an unknown kind, both timings, power-up and samples lost at the begin are read as written."""
    data = smartdot_golden("capture_three_sensors")
    assert inspect_capture(data).state is CaptureState.VERIFIED
    capture = decode_capture(data)
    assert (capture.first, capture.header, capture.end) == (FIRST, THREE_HEADER, THREE_END)
    assert capture.blocks == THREE_BLOCKS


def test_three_sensors_as_columns(smartdot_golden: Golden) -> None:
    """Columns show the first samples lost, both clipping limits, equal times and times late in the clock's life."""
    capture = decode_capture(smartdot_golden("capture_three_sensors"))
    unknown, mag, spin = (sensor_columns(capture, place) for place in range(3))
    assert mag.index.tolist() == [2, 3, 4, 5]
    assert mag.time_s.tolist() == [0.0, 33 / 1e9, 66 / 1e9, 100 / 1e9]
    assert mag.clipped.tolist() == [[True, True, False], *[[False] * 3] * 3]
    np.testing.assert_array_equal(mag.values, np.array(MAG_COUNTS) / 16)
    assert unknown.time_s.tolist() == [16 / 1e9, 16 / 1e9, (16 + 2**32 - 1) / 1e9]
    assert unknown.clipped.tolist() == [[True, False], [False, True], [False, False]]
    np.testing.assert_array_equal(unknown.values, np.array(UNKNOWN_COUNTS) / 0.5)
    assert (spin.values.tolist(), spin.clipped.tolist()) == ([[41 / 16.4]], [[False]])


def test_three_sensors_are_written(smartdot_golden: Golden) -> None:
    """The packing functions and the record writer both give the bytes of the capture of three sensors."""
    data = smartdot_golden("capture_three_sensors")
    blocks = [pack_block(300, number, block) for number, block in enumerate(THREE_BLOCKS, start=1)]
    assert b"".join([pack_first(FIRST), pack_header(THREE_HEADER), *blocks, pack_end(300, THREE_END)]) == data
    writer = RecordWriter(THREE_HEADER)
    writer.lose(1, 2)
    for after, counts in zip((0, 33, 66, 100), MAG_COUNTS, strict=True):
        writer.add(1, 2**63 - 16 + after, counts)
    # Nothing lost: it only ends the block, as a firmware may at any time.
    writer.lose(1, 0)
    for ticks, pair in zip((0, 0, 2**32 - 1), UNKNOWN_COUNTS, strict=True):
        writer.add(0, 2**63 + ticks, pair)
    writer.add(2, 2**63 + 2**32 - 1, (41,))
    assert pack_first(FIRST) + b"".join(writer.finish(EndReason.MEMORY_FULL)) == data


def test_empty_record_is_read(smartdot_golden: Golden) -> None:
    """A record without a sample, with the largest numbers and an unknown reason, is verified and decoded."""
    data = smartdot_golden("capture_empty")
    assert inspect_capture(data).state is CaptureState.VERIFIED
    capture = decode_capture(data)
    assert (capture.header, capture.blocks, capture.end) == (EMPTY_HEADER, (), EMPTY_END)
    for place, sensor in enumerate(EMPTY_HEADER.sensors):
        assert sensor_columns(capture, place).values.shape == (0, sensor.axes)


def test_empty_record_is_written(smartdot_golden: Golden, smartdot_seal: Seal) -> None:
    """The writer gives the empty record's bytes, but for the reason that only a later version can write."""
    data = smartdot_golden("capture_empty")
    known = smartdot_seal(data[: 512 + 29] + b"\x00" + data[512 + 30 :])
    assert pack_first(FIRST) + pack_header(EMPTY_HEADER) + pack_end(2**32 - 1, EMPTY_END) == known
    # A record that ends when its last sample was made ends here with its start.
    writer = RecordWriter(EMPTY_HEADER)
    writer.lose(7, 2**32 - 1)
    header, end = writer.finish(EndReason.UNKNOWN)
    assert header == data[256:512]
    assert end[29:] == known[512 + 29 :]


def test_memory_is_read(smartdot_golden: Golden) -> None:
    """A memory's directory names the records that are held, and one that goes around the ring's end is whole."""
    memory = MemoryImage(bytearray(smartdot_golden("memory_ring")))
    assert memory.first == RING_FIRST
    assert memory.slots() == [DirectorySlot(5, 6, 2), DirectorySlot(6, 8, 3)]
    assert memory.next_record() == 7
    capture = decode_capture(memory.capture(6))
    assert (capture.header.power_up, sensor_columns(capture, 0).values.tolist()) == (3, [[1 / 1024], [-1 / 1024]])
    empty = decode_capture(memory.capture(5))
    assert (empty.header.power_up, empty.end.reason, empty.blocks) == (2, EndReason.POWER_LOW, ())


def test_memory_is_written(smartdot_golden: Golden) -> None:
    """A memory that stores three records and frees the first has the golden memory's bytes, and needs no repair."""
    memory = MemoryImage.blank(RING_FIRST)
    memory.store_record(RecordWriter(RecordHeader(4, 500, 1000, (RING_ACCEL,), power_up=2)).finish())
    memory.store_record(
        RecordWriter(RecordHeader(5, 1000, 1000, (RING_ACCEL,), power_up=2)).finish(EndReason.POWER_LOW)
    )
    assert memory.erase_record(4)
    writer = RecordWriter(RecordHeader(6, 2000, 1000, (RING_ACCEL,), power_up=3))
    writer.add(0, 2000, (1,))
    writer.add(0, 2010, (-1,))
    memory.store_record(writer.finish())
    assert bytes(memory.data) == smartdot_golden("memory_ring")
    assert memory.repair() == []
