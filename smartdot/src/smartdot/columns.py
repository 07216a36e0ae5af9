"""Decoded samples as numpy columns. The one module of this package that needs numpy: it costs a cold start."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smartdot.inspection import Capture
from smartdot.model import Block, SampleType, Sensor


@dataclass(frozen=True, slots=True)
class SensorColumns:
    """All samples of one sensor of a capture.

    Attributes:
        sensor: Its settings.
        index: (n,) int64, the sample's index in the record; jumps where samples were lost in the device.
        time_s: (n,) float64, seconds since the record began, not descending.
        values: (n, axes) float64, in the sensor's unit.
        clipped: (n, axes) bool, whether that reading was clipped.
    """

    sensor: Sensor
    index: NDArray[np.int64]
    time_s: NDArray[np.float64]
    values: NDArray[np.float64]
    clipped: NDArray[np.bool_]


def sensor_columns(capture: Capture, place: int) -> SensorColumns:
    """Return the samples of the sensor at a place of the header's list, without a loop over samples.

    Args:
        capture: A decoded capture.
        place: 0 to the number of sensors - 1.
    """
    sensor = capture.header.sensors[place]
    blocks = [block for block in capture.blocks if block.sensor == place]
    dtype = "<i2" if sensor.sample_type is SampleType.INT16 else "<u2"
    counts = np.frombuffer(b"".join(block.samples for block in blocks), dtype=dtype).reshape(-1, sensor.axes)
    clipped = counts >= sensor.clip_high
    if sensor.sample_type is SampleType.INT16:
        clipped |= counts <= sensor.clip_low
    index, ticks = _index_and_ticks(blocks, capture.header.start_ticks)
    return SensorColumns(sensor, index, ticks / capture.header.tick_hz, counts / sensor.lsb_per_unit, clipped)


def _index_and_ticks(blocks: list[Block], start_ticks: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    lengths = np.array([block.count for block in blocks], dtype=np.int64)
    begins = np.cumsum(lengths) - lengths
    within = np.arange(lengths.sum(), dtype=np.int64) - np.repeat(begins, lengths)
    index = within + np.repeat(np.array([block.first_index for block in blocks], dtype=np.int64), lengths)
    spans = np.repeat(np.array([block.span_ticks for block in blocks], dtype=np.int64), lengths)
    after_first = spans * within // np.maximum(np.repeat(lengths, lengths) - 1, 1)
    has_offsets = np.repeat(np.array([bool(block.offsets) for block in blocks], dtype=np.bool_), lengths)
    after_first[has_offsets] = np.frombuffer(b"".join(block.offsets for block in blocks), dtype="<u4")
    # The difference is taken in Python: device ticks are u64, and numpy's int64 would overflow late in a device's life.
    firsts = np.array([block.first_ticks - start_ticks for block in blocks], dtype=np.int64)
    return index, np.repeat(firsts, lengths) + after_first
