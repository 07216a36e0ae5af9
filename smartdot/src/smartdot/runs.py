"""Data pages as rows of one numpy array, and runs of blocks of one shape in it: what columns are made from."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smartdot.layout import BLOCK_SAMPLES_OFFSET, EVENLY_SPACED, WITH_OFFSETS
from smartdot.model import Block, RecordHeader, SampleType
from smartdot.page import PAGE_SIZE_BYTES

FIRST_DATA_PAGE = 2
_EXACT_TICKS = 2**53 - 2**32
_BODY_BYTES = PAGE_SIZE_BYTES - BLOCK_SAMPLES_OFFSET
DATA_PAGE = np.dtype(
    {
        "names": ["crc", "kind", "record", "number", "sensor", "timing", "count", "index", "ticks", "span"],
        "formats": ["<u4", "u1", "<u4", "<u4", "u1", "u1", "<u2", "<u4", "<u8", "<u4"],
        "offsets": [0, 4, 8, 12, 16, 17, 18, 20, 24, 32],
        "itemsize": PAGE_SIZE_BYTES,
    }
)


@dataclass(frozen=True, eq=False)
class Run:
    """Blocks of one sensor that follow each other and have the same shape.

    Attributes:
        rows: Their samples' place in the columns.
        shape: Blocks, samples in each.
        counts: (blocks, samples * axes), as stored.
        first_index: Of each block.
        first_ticks: Of each block, since the record began.
        span: Of each block, in ticks.
        offsets: (blocks, samples) ticks since the block's first; None when evenly spaced.
    """

    rows: slice
    shape: tuple[int, int]
    counts: NDArray[np.int16] | NDArray[np.uint16]
    first_index: NDArray[np.int64]
    first_ticks: NDArray[np.int64]
    span: NDArray[np.uint32]
    offsets: NDArray[np.uint32] | None

    def write_time_s(self, column: NDArray[np.float64], tick_hz: int) -> None:
        """Write seconds since the record began into their rows of a column."""
        there = column[self.rows].reshape(self.shape)
        if (self.first_ticks < _EXACT_TICKS).all():
            # Floats hold all of these ticks exactly, so their sums are those of integers, in half the memory.
            self._write_after_first(there)
            there += self.first_ticks[:, None]
            there /= tick_hz
        else:
            ticks = np.empty(self.shape, dtype=np.int64)
            self._write_after_first(ticks)
            ticks += self.first_ticks[:, None]
            np.divide(ticks, tick_hz, out=there)

    def _write_after_first(self, there: NDArray[Any]) -> None:
        """Write each sample's ticks after its block's first."""
        if self.offsets is not None:
            there[...] = self.offsets
            return
        # Few spans differ where the rate is steady: what follows from them is computed once for each.
        is_steady = bool((self.span == self.span[0]).all())
        spans, which = (self.span[:1], None) if is_steady else np.unique(self.span, return_inverse=True)
        steps = np.arange(self.shape[1], dtype=np.int64)
        after_first = (spans.astype(np.int64)[:, None] * steps // max(self.shape[1] - 1, 1)).astype(there.dtype)
        if which is None:
            there[...] = after_first
        else:
            np.take(after_first, which, axis=0, out=there, mode="clip")


def data_pages(data: bytes) -> NDArray[np.uint8]:
    """Return the data pages of a whole capture as rows."""
    return np.frombuffer(data, dtype=np.uint8).reshape(-1, PAGE_SIZE_BYTES)[FIRST_DATA_PAGE:-1]


def pages_of(blocks: list[Block]) -> NDArray[np.uint8]:
    """Return data pages that hold these blocks, as rows; only what a run is made from is filled in."""
    pages = np.zeros((len(blocks), PAGE_SIZE_BYTES), dtype=np.uint8)
    heads = heads_of(pages)
    heads["timing"] = [WITH_OFFSETS if block.offsets else EVENLY_SPACED for block in blocks]
    heads["count"] = [block.count for block in blocks]
    heads["index"] = [block.first_index for block in blocks]
    heads["ticks"] = [block.first_ticks for block in blocks]
    heads["span"] = [block.span_ticks for block in blocks]
    bodies = [(block.offsets + block.samples).ljust(_BODY_BYTES, b"\0") for block in blocks]
    pages[:, BLOCK_SAMPLES_OFFSET:] = np.frombuffer(b"".join(bodies), dtype=np.uint8).reshape(-1, _BODY_BYTES)
    return pages


def heads_of(pages: NDArray[np.uint8]) -> NDArray[np.void]:
    """Return the fields of data pages (FORMAT.md 2 and 4.2)."""
    heads: NDArray[np.void] = pages.view(DATA_PAGE)[:, 0]
    return heads


def runs_of(pages: NDArray[np.uint8], header: RecordHeader, place: int) -> Iterator[Run]:
    """Return the blocks of the sensor at a place of the header's list, whose pages these are, in runs of one shape."""
    heads, sensor, row = heads_of(pages), header.sensors[place], 0
    shapes = heads["timing"].astype(np.int64) << 16 | heads["count"]
    changes = np.flatnonzero(np.diff(shapes)) + 1
    bounds = [0, *changes.tolist(), len(pages)] if len(pages) else [0]
    # Unsigned: device ticks are u64, and a record's own are less than 2^63.
    since_start = (heads["ticks"] - np.uint64(header.start_ticks)).astype(np.int64)
    for begin, end in pairwise(bounds):
        count, has_offsets = int(heads["count"][begin]), heads["timing"][begin] == WITH_OFFSETS
        at = BLOCK_SAMPLES_OFFSET + (4 * count if has_offsets else 0)
        code = "<i2" if sensor.sample_type is SampleType.INT16 else "<u2"
        yield Run(
            slice(row, row + (end - begin) * count),
            (end - begin, count),
            # In one piece: a loop over whole columns is several times as fast as one over pages.
            np.ascontiguousarray(pages[begin:end, at : at + count * sensor.sample_bytes]).view(code),
            heads["index"][begin:end].astype(np.int64),
            since_start[begin:end],
            heads["span"][begin:end],
            pages[begin:end, BLOCK_SAMPLES_OFFSET:at].view("<u4") if has_offsets else None,
        )
        row += (end - begin) * count
