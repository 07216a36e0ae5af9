import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from device_bridge.device import ClockFacts, LinkedSmartDot
from device_bridge.emulator.source import Source, make_flash
from device_bridge.errors import DisconnectedError
from device_bridge.provenance import provenance
from device_bridge.reader import Progress, RecordReader
from device_bridge.spool import CaptureState, Spool
from device_bridge.transport.serial import SerialTransport
from smartdot import CaptureState as FormatState
from smartdot import PageKind, build_page, inspect_capture, read_page
from smartdot.layout import pack_header, unpack_header

from .conftest import ServedFlash, ServeFlash


@pytest.fixture
def reader_spool(tmp_path: Path) -> Iterator[Spool]:
    """Give an empty spool."""
    spool = Spool(tmp_path / "spool.db")
    yield spool
    spool.close()


def open_device(served: ServedFlash) -> LinkedSmartDot:
    """Return the host's end, connected."""
    device = LinkedSmartDot(SerialTransport)
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
    flash = make_flash(Source(serial="TEST-1", records=2))
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
    flash = make_flash(Source(serial="TEST-1", records=2))
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
    flash = make_flash(Source(serial="TEST-1", records=1))
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
    flash = make_flash(Source(serial="TEST-1", records=3))
    flash.image.write_page(2, b"torn".ljust(256, b"\0"))
    flash.image.write_page(4, build_page(PageKind.DIRECTORY, 3, 3, b"\xff" * 8))
    device = open_device(serve_flash(flash))
    result = RecordReader(device, reader_spool).pull()
    device.close()
    assert ([row.record for row in result.sealed], result.damaged_slots) == ([2], 2)


def test_half_read_record_that_vanished_is_told(serve_flash: ServeFlash, reader_spool: Spool) -> None:
    """A record erased on the device before it was read to its end is reported, and its pages stay."""
    flash = make_flash(Source(serial="TEST-1", records=1))
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
    flash = make_flash(Source(serial="TEST-1", records=2))
    device = open_device(serve_flash(flash))
    stops: list[Progress] = []
    RecordReader(device, reader_spool, stops.append, lambda: bool(stops)).pull()
    flash.image.write_page(2, bytes(flash.image.page(3)))
    result = RecordReader(device, reader_spool).pull()
    device.close()
    assert [row.record for row in result.sealed] == [2]
    assert (result.damaged_slots, result.vanished) == (1, ())


def test_another_record_of_the_same_number_is_not_mixed_in(serve_flash: ServeFlash, reader_spool: Spool) -> None:
    """When the header of a half-read record is another one now, reading it does not go on, and its pages stay."""
    flash = make_flash(Source(serial="TEST-1", records=1))
    device = open_device(serve_flash(flash, baud=921_600))
    stops: list[Progress] = []
    RecordReader(device, reader_spool, stops.append, lambda: bool(stops)).pull()
    (half,) = reader_spool.captures()
    place = flash.image.slots()[0].pages(flash.image.first)[0]
    header = unpack_header(read_page(bytes(flash.image.page(place))))
    flash.image.write_page(place, pack_header(replace(header, start_ticks=header.start_ticks + 1)))
    result = RecordReader(device, reader_spool).pull()
    device.close()
    assert (result.sealed, result.vanished) == ((), (1,))
    assert reader_spool.captures() == [half]


def test_start_of_a_record_by_the_hosts_clock() -> None:
    """The record's begin is told in UTC from the device's ticks; a record from before a power-up has none."""
    header = make_flash(Source()).image.capture(1)[256:512]
    noon = datetime(2026, 1, 2, 12, 0, 30, tzinfo=UTC)
    known = provenance("D", 1, header, ClockFacts(50_000_000, 1_000_000, 5.0, noon))
    assert known["started_at"] == "2026-01-02T12:00:00.000000Z"
    assert provenance("D", 1, header, ClockFacts(0, 1_000_000, 5.0, noon))["started_at"] is None
    assert provenance("D", 1, b"", ClockFacts(0, 0, 5.0, noon))["started_at"] is None
    assert provenance("D", 1, header, ClockFacts(2**64 - 1, 1, 5.0, noon))["started_at"] is None
