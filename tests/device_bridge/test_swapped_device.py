"""A device that is taken off and another put on while the line between stays open, as behind a serial server."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from device_bridge.daemon.erasing import RETRY_REFUSED_S, Eraser
from device_bridge.daemon.journal import Event, Journal
from device_bridge.device import LinkedSmartDot
from device_bridge.emulator.device_state import DeviceState
from device_bridge.emulator.firmware import Firmware
from device_bridge.emulator.flash import Flash
from device_bridge.emulator.wire import Message
from device_bridge.errors import DeviceChangedError
from device_bridge.reader import RecordReader
from device_bridge.spool import CaptureState, Spool

from .conftest import ServedFlash, ServeFlash, simulated_flash


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """Give an empty spool."""
    with closing(Spool(tmp_path / "spool.db", 0)) as opened:
        yield opened


def connect(served: ServedFlash) -> LinkedSmartDot:
    """Return the host's end, connected."""
    device = LinkedSmartDot()
    device.open(served.path)
    return device


def pages_in(spool: Spool, capture: int) -> dict[int, bytes]:
    """Return the pages that the spool holds of a capture."""
    with spool._database.reading() as db:
        return dict(db.execute("SELECT number, data FROM pages WHERE capture = ?", (capture,)).fetchall())


def test_the_next_pull_notices_another_device(serve_flash: ServeFlash, spool: Spool) -> None:
    """What another device holds is never read under the name of the one that was connected, equal slots or not."""
    one, other = simulated_flash(1, serial="SD-A"), simulated_flash(2, serial="SD-B", seed=2)
    served = serve_flash(one)
    device = connect(served)
    reader = RecordReader(device, spool)
    reader.pull()
    served.firmware.flash = other
    with pytest.raises(DeviceChangedError, match="another device answers at"):
        reader.pull()
    assert not device.is_connected()
    assert [(row.device, row.record) for row in spool.captures()] == [("SD-A", 1)]
    device = connect(served)
    RecordReader(device, spool).pull()
    device.close()
    assert [(row.device, spool.load(row)) for row in spool.captures()] == [
        ("SD-A", one.image.capture(1)),
        ("SD-B", other.image.capture(1)),
        ("SD-B", other.image.capture(2)),
    ]


class SwappedInTheMiddle(Firmware):
    """Is another device from the read of some page on, that one included."""

    other: Flash
    address = -1

    def _read(self, request: Message) -> tuple[int, bytes]:
        if request.address == self.address:
            self.flash = self.other
        return super()._read(request)


# The first and the last page, and pages close to the end, behind which the first page is not read until it is over.
@pytest.mark.parametrize(
    "place", [40, -8, -1, *(pytest.param(place, marks=pytest.mark.long) for place in (0, 1, 100, 200, -16, -4, -2))]
)
def test_pages_of_two_devices_are_never_mixed(serve_flash: ServeFlash, spool: Spool, place: int) -> None:
    """Wherever in a record the swap comes, no page of the second device is kept as the first one's, nor sealed."""
    one, other = simulated_flash(1, serial="SD-A", seed=1), simulated_flash(1, serial="SD-B", seed=2)
    served = serve_flash(one, firmware=SwappedInTheMiddle, baud=921_600)
    firmware = served.firmware
    assert isinstance(firmware, SwappedInTheMiddle)
    firmware.other, firmware.address = other, 256 * one.image.slots()[0].pages(one.image.first)[place]
    device = connect(served)
    with pytest.raises(DeviceChangedError):
        RecordReader(device, spool).pull()
    device.close()
    capture = one.image.capture(1)
    for row in spool.captures():
        assert row.device == "SD-A"
        for number, data in pages_in(spool, row.id).items():
            assert data == capture[256 * (number + 1) : 256 * (number + 2)]
    firmware.address = -1
    for flash in (one, other):
        served.firmware.flash = flash
        device = connect(served)
        RecordReader(device, spool).pull()
        device.close()
    sealed = {row.device: spool.load(row) for row in spool.captures(CaptureState.SEALED)}
    assert sealed == {"SD-A": capture, "SD-B": other.image.capture(1)}


def test_nothing_is_erased_on_another_device(serve_flash: ServeFlash, spool: Spool) -> None:
    """A record that the other device holds stays, though it is equal to the one that the cloud has verified."""
    one, other = simulated_flash(1, serial="SD-A"), simulated_flash(1, serial="SD-B")
    served = serve_flash(one)
    device = connect(served)
    (row,) = RecordReader(device, spool).pull().sealed
    spool.mark_delivered(row.id, "verified")
    served.firmware.flash = other
    with pytest.raises(DeviceChangedError):
        Eraser(spool, Journal(lambda _: None)).erase(device)
    assert [slot.record for slot in other.image.slots()] == [1]


def test_a_swap_just_before_an_erasure(serve_flash: ServeFlash, spool: Spool) -> None:
    """Also when the swap comes after the pages were compared, the device is asked for its name before it erases."""

    class SwappedAfterTheLastPage(Firmware):
        other = simulated_flash(1, serial="SD-B")

        def _read(self, request: Message) -> tuple[int, bytes]:
            reply = super()._read(request)
            image = self.flash.image
            if is_erasing and request.address == 256 * image.slots()[0].pages(image.first)[-1]:
                self.flash = self.other
            return reply

    is_erasing = False
    device = connect(serve_flash(simulated_flash(1, serial="SD-A"), firmware=SwappedAfterTheLastPage))
    (row,) = RecordReader(device, spool).pull().sealed
    spool.mark_delivered(row.id, "verified")
    is_erasing = True
    with pytest.raises(DeviceChangedError):
        Eraser(spool, Journal(lambda _: None)).erase(device)
    assert [slot.record for slot in SwappedAfterTheLastPage.other.image.slots()] == [1]


def test_nothing_is_noted_as_erased_for_what_another_device_lacks(serve_flash: ServeFlash, spool: Spool) -> None:
    """A directory without the record tells nothing of the device that was taken off."""
    served = serve_flash(simulated_flash(1, serial="SD-A"))
    device = connect(served)
    (row,) = RecordReader(device, spool).pull().sealed
    spool.mark_delivered(row.id, "verified")
    empty = simulated_flash(1, serial="SD-B")
    empty.erase_record(1)
    served.firmware.flash = empty
    with pytest.raises(DeviceChangedError):
        Eraser(spool, Journal(lambda _: None)).erase(device)
    assert [row.erased_at for row in spool.captures()] == [None]


def test_a_twin_of_the_same_serial_is_not_noted_as_erased(serve_flash: ServeFlash, spool: Spool) -> None:
    """Of two devices with one serial the one that lacks a record does not speak for the other that holds it."""
    one, other = simulated_flash(1, seed=1), simulated_flash(1, seed=2)
    for flash in (one, other):
        device = connect(serve_flash(flash))
        (row,) = RecordReader(device, spool).pull().sealed
        spool.mark_delivered(row.id, "verified")
        device.close()
    one.erase_record(1)
    device = connect(serve_flash(one))
    times_s = iter([0.0, 0.0, RETRY_REFUSED_S, RETRY_REFUSED_S])
    eraser = Eraser(spool, Journal(lambda _: None), lambda: next(times_s))
    eraser.erase(device)
    eraser.erase(device)
    device.close()
    assert [row.erased_at for row in spool.captures()] == [None, None]
    assert [slot.record for slot in other.image.slots()] == [1]


@pytest.mark.parametrize("what", ["power-up", "ticks"])
def test_a_clock_that_began_anew_is_another_connection(serve_flash: ServeFlash, spool: Spool, what: str) -> None:
    """Two devices may have one first page: another power-up, or a clock that runs backwards, ends the connection."""
    ticks = 90_000_000
    state = DeviceState()
    served = serve_flash(firmware=lambda flash, _: Firmware(flash, lambda: ticks, state=state))
    device = connect(served)
    reader = RecordReader(device, spool)
    reader.pull()
    reader.pull()
    if what == "power-up":
        state.count_power_up()
    else:
        ticks = 1
    with pytest.raises(DeviceChangedError, match="switched off and on"):
        reader.pull()
    assert not device.is_connected()


def test_erasing_is_alive_and_ends_when_told(serve_flash: ServeFlash, spool: Spool) -> None:
    """The eraser asks at every batch and record whether to stop, and erases nothing once it is told to."""
    served = serve_flash(simulated_flash(3))
    device = connect(served)
    for row in RecordReader(device, spool).pull().sealed:
        spool.mark_delivered(row.id, "verified")
    events: list[Event] = []
    Eraser(spool, Journal(events.append), should_stop=lambda: True).erase(device)
    assert ([slot.record for slot in served.flash.image.slots()], events) == ([1, 2, 3], [])
    asked = []

    def is_to_stop() -> bool:
        asked.append(len(served.flash.image.slots()))
        return asked[-1] < 3

    Eraser(spool, Journal(events.append), should_stop=is_to_stop).erase(device)
    device.close()
    assert [slot.record for slot in served.flash.image.slots()] == [2, 3]
    assert [event.name for event in events] == ["record-erased"]
    # The directory, the comparison and each record were signs of life.
    assert asked.count(3) > 3
