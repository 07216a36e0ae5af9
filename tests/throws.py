"""Captures made to order, by the format's own writer."""

import math
from dataclasses import dataclass

from smartdot import FirstPage, MemoryImage, RecordHeader, RecordWriter, SampleType, Sensor, SensorKind, Version

ACCEL = Sensor(SensorKind.ACCEL, 3, SampleType.INT16, 100_000, 2048.0, 16.0, -32768, 32767)
GYRO = Sensor(SensorKind.GYRO, 3, SampleType.INT16, 100_000, 16.4, 2000.0, -32768, 32767)
LIGHT = Sensor(SensorKind.LIGHT, 1, SampleType.UINT16, 10_000, 1.0, 64000.0, 0, 65535)


@dataclass(frozen=True)
class Throw:
    """A simple capture to order: a constant rate of rotation, 1 g on z, steady light.

    Attributes:
        rpm: The rate, about z.
        duration_s: From first to last sample.
        record: The record's number.
        serial: The device's serial.
        skipped: Indices of gyroscope samples that are missing in time.
    """

    rpm: float = 300.0
    duration_s: float = 3.0
    record: int = 1
    serial: str = "SD-TEST"
    skipped: frozenset[int] = frozenset()

    def capture(self) -> bytes:
        """Return the bytes."""
        writer = RecordWriter(RecordHeader(self.record, 1_000, 1_000_000, (ACCEL, GYRO, LIGHT)))
        rate_counts = min(round(self.rpm * 6 * 16.4), 32767)
        for index in range(round(self.duration_s * 100) + 1):
            ticks = 1_000 + index * 10_000
            writer.add(0, ticks, (0, 0, 2048))
            if index not in self.skipped:
                writer.add(1, ticks, (0, 0, rate_counts))
            if index % 10 == 0:
                writer.add(2, ticks, (500 + round(100 * math.sin(index)),))
        pages = writer.finish()
        first = FirstPage(self.serial, Version(1, 0, 0), Version(1, 0, 0), len(pages) + 8, 4)
        memory = MemoryImage.blank(first)
        memory.store_record(pages)
        return memory.capture(self.record)
