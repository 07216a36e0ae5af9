import hashlib
import itertools
import struct
import time
import tracemalloc
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.device import ClockFacts, LinkedSmartDot
from device_bridge.directory import Directory
from device_bridge.emulator.firmware import Firmware
from device_bridge.emulator.flash import Flash
from device_bridge.emulator.wire import Message
from device_bridge.errors import DisconnectedError
from device_bridge.provenance import provenance
from device_bridge.reader import MOST_RECORD_PAGES, Progress, RecordReader, describe_pull_problems, read_directory
from device_bridge.same_record import compared_numbers
from device_bridge.spool import CaptureState, NewCapture, Spool, SpooledPage
from smartdot import CaptureState as FormatState
from smartdot import FirstPage, MemoryImage, PageKind, Version, build_page, inspect_capture, read_page
from smartdot.layout import pack_first, pack_header, pack_slot, unpack_header

from .conftest import ServedFlash, ServeFlash, simulated_flash


@pytest.fixture
def reader_spool(tmp_path: Path) -> Iterator[Spool]:
    """Give an empty spool."""
    spool = Spool(tmp_path / "spool.db")
    yield spool
    spool.close()


def open_device(served: ServedFlash) -> LinkedSmartDot:
    """Return the host's end, connected."""
    device = LinkedSmartDot()
    device.open(served.path)
    return device


def test_spool_holds_what_the_memory_holds(serve_flash: ServeFlash, reader_spool: Spool) -> None:
    """Every record is pulled over a pty bit by bit as the memory holds it, with the host's clocks beside it."""
    served = serve_flash()
    device = open_device(served)
    result = RecordReader(device, reader_spool).pull()
    device.close()
    assert ([row.record for row in result.sealed], result.damaged_slots) == ([1, 2], 0)
    for row in result.sealed:
        data = served.flash.image.capture(row.record)
        assert reader_spool.load(row) == data
        assert row.sha256 == hashlib.sha256(data).hexdigest()
        assert row.provenance is not None
        assert set(row.provenance) == {"device", "record", "started_at", "read_at", "clock"}
        assert (row.provenance["device"], row.provenance["record"]) == ("TEST-1", row.record)


def test_all_looks_at_the_clock_make_its_fit(serve_flash: ServeFlash, reader_spool: Spool) -> None:
    """A capture's provenance holds the fit over every note of the clocks so far, not the last one alone."""
    served = serve_flash(firmware=lambda flash, _: Firmware(flash, lambda: time.monotonic_ns() // 1_000))
    device = open_device(served)
    sealed = RecordReader(device, reader_spool).pull().sealed
    device.close()
    assert sealed[-1].provenance is not None
    facts: Any = sealed[-1].provenance["clock"]
    assert facts["fit"]["notes"] == len(reader_spool.clock_notes("TEST-1"))
    assert len(facts["notes"]) >= 3


def test_what_is_there_is_not_read_again(serve_flash: ServeFlash, reader_spool: Spool) -> None:
    """A second pull reads no record that the spool holds, delivered or not."""
    device = open_device(serve_flash())
    first = RecordReader(device, reader_spool).pull()
    reader_spool.mark_delivered(first.sealed[0].id, "verified")
    second = RecordReader(device, reader_spool).pull()
    device.close()
    assert (second.sealed, second.held) == ((), 2)


def test_unplug_in_the_middle_resumes_after_the_last_page(serve_flash: ServeFlash, reader_spool: Spool) -> None:
    """A device unplugged while it is read keeps what was committed; after the replug only the rest is read."""
    flash = simulated_flash(2)
    served = serve_flash(flash, baud=921_600)
    device = open_device(served)
    with pytest.raises(DisconnectedError):
        RecordReader(device, reader_spool, lambda _: served.unplug()).pull()
    (half,) = reader_spool.captures()
    assert half.state is CaptureState.READING
    assert 0 < half.pages_read < half.page_count
    seen: list[Progress] = []
    again = open_device(serve_flash(flash))
    RecordReader(again, reader_spool, seen.append).pull()
    again.close()
    assert seen[0].pages_read > half.pages_read
    assert {row.record: reader_spool.load(row) for row in reader_spool.captures(CaptureState.SEALED)} == {
        record: flash.image.capture(record) for record in (1, 2)
    }


def test_record_damaged_in_memory_is_kept_as_it_is(serve_flash: ServeFlash, reader_spool: Spool) -> None:
    """A page that stays damaged is stored as it was read and named; the next record is read all the same."""
    flash = simulated_flash(2)
    place = flash.image.slots()[0].pages(flash.image.first)[4]
    damaged = bytearray(flash.image.page(place))
    damaged[100] ^= 4
    flash.image.write_page(place, bytes(damaged))
    device = open_device(serve_flash(flash))
    result = RecordReader(device, reader_spool).pull()
    device.close()
    assert [row.damaged_pages for row in result.sealed] == [(5,), ()]
    data = reader_spool.load(result.sealed[0])
    assert data == flash.image.capture(1)
    assert inspect_capture(data).state is FormatState.DAMAGED


def test_fault_that_passes_is_not_kept(serve_flash: ServeFlash, reader_spool: Spool) -> None:
    """A page that was damaged in every read of the first round and is good in the second is sealed as it is."""
    flash = simulated_flash(1)
    place = flash.image.slots()[0].pages(flash.image.first)[4]
    good = bytes(flash.image.page(place))
    flash.image.write_page(place, good[:100] + bytes([good[100] ^ 4]) + good[101:])
    device = open_device(serve_flash(flash))
    reader = RecordReader(device, reader_spool, wait_for_second_round=lambda: flash.image.write_page(place, good))
    result = reader.pull()
    device.close()
    assert [row.damaged_pages for row in result.sealed] == [()]
    assert reader_spool.load(result.sealed[0]) == flash.image.capture(1)


def test_torn_slot_hides_one_record_only(serve_flash: ServeFlash, reader_spool: Spool) -> None:
    """A directory slot that is torn or points outside memory is counted, and the other records are read."""
    flash = simulated_flash(3)
    flash.image.write_page(2, b"torn".ljust(256, b"\0"))
    flash.image.write_page(4, build_page(PageKind.DIRECTORY, 3, 3, b"\xff" * 8))
    device = open_device(serve_flash(flash))
    result = RecordReader(device, reader_spool).pull()
    device.close()
    assert ([row.record for row in result.sealed], result.damaged_slots) == ([2], 2)


def test_half_read_record_that_vanished_is_told(serve_flash: ServeFlash, reader_spool: Spool) -> None:
    """A record erased on the device before it was read to its end is reported, and its pages stay."""
    flash = simulated_flash(1)
    device = open_device(serve_flash(flash, baud=921_600))
    stops: list[Progress] = []
    RecordReader(device, reader_spool, stops.append, lambda: bool(stops)).pull()
    flash.erase_record(1)
    result = RecordReader(device, reader_spool).pull()
    device.close()
    assert result.vanished == (1,)
    assert reader_spool.captures(CaptureState.READING)[0].pages_read > 0


def test_slot_in_another_slots_place_is_damaged(serve_flash: ServeFlash, reader_spool: Spool) -> None:
    """A slot page that stands where another belongs is counted, not used, and lets no half-read record vanish."""
    flash = simulated_flash(2)
    device = open_device(serve_flash(flash))
    stops: list[Progress] = []
    RecordReader(device, reader_spool, stops.append, lambda: bool(stops)).pull()
    flash.image.write_page(2, bytes(flash.image.page(3)))
    result = RecordReader(device, reader_spool).pull()
    device.close()
    assert [row.record for row in result.sealed] == [2]
    assert (result.damaged_slots, result.vanished) == (1, ())


def set_start(flash: Flash, record: int, start_ticks: int) -> None:
    """Make another record of one in memory: its header says another start."""
    slot = next(slot for slot in flash.image.slots() if slot.record == record)
    place = slot.pages(flash.image.first)[0]
    header = unpack_header(read_page(bytes(flash.image.page(place))))
    flash.image.write_page(place, pack_header(replace(header, start_ticks=start_ticks)))


def test_another_record_of_the_same_number_is_not_mixed_in(serve_flash: ServeFlash, reader_spool: Spool) -> None:
    """When the header of a half-read record is another one now, it is read as a second capture; the first one stays."""
    flash = simulated_flash(1)
    device = open_device(serve_flash(flash, baud=921_600))
    stops: list[Progress] = []
    RecordReader(device, reader_spool, stops.append, lambda: bool(stops)).pull()
    (half,) = reader_spool.captures()
    set_start(flash, 1, 1_234_567)
    result = RecordReader(device, reader_spool).pull()
    device.close()
    assert [row.generation for row in result.sealed] == [2]
    assert reader_spool.load(result.sealed[0]) == flash.image.capture(1)
    assert (result.again, result.vanished) == ((1,), (1,))
    assert reader_spool.get(half.id) == half
    assert ["second capture" in line for line in describe_pull_problems(result)] == [False, True]


def test_sealed_record_of_the_same_number_is_kept_beside_the_new_one(
    serve_flash: ServeFlash, reader_spool: Spool
) -> None:
    """A device that was set back, and gives its numbers anew, is read whole again, once; what was sealed stays."""
    old = simulated_flash(1)
    device = open_device(serve_flash(old))
    (first,) = RecordReader(device, reader_spool).pull().sealed
    device.close()
    new = simulated_flash(1, seed=7)
    set_start(new, 1, 42)
    device = open_device(serve_flash(new))
    result = RecordReader(device, reader_spool).pull()
    again = RecordReader(device, reader_spool).pull()
    device.close()
    assert result.again == (1,)
    assert reader_spool.load(first) == old.image.capture(1)
    assert reader_spool.load(result.sealed[0]) == new.image.capture(1)
    assert (again.sealed, again.again, again.held) == ((), (), 1)


def with_another_page(flash: Flash, place: int) -> Flash:
    """Return a copy of a memory in which one page of record 1 holds other bytes, with a checksum that is right."""
    other = Flash(MemoryImage(bytearray(flash.image.data)))
    number = other.image.slots()[0].pages(other.image.first)[place]
    page = bytearray(other.image.page(number))
    page[-1] ^= 1
    page[:4] = zlib.crc32(page[4:]).to_bytes(4, "little")
    other.image.write_page(number, bytes(page))
    return other


@pytest.mark.parametrize("place", [1, -1], ids=["samples", "end"])
def test_another_shot_with_an_equal_header_is_read(serve_flash: ServeFlash, reader_spool: Spool, place: int) -> None:
    """A shot of equal length and header, but with other samples or another end, is not taken for the one held."""
    flash = simulated_flash(1)
    other = with_another_page(flash, place)
    device = open_device(serve_flash(flash))
    (first,) = RecordReader(device, reader_spool).pull().sealed
    device.close()
    device = open_device(serve_flash(other))
    result = RecordReader(device, reader_spool).pull()
    device.close()
    assert result.again == (1,)
    assert reader_spool.load(result.sealed[0]) == other.image.capture(1)
    assert reader_spool.load(first) == flash.image.capture(1)


def test_the_rest_of_another_shot_is_not_mixed_into_a_half_read_one(
    serve_flash: ServeFlash, reader_spool: Spool
) -> None:
    """A half-read record whose header fits and whose samples do not is left as it is: the other is read beside it."""
    flash = simulated_flash(1)
    other = with_another_page(flash, 1)
    device = open_device(serve_flash(flash, baud=921_600))
    stops: list[Progress] = []
    RecordReader(device, reader_spool, stops.append, lambda: bool(stops)).pull()
    device.close()
    device = open_device(serve_flash(other))
    result = RecordReader(device, reader_spool).pull()
    device.close()
    assert [row.generation for row in result.sealed] == [2]
    assert reader_spool.load(result.sealed[0]) == other.image.capture(1)


def test_devices_of_one_serial_that_come_in_turns_are_read_once_each(
    serve_flash: ServeFlash, reader_spool: Spool
) -> None:
    """A record is known by any capture of its number: at each swap nothing is read again, and both are kept."""
    one = simulated_flash(1)
    other = with_another_page(one, -1)
    served = [serve_flash(one), serve_flash(other)]
    sealed = []
    for turn in range(6):
        device = open_device(served[turn % 2])
        sealed.append(len(RecordReader(device, reader_spool).pull().sealed))
        device.close()
    assert sealed == [1, 1, 0, 0, 0, 0]
    rows = reader_spool.generations("TEST-1", 1)
    assert [row.generation for row in rows] == [1, 2]
    assert [reader_spool.load(row) for row in rows] == [one.image.capture(1), other.image.capture(1)]


@given(st.integers(1, 2**18), st.integers(1, 8))
def test_which_pages_are_compared(page_count: int, data_pages: int) -> None:
    """The first and the last page are, and between them as many as are asked for, or as there are."""
    numbers = compared_numbers(page_count, data_pages)
    assert (numbers[0], numbers[-1]) == (0, page_count - 1)
    assert len(numbers) == min(data_pages + 2, page_count)
    assert sorted(set(numbers)) == numbers
    assert compared_numbers(0, data_pages) == [0]


def test_stop_is_asked_while_a_record_is_read(serve_flash: ServeFlash, reader_spool: Spool) -> None:
    """Once it is told to stop, the reader ends within the record, and the next pull goes on there."""
    flash = simulated_flash(2)
    device = open_device(serve_flash(flash, baud=921_600))
    seen: list[Progress] = []
    result = RecordReader(device, reader_spool, seen.append, lambda: bool(seen)).pull()
    assert (result.is_cut_short, result.sealed) == (True, ())
    (half,) = reader_spool.captures()
    assert 0 < half.pages_read < half.page_count
    rest = RecordReader(device, reader_spool).pull()
    device.close()
    assert [row.record for row in rest.sealed] == [1, 2]
    assert not rest.is_cut_short


class BoundlessFirmware(Firmware):
    """Claims the largest directory that can be addressed, and gives a damaged slot wherever it is asked for one."""

    first = FirstPage("HUGE", Version(1, 0, 0), Version(1, 0, 0), 2**24, 2**24 - 3)

    def _hello(self, request: Message) -> tuple[int, bytes]:
        status, payload = super()._hello(request)
        return status, payload[:4] + struct.pack("<I", self.first.page_count) + payload[8:]

    def _read(self, request: Message) -> tuple[int, bytes]:
        return 0, pack_first(self.first) if request.address == 0 else b"\1" * 256


def test_stop_is_asked_while_the_directory_is_read(serve_flash: ServeFlash, reader_spool: Spool) -> None:
    """A device that claims 2^24 slots is read in little memory, and left when told to stop; nothing counts as gone."""
    device = open_device(serve_flash(firmware=BoundlessFirmware))
    looks = itertools.count()
    tracemalloc.start()
    result = RecordReader(device, reader_spool, should_stop=lambda: next(looks) > 300).pull()
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    device.close()
    assert (result.is_cut_short, result.held, result.vanished) == (True, 0, ())
    assert result.damaged_slots > 100
    assert peak_bytes < 5_000_000


def test_directory_of_damaged_pages_needs_no_memory(serve_flash: ServeFlash) -> None:
    """Damaged slots are counted and not remembered, however many there are."""
    flash = Flash(MemoryImage.blank(FirstPage("D", Version(1, 0, 0), Version(1, 0, 0), 1_004, 1_000)))
    for page in range(1, 1_001):
        flash.image.write_page(page, b"\1" * 256)
    device = open_device(serve_flash(flash))
    assert read_directory(device) == Directory((), 1_000)
    assert device.errors.rereads == 3_000
    device.close()


def test_too_many_records_leave_the_oldest(serve_flash: ServeFlash, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more records than are followed, the oldest are kept, and the others are counted."""
    monkeypatch.setattr("device_bridge.directory.MOST_RECORDS", 1)
    device = open_device(serve_flash(simulated_flash(3)))
    directory = read_directory(device)
    device.close()
    assert ([slot.record for slot in directory.slots], directory.beyond, directory.names_all) == ([1], 2, False)


def test_record_above_the_limit_stays_on_the_device(
    serve_flash: ServeFlash, reader_spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that the cloud would not take is named and left alone, and the next one is read."""
    monkeypatch.setattr("device_bridge.reader.MOST_RECORD_PAGES", 300)
    flash = simulated_flash(2)
    large = replace(flash.image.slots()[0], page_count=301)
    flash.image.write_page(2, pack_slot(large, flash.image.first.directory_pages))
    device = open_device(serve_flash(flash))
    result = RecordReader(device, reader_spool).pull()
    device.close()
    assert ([row.record for row in result.sealed], result.too_large, result.vanished) == ([2], (1,), ())
    assert "larger than 64 MiB" in describe_pull_problems(result)[0]


def test_limit_is_the_clouds() -> None:
    """The largest record with the first page before it has exactly 64 MiB."""
    assert (MOST_RECORD_PAGES + 1) * 256 == 64 * 2**20


def test_record_that_never_ends_is_kept_as_read(serve_flash: ServeFlash, reader_spool: Spool) -> None:
    """Pages that go on where the slot says the end is are kept bit by bit, and the last is named damaged."""
    flash = simulated_flash(1)
    (slot,) = flash.image.slots()
    endless = replace(slot, page_count=slot.page_count - 1)
    flash.image.write_page(1 + 1, pack_slot(endless, flash.image.first.directory_pages))
    device = open_device(serve_flash(flash))
    (row,) = RecordReader(device, reader_spool, wait_for_second_round=lambda: None).pull().sealed
    device.close()
    assert row.damaged_pages == (endless.page_count,)
    assert reader_spool.load(row) == flash.image.capture(1)
    assert inspect_capture(reader_spool.load(row)).state is FormatState.DAMAGED


def test_whole_record_is_sealed_though_it_is_gone(serve_flash: ServeFlash, reader_spool: Spool) -> None:
    """A record whose every page is in the spool becomes a capture also when the device no longer has it."""
    flash = simulated_flash(1)
    capture = flash.image.capture(1)
    row = reader_spool.begin(NewCapture("TEST-1", 1, capture[:256], len(capture) // 256 - 1))
    pages = (SpooledPage(at - 1, capture[256 * at : 256 * at + 256], None) for at in range(1, len(capture) // 256))
    reader_spool.add_pages(row.id, pages)
    flash.erase_record(1)
    device = open_device(serve_flash(flash))
    result = RecordReader(device, reader_spool).pull()
    device.close()
    assert ([sealed.id for sealed in result.sealed], result.vanished) == ([row.id], ())
    assert reader_spool.load(result.sealed[0]) == capture


class CountingFirmware(Firmware):
    """Counts what it is asked."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.asked: Counter[str] = Counter()

    def _hello(self, request: Message) -> tuple[int, bytes]:
        self.asked["hello"] += 1
        return super()._hello(request)

    def _read(self, request: Message) -> tuple[int, bytes]:
        is_slot = 0 < request.address // 256 < self.flash.image.first.first_ring_page
        self.asked["slot" if is_slot else "page"] += 1
        return super()._read(request)


def test_directory_is_not_read_at_every_look(serve_flash: ServeFlash, reader_spool: Spool) -> None:
    """The directory is read at the first look, after an event, another count, and every tenth look; not in between."""
    flash = simulated_flash(2)
    served = serve_flash(flash, firmware=CountingFirmware)
    device = open_device(served)
    reader = RecordReader(device, reader_spool)
    slots = flash.image.first.directory_pages
    whole_looks = []

    def look() -> int:
        """Pull and return how often the directory was read for it."""
        before = served.firmware.asked["slot"]  # type: ignore[attr-defined]
        result = reader.pull()
        assert result.held + len(result.sealed) == len(flash.image.slots())
        return (served.firmware.asked["slot"] - before) // slots  # type: ignore[attr-defined,no-any-return]

    whole_looks = [look() for _ in range(12)]
    assert whole_looks == [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]
    flash.erase_record(1)
    assert [look(), look()] == [1, 0]
    device.news += 1
    assert [look(), look()] == [1, 0]
    device.close()


def test_event_of_a_new_record_is_news(serve_flash: ServeFlash) -> None:
    """A `record ready` that is heard within any call counts as news for the directory; another event does not."""

    class EventfulFirmware(Firmware):
        text = "battery low 9"

        def receive(self, data: bytes) -> list[bytes]:
            return [self.event(self.text), *super().receive(data)]

    served = serve_flash(firmware=EventfulFirmware)
    device = open_device(served)
    assert device.news == 0
    served.firmware.text = "record ready 3"  # type: ignore[attr-defined]
    device.read_status()
    assert device.news == 1
    device.close()


def test_idle_looks_write_nothing(
    serve_flash: ServeFlash, reader_spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clock and device are noted at the first look and before each seal, then not while nothing happens, then again."""
    served = serve_flash(firmware=CountingFirmware)
    device = open_device(served)
    reader = RecordReader(device, reader_spool)

    def changes() -> int:
        """Return how many rows the spool's connection has changed."""
        return reader_spool._database._db.total_changes

    def hellos() -> int:
        return int(served.firmware.asked["hello"])  # type: ignore[attr-defined]

    reader.pull()
    assert (hellos(), len(reader_spool.clock_notes("TEST-1"))) == (1 + 1 + 2, 3)
    before, asked = changes(), hellos()
    for _ in range(12):
        reader.pull()
    assert (changes(), hellos()) == (before, asked)
    monkeypatch.setattr("device_bridge.reader.NOTE_EVERY_S", 0.0)
    reader.pull()
    device.close()
    assert hellos() == asked + 1
    assert len(reader_spool.clock_notes("TEST-1")) == 4


def test_a_battery_that_falls_is_noted_at_once(
    serve_flash: ServeFlash, reader_spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A charge that changed is in the spool after the next look, though nothing else happened."""
    device = open_device(serve_flash())
    reader = RecordReader(device, reader_spool)
    reader.pull()
    status = device.read_status()
    monkeypatch.setattr(device, "read_status", lambda: replace(status, battery_percent=9))
    reader.pull()
    device.close()
    assert [row.battery_percent for row in reader_spool.devices()] == [9]


def test_device_is_noted_at_a_look(serve_flash: ServeFlash, reader_spool: Spool) -> None:
    """Where the device was seen, its battery and the link's errors are in the spool after a look."""
    served = serve_flash()
    device = open_device(served)
    device.errors.checksum = 3
    RecordReader(device, reader_spool).pull()
    device.close()
    (seen,) = reader_spool.devices()
    assert (seen.serial, seen.place, seen.link_errors, seen.records_held) == ("TEST-1", served.path, 3, 2)
    assert seen.battery_percent is not None


def test_device_without_a_status_is_read_all_the_same(serve_flash: ServeFlash, reader_spool: Spool) -> None:
    """An older device that knows no `status` is read, and its directory is read at every look."""

    class OlderFirmware(CountingFirmware):
        def _command(self, _request: Message) -> tuple[int, bytes]:
            return 1, b"unknown command"

    served = serve_flash(firmware=OlderFirmware)
    device = open_device(served)
    reader = RecordReader(device, reader_spool)
    assert [len(reader.pull().sealed) for _ in range(3)] == [2, 0, 0]
    device.close()
    slots = served.flash.image.first.directory_pages
    assert served.firmware.asked["slot"] == 3 * slots  # type: ignore[attr-defined]


def test_start_of_a_record_by_the_hosts_clock() -> None:
    """The record's begin is told in UTC from the device's ticks; a record from before a power-up has none."""
    header = simulated_flash(1).image.capture(1)[256:512]
    noon = datetime(2026, 1, 2, 12, 0, 30, tzinfo=UTC)
    known = provenance("D", 1, header, ClockFacts(50_000_000, 1_000_000, 5.0, noon))
    assert known["started_at"] == "2026-01-02T12:00:00.000000Z"
    assert provenance("D", 1, header, ClockFacts(0, 1_000_000, 5.0, noon))["started_at"] is None
    assert provenance("D", 1, b"", ClockFacts(0, 0, 5.0, noon))["started_at"] is None
    assert provenance("D", 1, header, ClockFacts(2**64 - 1, 1, 5.0, noon))["started_at"] is None


def test_what_rotted_in_the_spool_is_no_second_device(serve_flash: ServeFlash, reader_spool: Spool) -> None:
    """A record that is read once more because the disk changed it is named so, and not as another device's."""
    device = open_device(serve_flash(simulated_flash(1)))
    reader = RecordReader(device, reader_spool)
    (row,) = reader.pull().sealed
    reader_spool._database._db.execute(
        "UPDATE captures SET is_rotten = 1, state = 'quarantined' WHERE id = ?", (row.id,)
    )
    device.news += 1
    result = reader.pull()
    device.close()
    assert ([sealed.generation for sealed in result.sealed], result.again, result.reread) == ([2], (), (1,))
    (line,) = describe_pull_problems(result)
    assert "changed in the spool since it was read" in line
    assert "one serial" not in line
