"""Columns straight from a capture's bytes: the same as through decoded blocks, and the same errors."""

import random
import struct
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartdot import (
    CaptureState,
    EndReason,
    FormatError,
    RecordHeader,
    RecordWriter,
    SampleType,
    Sensor,
    SensorKind,
    decode_capture,
    inspect_capture,
)
from smartdot import columns as columns_module
from smartdot.columns import SensorColumns, decode_columns, read_columns, sensor_columns
from tests.smartdot.images import ACCEL, FIRST_PAGE, changed, made_images

LIGHT = Sensor(SensorKind.LIGHT, 1, SampleType.UINT16, 20_000, 1.0, 64000.0, 0, 60000)
MAG = Sensor(SensorKind.MAG, 2, SampleType.INT16, 30_000, 16.0, 2500.0, -20000, 20000)
CAPTURES = ("capture_accel", "capture_light", "capture_three_sensors", "capture_empty")


def _assert_equal(ones: list[SensorColumns], others: list[SensorColumns]) -> None:
    assert len(ones) == len(others)
    for one, other in zip(ones, others, strict=True):
        assert (one.sensor, one.samples) == (other.sensor, other.samples)
        for name in ("index", "time_s", "values", "clipped"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
            assert getattr(one, name).dtype == getattr(other, name).dtype
            assert getattr(one, name).shape == getattr(other, name).shape


def _through_blocks(data: bytes) -> list[SensorColumns]:
    capture = decode_capture(data)
    return [sensor_columns(capture, place) for place in range(len(capture.header.sensors))]


def _refuse_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test fail that would silently fall back to decoding page by page."""

    def refuse(data: bytes) -> None:
        raise AssertionError(f"{len(data)} bytes were decoded page by page")

    monkeypatch.setattr(columns_module, "decode_capture", refuse)


@pytest.mark.parametrize("name", CAPTURES)
def test_golden_columns(name: str, smartdot_golden: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every golden capture gives the same columns on all three ways, and none of them falls back to another."""
    data = smartdot_golden(name)
    expected = _through_blocks(data)
    _refuse_the_slow_way(monkeypatch)
    _assert_equal(decode_columns(data), expected)
    _assert_equal(read_columns(data), expected)


def _capture(start: int, pieces: list[tuple[int, int, int, int, int]], seed: int) -> bytes:
    """Write pieces of (sensor, samples, period, jitter, lost before) into a capture."""
    chance = random.Random(seed)  # noqa: S311 - a test's data, repeatable by its seed
    sensors = (ACCEL, LIGHT, MAG)
    writer = RecordWriter(RecordHeader(9, start, 1_000_000, sensors, 4))
    last = [start] * 3
    for place, count, period, jitter, lost in pieces:
        writer.lose(place, lost)
        sensor = sensors[place]
        least = -32768 if sensor.sample_type is SampleType.INT16 else 0
        for _ in range(count):
            last[place] += period + chance.randint(0, jitter)
            writer.add(place, last[place], tuple(chance.randint(least, least + 65535) for _ in range(sensor.axes)))
    return FIRST_PAGE + b"".join(writer.finish(EndReason.SHOT_OVER))


def _error_of(decode: Callable[[bytes], object], data: bytes) -> tuple[type, str] | None:
    """Return the format's own error that decoding raises; any other is the test's failure."""
    try:
        decode(data)
    except FormatError as error:
        return type(error), str(error)
    return None


PIECES = st.tuples(
    st.integers(0, 2),
    st.integers(0, 120),
    st.sampled_from([0, 3, 1250]),
    st.sampled_from([0, 1, 40]),
    st.integers(0, 3),
)


@given(
    pieces=st.lists(PIECES, max_size=8),
    start=st.sampled_from([0, 2**32, 2**63, 2**64 - 10**9]),
    seed=st.integers(0, 2**32),
    flips=st.lists(st.integers(0, 2**20), max_size=2),
    resealed=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_any_capture(
    smartdot_seal: Callable[[bytes], bytes],
    pieces: list[tuple[int, int, int, int, int]],
    start: int,
    seed: int,
    flips: list[int],
    *,
    resealed: bool,
) -> None:
    """Whatever was written, and whatever bits were flipped in it, both ways give equal columns or equal errors."""
    data = bytearray(_capture(start, pieces, seed))
    for flip in flips:
        data[flip % len(data)] ^= 1 << flip % 7
    if resealed and len(data) < 4096:
        data = bytearray(smartdot_seal(bytes(data)))
    problem = _error_of(decode_capture, bytes(data))
    assert _error_of(decode_columns, bytes(data)) == problem
    if problem is None:
        _assert_equal(decode_columns(bytes(data)), _through_blocks(bytes(data)))


def test_times_late_in_a_long_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ticks that a float cannot hold are added as integers, before they are rounded."""
    writer = RecordWriter(RecordHeader(1, 5, 3, (replace(LIGHT, axes=1),)))
    ticks = [5 + 2**53 - 2**32 - 3, 5 + 2**53 + 1, 5 + 2**53 + 3, 5 + 2**62 + 1]
    for tick in ticks:
        writer.add(0, tick, (1,))
    data = FIRST_PAGE + b"".join(writer.finish())
    _refuse_the_slow_way(monkeypatch)
    assert decode_columns(data)[0].time_s.tolist() == [float(tick - 5) / 3 for tick in ticks]


@pytest.mark.parametrize(
    ("page", "offset", "value"),
    [
        pytest.param(2, 16, b"\x02", id="sensor not in header"),
        pytest.param(2, 17, b"\x03", id="timing 3"),
        pytest.param(2, 18, struct.pack("<H", 0), id="count 0"),
        pytest.param(2, 18, struct.pack("<H", 65535), id="count beyond the page"),
        pytest.param(2, 24, struct.pack("<Q", 2**32 + 4), id="before the record began"),
        pytest.param(2, 24, struct.pack("<Q", 2**64 - 1), id="beyond the clock"),
        pytest.param(2, 32, struct.pack("<I", 250_001), id="span is not the last offset"),
        pytest.param(2, 36, struct.pack("<I", 1), id="first offset not 0"),
        pytest.param(2, 40, struct.pack("<I", 120_001), id="offsets descend"),
        pytest.param(3, 20, struct.pack("<I", 3), id="index of a sample that was there"),
        pytest.param(3, 20, struct.pack("<I", 2**32 - 1), id="index beyond the last"),
        pytest.param(3, 24, struct.pack("<Q", 2**32 + 250_014), id="before the block before"),
        pytest.param(3, 24, struct.pack("<Q", 2**63 + 2**32 + 5), id="2^63 ticks after the start"),
        pytest.param(3, 32, struct.pack("<I", 1), id="one sample with a span"),
        pytest.param(3, 8, b"\x05", id="another record"),
        pytest.param(3, 12, b"\x05", id="another number"),
        pytest.param(3, 4, b"\x02", id="another kind"),
        pytest.param(4, 16, struct.pack("<Q", 2**32 + 400_014), id="end before the last sample"),
        pytest.param(4, 16, struct.pack("<Q", 0), id="end before the start"),
        pytest.param(4, 28, b"\x01", id="totals of fewer sensors"),
        pytest.param(4, 32, struct.pack("<I", 6), id="stored"),
        pytest.param(4, 36, struct.pack("<I", 7), id="made"),
        pytest.param(4, 40, struct.pack("<I", 1), id="clipped"),
        pytest.param(1, 24, bytes(4), id="header"),
        pytest.param(0, 32, bytes(4), id="first page"),
    ],
)
def test_each_rule_is_held(
    light_capture: bytes, smartdot_seal: Callable[[bytes], bytes], page: int, offset: int, value: bytes
) -> None:
    """Under right checksums, each broken rule is found, with the error that decoding page by page gives."""
    data = smartdot_seal(changed(light_capture, page, offset, value))
    problem = _error_of(decode_capture, data)
    assert problem is not None
    assert _error_of(decode_columns, data) == problem
    assert columns_module._checked_columns(data) is None


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        pytest.param(20, struct.pack("<I", 35), id="index"),
        pytest.param(24, struct.pack("<Q", 1000 + 35 * 1250 - 1), id="time"),
        pytest.param(24, struct.pack("<Q", 999), id="before the record"),
        pytest.param(24, struct.pack("<Q", 2**63 + 1000), id="too late"),
        pytest.param(24, struct.pack("<Q", 2**63 + 900), id="its last sample too late"),
        pytest.param(32, struct.pack("<I", 2**32 - 1), id="longer than until the next block"),
    ],
)
def test_rules_between_blocks_of_one_shape(smartdot_seal: Callable[[bytes], bytes], offset: int, value: bytes) -> None:
    """Blocks that are decoded at once are compared with each other as those that are decoded one by one."""
    writer = RecordWriter(RecordHeader(1, 1000, 1_000_000, (ACCEL,)))
    for index in range(36 * 4):
        writer.add(0, 1000 + 1250 * index, (1, 2, 3))
    data = FIRST_PAGE + b"".join(writer.finish())
    assert columns_module._checked_columns(data) is not None
    broken = smartdot_seal(changed(data, 3, offset, value))
    problem = _error_of(decode_capture, broken)
    assert problem is not None
    assert _error_of(decode_columns, broken) == problem
    assert columns_module._checked_columns(broken) is None


def test_flipped_bits(light_capture: bytes) -> None:
    """A flipped bit anywhere is found before a column is made."""
    for bit in range(0, 8 * len(light_capture), 7):
        data = bytearray(light_capture)
        data[bit // 8] ^= 1 << bit % 8
        assert columns_module._checked_columns(bytes(data)) is None, bit


def test_made_captures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Captures of several sensors with clipping, losses and uneven times give the same columns without falling back."""
    for name in ("clipped_and_lost", "uneven"):
        data = made_images()[name]
        assert inspect_capture(data).state is CaptureState.VERIFIED
        with monkeypatch.context() as patched:
            expected = _through_blocks(data)
            _refuse_the_slow_way(patched)
            _assert_equal(decode_columns(data), expected)
