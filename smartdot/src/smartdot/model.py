"""The values that the pages hold: first page, directory, header, blocks, end (FORMAT.md sections 3 and 4)."""

from dataclasses import dataclass
from enum import IntEnum

MAX_SENSORS = 8


class SensorKind(IntEnum):
    """What a sensor measures (FORMAT.md 4.1)."""

    ACCEL = 1
    GYRO = 2
    MAG = 3
    LIGHT = 4


UNITS = {SensorKind.ACCEL: "g", SensorKind.GYRO: "deg/s", SensorKind.MAG: "uT", SensorKind.LIGHT: "lx"}


class SampleType(IntEnum):
    """How a count is stored (FORMAT.md 4.1)."""

    INT16 = 1
    UINT16 = 2


class EndReason(IntEnum):
    """Why a record ended (FORMAT.md 4.3)."""

    UNKNOWN = 0
    SHOT_OVER = 1
    MEMORY_FULL = 2
    POWER_LOW = 3


@dataclass(frozen=True, slots=True)
class Version:
    """A hardware or firmware version, each part 0 to 255."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True, slots=True)
class FirstPage:
    """Who the device is and how its memory is laid out (FORMAT.md 3.1).

    Attributes:
        serial: 1 to 16 characters of `A-Z a-z 0-9 . _ -`.
        hardware: The hardware's version.
        firmware: The firmware's version.
        page_count: Pages of memory, this one included.
        directory_pages: Slots of the directory, at least 1.
        format_version: 1.
        page_size_bytes: 256.
    """

    serial: str
    hardware: Version
    firmware: Version
    page_count: int
    directory_pages: int
    format_version: int = 1
    page_size_bytes: int = 256

    @property
    def first_ring_page(self) -> int:
        """The page of memory where the ring of records begins."""
        return 1 + self.directory_pages

    @property
    def ring_pages(self) -> int:
        """How many pages the ring of records has."""
        return self.page_count - self.first_ring_page

    def page_after(self, number: int) -> int:
        """Return the page of memory that follows a page of the ring."""
        return number + 1 if number + 1 < self.page_count else self.first_ring_page

    def slot_page(self, record: int) -> int:
        """Return the page of memory that holds a record's directory slot."""
        return 1 + record % self.directory_pages


@dataclass(frozen=True, slots=True)
class DirectorySlot:
    """Where a whole record stands in memory (FORMAT.md 3.2).

    Attributes:
        record: The record's number.
        first_page: The page of memory that holds its header.
        page_count: Its pages, header and end included.
    """

    record: int
    first_page: int
    page_count: int

    def pages(self, first: FirstPage) -> list[int]:
        """Return the pages of memory that hold the record, in their order around the ring."""
        start = self.first_page - first.first_ring_page
        return [first.first_ring_page + (start + number) % first.ring_pages for number in range(self.page_count)]


@dataclass(frozen=True, slots=True)
class Sensor:
    """A sensor's settings in a record (FORMAT.md 4.1).

    Attributes:
        kind: What it measures; a plain number when this version does not know it.
        axes: 1 to 3.
        sample_type: How a count is stored.
        rate_millihertz: The rate it was set to, in thousandths of a sample a second.
        lsb_per_unit: Counts in one unit: reading = count / lsb_per_unit.
        full_scale: The range it was set to, in its unit.
        clip_low: A count at or below this was clipped (not for uint16).
        clip_high: A count at or above this was clipped.
    """

    kind: SensorKind | int
    axes: int
    sample_type: SampleType
    rate_millihertz: int
    lsb_per_unit: float
    full_scale: float
    clip_low: int
    clip_high: int

    @property
    def name(self) -> str:
        """The kind in a word: `accel`, `gyro`, `mag`, `light`, or `kind_<n>`."""
        return self.kind.name.lower() if isinstance(self.kind, SensorKind) else f"kind_{self.kind}"

    @property
    def rate_hz(self) -> float:
        """The rate it was set to, in samples a second."""
        return self.rate_millihertz / 1000

    @property
    def unit(self) -> str:
        """The unit of its readings, `count` for a kind that is not known."""
        return UNITS[self.kind] if isinstance(self.kind, SensorKind) else "count"

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample, all axes."""
        return 2 * self.axes

    def is_clipped(self, count: int) -> bool:
        """Tell whether a count of one axis was clipped."""
        return count >= self.clip_high or (self.sample_type is SampleType.INT16 and count <= self.clip_low)


@dataclass(frozen=True, slots=True)
class RecordHeader:
    """What a record's first page says (FORMAT.md 4.1).

    Attributes:
        record: The record's number, never repeated in the device's life.
        start_ticks: The device's clock when the record began.
        tick_hz: Ticks in a second.
        sensors: 1 to 8 sensors; blocks name them by their place here.
        power_up: How often the device had been switched on, modulo 65,536; 0 when it is not known. Ticks of two
            records can be compared only when both have the same, and it is not 0.
    """

    record: int
    start_ticks: int
    tick_hz: int
    sensors: tuple[Sensor, ...]
    power_up: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive samples of one sensor, one data page (FORMAT.md 4.2).

    Attributes:
        sensor: Its place in the header's list.
        first_index: Index of the first sample since the record began, lost ones counted.
        first_ticks: Device time of the first sample.
        span_ticks: From the first sample to the last.
        count: Samples, at least 1.
        offsets: Ticks after `first_ticks`, u32 little-endian, one for each sample; empty when evenly spaced.
        samples: The counts as stored, 2 * axes bytes for each sample.
    """

    sensor: int
    first_index: int
    first_ticks: int
    span_ticks: int
    count: int
    offsets: bytes
    samples: bytes


@dataclass(frozen=True, slots=True)
class Total:
    """A sensor's sums over its record (FORMAT.md 4.3).

    Attributes:
        stored: Samples in the record's blocks.
        made: Samples the sensor made; made - stored were lost in the device.
        clipped: Stored samples with at least one clipped axis.
    """

    stored: int
    made: int
    clipped: int


@dataclass(frozen=True, slots=True)
class RecordEnd:
    """What a record's last page says (FORMAT.md 4.3).

    Attributes:
        end_ticks: The device's clock when the record ended.
        page_count: Pages of the record, header and end included.
        reason: Why it ended.
        totals: One for each sensor.
    """

    end_ticks: int
    page_count: int
    reason: EndReason
    totals: tuple[Total, ...]
