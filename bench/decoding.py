"""Decoding a capture of a million samples to columns, beside numpy's bare work on the same samples.

The floor is `numpy.frombuffer` over the samples' own bytes, in one piece, and their division to float64. Ours begins
with the capture as it is stored, pages with heads between the samples. Each row says what was asked for: the values
alone; all four columns (index, time, value, clipped); all of them after every checksum and rule of FORMAT.md was
checked; and through the blocks that `decode_capture` gives, which are Python objects.
"""

import random
import statistics
import time
from collections.abc import Callable
from functools import partial
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from bench.full_device import capture_of
from bench.measure import Batch, interleave, progress, ratio, ratio_quartiles
from bench.report import Figure, Options, Result
from smartdot import (
    PAGE_SIZE_BYTES,
    RecordHeader,
    RecordWriter,
    SampleType,
    Sensor,
    SensorKind,
    decode_capture,
)
from smartdot.columns import SensorColumns, decode_columns, read_columns, sensor_columns

SAMPLES = 1_000_000
QUICK_SAMPLES = 20_000
TICK_HZ = 1_000_000
PERIOD_TICKS = 1_250
_AT_MOST = 2.0
_FLOOR = "numpy.frombuffer and scaling"
_ACCEL = Sensor(SensorKind.ACCEL, 3, SampleType.INT16, 800_000, 2048.0, 16.0, -32768, 32767)


def run(options: Options) -> Result:
    """Measure a capture of evenly spaced samples, and one with a time for each."""
    samples, rounds = (QUICK_SAMPLES, 2) if options.quick else (SAMPLES, 20)
    figures: list[Figure] = []
    details: dict[str, object] = {"samples": samples, "rounds": rounds}
    for spacing, jitter_ticks in (("even", 0), ("uneven", 200)):
        progress(f"decoding: writing {samples:,} samples, {spacing}")
        costs = interleave(_batches(_capture(samples, jitter_ticks)), rounds=rounds, what=f"decoding, {spacing}")
        details[f"{spacing}, ms_by_round"] = costs
        figures += _figures(f"{samples:,} samples of 3 axes, {spacing}", costs)
    return Result("decoding", figures, details, [_NOTE])


_NOTE = (
    f"the floor is {_FLOOR} of the samples' bytes alone; rows of verified bytes start from the capture's pages, "
    "which an inspection found whole before."
)


def _capture(samples: int, jitter_ticks: int) -> bytes:
    chance = random.Random(1)  # noqa: S311 - the same capture in every run
    counts = np.random.default_rng(1).integers(-32768, 32767, (samples, 3), dtype=np.int16).tolist()
    writer = RecordWriter(RecordHeader(1, 0, TICK_HZ, (_ACCEL,), 1))
    for index, (x, y, z) in enumerate(counts):
        writer.add(0, PERIOD_TICKS * index + chance.randint(0, jitter_ticks), (x, y, z))
    return capture_of(writer.finish())


def _batches(data: bytes) -> dict[str, Batch]:
    capture = decode_capture(data)
    counts = b"".join(block.samples for block in capture.blocks)
    wanted = _floor(counts)
    if not all(np.array_equal(found[0].values, wanted) for found in (decode_columns(data), read_columns(data))):
        raise ValueError("the columns are not what numpy makes of the same samples")
    ways: dict[str, Callable[[], object]] = {
        _FLOOR: partial(_floor, counts),
        "the values, of verified bytes": lambda: read_columns(data)[0].values,
        "the values, every page checked": lambda: decode_columns(data)[0].values,
        "all columns, of verified bytes": lambda: _all(read_columns(data)[0]),
        "all columns, every page checked": lambda: _all(decode_columns(data)[0]),
        "all columns, of decoded blocks": lambda: _all(sensor_columns(capture, 0)),
        "zlib.crc32 of every page alone": partial(_checksums, data),
    }
    return {name: partial(_took_ms, way) for name, way in ways.items()}


def _floor(counts: bytes) -> NDArray[np.float64]:
    scaled: NDArray[np.float64] = np.frombuffer(counts, dtype="<i2").reshape(-1, _ACCEL.axes) / _ACCEL.lsb_per_unit
    return scaled


def _all(columns: SensorColumns) -> object:
    return columns.index, columns.time_s, columns.values, columns.clipped


def _checksums(data: bytes) -> object:
    """Return what no reader that checks can leave out."""
    memory = memoryview(data)
    return [crc32(memory[at + 4 : at + PAGE_SIZE_BYTES]) for at in range(0, len(data), PAGE_SIZE_BYTES)]


def _took_ms(way: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    way()
    return (time.perf_counter() - began_s) * 1e3


def _figures(what: str, costs_ms: dict[str, list[float]]) -> list[Figure]:
    floor = costs_ms[_FLOOR]
    figures = [Figure(f"{what}: {_FLOOR}", statistics.median(floor), "ms")]
    for name, found in costs_ms.items():
        if name != _FLOOR:
            at_most = _AT_MOST if name == "the values, of verified bytes" else None
            figures.append(Figure(f"{what}: {name}", ratio(found, floor), "x", at_most, ratio_quartiles(found, floor)))
    return figures
