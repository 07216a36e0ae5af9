"""CSV in plain Python: one row per instant as a recording has it, one row per reading, or a file for each sensor."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from device_bridge.errors import UsageError
from device_bridge.export.samples import (
    AXES,
    OpenChunks,
    Survey,
    block_counts,
    block_ticks,
    column_names,
    read_blocks,
)
from smartdot import Sensor, SensorKind

LAYOUTS: Final = ("recording", "long", "sensors")
# The project's recording CSV: what the emulator plays.
RECORDING_COLUMNS: Final = (
    "time_s",
    *("accel_x_g", "accel_y_g", "accel_z_g"),
    *("gyro_x_dps", "gyro_y_dps", "gyro_z_dps"),
    *("mag_x_ut", "mag_y_ut", "mag_z_ut"),
    "light_lx",
)
_CELLS: Final = {SensorKind.ACCEL: (1, 3), SensorKind.GYRO: (4, 3), SensorKind.MAG: (7, 3), SensorKind.LIGHT: (10, 1)}


def recording_lines(survey: Survey, open_chunks: OpenChunks) -> Iterator[str]:
    """Yield a recording: a row per instant, an empty cell where a sensor had no sample.

    Each sensor is read in a walk of its own, so that they can be merged in the order of time in bounded memory.

    Raises:
        UsageError: The record has sensors that a recording has no columns for.
    """
    check_fits_recording(survey)
    yield ",".join(RECORDING_COLUMNS) + "\n"
    streams = [_samples_of(survey, open_chunks, place) for place in range(len(survey.header.sensors))]
    cells = [""] * len(RECORDING_COLUMNS)
    row_ticks = -1
    for ticks, place, texts in heapq.merge(*streams):
        start, length = _CELLS[SensorKind(survey.header.sensors[place].kind)]
        # Two samples of one sensor at one instant are two rows.
        if ticks != row_ticks or cells[start]:
            if row_ticks >= 0:
                yield ",".join(cells) + "\n"
            cells = [""] * len(RECORDING_COLUMNS)
            cells[0] = repr(ticks / survey.header.tick_hz)
            row_ticks = ticks
        cells[start : start + length] = texts
    if row_ticks >= 0:
        yield ",".join(cells) + "\n"


def check_fits_recording(survey: Survey) -> None:
    """Return when a recording's columns hold every sensor of a record. Raises `UsageError` when they do not."""
    sensors = survey.header.sensors
    kinds = [sensor.kind for sensor in sensors]
    for name, sensor in zip(survey.sensor_names(), sensors, strict=True):
        known = isinstance(sensor.kind, SensorKind) and sensor.axes == _CELLS[sensor.kind][1]
        if not known or kinds.count(sensor.kind) > 1:
            raise UsageError(
                f"the record has a sensor {name} of {sensor.axes} axes that a recording has no columns for: "
                "choose --layout long or --layout sensors"
            )


def _samples_of(survey: Survey, open_chunks: OpenChunks, place: int) -> Iterator[tuple[int, int, list[str]]]:
    sensor, start_ticks = survey.header.sensors[place], survey.header.start_ticks
    write = _value_writer(sensor)
    for block in read_blocks(open_chunks):
        if block.sensor == place:
            for ticks, counts in zip(block_ticks(block), block_counts(block, sensor), strict=True):
                yield ticks - start_ticks, place, [write(count) for count in counts]


def long_lines(survey: Survey, open_chunks: OpenChunks) -> Iterator[str]:
    """Yield a row per reading, in the order of the capture's pages: ascending in time within each sensor."""
    yield "time_s,sensor,index,axis,value,unit,clipped\n"
    header, names = survey.header, survey.sensor_names()
    writers = [_value_writer(sensor) for sensor in header.sensors]
    for block in read_blocks(open_chunks):
        sensor, name, write = header.sensors[block.sensor], names[block.sensor], writers[block.sensor]
        samples = zip(block_ticks(block), block_counts(block, sensor), strict=True)
        for number, (ticks, counts) in enumerate(samples, start=block.first_index):
            time_s = repr((ticks - header.start_ticks) / header.tick_hz)
            for axis, count in zip(AXES, counts, strict=False):
                clipped = int(sensor.is_clipped(count))
                yield f"{time_s},{name},{number},{axis},{write(count)},{sensor.unit},{clipped}\n"


def sensor_lines(survey: Survey, open_chunks: OpenChunks, place: int) -> Iterator[str]:
    """Yield a row per sample of one sensor; `clipped` names the axes that were."""
    header, sensor = survey.header, survey.header.sensors[place]
    yield ",".join(("time_s", "index", *column_names(sensor, survey.sensor_names()[place]), "clipped")) + "\n"
    write = _value_writer(sensor)
    for block in read_blocks(open_chunks):
        if block.sensor != place:
            continue
        samples = zip(block_ticks(block), block_counts(block, sensor), strict=True)
        for number, (ticks, counts) in enumerate(samples, start=block.first_index):
            clipped = "".join(axis for axis, count in zip(AXES, counts, strict=False) if sensor.is_clipped(count))
            values = ",".join(map(write, counts))
            yield f"{(ticks - header.start_ticks) / header.tick_hz!r},{number},{values},{clipped}\n"


def _value_writer(sensor: Sensor) -> Callable[[int], str]:
    """Return a function that writes a count as its reading, with every digit that tells it from its neighbours."""
    texts: dict[int, str] = {}

    def write(count: int) -> str:
        if count not in texts:
            texts[count] = repr(count / sensor.lsb_per_unit)
        return texts[count]

    return write


def encode(lines: Iterable[str]) -> Iterator[bytes]:
    """Yield lines as bytes, many at a time."""
    pending: list[str] = []
    for line in lines:
        pending.append(line)
        if len(pending) == 1000:  # noqa: PLR2004 - enough for a write to cost little
            yield "".join(pending).encode("utf-8")
            pending.clear()
    yield "".join(pending).encode("utf-8")
