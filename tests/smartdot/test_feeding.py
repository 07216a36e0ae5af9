"""Any bytes in any chunks: the inspector gives one answer, and nothing but the package's own errors comes out."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from smartdot import (
    CaptureInspector,
    CaptureState,
    FormatError,
    Inspection,
    MemoryImage,
    NotACaptureError,
    decode_capture,
    inspect_capture,
)
from smartdot.columns import sensor_columns

Seal = Callable[[bytes], bytes]

# Field borders and limits are where a validation would fail: offsets of all fields, and values at the ends of types.
OFFSETS = st.sampled_from([*range(4, 84), 128, 254])
VALUES = st.sampled_from([b"\0", b"\xff", b"\x01", b"\x80", b"\0" * 8, b"\xff" * 8, b"\xff" * 4, b"\xff\x7f"])
EDITS = st.lists(st.tuples(st.integers(0, 4), OFFSETS, VALUES | st.binary(min_size=1, max_size=8)), max_size=4)
REARRANGED = st.lists(st.integers(0, 4), max_size=8)


def _edited(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    pages = bytearray(data)
    for page, offset, value in edits:
        fitting = value[: 256 - offset]
        pages[256 * page + offset : 256 * page + offset + len(fitting)] = fitting
    return bytes(pages)


def _inspect_in_chunks(data: bytes, cuts: list[int]) -> Inspection | None:
    inspector = CaptureInspector()
    places = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    try:
        for begin, end in pairwise(places):
            inspector.feed(data[begin:end])
        return inspector.finish()
    except NotACaptureError:
        return None


def _inspect_whole(data: bytes) -> Inspection | None:
    try:
        return inspect_capture(data)
    except NotACaptureError:
        return None


def _contradictions(data: bytes) -> list[str]:
    """Return which rules do not hold for bytes that are decoded, or refused with an error of the package."""
    found = _inspect_whole(data)
    is_verified = found is not None and found.state is CaptureState.VERIFIED
    try:
        capture = decode_capture(data)
    except FormatError:
        return ["verified, but refused"] if is_verified else []
    broken = [] if is_verified else ["decoded, but not verified"]
    for place, total in enumerate(capture.end.totals):
        columns = sensor_columns(capture, place)
        rules = {
            "as many samples as its total": columns.index.size == total.stored,
            "as many clipped as its total": columns.clipped.any(axis=1).sum() == total.clipped,
            "finite values": np.isfinite(columns.values).all(),
            "no time before the record": (columns.time_s >= 0).all(),
            "time never descends": (np.diff(columns.time_s) >= 0).all(),
            "the index rises": (np.diff(columns.index) > 0).all(),
        }
        broken += [f"sensor {place}: {rule}" for rule, holds in rules.items() if not holds]
    return broken


@given(edits=EDITS, length=st.integers(0, 1280), cuts=st.lists(st.integers(0, 1280), max_size=12))
@settings(max_examples=200, deadline=None)
def test_chunks_do_not_matter(
    light_capture: bytes, edits: list[tuple[int, int, bytes]], length: int, cuts: list[int]
) -> None:
    """A capture, whole or damaged, fed in any chunks, is found to be what it is when fed at once."""
    data = _edited(light_capture, edits)[:length]
    assert _inspect_in_chunks(data, cuts) == _inspect_whole(data)


def test_byte_by_byte(light_capture: bytes) -> None:
    """A whole capture fed byte by byte is verified."""
    assert _inspect_in_chunks(light_capture, list(range(len(light_capture)))) == inspect_capture(light_capture)


@given(data=st.binary(max_size=1024))
@settings(max_examples=200, deadline=None)
def test_garbage(data: bytes) -> None:
    """Arbitrary bytes are read or refused with an error of the package."""
    assert _contradictions(data) == []


@given(after=st.binary(max_size=1024))
@settings(max_examples=100, deadline=None)
def test_garbage_after_a_first_page(light_capture: bytes, after: bytes) -> None:
    """Arbitrary bytes after a right first page are named as damaged pages, never more than there is room for."""
    found = inspect_capture(light_capture[:256] + after)
    assert found.state is CaptureState.DAMAGED
    assert found.problem_count <= 1 + -(-len(after) // 256)


@given(edits=EDITS, arrangement=REARRANGED | st.just([0, 1, 2, 3, 4]))
@settings(max_examples=400, deadline=None)
def test_changed_fields_under_right_checksums(
    light_capture: bytes, smartdot_seal: Seal, edits: list[tuple[int, int, bytes]], arrangement: list[int]
) -> None:
    """With every checksum made right again, changed fields are refused, or decode to finite, ordered columns."""
    edited = _edited(light_capture, edits)
    touched = {page for page, _, _ in edits}
    pages = [edited[256 * page : 256 * page + 256] for page in range(5)]
    sealed = [smartdot_seal(page) if number in touched else page for number, page in enumerate(pages)]
    assert _contradictions(b"".join(sealed[number] for number in arrangement)) == []


@given(offset=OFFSETS, value=VALUES, length=st.sampled_from([0, 255, 256, 257, 4864, 5120]))
@settings(max_examples=200, deadline=None)
def test_memory_with_a_changed_first_page(
    smartdot_golden: Callable[[str], bytes], smartdot_seal: Seal, offset: int, value: bytes, length: int
) -> None:
    """A memory whose first page says anything is read or refused with an error of the package."""
    first = smartdot_seal(_edited(smartdot_golden("first_page"), [(0, 28, b"\x13\0\0\0"), (0, offset, value)]))
    try:
        memory = MemoryImage(bytearray(first.ljust(length, b"\xff")[:length]))
    except FormatError:
        return
    assert memory.slots() == []
    assert memory.next_record() == 1
