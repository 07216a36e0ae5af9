"""Spools with captures in them, without a device: small records that hold clipping, gaps and several sensors."""

import contextlib
import math
from collections.abc import Sequence
from pathlib import Path

from device_bridge.emulator.flash import Flash
from device_bridge.spool import CaptureRow, NewCapture, Spool, SpooledPage
from smartdot import (
    PAGE_SIZE_BYTES,
    FirstPage,
    MemoryImage,
    RecordHeader,
    RecordWriter,
    SampleType,
    Sensor,
    SensorKind,
    Version,
    inspect_capture,
)
from smartdot.layout import pack_first

TICK_HZ = 1_000_000
START_TICKS = 5_000_000
ACCEL = Sensor(SensorKind.ACCEL, 3, SampleType.INT16, 800_000, 2048.0, 16.0, -32_768, 32_767)
GYRO = Sensor(SensorKind.GYRO, 3, SampleType.INT16, 400_000, 16.4, 2000.0, -32_768, 32_767)
LIGHT = Sensor(SensorKind.LIGHT, 1, SampleType.UINT16, 20_000, 1.0, 64_000.0, 0, 64_000)
SENSORS = (ACCEL, GYRO, LIGHT)
CLIPPED = range(100, 103)
LOST_AT, LOST = 200, 40


def first_page(serial: str = "SD-1") -> bytes:
    """Return a device's first page."""
    return pack_first(FirstPage(serial, Version(1, 0, 0), Version(1, 2, 3), 4096, 64))


def counts_of(sensor: Sensor, number: int) -> tuple[int, ...]:
    """Return what a sensor measures in its sample of a number; the accelerometer's z is clipped for a while."""
    if sensor.axes == 1:
        return (number * 10,)
    z = sensor.clip_high if sensor.kind is SensorKind.ACCEL and number in CLIPPED else number % 30_000
    return (round(1000 * math.sin(number / 20)), -(number % 30_000), z)


def small_capture(
    record: int = 1, *, serial: str = "SD-1", sensors: Sequence[Sensor] = SENSORS, length_s: float = 0.5, lose: int = 0
) -> bytes:
    """Return a whole capture of half a second; `lose` samples of the first sensor are lost after its 200th."""
    writer = RecordWriter(RecordHeader(record, START_TICKS, TICK_HZ, tuple(sensors)))
    samples = sorted(
        (START_TICKS + number * 1_000_000_000 // sensor.rate_millihertz, place, number)
        for place, sensor in enumerate(sensors)
        for number in range(int(length_s * sensor.rate_hz))
    )
    for ticks, place, number in samples:
        if place == 0 and LOST_AT <= number < LOST_AT + lose:
            writer.lose(0, 1)
        else:
            writer.add(place, ticks, counts_of(sensors[place], number))
    return first_page(serial) + b"".join(writer.finish())


def small_flash(serial: str = "TEST-1") -> Flash:
    """Return a device's memory that holds two small records."""
    image = MemoryImage.blank(FirstPage(serial, Version(1, 0, 0), Version(1, 2, 3), 512, 8))
    for record in (1, 2):
        capture = small_capture(record, serial=serial)
        pages = [capture[at : at + PAGE_SIZE_BYTES] for at in range(0, len(capture), PAGE_SIZE_BYTES)]
        image.store_record(pages[1:])
    return Flash(image)


def damaged(capture: bytes, *pages: int) -> bytes:
    """Return a capture with a bit flipped in some pages, named by their index in the capture."""
    data = bytearray(capture)
    for page in pages:
        data[page * PAGE_SIZE_BYTES + 200] ^= 1
    return bytes(data)


def keep(spool: Path, *captures: bytes, serial: str = "SD-1", first_record: int = 1) -> list[CaptureRow]:
    """Keep captures in a spool as if they were read from a device, sealed; return their rows."""
    with contextlib.closing(Spool(spool, 0)) as opened:
        for record, capture in enumerate(captures, start=first_record):
            pages = [capture[at : at + PAGE_SIZE_BYTES] for at in range(0, len(capture), PAGE_SIZE_BYTES)]
            problems = {problem.page: problem.problem for problem in inspect_capture(capture).problems}
            row = opened.begin(NewCapture(serial, record, pages[0], len(pages) - 1))
            spooled = [SpooledPage(at - 1, page, problems.get(at)) for at, page in enumerate(pages) if at]
            opened.add_pages(row.id, spooled)
            opened.seal(row.id, {"bridge": "test"})
        return opened.captures()


def rows_in(path: Path) -> list[CaptureRow]:
    """Return the captures of a spool, which is closed again."""
    with contextlib.closing(Spool(path)) as spool:
        return spool.captures()
