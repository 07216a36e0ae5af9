import os
import struct
import time
import tty
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.commands import CommandRefusedError, SamplingMode, parse_status
from device_bridge.device import LinkedSmartDot
from device_bridge.emulator.firmware import Firmware
from device_bridge.emulator.flash import Flash
from device_bridge.emulator.source import Source, make_flash
from device_bridge.emulator.wire import Message, build
from device_bridge.errors import DisconnectedError, NotASmartDotError, NotUnderstoodError, PortBusyError
from device_bridge.interface import Result
from device_bridge.pages import WantedPage
from device_bridge.reader import read_directory
from smartdot import ERASED_PAGE, FirstPage, MemoryImage, PageKind, Version, build_page
from smartdot.layout import pack_first

from .conftest import ServeFlash, simulated_flash


@pytest.fixture
def bridge_device() -> Iterator[LinkedSmartDot]:
    """Give the host's end, not connected yet."""
    device = LinkedSmartDot()
    yield device
    device.close()


@pytest.fixture
def short_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what does not answer be given up ten times sooner."""
    monkeypatch.setattr("device_bridge.connection.REPLY_TIMEOUT_S", 0.05)


def test_ismartdot_end_to_end(bridge_device: LinkedSmartDot, serve_flash: ServeFlash) -> None:
    """Each call of ISmartDot does over a real pty what the interface says, with its result numbers."""
    served = serve_flash()
    assert bridge_device.connect(served.path) == Version(1, 0, 0)
    assert bridge_device.is_connected()
    assert bridge_device.first.serial == "TEST-1"
    buffer = bytearray(300)
    assert bridge_device.read_bytes(256, buffer, 256) is Result.SUCCESS
    assert bytes(buffer[:256]) == served.flash.image.page(1)
    assert buffer[256:] == bytes(44)
    assert bridge_device.write_bytes(256 * 70, b"abc", 3) is Result.SUCCESS
    assert served.flash.image.page(70)[:3] == b"abc"
    assert "records=2" in bridge_device.command("status")


def test_what_a_device_does_not_allow(bridge_device: LinkedSmartDot, serve_flash: ServeFlash) -> None:
    """The first page cannot be written, memory ends where it ends, and an address is a page's start."""
    served = serve_flash()
    bridge_device.open(served.path)
    before = served.flash.image.page(0)
    assert bridge_device.write_bytes(0, b"x", 1) is Result.FAILURE_PERMISSION_ERROR
    assert bridge_device.read_bytes(256 * 1_000_000, bytearray(256), 256) is Result.FAILURE_PERMISSION_ERROR
    assert bridge_device.read_bytes(255, bytearray(256), 256) is Result.FAILURE_UNKNOWN
    assert bridge_device.read_bytes(256, bytearray(257), 257) is Result.FAILURE_UNKNOWN
    assert served.flash.image.page(0) == before
    with pytest.raises(CommandRefusedError, match="unknown command"):
        bridge_device.command("self destruct")


@pytest.mark.parametrize(
    ("address", "size", "count", "result"),
    [
        (256, 256, 0, Result.FAILURE_UNKNOWN),
        (256, 256, -1, Result.FAILURE_UNKNOWN),
        (256, 70_000, 70_000, Result.FAILURE_UNKNOWN),
        (256, 10, 11, Result.FAILURE_UNKNOWN),
        (-256, 256, 256, Result.FAILURE_UNKNOWN),
        (2**40 + 1, 256, 256, Result.FAILURE_UNKNOWN),
        (2**40, 256, 256, Result.FAILURE_PERMISSION_ERROR),
    ],
)
def test_what_cannot_be_asked_for_is_a_result(
    bridge_device: LinkedSmartDot, serve_flash: ServeFlash, address: int, size: int, count: int, result: Result
) -> None:
    """An impossible address, count or buffer is a failure's result, never an exception, and changes nothing."""
    served = serve_flash()
    bridge_device.open(served.path)
    before = bytes(served.flash.image.data)
    buffer = bytearray(size)
    assert bridge_device.read_bytes(address, buffer, count) is result
    assert bridge_device.write_bytes(address, b"\7" * size, count) is result
    assert buffer == bytes(size)
    assert served.flash.image.data == before
    assert bridge_device.is_connected()


def test_damaged_page_reads_as_data_corruption(bridge_device: LinkedSmartDot, serve_flash: ServeFlash) -> None:
    """A page with a wrong checksum is given as read, with FAILURE_DATA_CORRUPTION; an erased one is fine."""
    served = serve_flash()
    served.flash.image.write_page(1, b"\1" * 256)
    bridge_device.open(served.path)
    buffer = bytearray(256)
    assert bridge_device.read_bytes(256, buffer, 256) is Result.FAILURE_DATA_CORRUPTION
    assert buffer == b"\1" * 256
    served.flash.image.write_page(1, ERASED_PAGE)
    assert bridge_device.read_bytes(256, buffer, 256) is Result.SUCCESS


def test_erased_record_leaves_the_directory(bridge_device: LinkedSmartDot, serve_flash: ServeFlash) -> None:
    """The erase command frees a record, and the same again says that it is not there."""
    bridge_device.open(serve_flash().path)
    assert bridge_device.command("erase 1") == "erased 1"
    assert [slot.record for slot in read_directory(bridge_device).slots] == [2]
    with pytest.raises(CommandRefusedError, match="no record 1"):
        bridge_device.command("erase 1")


def test_event_reaches_the_callback(bridge_device: LinkedSmartDot, serve_flash: ServeFlash) -> None:
    """What the device reports by itself is given to on_event, within any other call."""

    class EventfulFirmware(Firmware):
        def receive(self, data: bytes) -> list[bytes]:
            return [self.event("record ready 3"), *super().receive(data)]

    heard: list[str] = []
    bridge_device.on_event = heard.append
    bridge_device.open(serve_flash(firmware=EventfulFirmware).path)
    assert heard
    assert set(heard) == {"record ready 3"}


def test_unplugged_device_gives_disconnected(bridge_device: LinkedSmartDot, serve_flash: ServeFlash) -> None:
    """After an unplug reads give FAILURE_DISCONNECTED, other calls raise, and a replug is a new connect."""
    served = serve_flash()
    bridge_device.open(served.path)
    served.unplug()
    assert bridge_device.read_bytes(0, bytearray(256), 256) is Result.FAILURE_DISCONNECTED
    assert not bridge_device.is_connected()
    with pytest.raises(DisconnectedError):
        bridge_device.command("status")
    assert bridge_device.connect(serve_flash().path) is not None


@pytest.mark.parametrize(
    "use",
    [
        lambda device: device.command("status"),
        lambda device: list(device.read_pages([WantedPage(0, (PageKind.FIRST,), 0, 0)])),
        lambda device: device.wait_for_event(),
        lambda device: device.refresh_clock(),
        lambda device: device.erase(1),
    ],
)
def test_unplug_is_noticed_by_every_call(
    bridge_device: LinkedSmartDot, serve_flash: ServeFlash, use: Callable[[LinkedSmartDot], object]
) -> None:
    """Whichever call meets the unplug, afterwards the device is not connected, and its link errors stay readable."""
    served = serve_flash()
    bridge_device.open(served.path)
    served.unplug()
    with pytest.raises(DisconnectedError, match="is gone"):
        use(bridge_device)
    assert not bridge_device.is_connected()
    assert isinstance(bridge_device.failure, DisconnectedError)
    assert bridge_device.errors.total == 0
    assert bridge_device.place == served.path


@pytest.mark.usefixtures("short_timeout")
def test_device_that_stops_answering_is_gone(bridge_device: LinkedSmartDot, serve_flash: ServeFlash) -> None:
    """A device that hangs after its hello is told as one that stopped answering, and is no longer connected."""

    class HangingFirmware(Firmware):
        def _command(self, _request: Message) -> tuple[int, bytes]:
            self.hangs = True
            return 0, b""

        def receive(self, data: bytes) -> list[bytes]:
            replies = super().receive(data)
            return [] if getattr(self, "hangs", False) else replies

    bridge_device.open(serve_flash(firmware=HangingFirmware).path)
    with pytest.raises(DisconnectedError, match="stopped answering: check its power and cable"):
        bridge_device.command("status")
    assert not bridge_device.is_connected()


def test_reader_of_an_earlier_connection_does_not_end_the_next(
    bridge_device: LinkedSmartDot, serve_flash: ServeFlash
) -> None:
    """Pages that are still read through a connection that was given up raise, and the new connection stays."""
    bridge_device.open(serve_flash().path)
    pages = bridge_device.read_pages(WantedPage(0, (PageKind.FIRST,), 0, 0) for _ in range(100))
    next(pages)
    bridge_device.open(serve_flash().path)
    with pytest.raises(DisconnectedError):
        list(pages)
    assert bridge_device.is_connected()


def test_commands_as_methods(bridge_device: LinkedSmartDot, serve_flash: ServeFlash) -> None:
    """Status, sampling, time, defaults and erasing reach the device, and its answers come back as values."""
    served = serve_flash()
    bridge_device.open(served.path)
    status = bridge_device.read_status()
    assert (status.records, status.ticks, status.tick_hz, status.sampling) == (2, 90_000_000, 1_000_000, "auto")
    assert status.battery_percent is not None
    assert status.values["records"] == "2"
    bridge_device.set_sampling(SamplingMode.OFF)
    assert bridge_device.read_status().sampling == "off"
    bridge_device.set_time(datetime(2026, 11, 24, 8, 30, 0, 123_456, tzinfo=timezone(timedelta(hours=1))))
    assert bridge_device.read_status().values["utc"] == "2026-11-24T07:30:00.123Z"
    bridge_device.set_defaults()
    assert bridge_device.read_status().sampling == "auto"
    assert [bridge_device.erase(1), bridge_device.erase(1)] == [True, False]
    assert bridge_device.read_status().records == 1
    with pytest.raises(ValueError, match="zone"):
        bridge_device.set_time(datetime(2026, 11, 24))  # noqa: DTZ001 - what is tested


@pytest.mark.parametrize("text", ["", "café", "a\nb", "x" * 257])
def test_command_that_cannot_be_sent(bridge_device: LinkedSmartDot, serve_flash: ServeFlash, text: str) -> None:
    """What is no printable ASCII, nothing, or too much is refused here, and the device stays connected."""
    bridge_device.open(serve_flash().path)
    with pytest.raises(CommandRefusedError, match="printable ASCII"):
        bridge_device.command(text)
    assert bridge_device.is_connected()


@pytest.mark.parametrize("text", ["", "records=1", "records=x ticks=1 tick_hz=1", "records=\u0661 ticks=1 tick_hz=1"])
def test_status_that_makes_no_sense(text: str) -> None:
    """A status without its numbers is told with what the device answered."""
    with pytest.raises(NotUnderstoodError, match="without records, ticks and tick_hz"):
        parse_status(text)


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["records=1", "ticks=2", "tick_hz=3", "x", "=", "a=b=c"])).map(" ".join)
)
def test_any_status_is_understood_or_refused(text: str) -> None:
    """Whatever a device answers to `status` is read or is the one error."""
    try:
        assert parse_status(text).records >= 0
    except NotUnderstoodError:
        assert not all(name in text for name in ("records=1", "ticks=2", "tick_hz=3"))


def test_status_of_a_device_that_says_more_or_less() -> None:
    """A battery that is no percentage is unknown, unknown names are kept, and words without a name are passed over."""
    status = parse_status("records=1 ticks=2 tick_hz=3 battery_percent=101 colour=red nonsense")
    assert (status.battery_percent, status.sampling, status.values["colour"]) == (None, None, "red")
    assert parse_status("records=1 ticks=2 tick_hz=3 battery_percent=100").battery_percent == 100


def test_clocks_are_noted_around_the_hello(bridge_device: LinkedSmartDot, serve_flash: ServeFlash) -> None:
    """The device's clock is noted with the host's in the middle of the exchange, how long it took, and the power-up."""
    served = serve_flash()
    served.firmware.state.power_up = 7
    before_s = time.monotonic()
    bridge_device.open(served.path)
    after_s = time.monotonic()
    note = bridge_device.clock.note()
    assert (note.device_ticks, note.tick_hz, note.power_up) == (90_000_000, 1_000_000, 7)
    assert before_s < note.host_monotonic_s < after_s
    assert 0 < note.round_trip_s < after_s - before_s
    assert abs((datetime.now(UTC) - note.host_utc).total_seconds()) < 60


@pytest.mark.usefixtures("short_timeout")
def test_silent_port_is_not_a_smartdot(bridge_device: LinkedSmartDot) -> None:
    """A port where nothing answers gives no version, and a message that names it."""
    master, slave = os.openpty()
    tty.setraw(slave)
    path = os.ttyname(slave)
    assert bridge_device.connect(path) is None
    assert isinstance(bridge_device.failure, NotASmartDotError)
    assert f"{path} is not a SmartDot" in str(bridge_device.failure)
    os.close(master)
    os.close(slave)


@pytest.mark.usefixtures("short_timeout")
def test_chatting_port_is_not_a_smartdot(bridge_device: LinkedSmartDot, serve_flash: ServeFlash) -> None:
    """A device that speaks something else is told apart from one that is silent."""

    class ModemFirmware(Firmware):
        def receive(self, data: bytes) -> list[bytes]:
            return [b"ERROR\r\n\0"] if data else []

    with pytest.raises(NotASmartDotError, match="sends something else"):
        bridge_device.open(serve_flash(firmware=ModemFirmware).path)


def answer_as(sent: Callable[[bytes], list[bytes]]) -> type[Firmware]:
    """Return a firmware that answers bytes with bytes, whatever they are."""

    class Stranger(Firmware):
        def receive(self, data: bytes) -> list[bytes]:
            return sent(data)

    return Stranger


@pytest.mark.usefixtures("short_timeout")
@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (lambda data: [data], "sends back what it is sent"),
        (lambda _: [b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M*47\r\n"], "sends something else"),
        (lambda _: [bytes(range(256)) * 20], "sends something else"),
        (lambda _: [build(Message(1, 0x82, 1, 0, 0, 1, b"x"))], "sends something else"),
        (lambda _: [], "does not answer"),
    ],
)
def test_port_that_is_no_smartdot(
    bridge_device: LinkedSmartDot, serve_flash: ServeFlash, sent: Callable[[bytes], list[bytes]], message: str
) -> None:
    """An echo, a GPS, garbage, another protocol and silence are each told apart in one message that names the port."""
    served = serve_flash(firmware=answer_as(sent))
    with pytest.raises(NotASmartDotError, match=f"{served.path} is not a SmartDot: what is there {message}"):
        bridge_device.open(served.path)
    assert not bridge_device.is_connected()


def test_device_that_speaks_another_version(bridge_device: LinkedSmartDot, serve_flash: ServeFlash) -> None:
    """A hello that agrees on nothing this bridge speaks ends with a message that says so."""

    class LaterFirmware(Firmware):
        def _hello(self, request: Message) -> tuple[int, bytes]:
            status, payload = super()._hello(request)
            return status, b"\2" + payload[1:]

    with pytest.raises(NotASmartDotError, match="cannot agree on a protocol: protocol version 2"):
        bridge_device.open(serve_flash(firmware=LaterFirmware).path)


def test_two_bridges_on_one_device(bridge_device: LinkedSmartDot, serve_flash: ServeFlash) -> None:
    """The second bridge is told that the port is in use, and the first goes on reading without an error."""
    served = serve_flash()
    bridge_device.open(served.path)
    second = LinkedSmartDot()
    assert second.connect(served.path) is None
    assert isinstance(second.failure, PortBusyError)
    assert len(read_directory(bridge_device).slots) == 2
    assert bridge_device.errors.total == 0


@pytest.mark.usefixtures("short_timeout")
def test_late_and_doubled_answers_serve(bridge_device: LinkedSmartDot, serve_flash: ServeFlash) -> None:
    """A firmware whose answers come one request late, and each twice, is read right; nothing is taken twice."""

    class LateFirmware(Firmware):
        held: tuple[bytes, ...] = ()

        def receive(self, data: bytes) -> list[bytes]:
            replies = super().receive(data)
            if not replies:
                return []
            self.held, out = tuple(replies[-1:]), [*self.held, *replies[:-1]]
            return [reply for reply in out for _ in range(2)]

    served = serve_flash(firmware=LateFirmware)
    bridge_device.open(served.path)
    pages = wanted(served.flash, 1)[:20]
    found = [page for batch in bridge_device.read_pages(pages) for page in batch]
    assert {page.wanted.number: page.data for page in found} == {
        place.number: served.flash.image.page(place.memory_page) for place in pages
    }
    assert len(found) == 20
    assert bridge_device.errors.stale > 0
    assert bridge_device.errors.timeouts > 0


def test_refused_slot_is_a_damaged_one(bridge_device: LinkedSmartDot, serve_flash: ServeFlash) -> None:
    """A slot that the device refuses to give is counted as damaged, not as empty, and the others are read."""

    class ShyFirmware(Firmware):
        def _read(self, request: Message) -> tuple[int, bytes]:
            return (2, b"") if request.address == 512 else super()._read(request)

    bridge_device.open(serve_flash(firmware=ShyFirmware).path)
    directory = read_directory(bridge_device)
    assert ([slot.record for slot in directory.slots], directory.damaged, directory.names_all) == ([2], 1, False)


class FaultyFirmware(Firmware):
    """Gives a page that is damaged, or another page than was asked for, for the first reads of it."""

    faults: int = 2
    fault: Callable[[bytes], bytes] = staticmethod(lambda page: page[:-1] + bytes([page[-1] ^ 1]))
    address: int = 0

    def _read(self, request: Message) -> tuple[int, bytes]:
        status, page = super()._read(request)
        if request.address == self.address and self.faults:
            self.faults -= 1
            return status, self.fault(page)
        return status, page


def wanted(flash: Flash, record: int) -> list[WantedPage]:
    """Return what a reader asks for to read a record."""
    slot = flash.image.slots()[record - 1]
    kinds = (PageKind.HEADER, PageKind.DATA, PageKind.END)
    return [WantedPage(page, kinds, record, number) for number, page in enumerate(slot.pages(flash.image.first))]


def test_damaged_page_is_read_again_alone(bridge_device: LinkedSmartDot, serve_flash: ServeFlash) -> None:
    """A page that arrives damaged, in a valid packet, is read again while every other is read once."""
    served = serve_flash(firmware=FaultyFirmware)
    pages = wanted(served.flash, 1)
    served.firmware.address = 256 * pages[5].memory_page  # type: ignore[attr-defined]
    bridge_device.open(served.path)
    found = [page for batch in bridge_device.read_pages(pages) for page in batch]
    assert all(page.problem is None for page in found)
    assert {page.wanted.number: page.data for page in found} == {
        place.number: served.flash.image.page(place.memory_page) for place in pages
    }
    assert bridge_device.errors.rereads == 2


def test_valid_page_of_another_place_is_not_taken(bridge_device: LinkedSmartDot, serve_flash: ServeFlash) -> None:
    """A whole page that belongs elsewhere is kept as read and named, never taken for the right one."""

    class SwappingFirmware(FaultyFirmware):
        faults = 1000
        fault = staticmethod(lambda _: build_page(PageKind.DATA, 2, 5, b""))

    served = serve_flash(firmware=SwappingFirmware)
    pages = wanted(served.flash, 1)
    served.firmware.address = 256 * pages[5].memory_page  # type: ignore[attr-defined]
    bridge_device.open(served.path)
    found = [page for batch in bridge_device.read_pages(pages) for page in batch]
    assert [(page.wanted.number, page.problem) for page in found if page.problem] == [(5, "number")]
    assert bridge_device.errors.rereads == 3


def test_page_of_another_kind_is_not_taken(bridge_device: LinkedSmartDot, serve_flash: ServeFlash) -> None:
    """A whole page with the right numbers and the wrong kind is kept as read and named."""

    class WrongKindFirmware(FaultyFirmware):
        faults = 1000
        fault = staticmethod(lambda _: build_page(PageKind.END, 1, 5, b""))

    served = serve_flash(firmware=WrongKindFirmware)
    pages = [replace(page, kinds=(PageKind.DATA,)) for page in wanted(served.flash, 1)[4:7]]
    served.firmware.address = 256 * pages[1].memory_page  # type: ignore[attr-defined]
    bridge_device.open(served.path)
    found = [page for batch in bridge_device.read_pages(pages) for page in batch]
    assert {page.wanted.number: page.problem for page in found} == {4: None, 5: "kind", 6: None}


@pytest.mark.long
def test_slow_line_is_read_without_an_error(bridge_device: LinkedSmartDot, serve_flash: ServeFlash) -> None:
    """Over a line of 9,600 baud a full window of pages takes longer than the timeouts, and nothing is asked twice."""
    served = serve_flash(baud=9_600)
    bridge_device.open(served.path)
    pages = wanted(served.flash, 1)[:24]
    found = [page for batch in bridge_device.read_pages(pages) for page in batch]
    assert len(found) == 24
    assert all(page.problem is None for page in found)
    assert bridge_device.errors.total == 0


@pytest.mark.usefixtures("short_timeout")
def test_lost_and_doubled_replies_do_no_harm(bridge_device: LinkedSmartDot, serve_flash: ServeFlash) -> None:
    """A device that drops some replies, doubles others and sends noise between them is read bit by bit the same."""

    class UnreliableFirmware(Firmware):
        turn = 0

        def receive(self, data: bytes) -> list[bytes]:
            replies = []
            for reply in super().receive(data):
                self.turn += 1
                replies += [b"noise"] if self.turn % 60 == 0 else [reply, b"\0\7"] if self.turn % 7 else [reply, reply]
            return replies

    served = serve_flash(firmware=UnreliableFirmware)
    bridge_device.open(served.path)
    pages = wanted(served.flash, 1)
    found = [page for batch in bridge_device.read_pages(pages) for page in batch]
    assert (
        b"".join(page.data for page in sorted(found, key=lambda page: page.wanted.number))
        == (served.flash.image.capture(1)[256:])
    )
    assert bridge_device.errors.stale > 0


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (pack_first(FirstPage("A", Version(1, 0, 0), Version(1, 0, 0), 100, 4, format_version=9)), "format version 9"),
        (b"\1" * 256, "stays damaged"),
        (build_page(PageKind.FIRST, 0, 0, b"OTHERDOT"), "magic SMARTDOT"),
        (build_page(PageKind.DATA, 0, 0, b"SMARTDOT"), r"stays damaged \(kind\)"),
        (
            build_page(PageKind.FIRST, 0, 0, b"SMARTDOT" + struct.pack("<HHII", 1, 512, 100, 4)),
            "makes no sense: version 1 has pages of 256 bytes, not 512",
        ),
        (pack_first(FirstPage("A", Version(1, 0, 0), Version(1, 0, 0), 99, 4)), "99 pages"),
    ],
)
def test_device_that_is_not_understood(
    bridge_device: LinkedSmartDot, serve_flash: ServeFlash, page: bytes, message: str
) -> None:
    """A first page that this bridge cannot work with is one clear message, and nothing is read further."""
    flash = Flash(MemoryImage.blank(FirstPage("A", Version(1, 0, 0), Version(1, 0, 0), 100, 4)))
    flash.image.write_page(0, page)
    with pytest.raises(NotUnderstoodError, match=message):
        bridge_device.open(serve_flash(flash).path)


def test_device_with_larger_pages_is_not_understood(bridge_device: LinkedSmartDot, serve_flash: ServeFlash) -> None:
    """A hello that tells another page size ends with a message that says so."""

    class LargePageFirmware(Firmware):
        def _hello(self, request: Message) -> tuple[int, bytes]:
            status, payload = super()._hello(request)
            return status, payload[:2] + (512).to_bytes(2, "little") + payload[4:]

    with pytest.raises(NotUnderstoodError, match="pages of 512 bytes"):
        bridge_device.open(serve_flash(firmware=LargePageFirmware).path)


def test_answer_of_another_length_is_not_a_page(bridge_device: LinkedSmartDot, serve_flash: ServeFlash) -> None:
    """A device that answers too few bytes for a page is refused: kept, they would move every page behind them."""

    class ShortFirmware(FaultyFirmware):
        faults = 1000
        address = 256
        fault = staticmethod(lambda page: page[:100])

    bridge_device.open(serve_flash(firmware=ShortFirmware).path)
    buffer = bytearray(256)
    assert bridge_device.read_bytes(256, buffer, 256) is Result.FAILURE_UNKNOWN
    assert buffer == bytes(256)
    with pytest.raises(NotUnderstoodError, match="100 bytes for page 1"):
        read_directory(bridge_device)


def test_device_answers_what_it_does_not_know() -> None:
    """A request of an unknown type, or a hello without a common version, gets status 1 from the emulator."""
    firmware = Firmware(simulated_flash(1), lambda: 0)
    for kind, payload in ((0x33, b""), (1, b"\2\3\4\0"), (1, b"\1\1\0\0"), (1, b"")):
        (reply,) = firmware.receive(build(Message(1, kind, 5, 0, 0, len(payload), payload)))
        assert reply == build(Message(1, kind | 0x80, 5, 1, 0, 0, b""))


def test_memory_file_is_the_devices_flash(tmp_path: Path) -> None:
    """A memory file is made when it is absent, kept when it is there, and changed when the device's memory changes."""
    path = tmp_path / "flash.bin"
    made = make_flash(Source(records=2, memory=path))
    assert path.read_bytes() == made.image.data
    again = make_flash(Source(records=5, seed=9, memory=path))
    assert again.image.data == made.image.data
    assert again.erase_record(1)
    assert path.read_bytes() == again.image.data != made.image.data
