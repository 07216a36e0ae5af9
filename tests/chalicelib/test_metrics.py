"""The numbers of the algorithm unit, on captures whose truth is known."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.metrics.computation import compute
from chalicelib.metrics.model import Computed, Quality
from smartdot import (
    FirstPage,
    MemoryImage,
    RecordHeader,
    RecordWriter,
    SampleType,
    Sensor,
    SensorKind,
    Version,
    decode_capture,
)
from tests.throws import ACCEL, GYRO, Throw


def _computed(data: bytes) -> Computed:
    return compute(decode_capture(data))


def _capture_of(sensors: tuple[Sensor, ...], samples: list[tuple[int, int, tuple[int, ...]]]) -> bytes:
    writer = RecordWriter(RecordHeader(1, 0, 1_000_000, sensors))
    for place, ticks, counts in samples:
        writer.add(place, ticks, counts)
    pages = writer.finish()
    memory = MemoryImage.blank(FirstPage("SD-1", Version(1, 0, 0), Version(1, 0, 0), len(pages) + 4, 2))
    memory.store_record(pages)
    return memory.capture(1)


@given(rpm=st.floats(1, 330), duration_s=st.floats(0.1, 5))
@settings(max_examples=30, deadline=None)
def test_a_constant_rotation_is_measured(rpm: float, duration_s: float) -> None:
    """At a constant rate, peak and mean are that rate and the revolutions are rate times time, within half a count."""
    found = _computed(Throw(rpm=rpm, duration_s=duration_s).capture()).metrics
    half_count_rpm = 0.5 / 16.4 / 6
    lasted_s = found["duration_s"].value
    assert isinstance(lasted_s, float)
    assert lasted_s == pytest.approx(round(duration_s * 100) / 100)
    assert found["rate_peak_rpm"].value == pytest.approx(rpm, abs=half_count_rpm + 1e-9)
    assert found["rate_mean_rpm"].value == pytest.approx(rpm, abs=half_count_rpm + 1e-9)
    assert found["revolutions"].value == pytest.approx(rpm / 60 * lasted_s, abs=half_count_rpm * lasted_s / 60 + 1e-9)


def test_every_metric_says_what_it_is() -> None:
    """The names are the fixed ones, and each has a unit, a method, a version and a quality."""
    found = _computed(Throw().capture()).metrics
    assert list(found) == [
        "duration_s",
        "rate_peak_rpm",
        "rate_mean_rpm",
        "revolutions",
        "shot_detected",
        "acceleration_peak_g",
    ]
    for metric in found.values():
        assert metric.unit
        assert metric.method
        assert metric.version == "basic/1"
        assert metric.quality is Quality.GOOD
    assert found["acceleration_peak_g"].value == 1.0


def test_missing_samples_are_gaps() -> None:
    """An interval of more than 1.5 nominal periods is a gap, it lowers the rate, and the quality says so."""
    found = _computed(Throw(skipped=frozenset({50, 120, 121})).capture())
    gyro = found.sensors["gyro"]
    assert (gyro.samples, gyro.gaps) == (298, 2)
    assert gyro.rate_hz == pytest.approx(297 / 3.0)
    assert found.metrics["rate_peak_rpm"].quality is Quality.GAPS
    assert found.sensors["accel"].gaps == 0
    assert found.metrics["acceleration_peak_g"].quality is Quality.GOOD


def test_a_clipped_rate_is_a_lower_bound() -> None:
    """A gyroscope at its limit is never reported as measured; that it was a shot stays certain."""
    found = _computed(Throw(rpm=500.0).capture())
    assert found.sensors["gyro"].clipped == 301
    assert found.metrics["rate_peak_rpm"].quality is Quality.LOWER_BOUND
    assert found.metrics["revolutions"].quality is Quality.LOWER_BOUND
    assert found.metrics["shot_detected"].value is True
    assert found.metrics["shot_detected"].quality is Quality.GOOD


@pytest.mark.parametrize(
    ("rpm", "duration_s", "expected"),
    [(300.0, 2.5, True), (300.0, 0.7, False), (100.0, 4.0, False), (180.0, 2.0, True), (0.0, 3.0, False)],
)
def test_a_shot_is_told_from_a_turn_of_the_hand(rpm: float, duration_s: float, *, expected: bool) -> None:
    """Only a rotation that is fast, long and far enough is a shot."""
    assert _computed(Throw(rpm=rpm, duration_s=duration_s).capture()).metrics["shot_detected"].value is expected


def test_what_no_sensor_tells_is_unavailable() -> None:
    """Without a gyroscope or accelerometer, or with too few samples, the value is null and the quality says why."""
    light = Sensor(SensorKind.LIGHT, 1, SampleType.UINT16, 1_000, 1.0, 64000.0, 0, 65535)
    found = _computed(_capture_of((light,), [(0, 0, (10,)), (0, 1_000_000, (20,))]))
    assert found.metrics["rate_peak_rpm"].value is None
    assert found.metrics["shot_detected"].value is None
    assert found.metrics["acceleration_peak_g"].quality is Quality.UNAVAILABLE
    assert found.metrics["duration_s"].value == 1.0
    one_sample = _computed(_capture_of((GYRO, ACCEL), [(0, 0, (1, 2, 3))]))
    assert one_sample.metrics["rate_mean_rpm"].quality is Quality.UNAVAILABLE
    assert one_sample.sensors["gyro"].rate_hz is None
    assert one_sample.sensors["accel"].samples == 0


def test_a_record_without_any_sample_has_no_duration() -> None:
    """A record that holds nothing gives no number at all, and no error."""
    found = _computed(_capture_of((GYRO,), []))
    assert {metric.value for metric in found.metrics.values()} == {None}


def test_two_sensors_of_a_kind_have_names_of_their_own() -> None:
    """A second accelerometer is listed beside the first."""
    found = _computed(_capture_of((ACCEL, ACCEL), [(0, 0, (0, 0, 1)), (1, 0, (0, 0, 2)), (1, 10, (0, 0, 2))]))
    assert {name: summary.samples for name, summary in found.sensors.items()} == {"accel": 1, "accel_2": 2}


def test_samples_lost_in_the_device_are_told() -> None:
    """What the device made and could not store is counted as lost and lowers the quality."""
    writer = RecordWriter(RecordHeader(1, 0, 1_000_000, (GYRO,)))
    for index in range(10):
        writer.add(0, index * 10_000, (1, 1, 1))
    writer.lose(0, 3)
    writer.add(0, 130_000, (1, 1, 1))
    pages = writer.finish()
    memory = MemoryImage.blank(FirstPage("SD-1", Version(1, 0, 0), Version(1, 0, 0), len(pages) + 4, 2))
    memory.store_record(pages)
    found = _computed(memory.capture(1))
    assert (found.sensors["gyro"].samples, found.sensors["gyro"].lost) == (11, 3)
    assert found.metrics["revolutions"].quality is Quality.GAPS


def test_computed_again_the_numbers_are_the_same_bits() -> None:
    """The same bytes give the same result, bit for bit, and JSON carries it unchanged."""
    data = Throw(rpm=321.7, skipped=frozenset({3})).capture()
    first, second = _computed(data), _computed(data)
    assert msgspec.json.encode(first) == msgspec.json.encode(second)
    assert msgspec.json.decode(msgspec.json.encode(first), type=Computed) == first
