"""Parquet by the extra `[parquet]`: a file for each sensor, written in batches so that memory stays bounded."""

import importlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from device_bridge.errors import UsageError
from device_bridge.export.samples import OpenChunks, Survey, column_names, read_blocks
from smartdot import Block, Capture, EndReason, FirstPage, RecordEnd, Version

_BLOCKS_IN_A_BATCH: Final = 1024
# A batch is no whole capture: its columns need neither the device's page nor the record's end.
_NO_FIRST = FirstPage("none", Version(0, 0, 0), Version(0, 0, 0), 0, 0)
_NO_END = RecordEnd(0, 0, EndReason.UNKNOWN, ())


def require_extra() -> None:
    """Return when the extra is installed. Raises `UsageError` with what to install when it is not."""
    for name in ("pyarrow.parquet", "smartdot.columns"):
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise UsageError(
                f"Parquet needs {error.name}, which is not installed: pip install 'revmetrix-device-bridge[parquet]'. "
                "--format csv needs nothing more"
            ) from error


def write_sensor(path: Path, survey: Survey, open_chunks: OpenChunks, place: int, facts: dict[str, str]) -> None:
    """Write one sensor's samples: `time_s`, `index`, a column for each axis and one that says whether it was clipped.

    Args:
        path: The file; an existing one is overwritten.
        survey: What the capture holds.
        open_chunks: Its bytes.
        place: The sensor's place in the header's list.
        facts: Kept in the file's own metadata.
    """
    # An extra without types of its own, and a second to load.
    pa, pq = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    sensor = survey.header.sensors[place]
    names = column_names(sensor, survey.sensor_names()[place])
    fields = [pa.field("time_s", pa.float64()), pa.field("index", pa.int64())]
    fields += [pa.field(name, pa.float64()) for name in names]
    fields += [pa.field(f"{name}_clipped", pa.bool_()) for name in names]
    metadata = {**facts, "rate_hz": repr(sensor.rate_hz), "full_scale": repr(sensor.full_scale), "unit": sensor.unit}
    schema = pa.schema(fields, metadata=metadata)
    with pq.ParquetWriter(path, schema) as writer:
        for arrays in _batches(survey, open_chunks, place):
            writer.write_table(pa.Table.from_arrays([pa.array(array) for array in arrays], schema=schema))


def _batches(survey: Survey, open_chunks: OpenChunks, place: int) -> Iterator[list[Any]]:
    """Yield a sensor's columns, some blocks at a time."""
    from smartdot.columns import sensor_columns  # noqa: PLC0415 - needs numpy, which comes with the extra

    blocks: Iterator[Block] = (block for block in read_blocks(open_chunks) if block.sensor == place)
    while batch := tuple(islice(blocks, _BLOCKS_IN_A_BATCH)):
        columns = sensor_columns(Capture(survey.first or _NO_FIRST, survey.header, batch, _NO_END), place)
        axes = range(survey.header.sensors[place].axes)
        yield [
            columns.time_s,
            columns.index,
            *(columns.values[:, axis] for axis in axes),
            *(columns.clipped[:, axis] for axis in axes),
        ]
