"""A capture's samples as its bytes stream by, in bounded memory: of good pages only, and what is missing by name."""

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from device_bridge.errors import BridgeError
from smartdot import (
    Block,
    CaptureInspector,
    CaptureState,
    FirstPage,
    Inspection,
    NotACaptureError,
    PageProblem,
    RecordHeader,
    SampleType,
    Sensor,
)

OpenChunks: TypeAlias = Callable[[], Iterable[bytes]]
UNIT_NAMES = {"g": "g", "deg/s": "dps", "uT": "ut", "lx": "lx"}
AXES = "xyz"
_MOST_GAPS_KEPT = 1000


class NoSamplesError(BridgeError):
    """A capture's samples cannot be read; its raw bytes can be exported all the same."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Samples that a capture does not hold, lost in the device or with a damaged page.

    Attributes:
        sensor: Its place in the header's list.
        first_index: The first that is missing.
        count: How many.
        after_s: When the last sample before them was taken, in seconds since the record began; 0 when there is none.
    """

    sensor: int
    first_index: int
    count: int
    after_s: float


@dataclass(frozen=True, slots=True)
class Survey:
    """What a capture holds, from a first walk over its bytes.

    Attributes:
        first: The device's first page, None when it is damaged.
        header: The record's header.
        problems: Damaged pages in their order, at most 1,000.
        problem_count: How many there are.
        sample_counts: Samples of good pages, for each sensor.
        gaps: What is missing, at most 1,000, in the order of their pages.
        last_ticks: When the last sample was taken, in ticks since the record began.
    """

    first: FirstPage | None
    header: RecordHeader
    problems: tuple[PageProblem, ...]
    problem_count: int
    sample_counts: tuple[int, ...]
    gaps: tuple[Gap, ...]
    last_ticks: int

    def sensor_names(self) -> tuple[str, ...]:
        """Return a name for each sensor, numbered from the second of a kind on."""
        names: list[str] = []
        for sensor in self.header.sensors:
            before = sum(other.name == sensor.name for other in self.header.sensors[: len(names)])
            names.append(sensor.name if not before else f"{sensor.name}_{before + 1}")
        return tuple(names)


def survey_capture(open_chunks: OpenChunks) -> Survey:
    """Walk over a capture once.

    Raises:
        NoSamplesError: Its version is unknown, it is no capture, or its header is damaged.
    """
    inspector = CaptureInspector(keep_blocks=True)
    counts: dict[int, int] = {}
    next_index: dict[int, int] = {}
    last_ticks: dict[int, int] = {}
    missing: list[tuple[int, int, int, int]] = []
    for block in _walk(inspector, open_chunks()):
        expected = next_index.get(block.sensor, 0)
        if block.first_index > expected:
            missing.append((block.sensor, expected, block.first_index - expected, last_ticks.get(block.sensor, -1)))
        counts[block.sensor] = counts.get(block.sensor, 0) + block.count
        next_index[block.sensor] = block.first_index + block.count
        last_ticks[block.sensor] = block.first_ticks + block.span_ticks
    found = _finish(inspector)
    header = _required_header(found)
    if found.end is not None:
        for place, total in enumerate(found.end.totals):
            expected = next_index.get(place, 0)
            if total.made > expected:
                missing.append((place, expected, total.made - expected, last_ticks.get(place, -1)))
    return Survey(
        found.first,
        header,
        found.problems,
        found.problem_count,
        tuple(counts.get(place, 0) for place in range(len(header.sensors))),
        tuple(
            Gap(sensor, first, count, max(0, ticks - header.start_ticks) / header.tick_hz)
            for sensor, first, count, ticks in missing[:_MOST_GAPS_KEPT]
        ),
        max(last_ticks.values(), default=header.start_ticks) - header.start_ticks,
    )


def read_blocks(open_chunks: OpenChunks) -> Iterator[Block]:
    """Yield the blocks of a capture's good pages, in the order of their pages."""
    yield from _walk(CaptureInspector(keep_blocks=True), open_chunks())


def _walk(inspector: CaptureInspector, chunks: Iterable[bytes]) -> Iterator[Block]:
    for chunk in chunks:
        try:
            inspector.feed(chunk)
        except NotACaptureError as error:
            raise NoSamplesError(f"what is there is no capture: {error}") from error
        yield from inspector.blocks
        inspector.blocks.clear()


def _finish(inspector: CaptureInspector) -> Inspection:
    try:
        return inspector.finish()
    except NotACaptureError as error:
        raise NoSamplesError(f"what is there is no capture: {error}") from error


def _required_header(found: Inspection) -> RecordHeader:
    if found.state is CaptureState.UNREADABLE:
        raise NoSamplesError(
            f"format version {found.format_version} is not known to this device_bridge: --format raw gives the bytes"
        )
    if found.header is None:
        raise NoSamplesError(
            "the record's header is damaged, so its samples cannot be read: --format raw gives the bytes"
        )
    return found.header


def block_ticks(block: Block) -> list[int]:
    """Return the device's clock at each sample of a block (FORMAT.md 4.2)."""
    if block.offsets:
        return [block.first_ticks + offset for offset in struct.unpack(f"<{block.count}I", block.offsets)]
    steps = max(block.count - 1, 1)
    return [block.first_ticks + block.span_ticks * number // steps for number in range(block.count)]


def block_counts(block: Block, sensor: Sensor) -> list[tuple[int, ...]]:
    """Return the counts of each sample of a block, one for each axis."""
    letter = "h" if sensor.sample_type is SampleType.INT16 else "H"
    counts = struct.unpack(f"<{block.count * sensor.axes}{letter}", block.samples)
    return list(zip(*(counts[axis :: sensor.axes] for axis in range(sensor.axes)), strict=True))


def column_names(sensor: Sensor, name: str) -> tuple[str, ...]:
    """Return a column's name for each axis: `accel_x_g`, `light_lx`."""
    unit = UNIT_NAMES.get(sensor.unit, "count")
    if sensor.axes == 1:
        return (f"{name}_{unit}",)
    return tuple(f"{name}_{axis}_{unit}" for axis in AXES[: sensor.axes])
