"""Images written by hand from FORMAT.md: the reader gives their values, the writer gives their bytes."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from smartdot import (
    Block,
    CaptureState,
    DirectorySlot,
    EndReason,
    FirstPage,
    PageKind,
    RecordEnd,
    RecordHeader,
    RecordWriter,
    SampleType,
    Sensor,
    SensorKind,
    Total,
    UnknownVersionError,
    Version,
    decode_capture,
    expect_page,
    inspect_capture,
    read_page,
)
from smartdot.columns import sensor_columns
from smartdot.layout import pack_block, pack_end, pack_first, pack_header, pack_slot, unpack_first, unpack_slot

Golden = Callable[[str], bytes]

FIRST = FirstPage("SD-0042_a.Z", Version(2, 0, 5), Version(1, 12, 3), page_count=2048, directory_pages=16)
ACCEL = Sensor(SensorKind.ACCEL, 3, SampleType.INT16, 100_000, 2048.0, 16.0, -32768, 32767)
ACCEL_HEADER = RecordHeader(7, 1_000_000, 32768, (ACCEL,))
ACCEL_COUNTS = ((1, 2, 3), (-1, -2, 2048), (0, -2048, 100))
ACCEL_BLOCK = Block(0, 0, 1_000_100, 655, 3, b"", struct.pack("<9h", *sum(ACCEL_COUNTS, ())))
ACCEL_END = RecordEnd(1_000_755, 3, EndReason.SHOT_OVER, (Total(3, 3, 0),))

LIGHT = Sensor(SensorKind.LIGHT, 1, SampleType.UINT16, 20_000, 1.0, 64000.0, 0, 64000)
GYRO = Sensor(SensorKind.GYRO, 3, SampleType.INT16, 200_000, 16.4, 2000.0, -32768, 32767)
LIGHT_HEADER = RecordHeader(0x01020304, 2**32 + 5, 1_000_000, (LIGHT, GYRO))
LIGHT_OFFSETS = (0, 50_000, 120_000, 250_000)
LIGHT_COUNTS = (41659, 64000, 0, 63999)
LIGHT_BLOCKS = (
    Block(0, 0, 2**32 + 15, 250_000, 4, struct.pack("<4I", *LIGHT_OFFSETS), struct.pack("<4H", *LIGHT_COUNTS)),
    Block(0, 7, 2**32 + 400_015, 0, 1, b"", b"\xff\xff"),
)
LIGHT_END = RecordEnd(2**32 + 400_015, 4, EndReason.POWER_LOW, (Total(5, 8, 2), Total(0, 2, 0)))


@pytest.mark.parametrize("name", [path.stem for path in sorted((Path(__file__).parent / "golden").glob("*.hex"))])
def test_golden_checksums(name: str, smartdot_golden: Golden, smartdot_seal: Callable[[bytes], bytes]) -> None:
    """Every golden page is 256 bytes, and erased or with the checksum that the bitwise CRC-32 gives."""
    data = smartdot_golden(name)
    assert data
    assert len(data) % 256 == 0
    assert smartdot_seal(data) == data


def test_checksum_check_value(smartdot_seal: Callable[[bytes], bytes]) -> None:
    """The bitwise CRC-32 gives the check value of FORMAT.md section 2."""
    assert smartdot_seal(b"\0\0\0\x00123456789")[:4] == (0xCBF43926).to_bytes(4, "little")


def test_first_page_is_read_and_written(smartdot_golden: Golden) -> None:
    """The first page's fields stand where FORMAT.md 3.1 says."""
    data = smartdot_golden("first_page")
    assert unpack_first(expect_page(data, (PageKind.FIRST,), 0, 0)) == FIRST
    assert pack_first(FIRST) == data


def test_directory_slot_is_read_and_written(smartdot_golden: Golden) -> None:
    """A directory slot's fields stand where FORMAT.md 3.2 says."""
    data = smartdot_golden("directory_slot")
    slot = DirectorySlot(23, 20, 5)
    assert unpack_slot(expect_page(data, (PageKind.DIRECTORY,), 23, 7), FIRST) == slot
    assert pack_slot(slot, 16) == data


def test_accel_capture_is_read(smartdot_golden: Golden) -> None:
    """The smallest capture is verified and gives its device, header, block and end."""
    data = smartdot_golden("capture_accel")
    found = inspect_capture(data)
    assert (found.state, found.problems, found.problem_count, found.format_version) == (
        CaptureState.VERIFIED,
        (),
        0,
        1,
    )
    capture = decode_capture(data)
    assert (capture.first, capture.header, capture.blocks, capture.end) == (
        FIRST,
        ACCEL_HEADER,
        (ACCEL_BLOCK,),
        ACCEL_END,
    )
    assert (found.first, found.header, found.end) == (FIRST, ACCEL_HEADER, ACCEL_END)


def test_accel_capture_as_columns(smartdot_golden: Golden) -> None:
    """An evenly spaced block's times follow the formula of FORMAT.md 4.2, and its counts are scaled."""
    columns = sensor_columns(decode_capture(smartdot_golden("capture_accel")), 0)
    assert columns.index.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(columns.time_s, np.array([100, 427, 755]) / 32768)
    np.testing.assert_array_equal(columns.values, np.array(ACCEL_COUNTS) / 2048)
    assert not columns.clipped.any()


def test_accel_capture_is_written(smartdot_golden: Golden) -> None:
    """The packing functions and the record writer both give the smallest capture's bytes."""
    data = smartdot_golden("capture_accel")
    packed = pack_first(FIRST) + pack_header(ACCEL_HEADER) + pack_block(7, 1, ACCEL_BLOCK) + pack_end(7, ACCEL_END)
    assert packed == data
    writer = RecordWriter(ACCEL_HEADER)
    for ticks, counts in zip((1_000_100, 1_000_427, 1_000_755), ACCEL_COUNTS, strict=True):
        writer.add(0, ticks, counts)
    assert pack_first(FIRST) + b"".join(writer.finish()) == data


def test_light_capture_is_read(light_capture: bytes) -> None:
    """Tick offsets, u16 counts, a second sensor and samples lost before and after blocks are read as written."""
    capture = decode_capture(light_capture)
    assert (capture.header, capture.blocks, capture.end) == (LIGHT_HEADER, LIGHT_BLOCKS, LIGHT_END)
    assert capture.blocks_by_sensor() == (LIGHT_BLOCKS, ())


def test_light_capture_as_columns(light_capture: bytes) -> None:
    """Columns show the index jump, the offsets and the clipped samples; a u16 count of 0 is a reading."""
    columns = sensor_columns(decode_capture(light_capture), 0)
    assert columns.index.tolist() == [0, 1, 2, 3, 7]
    np.testing.assert_allclose(columns.time_s, np.array([10, 50_010, 120_010, 250_010, 400_010]) / 1e6, rtol=1e-15)
    assert columns.values.tolist() == [[41659.0], [64000.0], [0.0], [63999.0], [65535.0]]
    assert columns.clipped.tolist() == [[False], [True], [False], [False], [True]]


def test_sensor_without_samples_as_columns(light_capture: bytes) -> None:
    """A sensor that stored nothing gives empty columns with its number of axes."""
    columns = sensor_columns(decode_capture(light_capture), 1)
    assert (columns.index.shape, columns.time_s.shape) == ((0,), (0,))
    assert (columns.values.shape, columns.clipped.shape) == ((0, 3), (0, 3))


def test_light_capture_is_written(light_capture: bytes) -> None:
    """The packing functions and the record writer both give the light capture's bytes."""
    record = LIGHT_HEADER.record
    pages = [pack_header(LIGHT_HEADER), *(pack_block(record, n, b) for n, b in enumerate(LIGHT_BLOCKS, start=1))]
    assert pack_first(FIRST) + b"".join(pages) + pack_end(record, LIGHT_END) == light_capture
    writer = RecordWriter(LIGHT_HEADER)
    for offset, count in zip(LIGHT_OFFSETS, LIGHT_COUNTS, strict=True):
        writer.add(0, 2**32 + 15 + offset, (count,))
    writer.lose(0, 3)
    writer.add(0, 2**32 + 400_015, (65535,))
    writer.lose(1, 2)
    assert pack_first(FIRST) + b"".join(writer.finish(EndReason.POWER_LOW)) == light_capture


@pytest.mark.parametrize("after", [b"", b"anything", bytes(5000)])
def test_unknown_version(smartdot_golden: Golden, after: bytes) -> None:
    """A whole first page of another version makes a capture unreadable, whatever follows, and states its version."""
    data = smartdot_golden("first_page_version_2") + after
    found = inspect_capture(data)
    assert (found.state, found.format_version, found.problems) == (CaptureState.UNREADABLE, 2, ())
    assert (found.first, found.header, found.end) == (None, None, None)
    with pytest.raises(UnknownVersionError) as raised:
        decode_capture(data)
    assert raised.value.version == 2


def test_damaged_first_page_of_unknown_version(smartdot_golden: Golden) -> None:
    """A first page of another version with a wrong checksum is damaged, not unreadable: its version proves nothing."""
    data = bytearray(smartdot_golden("first_page_version_2"))
    data[200] ^= 1
    found = inspect_capture(bytes(data))
    assert (found.state, found.format_version) == (CaptureState.DAMAGED, None)
    assert (found.problems[0].page, found.problems[0].problem) == (0, "checksum")


def test_page_numbers_of_golden_pages(light_capture: bytes) -> None:
    """Kind, record and number are read from every golden page as written."""
    pages = [read_page(light_capture[at : at + 256]) for at in range(0, len(light_capture), 256)]
    record = 0x01020304
    assert [(p.kind, p.record, p.number) for p in pages] == [
        (1, 0, 0),
        (3, record, 0),
        (4, record, 1),
        (4, record, 2),
        (5, record, 3),
    ]
