"""Writing records: samples as a sensor gives them in, pages out (FORMAT.md section 4)."""

import struct
from dataclasses import dataclass, field

from smartdot.layout import BLOCK_SAMPLES_OFFSET, pack_block, pack_end, pack_header, unpack_header
from smartdot.model import Block, EndReason, RecordEnd, RecordHeader, SampleType, Sensor, Total
from smartdot.page import PAGE_SIZE_BYTES, read_page
from smartdot.sums import CLOCK_TICKS, MOST_MADE, MOST_RECORD_TICKS, count_clipped

_ROOM_BYTES = PAGE_SIZE_BYTES - BLOCK_SAMPLES_OFFSET
_OFFSET_BYTES = 4
_LONGEST_SPAN_TICKS = 2**32 - 1


def is_evenly_spaced(ticks: list[int]) -> bool:
    """Tell whether a block may leave its tick offsets out: within one tick of FORMAT.md 4.2's formula."""
    steps = len(ticks) - 1
    first, span = ticks[0], ticks[-1] - ticks[0]
    return all(abs(tick - first - span * place // max(steps, 1)) <= 1 for place, tick in enumerate(ticks))


def _pack_counts(sensor: Sensor, counts: tuple[int, ...]) -> bytes:
    code = "h" if sensor.sample_type is SampleType.INT16 else "H"
    try:
        return struct.pack(f"<{len(counts)}{code}", *counts)
    except struct.error as error:
        raise ValueError(f"{counts} are not all {sensor.sample_type.name.lower()} counts") from error


@dataclass(slots=True)
class _SensorBuffer:
    """Samples of one sensor that are not in a page yet."""

    sensor: Sensor
    place: int
    last_ticks: int
    ticks: list[int] = field(default_factory=list)
    samples: list[bytes] = field(default_factory=list)
    next_index: int = 0
    stored: int = 0
    clipped: int = 0

    @property
    def most_even(self) -> int:
        return _ROOM_BYTES // self.sensor.sample_bytes

    @property
    def most_with_offsets(self) -> int:
        return _ROOM_BYTES // (self.sensor.sample_bytes + _OFFSET_BYTES)

    def is_full(self, next_ticks: int) -> bool:
        too_long = bool(self.ticks) and next_ticks - self.ticks[0] > _LONGEST_SPAN_TICKS
        return too_long or len(self.ticks) == self.most_even

    def take_block(self) -> Block:
        even = is_evenly_spaced(self.ticks)
        count = len(self.ticks) if even else min(len(self.ticks), self.most_with_offsets)
        ticks, samples = self.ticks[:count], self.samples[:count]
        del self.ticks[:count], self.samples[:count]
        offsets = b"" if even else struct.pack(f"<{count}I", *(tick - ticks[0] for tick in ticks))
        block = Block(self.place, self.next_index, ticks[0], ticks[-1] - ticks[0], count, offsets, b"".join(samples))
        self.next_index += count
        return block

    def count_stored(self, block: Block) -> None:
        self.stored += block.count
        self.clipped += count_clipped(block, self.sensor)


class RecordWriter:
    """Writes one record as a device does: samples in as they are made, pages out as they fill.

    Args:
        header: The record's header.
        most_pages: Pages that are free for it, header and end included, at least 2; None for any number.

    Attributes:
        is_cut: Whether samples had no page left. They count as made; the record ends with `MEMORY_FULL`.

    Raises:
        PageError: The header has a value that FORMAT.md 4.1 does not allow.
        ValueError: It has more sensors than a page holds, a number that does not fit its field, or fewer than 2 pages.
    """

    def __init__(self, header: RecordHeader, most_pages: int | None = None) -> None:
        if most_pages is not None and most_pages < 2:  # noqa: PLR2004 - header and end
            raise ValueError(f"a record has at least a header and an end, not {most_pages} pages")
        self.is_cut = False
        self._most_pages = most_pages
        self._header = header
        try:
            self._pages = [pack_header(header)]
        except struct.error as error:
            raise ValueError(f"a number of the header does not fit its field: {error}") from error
        # What a reader would refuse is refused here, before a sample is taken.
        unpack_header(read_page(self._pages[0]))
        self._end_of_time = min(CLOCK_TICKS, header.start_ticks + MOST_RECORD_TICKS)
        self._buffers = [
            _SensorBuffer(sensor, place, header.start_ticks) for place, sensor in enumerate(header.sensors)
        ]
        self._last_ticks = header.start_ticks

    def add(self, place: int, ticks: int, counts: tuple[int, ...]) -> None:
        """Add one sample.

        Args:
            place: The sensor's place in the header.
            ticks: Device time, not before the sensor's last sample.
            counts: One count for each axis, within the sample type's range.

        Raises:
            ValueError: Time runs backwards or beyond the device's clock, a count is out of the sample type's range, the
                number of counts is not the number of axes, or the sample is one too many.
        """
        buffer = self._buffers[place]
        if len(counts) != buffer.sensor.axes:
            raise ValueError(f"{buffer.sensor.name} has {buffer.sensor.axes} axes, not {len(counts)}")
        if not buffer.last_ticks <= ticks < self._end_of_time:
            raise ValueError(f"time runs backwards or too far at sample {buffer.next_index + len(buffer.ticks)}")
        self._check_index(buffer, 1)
        sample = _pack_counts(buffer.sensor, counts)
        while buffer.is_full(ticks):
            self._store(buffer)
        buffer.samples.append(sample)
        buffer.ticks.append(ticks)
        buffer.last_ticks = ticks
        self._last_ticks = max(self._last_ticks, ticks)

    def lose(self, place: int, count: int) -> None:
        """Note that a sensor made samples that could not be stored, so the next block's index jumps over them.

        Raises:
            ValueError: The count is negative, or beyond the last index that the format has.
        """
        if count < 0:
            raise ValueError(f"{count} samples cannot be lost")
        buffer = self._buffers[place]
        self._check_index(buffer, count)
        self._flush(buffer)
        buffer.next_index += count

    @staticmethod
    def _check_index(buffer: _SensorBuffer, more: int) -> None:
        if buffer.next_index + len(buffer.ticks) + more > MOST_MADE:
            raise ValueError(f"a record holds at most 2^32 - 1 samples of {buffer.sensor.name}, lost ones counted")

    def finish(self, reason: EndReason = EndReason.SHOT_OVER) -> list[bytes]:
        """Return all pages of the record, the end page last.

        Args:
            reason: Why it ends; a record that was cut says that memory was full.
        """
        for buffer in self._buffers:
            self._flush(buffer)
        totals = tuple(Total(buffer.stored, buffer.next_index, buffer.clipped) for buffer in self._buffers)
        reason = EndReason.MEMORY_FULL if self.is_cut else reason
        end = RecordEnd(self._last_ticks, len(self._pages) + 1, reason, totals)
        return [*self._pages, pack_end(self._header.record, end)]

    def _flush(self, buffer: _SensorBuffer) -> None:
        while buffer.ticks:
            self._store(buffer)

    def _store(self, buffer: _SensorBuffer) -> None:
        block = buffer.take_block()
        # One page is kept for the end page.
        if self._most_pages is not None and len(self._pages) + 1 >= self._most_pages:
            self.is_cut = True
            return
        buffer.count_stored(block)
        self._pages.append(pack_block(self._header.record, len(self._pages), block))
