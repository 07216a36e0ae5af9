"""Samples reduced to as many points as a plot can show: of each stretch of time the lowest and the highest."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from device_bridge.export.samples import AXES, OpenChunks, Survey, block_counts, block_ticks, read_blocks
from smartdot import Block

Point: TypeAlias = tuple[float, float]


@dataclass(slots=True)
class Curve:
    """One axis of one sensor.

    Attributes:
        axis: `x`, `y`, `z`, or empty where there is only one.
        pieces: Points (seconds, reading) without a gap in each.
        clipped: A point for each stretch of time in which readings were clipped.
        clipped_count: Readings that were clipped.
    """

    axis: str
    pieces: list[list[Point]] = field(default_factory=list)
    clipped: list[Point] = field(default_factory=list)
    clipped_count: int = 0


@dataclass(frozen=True, slots=True)
class SensorCurves:
    """One sensor's curves.

    Attributes:
        name: `accel`, `gyro` ...
        unit: Of its readings.
        curves: One for each axis.
        gaps: From when to when samples are missing, in seconds.
    """

    name: str
    unit: str
    curves: tuple[Curve, ...]
    gaps: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Window:
    """What is looked at.

    Attributes:
        from_s: From when, in seconds since the record began.
        to_s: Until when.
        points: Stretches of time that the plot can tell apart.
    """

    from_s: float
    to_s: float
    points: int

    def stretch_of(self, time_s: float) -> int:
        """Return in which stretch a time lies."""
        length_s = self.to_s - self.from_s
        return int((time_s - self.from_s) / length_s * self.points) if length_s else 0


class _Reducer:
    """Takes one axis' readings in the order of time."""

    def __init__(self, axis: str, window: Window) -> None:
        self.curve = Curve(axis)
        self._window = window
        self._stretch = -1
        self._low: Point | None = None
        self._high: Point | None = None
        self._last_mark = -1

    def add(self, time_s: float, value: float, *, is_clipped: bool) -> None:
        stretch = self._window.stretch_of(time_s)
        if stretch != self._stretch:
            self._flush()
            self._stretch = stretch
        if self._low is None or value < self._low[1]:
            self._low = (time_s, value)
        if self._high is None or value > self._high[1]:
            self._high = (time_s, value)
        if is_clipped:
            self.curve.clipped_count += 1
            if stretch != self._last_mark:
                self.curve.clipped.append((time_s, value))
                self._last_mark = stretch

    def begin_piece(self) -> None:
        """Leave a gap open before the next reading."""
        self._flush()
        self.curve.pieces.append([])

    def finish(self) -> Curve:
        """Return the curve."""
        self._flush()
        self.curve.pieces = [piece for piece in self.curve.pieces if piece]
        return self.curve

    def _flush(self) -> None:
        if self._low is not None and self._high is not None:
            if not self.curve.pieces:
                self.curve.pieces.append([])
            self.curve.pieces[-1].extend(sorted({self._low, self._high}))
        self._low = self._high = None


class _SensorReducer:
    """Takes one sensor's blocks."""

    def __init__(self, survey: Survey, place: int, window: Window) -> None:
        self._header = survey.header
        self._sensor = survey.header.sensors[place]
        self._name = survey.sensor_names()[place]
        self._window = window
        axes = AXES[: self._sensor.axes] if self._sensor.axes > 1 else ("",)
        self._reducers = [_Reducer(axis, window) for axis in axes]
        self._next_index = 0
        self._last_s = 0.0
        self._gaps: list[tuple[float, float]] = []

    def add(self, block: Block) -> None:
        first_s = (block.first_ticks - self._header.start_ticks) / self._header.tick_hz
        if block.first_index > self._next_index:
            self._note_gap(first_s)
        self._next_index = block.first_index + block.count
        for ticks, counts in zip(block_ticks(block), block_counts(block, self._sensor), strict=True):
            self._last_s = (ticks - self._header.start_ticks) / self._header.tick_hz
            if self._window.from_s <= self._last_s <= self._window.to_s:
                for reducer, count in zip(self._reducers, counts, strict=True):
                    value = count / self._sensor.lsb_per_unit
                    reducer.add(self._last_s, value, is_clipped=self._sensor.is_clipped(count))

    def _note_gap(self, until_s: float) -> None:
        if self._last_s < self._window.to_s and until_s > self._window.from_s:
            self._gaps.append((max(self._last_s, self._window.from_s), min(until_s, self._window.to_s)))
        for reducer in self._reducers:
            reducer.begin_piece()

    def finish(self) -> SensorCurves:
        """Return the sensor's curves."""
        curves = tuple(reducer.finish() for reducer in self._reducers)
        return SensorCurves(self._name, self._sensor.unit, curves, tuple(self._gaps))


def read_curves(survey: Survey, open_chunks: OpenChunks, places: Sequence[int], window: Window) -> list[SensorCurves]:
    """Return the curves of some sensors.

    Args:
        survey: What the capture holds.
        open_chunks: Its bytes.
        places: The sensors' places in the header's list.
        window: What is looked at.
    """
    reducers = {place: _SensorReducer(survey, place, window) for place in places}
    for block in read_blocks(open_chunks):
        if block.sensor in reducers:
            reducers[block.sensor].add(block)
    return [reducer.finish() for reducer in reducers.values()]
