"""The rules of FORMAT.md for all pages of a capture at once: whether they hold, not which page breaks them."""

import zlib

import numpy as np
from numpy.typing import NDArray

from smartdot.layout import BLOCK_SAMPLES_OFFSET, EVENLY_SPACED, WITH_OFFSETS
from smartdot.model import RecordHeader, Total
from smartdot.page import PAGE_SIZE_BYTES, PageKind
from smartdot.runs import FIRST_DATA_PAGE, Run, data_pages, heads_of
from smartdot.sums import MOST_MADE


def pages_are_right(data: bytes, record: int) -> bool:
    """Tell whether every data page has its own checksum, kind and numbers (FORMAT.md 2)."""
    heads, memory, crc32 = heads_of(data_pages(data)), memoryview(data), zlib.crc32
    begins = range(FIRST_DATA_PAGE * PAGE_SIZE_BYTES, len(data) - PAGE_SIZE_BYTES, PAGE_SIZE_BYTES)
    sums = np.array([crc32(memory[at + 4 : at + PAGE_SIZE_BYTES]) for at in begins], dtype=np.uint32)
    numbers = np.arange(1, len(heads) + 1)
    return bool(
        (heads["crc"] == sums).all()
        and (heads["kind"] == PageKind.DATA).all()
        and (heads["record"] == record).all()
        and (heads["number"] == numbers).all()
    )


def blocks_are_allowed(pages: NDArray[np.uint8], header: RecordHeader) -> bool:
    """Tell whether every block is within its page and names a sensor (FORMAT.md 4.2)."""
    heads = heads_of(pages)
    if not (heads["sensor"] < len(header.sensors)).all():
        return False
    sample_bytes = np.array([sensor.sample_bytes for sensor in header.sensors])[heads["sensor"]]
    timing, count = heads["timing"], heads["count"].astype(np.int64)
    ends = BLOCK_SAMPLES_OFFSET + count * (sample_bytes + np.where(timing == WITH_OFFSETS, 4, 0))
    return bool(
        ((timing == EVENLY_SPACED) | (timing == WITH_OFFSETS)).all()
        and ((count > 0) & (ends <= PAGE_SIZE_BYTES)).all()
        and ((count > 1) | (heads["span"] == 0)).all()
    )


def runs_agree(runs: tuple[Run, ...], stated: Total, latest: int) -> bool:
    """Tell whether a sensor's blocks follow each other (FORMAT.md 4.2), and are as many as its total says.

    Args:
        runs: The sensor's blocks.
        stated: What the end page says of it.
        latest: Ticks since the record began that its last sample must be before, at most 2^63.
    """
    made = last = 0
    for run in runs:
        first_made, first_last = made, last
        ends = run.first_index + run.shape[1]
        # A tick beyond 2^63 is negative here, and so is one before the record began: neither follows another.
        last_ticks = run.first_ticks + run.span
        follows = (
            run.first_index[0] >= first_made
            and run.first_ticks[0] >= first_last
            and (run.first_index[1:] >= ends[:-1]).all()
            and (last_ticks >= run.first_ticks).all()
            and (run.first_ticks[1:] >= last_ticks[:-1]).all()
        )
        made, last = int(ends[-1]), int(last_ticks[-1])
        if not follows or made > MOST_MADE or last >= latest or not _offsets_are_allowed(run):
            return False
    stored = runs[-1].rows.stop if runs else 0
    return stated.stored == stored and stated.made >= made


def _offsets_are_allowed(run: Run) -> bool:
    if run.offsets is None:
        return True
    starts_at_0, ends_with_span = (run.offsets[:, 0] == 0).all(), (run.offsets[:, -1] == run.span).all()
    return bool(starts_at_0 and ends_with_span and (run.offsets[:, 1:] >= run.offsets[:, :-1]).all())
