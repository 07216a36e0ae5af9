"""Whatever stands in a memory or a capture, reading it gives values or the format's own error, in bounded memory."""

import struct
import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartdot import (
    ERASED_PAGE,
    CaptureDamagedError,
    CaptureInspector,
    CaptureState,
    DirectorySlot,
    FormatError,
    MemoryImage,
    PageError,
    RecordNumbersUsedUpError,
    build_page,
    decode_capture,
    inspect_capture,
)
from smartdot.layout import pack_slot
from smartdot.page import PageKind
from tests.smartdot.images import changed

Golden = Callable[[str], bytes]
Seal = Callable[[bytes], bytes]
CHUNK = 64 * 1024


def test_every_single_flipped_bit_of_a_memory_is_named(smartdot_golden: Golden) -> None:
    """Each bit of a whole memory, flipped alone, is found and its page is named, whatever stands in it."""
    data = smartdot_golden("memory_ring")
    assert MemoryImage(bytearray(data)).damaged_pages() == []
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        if bit < 2048:
            with pytest.raises(PageError, match="page 0"):
                MemoryImage(flipped)
        else:
            assert MemoryImage(flipped).damaged_pages() == [bit // 2048], bit


def test_flipped_bits_of_a_memory_never_give_wrong_samples(smartdot_golden: Golden) -> None:
    """With any byte changed, a record that the directory still names is whole, or its capture names the page."""
    data = smartdot_golden("memory_ring")
    whole = {record: MemoryImage(bytearray(data)).capture(record) for record in (5, 6)}
    for at in range(256, len(data)):
        other = bytearray(data)
        other[at] ^= 0x10
        memory = MemoryImage(other)
        for slot in memory.slots():
            capture = memory.capture(slot.record)
            found = inspect_capture(capture)
            assert (found.state is CaptureState.VERIFIED) == (capture == whole[slot.record])
            if found.problems:
                place = 1 + slot.pages(memory.first).index(at // 256)
                assert [(problem.page, problem.problem) for problem in found.problems] == [(place, "checksum")]


@given(
    changes=st.lists(st.tuples(st.integers(0, 9 * 256 - 8), st.binary(min_size=1, max_size=8)), max_size=6),
    resealed=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_any_memory(
    smartdot_golden: Golden, smartdot_seal: Seal, changes: list[tuple[int, bytes]], *, resealed: bool
) -> None:
    """Whatever was written over a memory, with right checksums too, it is read, repaired or refused, and no more."""
    data = smartdot_golden("memory_ring")
    for at, value in changes:
        data = data[:at] + value + data[at + len(value) :]
    if resealed:
        data = smartdot_seal(data)
    try:
        memory = MemoryImage(bytearray(data))
    except FormatError:
        return
    for _ in range(2):
        for slot in memory.slots():
            found = inspect_capture(memory.capture(slot.record))
            assert found.state is (CaptureState.DAMAGED if found.problems else CaptureState.VERIFIED)
        with suppress(RecordNumbersUsedUpError):
            assert memory.next_record() > max([0, *(slot.record for slot in memory.slots())])
        memory.repair()
        assert memory.repair() == []


@pytest.mark.parametrize("page_count", [0, 1, 4, 8, 10, 2**24, 2**32 - 1])
@pytest.mark.parametrize("directory_pages", [0, 3, 2**31, 2**32 - 4, 2**32 - 1])
def test_first_pages_with_absurd_numbers(
    smartdot_golden: Golden, smartdot_seal: Seal, page_count: int, directory_pages: int
) -> None:
    """A first page that does not fit its memory is refused at once, whatever sizes it claims."""
    numbers = struct.pack("<II", page_count, directory_pages)
    data = smartdot_seal(changed(smartdot_golden("memory_ring"), 0, 28, numbers))
    with pytest.raises(PageError):
        MemoryImage(bytearray(data))
    # A capture may come from a memory of any size, but not from one that cannot hold a record.
    capture = smartdot_seal(changed(smartdot_golden("capture_accel"), 0, 28, numbers))
    is_possible = 1 <= directory_pages <= page_count - 3
    assert (inspect_capture(capture).state is CaptureState.VERIFIED) == is_possible


def test_directory_that_points_outside_memory(smartdot_golden: Golden) -> None:
    """Slots that point outside memory name no record; the records are found again where they stand."""
    memory = MemoryImage(bytearray(smartdot_golden("memory_ring")))
    before = bytes(memory.data)
    memory.write_page(1, pack_slot(DirectorySlot(6, 2**32 - 1, 3), 3))
    memory.write_page(3, pack_slot(DirectorySlot(5, 6, 2**32 - 1), 3))
    assert memory.slots() == []
    with pytest.raises(KeyError):
        memory.capture(6)
    assert memory.repair() == [1, 3]
    assert bytes(memory.data) == before


def test_record_that_never_ends(smartdot_golden: Golden) -> None:
    """A slot over pages without an end page gives a damaged capture that says what is missing, and is not repaired."""
    memory = MemoryImage(bytearray(smartdot_golden("memory_ring")))
    memory.write_page(5, ERASED_PAGE)
    problems = inspect_capture(memory.capture(6)).problems
    assert [(problem.page, problem.problem) for problem in problems] == [(3, "checksum")]
    with pytest.raises(CaptureDamagedError, match="page 3: "):
        decode_capture(memory.capture(6))
    memory.write_page(1, b"\0" * 256)
    assert memory.repair() == [1]
    assert [slot.record for slot in memory.slots()] == [5]


def test_capture_that_never_ends(smartdot_golden: Golden) -> None:
    """However many data pages follow, a capture without an end page is damaged, and the missing page is named."""
    inspector = CaptureInspector()
    inspector.feed(smartdot_golden("capture_accel")[:512])
    body = struct.pack("<BBHIQI", 0, 1, 1, 0, 1_000_100, 0)
    for number in range(1, 2000):
        index = struct.pack("<I", number)
        inspector.feed(build_page(PageKind.DATA, 7, number, body[:4] + index + body[8:] + bytes(6)))
    found = inspector.finish()
    assert [(problem.page, problem.problem) for problem in found.problems] == [(2001, "missing")]


@pytest.mark.parametrize(
    "pages",
    [
        pytest.param([], id="nothing"),
        pytest.param([0], id="a header alone"),
        pytest.param([0, 1], id="no end"),
        pytest.param([1, 2], id="no header"),
        pytest.param([0, 2], id="a page left out"),
        pytest.param([0, 1, 1, 2], id="a page twice"),
    ],
)
def test_what_is_no_record_is_not_stored(smartdot_golden: Golden, pages: list[int]) -> None:
    """Pages that are not one whole record are refused, and not a byte of memory changes."""
    memory, capture = MemoryImage(bytearray(smartdot_golden("memory_ring"))), smartdot_golden("capture_accel")[256:]
    before = bytes(memory.data)
    with pytest.raises(FormatError):
        memory.store_record([capture[256 * page : 256 * page + 256] for page in pages])
    assert bytes(memory.data) == before


def test_numbers_only_rise(smartdot_golden: Golden) -> None:
    """A record whose number was given before is refused."""
    memory = MemoryImage(bytearray(smartdot_golden("memory_ring")))
    record = [memory.page(number) for number in (6, 7)]
    memory.erase_record(5)
    with pytest.raises(ValueError, match="record 5 cannot follow record 6"):
        memory.store_record(record)


def test_last_record_number(smartdot_golden: Golden) -> None:
    """After record 2^32 - 1 a clear error says that there is no number left, and the record is still read."""
    memory, capture = MemoryImage(bytearray(smartdot_golden("memory_ring"))), smartdot_golden("capture_empty")
    memory.erase_record(5)
    memory.erase_record(6)
    memory.store_record([capture[256:512], capture[512:]])
    for image in (memory, MemoryImage(bytearray(memory.data))):
        with pytest.raises(RecordNumbersUsedUpError, match="4294967295 was the last"):
            image.next_record()
        assert image.capture(2**32 - 1)[256:] == capture[256:]


def _peak_bytes(head: bytes, chunks: int, chunk: bytes) -> tuple[int, int]:
    """Return the most memory that an inspection took, and how many problems it counted."""
    tracemalloc.start()
    try:
        inspector = CaptureInspector()
        inspector.feed(head)
        for _ in range(chunks):
            inspector.feed(chunk)
        found = inspector.finish()
        return tracemalloc.get_traced_memory()[1], found.problem_count
    finally:
        tracemalloc.stop()


def test_inspection_takes_bounded_memory(light_capture: bytes) -> None:
    """Four times as long a capture, every page of it damaged, takes no more memory; all of its problems are counted."""
    short, counted_short = _peak_bytes(light_capture[:512], 8, bytes(CHUNK))
    long, counted_long = _peak_bytes(light_capture[:512], 32, bytes(CHUNK))
    assert (counted_short, counted_long) == (8 * 256, 32 * 256)
    # Had every problem been kept, the longer one would need some 2 MiB more.
    assert long < short + 512 * 1024
    assert long < 2 * 1024 * 1024


def test_one_large_piece_is_not_copied(light_capture: bytes) -> None:
    """A capture that is fed in one piece is inspected where it stands."""
    peak, counted = _peak_bytes(light_capture[:300], 1, bytes(32 * CHUNK))
    assert counted > 8000
    assert peak < 16 * CHUNK
