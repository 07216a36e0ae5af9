"""What a capture takes as raw bytes, as a DynamoDB item and as a row for each sample; a part of `bench.engines`."""

import base64
import contextlib
import math
import random
import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from bench.full_device import capture_of
from bench.postgres import Connection
from bench.report import Figure
from chalicelib.captures.items import CaptureItem
from chalicelib.metrics.computation import compute
from chalicelib.metrics.items import MetricsItem
from smartdot import (
    RecordHeader,
    RecordWriter,
    SampleType,
    Sensor,
    SensorKind,
    decode_capture,
)

LARGEST_ITEM_BYTES = 400 * 1024
"""DynamoDB's limit for an item, names and values together."""
WRITE_UNIT_BYTES = 1024
TICK_HZ = 1_000_000


@dataclass(frozen=True, slots=True)
class Example:
    """A capture of a known shape, made by the format's own writer.

    Attributes:
        name: What it stands for.
        data: Its bytes.
        samples: How many it holds, of all sensors.
    """

    name: str
    data: bytes
    samples: int


def examples() -> list[Example]:
    """Return the captures that are compared: three shots, and a long recording."""
    accel, gyro, mag = SensorKind.ACCEL, SensorKind.GYRO, SensorKind.MAG
    return [
        _example("4 s at 100 Hz, even", 4.0, {accel: 100.0, gyro: 100.0, mag: 25.0}, 0),
        _example("4 s at 800 Hz, even", 4.0, {accel: 800.0, gyro: 800.0, mag: 25.0}, 0),
        _example("4 s at 800 and 1,600 Hz, uneven", 4.0, {accel: 800.0, gyro: 1600.0, mag: 25.0}, 200),
        _example("135 s at 100 Hz, uneven", 135.0, {accel: 100.0, gyro: 100.0, mag: 100.0}, 3000),
    ]


def _example(name: str, lasts_s: float, rates_hz: dict[SensorKind, float], jitter_ticks: int) -> Example:
    sensors = tuple(
        Sensor(kind, 3, SampleType.INT16, round(rate_hz * 1000), 16.4, 2000.0, -32768, 32767)
        for kind, rate_hz in rates_hz.items()
    )
    chance = random.Random(1)  # noqa: S311 - the same capture in every run
    samples = sorted(
        (round(index / rate_hz * TICK_HZ) + chance.randint(0, jitter_ticks), place)
        for place, rate_hz in enumerate(rates_hz.values())
        for index in range(round(lasts_s * rate_hz))
    )
    writer = RecordWriter(RecordHeader(1, 0, TICK_HZ, sensors))
    for ticks, place in samples:
        writer.add(place, ticks, (chance.randint(-999, 999), chance.randint(-999, 999), chance.randint(-999, 999)))
    return Example(name, capture_of(writer.finish()), len(samples))


def size_figures(conninfo: str | None) -> list[Figure]:
    """Return each example's size, and its other forms: as ratios to it, and in DynamoDB's write units.

    Args:
        conninfo: A PostgreSQL server's; None leaves its rows out.
    """
    return [figure for example in examples() for figure in _sizes(example, conninfo)]


def _sizes(example: Example, conninfo: str | None) -> list[Figure]:
    raw = len(example.data)
    figures = [
        Figure(f"{example.name}: raw bytes", raw, "bytes"),
        Figure(f"{example.name}: share of DynamoDB's largest item", raw / LARGEST_ITEM_BYTES, "x"),
        Figure(f"{example.name}: as one DynamoDB item", write_units(raw), "write units"),
        Figure(f"{example.name}: as base64 text", len(base64.b64encode(example.data)) / raw, "x"),
        Figure(f"{example.name}: a DynamoDB item for each sample", example.samples, "write units"),
        Figure(f"{example.name}: a row for each sample in SQLite", _sqlite_rows_bytes(example.samples) / raw, "x"),
    ]
    if conninfo is not None:
        rows_bytes = _postgres_rows_bytes(conninfo, example.samples)
        figures.append(Figure(f"{example.name}: a row for each sample in PostgreSQL", rows_bytes / raw, "x"))
    return figures


def write_units(size_bytes: int) -> int:
    """Return the write units of an item: one for each 1,024 bytes begun."""
    return math.ceil(size_bytes / WRITE_UNIT_BYTES)


def _sqlite_rows_bytes(samples: int) -> int:
    with tempfile.TemporaryDirectory(prefix="bench-rows-") as folder:
        path = Path(folder) / "samples.sqlite3"
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute(
                "CREATE TABLE samples (capture INTEGER, sensor INTEGER, number INTEGER, ticks INTEGER,"
                " x INTEGER, y INTEGER, z INTEGER, PRIMARY KEY (capture, sensor, number)) STRICT, WITHOUT ROWID"
            )
            rows = ((1, number % 3, number, number * 1250, 999, -999, 999) for number in range(samples))
            database.executemany("INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            database.commit()
        return path.stat().st_size


def _postgres_rows_bytes(conninfo: str, samples: int) -> int:
    with Connection(conninfo) as connection:
        connection.run(
            "CREATE TABLE samples (capture bigint, sensor smallint, number int, ticks bigint,"
            " x smallint, y smallint, z smallint, PRIMARY KEY (capture, sensor, number))"
        )
        connection.run(
            "INSERT INTO samples SELECT 1, n % 3, n, n * 1250, 999, -999, 999"
            " FROM generate_series(1, $1::text::int) AS n",
            str(samples).encode(),
        )
        size_bytes = int(connection.run("SELECT pg_total_relation_size('samples')::text"))
        connection.run("DROP TABLE samples")
        return size_bytes


def index_figures() -> list[Figure]:
    """Return the size of the items that stand in the captures table beside an object, with typical values."""
    user, sha256, moment = "0" * 36, "0" * 64, "2026-01-01T00:00:00.000000+00:00"
    capture = CaptureItem(
        f"U#{user}",
        f"C#{sha256}",
        received_key=f"{moment}#{sha256}",
        object_key=f"raw/{user}/{sha256}",
        size_bytes=100_000,
        state="verified",
        bad_pages=[],
        bad_page_count=0,
        device="SD-000001",
        record=1,
        format_version=1,
        provenance={"device": "SD-000001", "record": 1, "started_at": moment, "read_at": moment},
        bridge_id="0" * 36,
        received_at=moment,
        write_id="0" * 36,
    )
    result = to_builtins(compute(decode_capture(examples()[0].data)))
    metrics = MetricsItem(f"U#{user}", f"M#{sha256}#basic#1", state="ready", result=result, computed_at=moment)
    figures = []
    for name, item in (("a capture's row", capture), ("a capture's metrics", metrics)):
        size_bytes = _item_bytes(item)
        figures.append(Figure(f"index: {name}", size_bytes, "bytes"))
        figures.append(Figure(f"index: {name}, a write", write_units(size_bytes), "write units"))
    return figures


def _item_bytes(item: Any) -> int:
    """Return an item's size as DynamoDB counts it, names and values in UTF-8; numbers are counted by their digits."""
    attributes: dict[str, dict[str, Any]] = item.serialize()
    return sum(
        len(name.encode()) + len(str(value).encode()) for name, typed in attributes.items() for value in typed.values()
    )
