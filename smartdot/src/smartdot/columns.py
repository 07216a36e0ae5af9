"""Decoded samples as numpy columns. Of this package only this module and those it is made from need numpy.

`decode_columns` goes straight from a capture's bytes to columns: the pages are rows of one array, and a run of blocks
of the same shape is decoded at once. What it cannot take as right it leaves to `decode_capture`, which tells why.
"""

from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from numpy.typing import NDArray

from smartdot.capture import Capture
from smartdot.errors import FormatError
from smartdot.inspection import decode_capture
from smartdot.layout import unpack_end, unpack_first, unpack_header
from smartdot.model import RecordEnd, RecordHeader, SampleType, Sensor
from smartdot.page import PAGE_SIZE_BYTES, PageKind, expect_page, read_page
from smartdot.run_checks import blocks_are_allowed, pages_are_right, runs_agree
from smartdot.runs import FIRST_DATA_PAGE, Run, data_pages, heads_of, pages_of, runs_of
from smartdot.sums import CLOCK_TICKS, MOST_RECORD_TICKS


@dataclass(frozen=True, eq=False)
class SensorColumns:
    """All samples of one sensor of a capture. A column is computed when it is first asked for.

    Attributes:
        sensor: Its settings.
        tick_hz: Ticks in a second.
        runs: The blocks that the columns are made from.
    """

    sensor: Sensor
    tick_hz: int
    runs: tuple[Run, ...]

    @property
    def samples(self) -> int:
        """How many samples there are, n."""
        return self.runs[-1].rows.stop if self.runs else 0

    @cached_property
    def index(self) -> NDArray[np.int64]:
        """(n,) int64, the sample's index in the record; jumps where samples were lost in the device."""
        column = np.empty(self.samples, dtype=np.int64)
        for run in self.runs:
            np.add(run.first_index[:, None], np.arange(run.shape[1]), out=column[run.rows].reshape(run.shape))
        return column

    @cached_property
    def time_s(self) -> NDArray[np.float64]:
        """(n,) float64, seconds since the record began, not descending."""
        column = np.empty(self.samples, dtype=np.float64)
        for run in self.runs:
            run.write_time_s(column, self.tick_hz)
        return column

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """(n, axes) float64, in the sensor's unit."""
        column = np.empty((self.samples, self.sensor.axes), dtype=np.float64)
        for run in self.runs:
            np.divide(run.counts, self.sensor.lsb_per_unit, out=column[run.rows].reshape(run.counts.shape))
        return column

    @cached_property
    def clipped(self) -> NDArray[np.bool_]:
        """(n, axes) bool, whether that reading was clipped."""
        column = np.empty((self.samples, self.sensor.axes), dtype=np.bool_)
        for run in self.runs:
            there = column[run.rows].reshape(run.counts.shape)
            np.greater_equal(run.counts, self.sensor.clip_high, out=there)
            if self.sensor.sample_type is SampleType.INT16:
                there |= run.counts <= self.sensor.clip_low
        return column

    def count_clipped(self) -> int:
        """Return how many samples have at least one clipped axis."""
        # Axis by axis: numpy's own `any` along so short an axis is slow.
        return int(np.count_nonzero(reduce(np.logical_or, self.clipped.T)))


def decode_columns(data: bytes) -> list[SensorColumns]:
    """Return the columns of every sensor of a capture, in the header's order, after every page was checked.

    Raises:
        NotACaptureError, UnknownVersionError, CaptureDamagedError: As `smartdot.decode_capture`.
    """
    columns = _checked_columns(data)
    if columns is None:
        capture = decode_capture(data)
        return [sensor_columns(capture, place) for place in range(len(capture.header.sensors))]
    return columns


def read_columns(data: bytes) -> list[SensorColumns]:
    """Return the columns of every sensor of a capture that an inspection found verified; nothing is checked again.

    Args:
        data: A whole capture. Of one that is damaged the columns mean nothing.
    """
    header = unpack_header(read_page(data[PAGE_SIZE_BYTES : 2 * PAGE_SIZE_BYTES]))
    return _columns(data, header)


def sensor_columns(capture: Capture, place: int) -> SensorColumns:
    """Return the samples of the sensor at a place of the header's list, without a loop over samples.

    Args:
        capture: A decoded capture.
        place: 0 to the number of sensors - 1.
    """
    blocks = [block for block in capture.blocks if block.sensor == place]
    return _sensor_columns(pages_of(blocks), capture.header, place)


def _columns(data: bytes, header: RecordHeader) -> list[SensorColumns]:
    pages = data_pages(data)
    if len(header.sensors) == 1:
        return [_sensor_columns(pages, header, 0)]
    places = heads_of(pages)["sensor"]
    return [_sensor_columns(pages[places == place], header, place) for place in range(len(header.sensors))]


def _sensor_columns(pages: NDArray[np.uint8], header: RecordHeader, place: int) -> SensorColumns:
    """Return the columns of a sensor, whose pages these are."""
    return SensorColumns(header.sensors[place], header.tick_hz, tuple(runs_of(pages, header, place)))


def _checked_columns(data: bytes) -> list[SensorColumns] | None:
    """Return the columns when every rule of FORMAT.md holds; None when one does not, or when that is not clear."""
    page_count = len(data) // PAGE_SIZE_BYTES
    if len(data) % PAGE_SIZE_BYTES or page_count <= FIRST_DATA_PAGE:
        return None
    try:
        unpack_first(expect_page(data[:PAGE_SIZE_BYTES], (PageKind.FIRST,), 0, 0))
        header_page = read_page(data[PAGE_SIZE_BYTES : 2 * PAGE_SIZE_BYTES])
        record = header_page.record
        header = unpack_header(expect_page(header_page.data, (PageKind.HEADER,), record, 0))
        end = unpack_end(expect_page(data[-PAGE_SIZE_BYTES:], (PageKind.END,), record, page_count - 2))
    except FormatError:
        return None
    if not (pages_are_right(data, record) and blocks_are_allowed(data_pages(data), header)):
        return None
    columns = _columns(data, header)
    return columns if _totals_agree(columns, header, end) else None


def _totals_agree(columns: list[SensorColumns], header: RecordHeader, end: RecordEnd) -> bool:
    """Tell whether every sensor's blocks follow each other, and end as the end page says (FORMAT.md 4.2 and 4.3)."""
    if len(end.totals) != len(columns) or end.end_ticks < header.start_ticks:
        return False
    latest = min(CLOCK_TICKS - header.start_ticks, MOST_RECORD_TICKS, end.end_ticks - header.start_ticks + 1)
    return all(
        runs_agree(column.runs, total, latest) and column.count_clipped() == total.clipped
        for column, total in zip(columns, end.totals, strict=True)
    )
