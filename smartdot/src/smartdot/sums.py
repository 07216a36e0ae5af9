"""Running sums of a sensor's blocks: what the end page's totals must say (FORMAT.md 4.2 and 4.3)."""

import struct
from dataclasses import dataclass, field

from smartdot.errors import PageError
from smartdot.model import Block, SampleType, Sensor, Total

CLOCK_TICKS = 2**64
MOST_RECORD_TICKS = 2**63
MOST_MADE = 2**32 - 1


@dataclass(slots=True)
class SensorSums:
    """What one sensor's blocks add up to, block after block.

    Attributes:
        sensor: The sensor's settings.
        start_ticks: The device's clock when the record began.
        stored: Samples so far.
        made: The next block's smallest first index.
        clipped: Samples so far with at least one clipped axis.
        last_ticks: Device time of the last sample, or the record's start.
    """

    sensor: Sensor
    start_ticks: int
    stored: int = 0
    made: int = 0
    clipped: int = 0
    last_ticks: int = field(init=False)

    def __post_init__(self) -> None:
        self.last_ticks = self.start_ticks

    def add(self, block: Block) -> None:
        """Add the sensor's next block.

        Raises:
            PageError: It begins before the last one ended, or its time or index is outside the record's (`content`).
        """
        if block.first_index < self.made or block.first_ticks < self.last_ticks:
            raise PageError("content", "a block that begins before the record, or before the sensor's last block ended")
        last_ticks = block.first_ticks + block.span_ticks
        if last_ticks >= min(CLOCK_TICKS, self.start_ticks + MOST_RECORD_TICKS):
            raise PageError(
                "content", "a block that ends beyond the device's clock, or 2^63 ticks after the record began"
            )
        if block.first_index + block.count > MOST_MADE:
            raise PageError("content", "a block whose last index is above 2^32 - 2")
        self.stored += block.count
        self.made = block.first_index + block.count
        self.last_ticks = last_ticks
        self.clipped += count_clipped(block, self.sensor)

    @property
    def total(self) -> Total:
        """The total of the blocks so far."""
        return Total(self.stored, self.made, self.clipped)

    def agrees_with(self, stated: Total) -> bool:
        """Tell whether an end page may state this total: it alone counts samples lost after the last block."""
        return (stated.stored, stated.clipped) == (self.stored, self.clipped) and stated.made >= self.made


def count_clipped(block: Block, sensor: Sensor) -> int:
    """Return how many of a block's samples have at least one clipped axis."""
    code = "h" if sensor.sample_type is SampleType.INT16 else "H"
    counts = struct.unpack(f"<{block.count * sensor.axes}{code}", block.samples)
    if not any(map(sensor.is_clipped, (min(counts), max(counts)))):
        return 0
    rows = zip(*[iter(counts)] * sensor.axes, strict=True)
    return sum(any(map(sensor.is_clipped, row)) for row in rows)
