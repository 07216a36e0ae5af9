"""A device's memory: its ring, its directory, and that a record's number never comes twice."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartdot import (
    ERASED_PAGE,
    CaptureState,
    DirectorySlot,
    FormatError,
    MemoryFullError,
    MemoryImage,
    PageKind,
    build_page,
    inspect_capture,
)
from smartdot.layout import pack_first, pack_slot
from tests.smartdot.images import SMALL_MEMORY, record_of


def _memory_with(*page_counts: int) -> MemoryImage:
    memory = MemoryImage.blank(SMALL_MEMORY)
    for page_count in page_counts:
        memory.store_record(record_of(memory.next_record(), page_count))
    return memory


def test_blank_memory() -> None:
    """A new memory is a first page and erased pages, names no record, and gives the first one the number 1."""
    memory = MemoryImage.blank(SMALL_MEMORY)
    assert bytes(memory.data) == pack_first(SMALL_MEMORY) + ERASED_PAGE * 16
    assert (memory.slots(), memory.next_record()) == ([], 1)


def test_records_follow_each_other() -> None:
    """Records stand behind each other from the first page of the ring, each with its slot."""
    memory = _memory_with(3, 4)
    assert memory.slots() == [DirectorySlot(1, 5, 3), DirectorySlot(2, 8, 4)]
    assert memory.page(1 + 2) == pack_slot(DirectorySlot(2, 8, 4), 4)
    assert memory.page(8) == record_of(2, 4)[0]


def test_capture_is_the_stored_bytes() -> None:
    """A capture is the first page and the record's pages, byte for byte, and it is verified."""
    memory = _memory_with(3, 4)
    capture = memory.capture(2)
    assert capture == pack_first(SMALL_MEMORY) + b"".join(record_of(2, 4))
    assert inspect_capture(capture).state is CaptureState.VERIFIED
    with pytest.raises(KeyError):
        memory.capture(3)


def test_record_wraps_around_the_ring() -> None:
    """A record that reaches the end of memory goes on at the first page of the ring, and its capture is whole."""
    memory = _memory_with(5, 5)
    memory.erase_record(1)
    slot = memory.store_record(record_of(3, 6))
    assert slot == DirectorySlot(3, 15, 6)
    assert slot.pages(SMALL_MEMORY) == [15, 16, 5, 6, 7, 8]
    assert inspect_capture(memory.capture(3)).state is CaptureState.VERIFIED
    assert memory.capture(3)[256:] == b"".join(record_of(3, 6))
    assert memory.capture(2)[256:] == b"".join(record_of(2, 5))


def test_record_after_one_that_ends_with_memory() -> None:
    """After a record that ends on the last page of memory the next begins at the first page of the ring."""
    memory = _memory_with(6, 6)
    memory.erase_record(1)
    assert memory.store_record(record_of(3, 2)).first_page == 5


def test_erase_frees_only_the_slot() -> None:
    """Erasing a record empties its slot and leaves the other records and all other pages as they were."""
    memory = _memory_with(3, 4)
    before = bytes(memory.data)
    assert memory.erase_record(1)
    assert memory.slots() == [DirectorySlot(2, 8, 4)]
    assert bytes(memory.data) == before[: 2 * 256] + ERASED_PAGE + before[3 * 256 :]
    assert not memory.erase_record(1)
    assert not memory.erase_record(5)


@pytest.mark.parametrize(
    ("held", "page_count", "why"),
    [
        pytest.param((6, 5), 2, "pages", id="too few pages"),
        pytest.param((), 13, "pages", id="larger than the ring"),
        pytest.param((2, 2, 2, 2), 2, "slot", id="no slot"),
    ],
)
def test_full_memory(held: tuple[int, ...], page_count: int, why: str) -> None:
    """A record that does not fit is refused, and not a byte of memory changes."""
    memory = _memory_with(*held)
    before = bytes(memory.data)
    with pytest.raises(MemoryFullError, match=why):
        memory.store_record(record_of(memory.next_record(), page_count))
    assert bytes(memory.data) == before


def test_no_room_in_one_piece() -> None:
    """A record that would overwrite a kept one is refused, although enough pages are free elsewhere."""
    memory = _memory_with(3, 3, 3)
    memory.erase_record(2)
    before = bytes(memory.data)
    with pytest.raises(MemoryFullError, match="still kept"):
        memory.store_record(record_of(4, 4))
    assert bytes(memory.data) == before


@pytest.mark.parametrize(
    ("held", "freed", "room"),
    [
        pytest.param((), (), 12, id="empty"),
        pytest.param((3, 4), (), 5, id="behind the last"),
        pytest.param((3, 4), (1,), 8, id="around the end of the ring"),
        pytest.param((3, 3, 3), (2,), 3, id="freed in the middle"),
        pytest.param((6, 6), (), 0, id="no page"),
        pytest.param((2, 2, 2, 2), (), 0, id="no slot"),
    ],
)
def test_room(held: tuple[int, ...], freed: tuple[int, ...], room: int) -> None:
    """The next record may have exactly as many pages as there is room for."""
    memory = _memory_with(*held)
    for record in freed:
        memory.erase_record(record)
    assert memory.room() == room
    with pytest.raises(MemoryFullError):
        memory.store_record(record_of(memory.next_record(), max(2, room + 1)))
    if room:
        memory.store_record(record_of(memory.next_record(), room))


def test_pages_that_two_slots_name_are_taken_once() -> None:
    """A damaged slot that names another record's pages takes no room of its own."""
    memory = _memory_with(4, 4)
    memory.write_page(memory.first.slot_page(1), pack_slot(DirectorySlot(1, memory.slots()[1].first_page, 4), 4))
    assert memory.room() == 8
    memory.store_record(record_of(3, 8))


def _repaired(*pages: tuple[int, PageKind, int, int]) -> list[DirectorySlot]:
    """Return what a repair of slot 3 finds among pages without a body, each given as place, kind, record, number."""
    memory = MemoryImage.blank(SMALL_MEMORY)
    for place, kind, record, number in pages:
        memory.write_page(place, build_page(kind, record, number, b""))
    memory.write_page(4, b"torn" * 64)
    memory.repair()
    return memory.slots()


def test_repair_does_not_look_at_content() -> None:
    """A record whose values are not allowed is a record that stands there; record 0 is none."""
    pages = ((6, PageKind.HEADER, 7, 0), (7, PageKind.DATA, 7, 1), (8, PageKind.END, 7, 2))
    assert _repaired(*pages) == [DirectorySlot(7, 6, 3)]
    memory = MemoryImage.blank(replace(SMALL_MEMORY, directory_pages=1, page_count=14))
    memory.write_page(1, b"torn" * 64)
    for page in ((6, PageKind.HEADER, 0, 0), (7, PageKind.END, 0, 1)):
        memory.write_page(page[0], build_page(*page[1:], b""))
    assert memory.repair() == [1]
    assert memory.page(1) == ERASED_PAGE


def test_repair_takes_the_first_of_two_equal_numbers() -> None:
    """Of two whole records with one number, the slot names the one whose header has the lower address."""
    early = ((6, PageKind.HEADER, 7, 0), (7, PageKind.END, 7, 1))
    late = ((10, PageKind.HEADER, 7, 0), (11, PageKind.DATA, 7, 1), (12, PageKind.END, 7, 2))
    assert _repaired(*late, *early) == [DirectorySlot(7, 6, 2)]


@given(
    actions=st.lists(
        st.tuples(st.just("store"), st.integers(2, 12)) | st.tuples(st.just("erase"), st.integers(0, 3)), max_size=40
    )
)
@settings(max_examples=100, deadline=None)
def test_any_life(actions: list[tuple[str, int]]) -> None:
    """Through any storing and erasing, kept records keep their bytes, refusals change nothing, numbers only rise."""
    memory = MemoryImage.blank(SMALL_MEMORY)
    kept: dict[int, list[bytes]] = {}
    newest = 0
    for action, figure in actions:
        assert memory.next_record() == newest + 1
        before = bytes(memory.data)
        if action == "erase" and kept:
            record = sorted(kept)[figure % len(kept)]
            assert memory.erase_record(record)
            del kept[record]
        elif action == "store":
            pages = record_of(newest + 1, figure)
            try:
                memory.store_record(pages)
            except MemoryFullError:
                assert bytes(memory.data) == before
            else:
                newest += 1
                kept[newest] = pages
        assert [slot.record for slot in memory.slots()] == sorted(kept)
        assert all(memory.capture(record)[256:] == b"".join(pages) for record, pages in kept.items())
    assert MemoryImage(bytearray(memory.data)).slots() == memory.slots()


def test_number_is_not_repeated_after_everything_was_erased() -> None:
    """With an empty directory the pages left in the ring still say which number came last."""
    memory = _memory_with(2, 2, 2)
    for record in (1, 2, 3):
        memory.erase_record(record)
    assert (memory.slots(), memory.next_record()) == ([], 4)
    memory.store_record(record_of(4, 2))
    assert memory.next_record() == 5


def test_number_of_a_record_that_was_cut_off_is_not_used_again() -> None:
    """A header without a slot, left by a power loss, is left alone, and its number is not given again."""
    memory = _memory_with(2)
    memory.write_page(7, record_of(2, 3)[0])
    assert memory.slots() == [DirectorySlot(1, 5, 2)]
    assert memory.next_record() == 3


def test_torn_slot_is_left_out() -> None:
    """A slot with a wrong checksum names no record, and the other records are still read."""
    memory = _memory_with(3, 4)
    whole = memory.page(1 + 1)
    memory.write_page(1 + 1, whole[:20] + ERASED_PAGE[20:])
    assert [slot.record for slot in memory.slots()] == [2]
    assert memory.next_record() == 3
    assert inspect_capture(memory.capture(2)).state is CaptureState.VERIFIED


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(pack_slot(DirectorySlot(4, 4, 2), 4), id="begins in the directory"),
        pytest.param(pack_slot(DirectorySlot(4, 17, 2), 4), id="begins after memory"),
        pytest.param(pack_slot(DirectorySlot(4, 2**32 - 1, 2**32 - 1), 4), id="far outside"),
        pytest.param(pack_slot(DirectorySlot(4, 5, 13), 4), id="longer than the ring"),
        pytest.param(pack_slot(DirectorySlot(4, 5, 1), 4), id="shorter than a record"),
        pytest.param(pack_slot(DirectorySlot(0, 5, 2), 4), id="record 0"),
        pytest.param(pack_slot(DirectorySlot(5, 5, 2), 4), id="the slot of another place"),
        pytest.param(build_page(PageKind.DIRECTORY, 5, 0, bytes([5, 0, 0, 0, 2, 0, 0, 0])), id="another record's slot"),
        pytest.param(build_page(PageKind.DATA, 4, 0, bytes([5, 0, 0, 0, 2, 0, 0, 0])), id="no slot at all"),
    ],
)
def test_slot_with_impossible_values_is_left_out(page: bytes) -> None:
    """A slot whose checksum is right and whose values are not allowed hides no other record."""
    memory = _memory_with(3)
    memory.write_page(1, page)
    assert memory.slots() == [DirectorySlot(1, 5, 3)]
    assert memory.capture(1)[256:] == b"".join(record_of(1, 3))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(pack_first(SMALL_MEMORY)[:255], id="part of a page"),
        pytest.param(pack_first(SMALL_MEMORY), id="first page only"),
        pytest.param(pack_first(SMALL_MEMORY) + ERASED_PAGE * 17, id="too long"),
        pytest.param(ERASED_PAGE * 17, id="erased"),
        pytest.param(
            build_page(PageKind.DATA, 1, 1, pack_first(SMALL_MEMORY)[16:]) + ERASED_PAGE * 16, id="another kind"
        ),
    ],
)
def test_no_memory(data: bytes) -> None:
    """Bytes that are not a memory of version 1, whole, are refused."""
    with pytest.raises(FormatError):
        MemoryImage(bytearray(data))


@pytest.mark.parametrize("number", [-1, 17, 2**32])
def test_pages_outside_memory(number: int) -> None:
    """A page outside memory is neither read nor written."""
    memory = MemoryImage.blank(SMALL_MEMORY)
    with pytest.raises(IndexError):
        memory.page(number)
    with pytest.raises(IndexError):
        memory.write_page(number, ERASED_PAGE)
    assert len(memory.data) == 17 * 256


@pytest.mark.parametrize("length", [0, 255, 257])
def test_only_whole_pages_are_written(length: int) -> None:
    """A write of another length than a page is refused, so memory never changes its size."""
    memory = MemoryImage.blank(SMALL_MEMORY)
    with pytest.raises(ValueError, match="256 bytes"):
        memory.write_page(5, bytes(length))
    assert bytes(memory.data) == pack_first(SMALL_MEMORY) + ERASED_PAGE * 16
