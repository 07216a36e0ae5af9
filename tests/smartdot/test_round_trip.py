"""What goes into a record writer comes out of decoding and of the columns: every count, index, time and clip."""

import random
import struct
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smartdot import (
    CaptureState,
    EndReason,
    PageError,
    RecordHeader,
    RecordWriter,
    SampleType,
    Sensor,
    SensorKind,
    decode_capture,
    inspect_capture,
)
from smartdot.columns import SensorColumns, sensor_columns
from tests.smartdot.images import FIRST_PAGE

LIMITS = {SampleType.INT16: (-32768, 32767), SampleType.UINT16: (0, 65535)}
ACCEL = Sensor(SensorKind.ACCEL, 3, SampleType.INT16, 100_000, 2048.0, 16.0, -32768, 32767)
LIGHT = Sensor(SensorKind.LIGHT, 1, SampleType.UINT16, 10_000, 1.0, 64000.0, 0, 65535)
HEADER = RecordHeader(1, 1000, 1_000_000, (ACCEL, LIGHT))


@dataclass(frozen=True)
class Burst:
    """Samples of one sensor: how many were lost before, how long the pause was, and how they are spaced."""

    place: int
    lost: int
    pause: int
    count: int
    period: int
    jitter: int


@dataclass
class Expected:
    """What was put into a sensor."""

    index: list[int] = field(default_factory=list)
    ticks: list[int] = field(default_factory=list)
    counts: list[tuple[int, ...]] = field(default_factory=list)
    made: int = 0
    last_ticks: int = 0


@st.composite
def sensors(draw: st.DrawFn) -> Sensor:
    """Any sensor that FORMAT.md 4.1 allows."""
    sample_type = draw(st.sampled_from(SampleType))
    least, most = LIMITS[sample_type]
    return Sensor(
        kind=draw(st.sampled_from([*SensorKind, 0, 77, 255])),
        axes=draw(st.integers(1, 3)),
        sample_type=sample_type,
        rate_millihertz=draw(st.integers(1, 2**32 - 1)),
        lsb_per_unit=draw(st.sampled_from([1e-9, 1.0, 16.4, 2048.0, 1e9]) | st.floats(1e-9, 1e9)),
        full_scale=draw(st.floats(0, 1e6, width=32)),
        clip_low=draw(st.integers(least, most)),
        clip_high=draw(st.integers(least, most)),
    )


PAUSES = st.integers(0, 100_000) | st.sampled_from([2**32 - 2, 2**32 - 1, 2**32, 2**33 + 1, 2**50])
PERIODS = st.integers(0, 2000) | st.sampled_from([2**25, 2**31, 2**32 - 1, 2**32])


@st.composite
def recordings(draw: st.DrawFn) -> tuple[RecordHeader, list[Burst]]:
    """A header and bursts of samples for its sensors."""
    some = draw(st.lists(sensors(), min_size=1, max_size=8))
    start = draw(st.integers(0, 2**64 - 1) | st.sampled_from([0, 2**32, 2**63 - 1, 2**64 - 2**40, 2**64 - 1000]))
    record, tick_hz = draw(st.integers(1, 2**32 - 1)), draw(st.integers(1, 2**32 - 1))
    header = RecordHeader(record, start, tick_hz, tuple(some), draw(st.integers(0, 65535)))
    burst = st.builds(
        Burst,
        place=st.integers(0, len(some) - 1),
        lost=st.just(0) | st.integers(0, 2**20),
        pause=PAUSES,
        count=st.integers(0, 150),
        period=PERIODS,
        jitter=st.sampled_from([0, 0, 1, 2, 500, 2**20]),
    )
    return header, draw(st.lists(burst, max_size=8))


def _counts(sensor: Sensor, chance: random.Random) -> tuple[int, ...]:
    least, most = LIMITS[sensor.sample_type]
    edges = (least, most, 0, sensor.clip_low, sensor.clip_high, sensor.clip_high - 1, sensor.clip_low + 1)
    drawn = (chance.choice(edges) if chance.random() < 0.1 else chance.randint(least, most) for _ in range(sensor.axes))
    return tuple(min(max(count, least), most) for count in drawn)


def _write(header: RecordHeader, bursts: list[Burst], seed: int) -> tuple[bytes, list[Expected]]:
    """Write the bursts; samples beyond the device's clock or the longest record are left out."""
    chance = random.Random(seed)  # noqa: S311 - a test's data, repeatable by its seed
    writer = RecordWriter(header)
    put = [Expected(last_ticks=header.start_ticks) for _ in header.sensors]
    end = min(2**64, header.start_ticks + 2**63)
    for burst in bursts:
        expected = put[burst.place]
        writer.lose(burst.place, burst.lost)
        expected.made += burst.lost
        step = burst.pause
        for _ in range(burst.count):
            ticks = expected.last_ticks + step + chance.randint(0, burst.jitter)
            if ticks >= end:
                break
            counts = _counts(header.sensors[burst.place], chance)
            writer.add(burst.place, ticks, counts)
            expected.index.append(expected.made)
            expected.ticks.append(ticks)
            expected.counts.append(counts)
            expected.made, expected.last_ticks, step = expected.made + 1, ticks, burst.period
    return FIRST_PAGE + b"".join(writer.finish()), put


def _assert_same(columns: SensorColumns, expected: Expected, header: RecordHeader) -> None:
    sensor = columns.sensor
    counts = np.array(expected.counts, dtype=np.int64).reshape(-1, sensor.axes)
    clipped = counts >= sensor.clip_high
    if sensor.sample_type is SampleType.INT16:
        clipped |= counts <= sensor.clip_low
    assert columns.index.tolist() == expected.index
    np.testing.assert_array_equal(columns.clipped, clipped)
    np.testing.assert_array_equal(columns.values, counts / sensor.lsb_per_unit)
    since_start = np.array([ticks - header.start_ticks for ticks in expected.ticks], dtype=np.float64)
    assert (np.abs(columns.time_s * header.tick_hz - since_start) <= 1.001 + since_start * 2.0**-50).all()
    assert (np.diff(columns.time_s) >= 0).all()


@given(recording=recordings(), seed=st.integers(0, 2**32))
@example(recording=(HEADER, []), seed=0)
@example(recording=(HEADER, [Burst(0, 0, 0, 150, 100, 50), Burst(0, 0, 2**33, 2, 100, 0)]), seed=0)
@example(recording=(replace(HEADER, start_ticks=2**64 - 1), [Burst(1, 3, 0, 150, 0, 0)]), seed=0)
@settings(max_examples=150, deadline=None)
def test_record_comes_back(recording: tuple[RecordHeader, list[Burst]], seed: int) -> None:
    """Whatever is written is verified, and comes back with every count, index, clip and, within one tick, time."""
    header, bursts = recording
    data, put = _write(header, bursts, seed)
    assert inspect_capture(data).state is CaptureState.VERIFIED
    capture = decode_capture(data)
    assert capture.header == header
    for place, (blocks, expected) in enumerate(zip(capture.blocks_by_sensor(), put, strict=True)):
        columns = sensor_columns(capture, place)
        _assert_same(columns, expected, header)
        code = "h" if columns.sensor.sample_type is SampleType.INT16 else "H"
        stored = b"".join(block.samples for block in blocks)
        assert stored == b"".join(struct.pack(f"<{len(row)}{code}", *row) for row in expected.counts)
        total = capture.end.totals[place]
        assert (total.stored, total.made) == (len(expected.index), expected.made)
        assert total.clipped == columns.clipped.any(axis=1).sum()
    assert capture.end.end_ticks == max(expected.last_ticks for expected in put)
    assert capture.end.page_count == len(data) // 256 - 1


def test_evenly_spaced_samples_fill_their_pages() -> None:
    """Evenly spaced samples take no offsets: 36 samples of three axes fit a page."""
    data, _ = _write(HEADER, [Burst(0, 0, 0, 360, 1000, 0)], seed=1)
    blocks = decode_capture(data).blocks
    assert [block.count for block in blocks] == [36] * 10
    assert not any(block.offsets for block in blocks)


def test_uneven_samples_keep_their_own_times() -> None:
    """Samples that are not evenly spaced come back with exactly their times."""
    steps = (0, 10, 80, 95, 3 * 2**30)
    writer = RecordWriter(HEADER)
    for step in steps:
        writer.add(1, 1000 + step, (1,))
    capture = decode_capture(FIRST_PAGE + b"".join(writer.finish()))
    np.testing.assert_array_equal(sensor_columns(capture, 1).time_s, np.array(steps) / 1e6)


def test_long_pause_after_uneven_samples() -> None:
    """A pause longer than a block's span can say begins a new block, also when uneven samples wait for two pages."""
    writer = RecordWriter(HEADER)
    ticks = [1000 + place * place * 50 for place in range(60)] + [2**40, 2**40 + 7]
    for tick in ticks:
        writer.add(1, tick, (1,))
    capture = decode_capture(FIRST_PAGE + b"".join(writer.finish()))
    np.testing.assert_allclose(sensor_columns(capture, 1).time_s * 1e6 + 1000, ticks, rtol=1e-15, atol=1e-6)


def test_latest_sample() -> None:
    """A sample 2^63 - 1 ticks after the record began is the latest that is written, verified and put in columns."""
    writer = RecordWriter(HEADER)
    writer.add(1, 1000 + 2**63 - 1, (1,))
    capture = decode_capture(FIRST_PAGE + b"".join(writer.finish()))
    assert sensor_columns(capture, 1).time_s.tolist() == [2**63 / 1e6]


def test_time_does_not_run_backwards_over_lost_samples() -> None:
    """The order of a sensor's samples is kept also where samples were lost between them."""
    writer = RecordWriter(HEADER)
    writer.add(1, 5000, (1,))
    writer.lose(1, 2)
    with pytest.raises(ValueError, match="time runs backwards"):
        writer.add(1, 4999, (1,))
    writer.add(1, 5000, (1,))
    assert inspect_capture(FIRST_PAGE + b"".join(writer.finish())).state is CaptureState.VERIFIED


@pytest.mark.parametrize(
    ("place", "ticks", "counts"),
    [
        pytest.param(0, 999, (1, 2, 3), id="before the record"),
        pytest.param(0, 1000 + 2**63, (1, 2, 3), id="2^63 ticks after the start"),
        pytest.param(0, 2**64, (1, 2, 3), id="beyond the clock"),
        pytest.param(0, 1000, (1, 2), id="too few axes"),
        pytest.param(1, 1000, (1, 2), id="too many axes"),
        pytest.param(0, 1000, (0, 0, 32768), id="above int16"),
        pytest.param(0, 1000, (-32769, 0, 0), id="below int16"),
        pytest.param(1, 1000, (65536,), id="above uint16"),
        pytest.param(1, 1000, (-1,), id="below uint16"),
    ],
)
def test_refused_samples(place: int, ticks: int, counts: tuple[int, ...]) -> None:
    """A sample that the format cannot hold is refused, and the record stays whole without it."""
    writer = RecordWriter(HEADER)
    with pytest.raises(ValueError, match=r"."):
        writer.add(place, ticks, counts)
    found = inspect_capture(FIRST_PAGE + b"".join(writer.finish()))
    assert found.state is CaptureState.VERIFIED
    assert found.end is not None
    assert sum(total.made for total in found.end.totals) == 0


def test_negative_loss_is_refused() -> None:
    """Samples cannot be lost backwards."""
    with pytest.raises(ValueError, match="cannot be lost"):
        RecordWriter(HEADER).lose(0, -1)


def test_last_index() -> None:
    """A record holds 2^32 - 1 samples of a sensor, lost ones counted, and not one more."""
    writer = RecordWriter(HEADER)
    with pytest.raises(ValueError, match="at most"):
        writer.lose(1, 2**32)
    writer.lose(1, 2**32 - 3)
    writer.add(1, 2000, (1,))
    writer.add(1, 3000, (2,))
    with pytest.raises(ValueError, match="at most"):
        writer.add(1, 4000, (3,))
    capture = decode_capture(FIRST_PAGE + b"".join(writer.finish()))
    assert capture.end.totals[1].made == 2**32 - 1
    assert sensor_columns(capture, 1).index.tolist() == [2**32 - 3, 2**32 - 2]


@given(
    most_pages=st.integers(2, 14), steps=st.lists(st.tuples(st.integers(0, 1), st.sampled_from([5, 7])), max_size=300)
)
@settings(max_examples=100, deadline=None)
def test_record_that_has_too_few_pages(most_pages: int, steps: list[tuple[int, int]]) -> None:
    """A record never has more pages than are free; what has no page is lost, and all of it is verified."""
    writer, whole, ticks, added = RecordWriter(HEADER, most_pages), RecordWriter(HEADER), 1000, [0, 0]
    for place, step in steps:
        ticks += step
        for one in (writer, whole):
            one.add(place, ticks, (1, 2, 3)[: HEADER.sensors[place].axes])
        added[place] += 1
    pages, all_pages = writer.finish(), whole.finish()
    capture = decode_capture(FIRST_PAGE + b"".join(pages))
    assert len(pages) == min(most_pages, len(all_pages))
    assert writer.is_cut == (len(all_pages) > most_pages) == (capture.end.reason is EndReason.MEMORY_FULL)
    assert [total.made for total in capture.end.totals] == added
    assert pages[:-1] == all_pages[: len(pages) - 1]


def test_record_of_one_page_is_refused() -> None:
    """Header and end are two pages."""
    with pytest.raises(ValueError, match="not 1 pages"):
        RecordWriter(HEADER, 1)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(replace(HEADER, record=0), id="record 0"),
        pytest.param(replace(HEADER, tick_hz=0), id="tick_hz 0"),
        pytest.param(replace(HEADER, sensors=()), id="no sensor"),
        pytest.param(replace(HEADER, record=2**32), id="record 2^32"),
        pytest.param(replace(HEADER, power_up=65536), id="power-up 65,536"),
        pytest.param(replace(HEADER, sensors=(ACCEL,) * 9), id="9 sensors"),
        pytest.param(replace(HEADER, sensors=(replace(ACCEL, axes=4),)), id="4 axes"),
        pytest.param(replace(HEADER, sensors=(replace(ACCEL, lsb_per_unit=0.0),)), id="0 counts in a unit"),
    ],
)
def test_refused_headers(header: RecordHeader) -> None:
    """A header that a reader would refuse is refused before a sample is taken."""
    with pytest.raises((PageError, ValueError)):
        RecordWriter(header)
