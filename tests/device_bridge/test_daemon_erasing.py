import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.cli import main
from device_bridge.daemon.erasing import _DATA_PAGES_COMPARED, RETRY_REFUSED_S, Eraser
from device_bridge.daemon.journal import Event, Journal
from device_bridge.device import LinkedSmartDot
from device_bridge.emulator.firmware import Firmware
from device_bridge.reader import RecordReader
from device_bridge.same_record import compared_numbers
from device_bridge.spool import CaptureState, Spool

from .conftest import ServedFlash, ServeFlash, simulated_flash
from .running_daemon import FIRST_CREDENTIAL, Cloud, make_settings, running, wait_until


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """Give the API's stand-in, and a credential file that it takes."""
    (tmp_path / "credential").write_text(FIRST_CREDENTIAL)
    server = Cloud()
    yield server
    server.close()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """Give an empty spool."""
    with closing(Spool(tmp_path / "spool.db", 0)) as opened:
        yield opened


class StubbornFirmware(Firmware):
    """Refuses to erase."""

    asked = 0

    def _erase(self, record: int) -> tuple[int, bytes]:
        type(self).asked += 1
        return 2, f"record {record} is locked".encode("ascii")


def records_on(device: ServedFlash) -> list[int]:
    """Return the records that are in a device's memory."""
    return [slot.record for slot in device.flash.image.slots()]


def pull_and_deliver(device: LinkedSmartDot, spool: Spool, cloud_state: str = "verified") -> None:
    """Read every record, and note all of them as delivered."""
    RecordReader(device, spool).pull()
    for row in spool.captures(CaptureState.SEALED):
        spool.mark_delivered(row.id, cloud_state)


def erase(device: LinkedSmartDot, spool: Spool, events: list[Event]) -> None:
    """Erase what may be erased, once."""
    Eraser(spool, Journal(events.append)).erase(device)


def wait_for_look(spool: Spool) -> None:
    """Wait until the device was looked at once more."""
    before = spool.devices()[0].seen_at
    wait_until(lambda: spool.devices()[0].seen_at > before)


@pytest.mark.parametrize(("is_asked_for", "state"), [(True, "verified"), (False, "verified"), (True, "damaged")])
def test_only_verified_records_are_erased_and_only_on_request(
    serve_flash: ServeFlash,
    cloud: Cloud,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_asked_for: bool,
    state: str,
) -> None:
    """With --erase-verified what the cloud verified leaves the device; without it, or damaged, everything stays."""
    monkeypatch.setattr("device_bridge.reader.NOTE_EVERY_S", 0.0)
    device = serve_flash(simulated_flash(2, serial="SD-1"))
    cloud.state = state
    settings = make_settings(tmp_path, api=cloud.url, ports=[device.path], erase_verified=is_asked_for)
    with running(settings) as daemon, closing(Spool(settings.spool)) as spool:
        wait_until(lambda: spool.counts()[CaptureState.DELIVERED] == 2)
        if is_asked_for and state == "verified":
            erased = daemon.wait_for("record-erased", 2)
            assert [event.facts["record"] for event in erased] == [1, 2]
            assert records_on(device) == []
            assert all(row.erased_at for row in spool.captures())
            return
        # Two more looks at the device: the first of them may have begun before the delivery was noted.
        for _ in range(2):
            wait_for_look(spool)
    assert records_on(device) == [1, 2]


def test_once_erases_too_where_it_was_asked_for(serve_flash: ServeFlash, cloud: Cloud, tmp_path: Path) -> None:
    """`run --once --erase-verified` reads, sends and then erases; what the cloud finds damaged stays."""
    device = serve_flash(simulated_flash(2, serial="SD-1"))
    arguments = ["run", "--once", "--api", cloud.url, "--port", device.path, "--spool", str(tmp_path / "spool.db")]
    arguments += ["--credential-file", str(tmp_path / "credential"), "--min-free-mib", "0"]
    assert main(arguments) == 0
    # A bridge that runs now and then is no silent one: it tells at its end what it left.
    (heard,) = cloud.heartbeats
    assert (heard["captures_waiting"], heard["device"]["serial"]) == (0, "SD-1")
    assert records_on(device) == [1, 2]
    assert main([*arguments, "--erase-verified"]) == 0
    assert records_on(device) == []


def test_another_record_of_the_same_number_is_left_alone(serve_flash: ServeFlash, spool: Spool) -> None:
    """When the device's memory was replaced, a delivered record's number stands for another shot: it stays."""
    before = serve_flash(simulated_flash(1, serial="SD-1", seed=1))
    after = serve_flash(simulated_flash(1, serial="SD-1", seed=2))
    device = LinkedSmartDot()
    device.open(before.path)
    pull_and_deliver(device, spool)
    device.open(after.path)
    events: list[Event] = []
    erase(device, spool, events)
    assert records_on(after) == [1]
    assert [event.name for event in events] == ["record-not-erased"]
    device.open(before.path)
    erase(device, spool, events)
    assert records_on(before) == []
    device.close()


@pytest.mark.parametrize("place", [0, 1, 100, -1])
def test_a_record_that_differs_in_one_page_is_left_alone(serve_flash: ServeFlash, spool: Spool, place: int) -> None:
    """The same number and length with another header, end or samples is another shot: it stays."""
    served = serve_flash(simulated_flash(1, serial="SD-1"))
    device = LinkedSmartDot()
    device.open(served.path)
    pull_and_deliver(device, spool)
    image = served.flash.image
    numbers = image.slots()[0].pages(image.first)
    compared = compared_numbers(len(numbers), _DATA_PAGES_COMPARED)
    number = numbers[compared[len(compared) // 2] if place == 100 else place]
    page = bytearray(image.page(number))
    page[-1] ^= 1
    page[:4] = zlib.crc32(page[4:]).to_bytes(4, "little")
    image.write_page(number, bytes(page))
    events: list[Event] = []
    erase(device, spool, events)
    assert records_on(served) == [1]
    assert [event.name for event in events] == ["record-not-erased"]
    device.close()


@given(st.integers(2, 2**18))
def test_which_pages_are_compared_before_an_erasure(page_count: int) -> None:
    """Of a record of any length its header and end are, and up to six data pages from its first data page on."""
    numbers = compared_numbers(page_count, _DATA_PAGES_COMPARED)
    assert (numbers[0], numbers[-1]) == (0, page_count - 1)
    assert (len(numbers), len(set(numbers))) == (min(8, page_count),) * 2
    assert page_count == 2 or numbers[1] == 1


def test_a_page_that_the_device_cannot_read_any_more_keeps_its_record(serve_flash: ServeFlash, spool: Spool) -> None:
    """When one of the compared pages has rotted on the device, nobody can tell that it is the same record: it stays."""
    served = serve_flash(simulated_flash(1, serial="SD-1"))
    device = LinkedSmartDot()
    device.open(served.path)
    pull_and_deliver(device, spool)
    image = served.flash.image
    last = image.slots()[0].pages(image.first)[-1]
    image.write_page(last, bytes(image.page(last)[:-1]) + b"\x55")
    erase(device, spool, [])
    assert records_on(served) == [1]
    device.close()


def test_what_rotted_in_the_spool_is_not_erased_on_the_device(serve_flash: ServeFlash, spool: Spool) -> None:
    """When the spool's copy is no longer what was delivered, the device keeps its own, and the reason is told."""
    served = serve_flash(simulated_flash(1, serial="SD-1"))
    device = LinkedSmartDot()
    device.open(served.path)
    pull_and_deliver(device, spool)
    spool._database._db.execute("UPDATE captures SET sha256 = ?", ("0" * 64,))
    events: list[Event] = []
    erase(device, spool, events)
    assert records_on(served) == [1]
    assert "has changed in the spool" in events[0].message
    device.close()


def test_a_header_that_differs_in_length_alone_is_another_record(serve_flash: ServeFlash, spool: Spool) -> None:
    """A slot that names another number of pages is another record, without a look at its header."""
    served = serve_flash(simulated_flash(1, serial="SD-1"))
    device = LinkedSmartDot()
    device.open(served.path)
    pull_and_deliver(device, spool)
    slot = served.flash.image.slots()[0]
    row = spool.captures()[0]
    assert slot.page_count == row.page_count
    spool._database._db.execute("UPDATE captures SET page_count = page_count + 1")
    erase(device, spool, [])
    assert records_on(served) == [1]
    device.close()


def test_a_refusal_is_told_once_and_tried_again_much_later(serve_flash: ServeFlash, spool: Spool) -> None:
    """A device that does not erase keeps its record, which is noted nowhere as erased, and is asked again later."""
    served = serve_flash(simulated_flash(1, serial="SD-1"), firmware=StubbornFirmware)
    device = LinkedSmartDot()
    device.open(served.path)
    pull_and_deliver(device, spool)
    events: list[Event] = []
    now_s = 0.0
    eraser = Eraser(spool, Journal(events.append), lambda: now_s)
    StubbornFirmware.asked = 0
    for _ in range(3):
        eraser.erase(device)
    assert StubbornFirmware.asked == 1
    now_s = RETRY_REFUSED_S
    eraser.erase(device)
    assert StubbornFirmware.asked == 2
    (told,) = events
    assert "SD-1 record 1 is not erased on the device" in told.message
    assert spool.captures()[0].erased_at is None
    device.close()


def test_an_erasure_whose_answer_was_lost_is_noted_at_the_next_look(serve_flash: ServeFlash, spool: Spool) -> None:
    """A record that the device no longer names was erased; while a slot is damaged nobody can know, and it waits."""
    served = serve_flash(simulated_flash(2, serial="SD-1"))
    device = LinkedSmartDot()
    device.open(served.path)
    pull_and_deliver(device, spool)
    served.flash.erase_record(1)
    intact = served.flash.image.page(1 + 2)
    served.flash.image.write_page(1 + 2, bytes(256))
    erase(device, spool, [])
    assert [row.erased_at for row in spool.captures()] == [None, None]
    served.flash.image.write_page(1 + 2, intact)
    erase(device, spool, [])
    assert all(row.erased_at for row in spool.captures())
    assert records_on(served) == []
    device.close()
