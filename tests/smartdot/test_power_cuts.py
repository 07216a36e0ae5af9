"""A device whose power goes at any page write: what was stored is there, what was erased is gone, nothing is mixed."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from smartdot import (
    ERASED_PAGE,
    DirectorySlot,
    MemoryFullError,
    MemoryImage,
)
from tests.smartdot.images import SMALL_MEMORY, record_of


class PowerCut(Exception):
    """The power went."""


@dataclass(frozen=True)
class Cut:
    """When the power goes.

    Attributes:
        after: Page writes that are done whole before.
        torn_bytes: How much of the next page is written.
        erases_first: Whether the rest of that page is erased by then, or still what it was.
    """

    after: int
    torn_bytes: int
    erases_first: bool


class CutMemory(MemoryImage):
    """A memory that loses its power once."""

    cut: Cut | None = None
    written: int = 0

    def write_page(self, number: int, data: bytes) -> None:
        """Write a page, or a part of it when the power goes."""
        if self.cut is not None and self.written == self.cut.after:
            rest = ERASED_PAGE if self.cut.erases_first else self.page(number)
            super().write_page(number, data[: self.cut.torn_bytes] + rest[self.cut.torn_bytes :])
            raise PowerCut
        self.written += 1
        super().write_page(number, data)


def _switch_on(data: bytearray) -> MemoryImage:
    memory = MemoryImage(bytearray(data))
    memory.repair()
    return memory


def _held(memory: MemoryImage) -> dict[int, bytes]:
    return {slot.record: memory.capture(slot.record)[256:] for slot in memory.slots()}


CUTS = st.builds(Cut, st.integers(0, 13), st.sampled_from([0, 1, 4, 20, 24, 255, 256]), st.booleans())


class Life(RuleBasedStateMachine):
    """Any life of a device, beside a plain dict of what it should hold."""

    def __init__(self) -> None:
        super().__init__()
        self.memory: MemoryImage = MemoryImage.blank(SMALL_MEMORY)
        self.kept: dict[int, bytes] = {}
        self.highest_seen = 0

    def _cut_memory(self, cut: Cut) -> CutMemory:
        memory = CutMemory(self.memory.data)
        memory.repair()
        memory.cut = cut
        memory.written = 0
        return memory

    @rule(page_count=st.integers(2, 12))
    def store(self, page_count: int) -> None:
        """A record is stored, or refused without a byte changed."""
        number = self.memory.next_record()
        assert number > self.highest_seen
        pages, before = record_of(number, page_count), bytes(self.memory.data)
        try:
            self.memory.store_record(pages)
        except MemoryFullError:
            assert bytes(self.memory.data) == before
        else:
            self.kept[number] = b"".join(pages)

    @rule(page_count=st.integers(2, 12), cut=CUTS)
    def lose_power_while_storing(self, page_count: int, cut: Cut) -> None:
        """A record that was cut off is there whole, or not at all; its number alone tells nothing."""
        memory = self._cut_memory(cut)
        number = memory.next_record()
        assert number > self.highest_seen
        pages = record_of(number, page_count)
        with contextlib.suppress(PowerCut, MemoryFullError):
            memory.store_record(pages)
        self.memory = _switch_on(memory.data)
        if number in _held(self.memory):
            self.kept[number] = b"".join(pages)

    @precondition(lambda self: self.kept)
    @rule(place=st.integers(0, 3))
    def erase(self, place: int) -> None:
        """A record is freed."""
        number = sorted(self.kept)[place % len(self.kept)]
        assert self.memory.erase_record(number)
        del self.kept[number]

    @precondition(lambda self: self.kept)
    @rule(place=st.integers(0, 3), torn_bytes=st.sampled_from([0, 1, 4, 20, 24, 255, 256]))
    def lose_power_while_erasing(self, place: int, torn_bytes: int) -> None:
        """An erasure that was cut off leaves the record whole, or gone."""
        number = sorted(self.kept)[place % len(self.kept)]
        memory = self._cut_memory(Cut(0, torn_bytes, erases_first=False))
        with pytest.raises(PowerCut):
            memory.erase_record(number)
        self.memory = _switch_on(memory.data)
        if number not in _held(self.memory):
            del self.kept[number]

    @rule()
    def restart(self) -> None:
        """The device is switched off and on."""
        self.memory = _switch_on(self.memory.data)

    @invariant()
    def holds_what_was_stored(self) -> None:
        """Exactly the records of the dict are there, byte for byte."""
        assert _held(self.memory) == self.kept
        self.highest_seen = max([self.highest_seen, *self.kept])


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def _memories() -> Iterator[tuple[str, bytearray]]:
    """Memories in which a record of 5 pages has room, each with another history in its ring."""
    blank = MemoryImage.blank(SMALL_MEMORY)
    yield "blank", bytearray(blank.data)
    for number, page_count in ((1, 5), (2, 3), (3, 4)):
        blank.store_record(record_of(number, page_count))
    blank.erase_record(1)
    yield "freed at the ring's begin", bytearray(blank.data)
    blank.erase_record(3)
    yield "freed at the ring's end", bytearray(blank.data)
    blank.erase_record(2)
    yield "all freed", bytearray(blank.data)
    for number in (4, 5, 6, 7):
        blank.store_record(record_of(number, 3))
    for number in (4, 5):
        blank.erase_record(number)
    yield "the slot's second use", bytearray(blank.data)


def _cuts(page_writes: int) -> Iterator[Cut]:
    for after in range(page_writes):
        for torn_bytes in (0, 1, 4, 5, 12, 16, 24, 130, 255, 256):
            yield Cut(after, torn_bytes, erases_first=False)
            yield Cut(after, torn_bytes, erases_first=True)


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in _memories()])
def test_every_cut_of_storing(data: bytearray) -> None:
    """Cut at each page write and in its middle, the records before are whole, and the new one as soon as its end is."""
    before = _held(MemoryImage(bytearray(data)))
    number = MemoryImage(data).next_record()
    pages = record_of(number, 5)
    for cut in _cuts(len(pages) + 1):
        memory = CutMemory(bytearray(data))
        memory.cut = cut
        with pytest.raises(PowerCut):
            memory.store_record(pages)
        after = _switch_on(memory.data)
        new = {number: b"".join(pages)}
        slot_was_begun = cut.after == len(pages) and cut.torn_bytes > 0
        assert _held(after) == (before | new if slot_was_begun else before), cut
        # And the next record overwrites none of them.
        following = record_of(after.next_record(), 2)
        try:
            after.store_record(following)
        except MemoryFullError:
            continue
        assert {**before, **(new if slot_was_begun else {})}.items() <= _held(after).items(), cut


def test_every_cut_of_the_repair_itself() -> None:
    """Two torn slots are both repaired, also when the power goes while they are being repaired."""
    memory = MemoryImage.blank(SMALL_MEMORY)
    for number in (1, 2, 3):
        memory.store_record(record_of(number, 3))
    whole = bytes(memory.data)
    for number in (1, 3):
        memory.write_page(1 + number, memory.page(1 + number)[:20] + ERASED_PAGE[20:])
    for cut in _cuts(2):
        device = CutMemory(bytearray(memory.data))
        device.cut = cut
        with pytest.raises(PowerCut):
            device.repair()
        again = MemoryImage(device.data)
        again.repair()
        if not (cut.torn_bytes == 0 and cut.erases_first):
            assert bytes(again.data) == whole, cut


def test_torn_slot_of_the_newest_record_is_not_overwritten() -> None:
    """A whole record whose slot is torn gets its slot back before the next record is stored, which goes behind it."""
    memory = MemoryImage.blank(SMALL_MEMORY)
    memory.store_record(record_of(1, 3))
    memory.store_record(record_of(2, 4))
    memory.write_page(1 + 2, memory.page(1 + 2)[:20] + ERASED_PAGE[20:])
    assert [slot.record for slot in memory.slots()] == [1]
    assert memory.store_record(record_of(3, 2)) == DirectorySlot(3, 12, 2)
    assert _held(memory) == {number: b"".join(record_of(number, pages)) for number, pages in ((1, 3), (2, 4), (3, 2))}


def test_repair_tells_what_it_wrote() -> None:
    """The pages that were written are named, so that they can be written to a chip; a sound memory is left alone."""
    memory = MemoryImage.blank(SMALL_MEMORY)
    memory.store_record(record_of(1, 3))
    assert memory.repair() == []
    memory.write_page(2, memory.page(2)[:255] + b"\x01")
    memory.write_page(4, b"\x00" * 256)
    assert memory.repair() == [2, 4]
    assert _held(memory) == {1: b"".join(record_of(1, 3))}
    assert memory.page(4) == ERASED_PAGE


def test_freed_records_do_not_come_back() -> None:
    """A freed record stands whole in the ring and stays freed, also when another slot is repaired."""
    memory = MemoryImage.blank(SMALL_MEMORY)
    for number in (1, 2):
        memory.store_record(record_of(number, 3))
    memory.erase_record(1)
    memory.write_page(1 + 2, b"\x00" * 256)
    assert memory.repair() == [3]
    assert list(_held(memory)) == [2]


def test_older_record_of_the_same_slot_does_not_come_back() -> None:
    """Of two whole records that had the same slot, a torn slot was the newer one's."""
    memory = MemoryImage.blank(SMALL_MEMORY)
    for number in (1, 2, 3, 4):
        memory.store_record(record_of(number, 2))
    for number in (1, 2, 3):
        memory.erase_record(number)
    memory.store_record(record_of(5, 2))
    memory.write_page(1 + 1, b"\x00" * 256)
    memory.repair()
    assert list(_held(memory)) == [4, 5]


def test_number_survives_two_cuts_in_a_row() -> None:
    """The page that alone carries the highest number is not the first to be written over."""
    memory = MemoryImage.blank(SMALL_MEMORY)
    memory.store_record(record_of(1, 2))
    memory.erase_record(1)
    # Record 2 gets its header over record 1's and is cut off while its second page replaces record 1's last.
    device = CutMemory(memory.data)
    device.cut = Cut(1, 100, erases_first=True)
    with pytest.raises(PowerCut):
        device.store_record(record_of(2, 3))
    # Record 3 is cut off in its header.
    device = CutMemory(device.data)
    assert device.next_record() == 3
    device.cut = Cut(0, 100, erases_first=True)
    with pytest.raises(PowerCut):
        device.store_record(record_of(3, 3))
    memory = _switch_on(device.data)
    assert memory.next_record() == 3
    assert memory.store_record(record_of(3, 12)).first_page == 6
    assert list(_held(memory)) == [3]
