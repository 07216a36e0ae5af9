"""Pages that a device does not give, and records at which it goes away: they hold up no other record."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import pytest

from device_bridge.device import LinkedSmartDot
from device_bridge.emulator.firmware import Firmware
from device_bridge.emulator.wire import Message, PacketSplitter, parse
from device_bridge.errors import DisconnectedError
from device_bridge.reader import RecordReader, describe_pull_problems
from device_bridge.rounds import UNREAD_ROUNDS
from device_bridge.spool import CaptureState, Spool
from device_bridge.stumbling import HARMLESS_STUMBLES, Stumbles
from smartdot import ERASED_PAGE, inspect_capture
from smartdot import CaptureState as FormatState

from .conftest import ServeFlash, simulated_flash

_PAGE = 5


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """Give an empty spool."""
    with closing(Spool(tmp_path / "spool.db", 0)) as opened:
        yield opened


@pytest.fixture(autouse=True)
def short_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a silent page be one soon."""
    monkeypatch.setattr("device_bridge.connection.REPLY_TIMEOUT_S", 0.1)
    monkeypatch.setattr("device_bridge.link.patience.LONGEST_TIMEOUT_S", 0.1)


class WithoutPage(Firmware):
    """Does not give one page of memory."""

    address = -1
    how = "refuses"
    asked = 0
    gives_after = 10**9
    deaf = False
    read_in_order: ClassVar[list[int]] = []

    def receive(self, data: bytes) -> list[bytes]:
        """Answer every request but those for one page."""
        replies = []
        for frame in self._frames.split(data) if hasattr(self, "_frames") else self._begin().split(data):
            request = parse(frame)
            if request is None or self.deaf:
                continue
            if request.type == 2 and request.address == self.address:
                self.asked += 1
                if self.how == "dies":
                    self.deaf = True
                if self.asked <= self.gives_after and self.how != "refuses":
                    continue
            replies.append(self._answer(request))
        return replies

    def _begin(self) -> PacketSplitter:
        self._frames = PacketSplitter()
        return self._frames

    def _read(self, request: Message) -> tuple[int, bytes]:
        if request.address == self.address and self.how == "refuses" and self.asked <= self.gives_after:
            return 1, b""
        return super()._read(request)


def without_page(serve_flash: ServeFlash, how: str, *, gives_after: int = 10**9) -> tuple[WithoutPage, str]:
    """Serve three records of which the first lacks a page; return firmware and path."""
    flash = simulated_flash(3)
    served = serve_flash(flash, firmware=WithoutPage)
    assert isinstance(served.firmware, WithoutPage)
    firmware = served.firmware
    firmware.address = 256 * flash.image.slots()[0].pages(flash.image.first)[_PAGE]
    firmware.how, firmware.gives_after = how, gives_after
    return firmware, served.path


@pytest.mark.parametrize("how", ["refuses", "says nothing"])
def test_a_page_that_is_not_given_holds_up_nothing(serve_flash: ServeFlash, spool: Spool, how: str) -> None:
    """The other records are read first; then the record is sealed with erased bytes in the place of the page."""
    firmware, path = without_page(serve_flash, how)
    device = LinkedSmartDot()
    device.open(path)
    result = RecordReader(device, spool, wait_for_second_round=lambda: None).pull()
    device.close()
    assert [row.record for row in result.sealed] == [2, 3, 1]
    row = result.sealed[-1]
    # Pages of a capture count from its first page on.
    assert row.damaged_pages == (_PAGE + 1,)
    want = bytearray(firmware.flash.image.capture(1))
    want[256 * (_PAGE + 1) : 256 * (_PAGE + 2)] = ERASED_PAGE
    assert spool.load(row) == want
    found = inspect_capture(bytes(want))
    assert found.state is FormatState.DAMAGED
    assert [(problem.page, problem.problem) for problem in found.problems] == [(_PAGE + 1, "checksum")]
    assert firmware.asked == UNREAD_ROUNDS * (4 if how == "refuses" else 5)


@pytest.mark.parametrize("how", ["refuses", "says nothing"])
def test_a_page_that_is_given_at_last_is_whole(serve_flash: ServeFlash, spool: Spool, how: str) -> None:
    """A page that the device gives in the last round is sealed as it is."""
    firmware, path = without_page(serve_flash, how, gives_after=11)
    device = LinkedSmartDot()
    device.open(path)
    result = RecordReader(device, spool, wait_for_second_round=lambda: None).pull()
    device.close()
    assert [(row.record, row.damaged_pages) for row in result.sealed] == [(2, ()), (3, ()), (1, ())]
    assert spool.load(result.sealed[-1]) == firmware.flash.image.capture(1)


def test_a_device_that_dies_of_a_page_gives_its_other_records(serve_flash: ServeFlash, spool: Spool) -> None:
    """A record at which the device goes away each time is read last, after growing waits, and named."""
    firmware, path = without_page(serve_flash, "dies")
    now_s = 0.0
    stumbles = Stumbles(lambda: now_s)
    device = LinkedSmartDot()

    def pull() -> RecordReader:
        firmware.deaf = False
        device.open(path)
        reader = RecordReader(device, spool, wait_for_second_round=lambda: None)
        reader.remember(stumbles)
        return reader

    for _ in range(HARMLESS_STUMBLES):
        with pytest.raises(DisconnectedError):
            pull().pull()
    result = pull().pull()
    assert [row.record for row in result.sealed] == [2, 3]
    assert (result.postponed, result.vanished) == ((1,), ())
    assert any("record 1 of TEST-1 is postponed" in line for line in describe_pull_problems(result))
    now_s = 10_000.0
    with pytest.raises(DisconnectedError):
        pull().pull()
    firmware.how = "gives"
    firmware.gives_after = 0
    now_s = 20_000.0
    assert [row.record for row in pull().pull().sealed] == [1]
    device.close()
    assert spool.counts()[CaptureState.SEALED] == 3


def test_waits_after_stumbles_grow_and_end() -> None:
    """Each time at the same record doubles the wait, up to ten minutes; what goes on is forgotten."""
    now_s = 0.0
    stumbles = Stumbles(lambda: now_s)
    waits = []
    for _ in range(12):
        stumbles.note("SD-1", 7)
        begin_s = now_s
        while stumbles.is_to_wait("SD-1", 7):
            now_s += 1
        waits.append(now_s - begin_s)
    assert waits == [0, 5, 10, 20, 40, 80, 160, 320, 600, 600, 600, 600]
    assert stumbles.is_last("SD-1", 7)
    stumbles.forget("SD-1", 7)
    assert not stumbles.is_last("SD-1", 7)
    for record in range(5000):
        stumbles.note("SD-1", record)
    assert len(stumbles._found) == 1024
