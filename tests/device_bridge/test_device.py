import os
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from device_bridge.device import CommandRefusedError, LinkedSmartDot
from device_bridge.emulator.firmware import Firmware
from device_bridge.emulator.flash import Flash
from device_bridge.emulator.source import Source, make_flash
from device_bridge.emulator.wire import Message, build
from device_bridge.errors import DisconnectedError, NotASmartDotError, NotUnderstoodError
from device_bridge.interface import Result
from device_bridge.pages import WantedPage
from device_bridge.reader import read_directory
from device_bridge.transport.serial import SerialTransport
from smartdot import ERASED_PAGE, FirstPage, MemoryImage, PageKind, Version, build_page
from smartdot.layout import pack_first

from .conftest import ServeFlash


@pytest.fixture
def bridge_device() -> Iterator[LinkedSmartDot]:
    """Give the host's end, not connected yet."""
    device = LinkedSmartDot(SerialTransport)
    yield device
    device.close()


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


def test_chatting_port_is_not_a_smartdot(bridge_device: LinkedSmartDot, serve_flash: ServeFlash) -> None:
    """A device that speaks something else is told apart from one that is silent."""

    class ModemFirmware(Firmware):
        def receive(self, data: bytes) -> list[bytes]:
            return [b"ERROR\r\n\0"] if data else []

    with pytest.raises(NotASmartDotError, match="sends something else"):
        bridge_device.open(serve_flash(firmware=ModemFirmware).path)


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
        (build_page(PageKind.FIRST, 0, 0, b"OTHERDOT"), "makes no sense"),
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
    firmware = Firmware(make_flash(Source()), lambda: 0)
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
