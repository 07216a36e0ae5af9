"""Real parts, real use: every setting of today's sensors, three games of shots, a ring that is used for years."""

import random
from itertools import product

import numpy as np
import pytest

from smartdot import (
    CaptureState,
    FirstPage,
    MemoryFullError,
    MemoryImage,
    RecordHeader,
    RecordWriter,
    SampleType,
    Sensor,
    SensorKind,
    Version,
    decode_capture,
    inspect_capture,
)
from smartdot.columns import sensor_columns
from tests.smartdot.images import FIRST_PAGE, three_games

ACCEL, GYRO, MAG, LIGHT = SensorKind
INT16, UINT16 = SampleType

# Kind, axes, sample type, rates in Hz, counts in one unit by range: what FORMAT.md 4.1 lists.
PARTS = (
    (ACCEL, 3, INT16, (12.5, 25, 50, 100, 200, 400, 800), {2: 16384, 4: 8192, 8: 4096, 16: 2048}),
    (GYRO, 3, INT16, (25, 50, 100, 200, 400, 800, 1600), {125: 262.4, 250: 131.2, 500: 65.6, 1000: 32.8, 2000: 16.4}),
    (MAG, 3, INT16, (2, 6, 8, 10, 15, 20, 25, 30), {2500: 16}),
    (LIGHT, 1, UINT16, (0.5, 1, 2, 5, 10, 20), {600: 1, 1300: 1, 8000: 1, 16000: 1, 32000: 1, 64000: 1}),
)
SETTINGS = [
    pytest.param(
        Sensor(kind, axes, sample_type, round(rate_hz * 1000), lsb, full_scale, *limits),
        id=f"{kind.name.lower()} {rate_hz:g} Hz {full_scale}",
    )
    for kind, axes, sample_type, rates_hz, scales in PARTS
    for limits in [(-32768, 32767) if sample_type is INT16 else (0, 65535)]
    for rate_hz, (full_scale, lsb) in product(rates_hz, scales.items())
]


@pytest.mark.parametrize("sensor", SETTINGS)
def test_every_setting_of_todays_parts(sensor: Sensor) -> None:
    """Every rate and range of today's parts is stored exactly, and readings come back within half a count."""
    writer = RecordWriter(RecordHeader(1, 0, 1_000_000, (sensor,), power_up=1))
    low, high = (-32768, 32767) if sensor.sample_type is INT16 else (0, 65535)
    largest = min(sensor.full_scale, high / sensor.lsb_per_unit)
    readings = [0.0, largest / 3, largest, *([-largest] if low < 0 else [])]
    for place, reading in enumerate(readings):
        count = min(max(round(reading * sensor.lsb_per_unit), low), high)
        writer.add(0, round(place / sensor.rate_hz * 1e6), (count,) * sensor.axes)
    capture = decode_capture(FIRST_PAGE + b"".join(writer.finish()))
    assert capture.header.sensors == (sensor,)
    columns = sensor_columns(capture, 0)
    np.testing.assert_allclose(columns.values[:, 0], readings, atol=1.01 / sensor.lsb_per_unit)
    np.testing.assert_allclose(columns.time_s, np.arange(len(readings)) / sensor.rate_hz, atol=2e-6)


def test_three_games() -> None:
    """A memory holds 63 shots of different lengths, each whole, after the oldest of 90 were freed."""
    memory = three_games()
    assert [slot.record for slot in memory.slots()] == list(range(28, 91))
    assert len({slot.page_count for slot in memory.slots()}) > 1
    for slot in memory.slots():
        capture = memory.capture(slot.record)
        assert inspect_capture(capture).state is CaptureState.VERIFIED
        assert decode_capture(capture).header.record == slot.record
    assert memory.next_record() == 91


def test_years_of_shots() -> None:
    """Through 500 shots of 2 to 40 pages, freed when room is needed, none is lost, mixed or numbered twice."""
    chance = random.Random(3)  # noqa: S311 - the same life in every run
    sensor = Sensor(ACCEL, 3, INT16, 800_000, 2048.0, 16.0, -32768, 32767)
    memory = MemoryImage.blank(FirstPage("TEST", Version(1, 0, 0), Version(1, 0, 0), 1 + 32 + 400, 32))
    kept: dict[int, bytes] = {}
    for number in range(1, 501):
        assert memory.next_record() == number
        writer = RecordWriter(RecordHeader(number, 0, 1_000_000, (sensor,), 1))
        for _ in range(chance.randint(0, 38)):
            writer.add(0, number, (number % 30_000, 0, 0))
            writer.lose(0, 1)
        pages = writer.finish()
        while True:
            try:
                memory.store_record(pages)
                break
            except MemoryFullError:
                oldest = min(kept)
                assert memory.capture(oldest)[256:] == kept.pop(oldest)
                assert memory.erase_record(oldest)
        kept[number] = b"".join(pages)
    assert len(kept) > 10
    assert {slot.record: memory.capture(slot.record)[256:] for slot in memory.slots()} == kept
