"""Recordings put into a device: readings turned into counts, samples into a record (FORMAT.md 4)."""

import statistics
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import pairwise

from device_bridge.emulator.device_state import TICK_HZ
from smartdot import RecordHeader, RecordWriter, SampleType, Sensor, SensorKind

_LARGEST_COUNT = 32_767
_LARGEST_RATE_MILLIHERTZ = 2**32 - 1
_LIGHT_FULL_SCALE_LX = 64_000.0

# Full scale in g and counts in one g: what a MetaMotion's accelerometer can be set to.
ACCEL_RANGES = ((2.0, 16_384.0), (4.0, 8_192.0), (8.0, 4_096.0), (16.0, 2_048.0))
# Full scale in deg/s and counts in one deg/s.
GYRO_RANGES = ((125.0, 262.4), (250.0, 131.2), (500.0, 65.6), (1_000.0, 32.8), (2_000.0, 16.4))
# Full scale in uT and counts in one uT; int16 ends at 2,047.9 uT, before the part's range does.
MAG_RANGES = ((2_500.0, 16.0),)
RANGES = {SensorKind.ACCEL: ACCEL_RANGES, SensorKind.GYRO: GYRO_RANGES, SensorKind.MAG: MAG_RANGES}


@dataclass(frozen=True, slots=True)
class SensorRecording:
    """What one sensor measured.

    Attributes:
        kind: The sensor.
        times_s: Seconds since the recording began, not descending; at least one.
        values: One tuple of readings in the sensor's unit for each time, one for each axis.
        rate_hz: The rate it was set to; None takes it from the median interval.
    """

    kind: SensorKind
    times_s: list[float]
    values: list[tuple[float, ...]]
    rate_hz: float | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """Samples as measured, before they are in a device: sensors that were there, in the order of their kinds."""

    sensors: tuple[SensorRecording, ...]


def nominal_rate_millihertz(times_s: Sequence[float]) -> int:
    """Return the rate that a sensor was likely set to, from the median of its intervals; 1 Hz for a single sample."""
    intervals = [later - earlier for earlier, later in pairwise(times_s)]
    median_s = statistics.median(intervals) if intervals else 1.0
    if median_s <= 0:
        return _LARGEST_RATE_MILLIHERTZ
    return min(max(1, round(1000 / median_s)), _LARGEST_RATE_MILLIHERTZ)


def choose_sensor(recorded: SensorRecording, *, largest_range: bool = False) -> Sensor:
    """Return the settings with the smallest range that holds every reading, or the largest there is.

    Args:
        recorded: What was measured.
        largest_range: Whether to take the largest range whatever was measured, as a device set to it beforehand.
    """
    rate = nominal_rate_millihertz(recorded.times_s) if recorded.rate_hz is None else round(recorded.rate_hz * 1000)
    axes = len(recorded.values[0])
    if recorded.kind is SensorKind.LIGHT:
        limit = int(_LIGHT_FULL_SCALE_LX)
        return Sensor(recorded.kind, axes, SampleType.UINT16, rate, 1.0, _LIGHT_FULL_SCALE_LX, 0, limit)
    peak = max(max(map(abs, value)) for value in recorded.values)
    ranges = RANGES[recorded.kind]
    # The first range in which the peak stays below the count that means "clipped".
    place = bisect_left([(_LARGEST_COUNT - 1) / lsb_per_unit for _, lsb_per_unit in ranges], peak)
    full_scale, lsb_per_unit = ranges[-1] if largest_range else ranges[min(place, len(ranges) - 1)]
    low, high = -_LARGEST_COUNT - 1, _LARGEST_COUNT
    return Sensor(recorded.kind, axes, SampleType.INT16, rate, lsb_per_unit, full_scale, low, high)


def quantize(sensor: Sensor, value: tuple[float, ...]) -> tuple[int, ...]:
    """Return a reading's counts, clipped to the sensor's limits."""
    low = sensor.clip_low if sensor.sample_type is SampleType.INT16 else 0
    # Limited before it is rounded: a reading may be far beyond any range.
    return tuple(round(max(low, min(sensor.clip_high, axis * sensor.lsb_per_unit))) for axis in value)


def write_record(
    recording: Recording,
    record: int,
    start_ticks: int,
    power_up: int = 0,
    *,
    largest_range: bool = False,
    most_pages: int | None = None,
) -> list[bytes]:
    """Return the pages of a record that holds every sample of a recording, or as many as there are pages for.

    Args:
        recording: The samples.
        record: The record's number, at least 1.
        start_ticks: The device's clock when the record began, in microseconds.
        power_up: How often the device was switched on, modulo 65,536; 0 when it is not known.
        largest_range: As for `choose_sensor`.
        most_pages: Pages that are free, at least 2; when they are used up the record ends there (FORMAT.md 3.3).
    """
    sensors = tuple(choose_sensor(recorded, largest_range=largest_range) for recorded in recording.sensors)
    writer = RecordWriter(RecordHeader(record, start_ticks, TICK_HZ, sensors, power_up), most_pages)
    streams = [
        [(time_s, place, value) for time_s, value in zip(recorded.times_s, recorded.values, strict=True)]
        for place, recorded in enumerate(recording.sensors)
    ]
    # In the order of time, as a device gets them, so that the sensors' pages are interleaved.
    for time_s, place, value in merge(*streams, key=lambda sample: sample[0]):
        writer.add(place, start_ticks + round(time_s * TICK_HZ), quantize(sensors[place], value))
        if writer.is_cut:
            break
    return writer.finish()
