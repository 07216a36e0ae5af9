import json
import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.commands import time_command
from device_bridge.device import LinkedSmartDot
from device_bridge.emulator.device_state import Battery, DeviceClock, DeviceState, Sampling, state_path
from device_bridge.emulator.firmware import Firmware
from device_bridge.emulator.flash import Flash
from device_bridge.emulator.pty_device import PtyDevice
from device_bridge.emulator.recorder import Recorder
from device_bridge.emulator.source import ShotSource, Source, make_flash
from device_bridge.emulator.truth_file import TruthFile
from device_bridge.emulator.wire import Message, build, parse
from device_bridge.errors import RecordingError
from device_bridge.reader import RecordReader
from device_bridge.spool import Spool
from smartdot import (
    ERASED_PAGE,
    CaptureState,
    EndReason,
    MemoryImage,
    PageKind,
    build_page,
    decode_capture,
    inspect_capture,
)

from .emulated import COMMAND, HELLO, READ, WRITE, ServedDevice, blank_image, small_csv, small_flash


def answer(firmware: Firmware, kind: int, payload: bytes = b"") -> Message:
    """Return a firmware's answer to one request."""
    (reply,) = firmware.receive(build(Message(1, kind, 5, 0, 0, len(payload), payload)))
    message = parse(reply.strip(b"\0"))
    assert message is not None
    assert (message.type, message.seq) == (kind | 0x80, 5)
    return message


def ask(firmware: Firmware, text: str) -> tuple[int, str]:
    """Return status and text of a command's answer."""
    reply = answer(firmware, COMMAND, text.encode())
    return reply.status, reply.payload.decode()


def test_hello_tells_the_power_up() -> None:
    """The hello's reply ends with the count of power-ups and a reserved word, behind what older hosts read."""
    firmware = Firmware(small_flash(), lambda: 77, state=DeviceState(power_up=513))
    payload = answer(firmware, HELLO, bytes([1, 1, 4, 0])).payload
    assert struct.unpack("<BBHIIQHH", payload) == (1, 4, 256, 209, 1_000_000, 77, 513, 0)


def test_status_tells_battery_sampling_and_power_up() -> None:
    """The status names what an operator asks for, each as name=value."""
    state = DeviceState(power_up=3, sampling=Sampling.SINGLE, battery=Battery(41.9, 0))
    status, text = ask(Firmware(small_flash(2), lambda: 9, state=state), "status")
    assert status == 0
    assert text == "records=2 ticks=9 tick_hz=1000000 battery_percent=41 sampling=single power_up=3"


def test_sampling_and_defaults() -> None:
    """Sampling is set to one of its three modes, and the defaults set it to auto."""
    firmware = Firmware(small_flash(), lambda: 0)
    for mode in ("off", "single", "auto", "off"):
        assert ask(firmware, f"sampling {mode}") == (0, f"sampling {mode}")
        assert firmware.state.sampling.value == mode
    assert ask(firmware, "sampling sometimes") == (1, "no such sampling")
    assert ask(firmware, "defaults") == (0, "defaults set")
    assert firmware.state.sampling is Sampling.AUTO


@pytest.mark.parametrize(
    "text",
    [
        "erase  1",
        " erase 1",
        "erase 1 ",
        "erase\t1",
        "erase 1\n",
        "erase 1\0",
        "erase",
        "erase 1 2",
        "erase 01",
        "erase +1",
        "erase 0",
        "erase 12345678901",
        "erase \u0661",
        "Erase 1",
        "status ",
        "status\n",
        "status x",
        "sampling  off",
        "sampling x\t",
        "defaults x",
        "",
        " ",
        "time 2026-11-24 07:00:00Z",
    ],
)
def test_command_of_another_form_is_unknown(text: str) -> None:
    """Words stand between single spaces, all of it printable ASCII: anything else is unknown and changes nothing."""
    firmware = Firmware(small_flash(), lambda: 0)
    before = bytes(firmware.flash.image.data)
    assert ask(firmware, text) == (1, "unknown command")
    assert bytes(firmware.flash.image.data) == before
    assert firmware.state.sampling is Sampling.AUTO
    assert ask(firmware, "erase 1") == (0, "erased 1")


def test_command_that_is_too_long_is_unknown() -> None:
    """A command of 256 bytes is looked at, one of 257 is not."""
    firmware = Firmware(small_flash(), lambda: 0)
    assert ask(firmware, "sampling " + "x" * 247) == (1, "no such sampling")
    assert ask(firmware, "sampling " + "x" * 248) == (1, "unknown command")


def test_largest_record_number_is_asked_for() -> None:
    """A number of ten digits is a record that is not there, also above the largest one."""
    firmware = Firmware(small_flash(), lambda: 0)
    for number in (4294967295, 9999999999):
        assert ask(firmware, f"erase {number}") == (1, f"no record {number}")


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_time_that_a_host_sends_is_taken(utc: datetime) -> None:
    """Host and device mean the same form of a time."""
    assert ask(Firmware(Flash(blank_image()), lambda: 0), time_command(utc)) == (0, "time set")


@pytest.mark.parametrize(
    "utc",
    ["2026-11-24T07:00:00.123Z", "2026-11-24T07:00:00Z", "0001-01-01T00:00:00.1Z", "9999-12-31T23:59:59.123456789Z"],
)
def test_time_is_set(utc: str) -> None:
    """A time in UTC is taken and told again, with the ticks at which it was set."""
    firmware = Firmware(small_flash(), lambda: 1234)
    assert ask(firmware, f"time {utc}") == (0, "time set")
    assert ask(firmware, "status")[1].endswith(f" utc={utc} utc_ticks=1234")


@pytest.mark.parametrize(
    "utc",
    [
        "2026-11-24T07:00:00",
        "2026-11-24T07:00:00+01:00",
        "2026-11-24T07:00:00+00:00",
        "2026-11-24t07:00:00Z",
        "2026-11-24T07:00:00z",
        "20261124T070000Z",
        "2026-W48-2T07:00:00Z",
        "2026-11-24T07Z",
        "2026-11-24T24:00:00Z",
        "2026-12-31T23:59:60Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-11-24T07:00:00.Z",
        "2026-11-24T07:00:00,1Z",
        "2026-11-24T07:00:00.1234567890Z",
        "yesterday",
        "Z",
    ],
)
def test_what_is_no_time_is_refused(utc: str) -> None:
    """What is no time in UTC is refused with a reason."""
    firmware = Firmware(small_flash(), lambda: 0)
    assert ask(firmware, f"time {utc}") == (1, "no time in UTC")
    assert "utc=" not in ask(firmware, "status")[1]


@given(st.binary(max_size=60))
def test_any_command_is_answered(payload: bytes) -> None:
    """Whatever a command's payload is, the device answers it once, in ASCII."""
    reply = answer(Firmware(Flash(blank_image()), lambda: 0), COMMAND, payload)
    assert reply.payload.isascii()


def test_low_battery_is_told_once() -> None:
    """The event comes when the charge is low, once for each time that the device is switched on."""
    firmware = Firmware(small_flash(), lambda: 0, state=DeviceState(battery=Battery(15.0, 0)))
    (event,) = firmware.own_events()
    message = parse(event.strip(b"\0"))
    assert message is not None
    assert (message.type, message.payload) == (0xC0, b"battery low 15")
    assert firmware.own_events() == []
    firmware.restart()
    assert len(firmware.own_events()) == 1
    assert Firmware(small_flash(), lambda: 0, state=DeviceState(battery=Battery(16.0, 0))).own_events() == []


def test_battery_drains() -> None:
    """A battery drains with time and never below nothing."""
    assert Battery(50.0, 12.0).percent() in {49, 50}
    assert Battery(0.5, 3.6e9).percent() == 0


@pytest.mark.parametrize(
    ("message", "is_taken"),
    [
        (Message(1, READ, 5, 0, 256, 256, b""), True),
        (Message(2, READ, 5, 0, 256, 256, b""), False),
        (Message(0, HELLO, 5, 0, 0, 4, b"\1\1\4\0"), False),
        (Message(1, READ, 5, 0, 256, 256, b"x" * 256), False),
        (Message(1, WRITE, 5, 0, 51_200, 256, b"x" * 255), False),
        (Message(1, WRITE, 5, 0, 51_200, 255, b"x" * 256), False),
        (Message(1, COMMAND, 5, 0, 0, 5, b"status"), False),
        (Message(1, READ, 5, 0, 0, 4097, b""), False),
        (Message(1, COMMAND, 5, 0, 0, 4097, b"x" * 4097), False),
    ],
)
def test_contradictory_packets_are_noise(message: Message, is_taken: bool) -> None:  # noqa: FBT001 - a column of the table
    """A packet of another version, or whose length is not its payload's, is passed over and changes nothing."""
    flash = small_flash()
    before = bytes(flash.image.data)
    assert len(Firmware(flash, lambda: 0).receive(build(message))) == is_taken
    assert bytes(flash.image.data) == before


def test_power_ups_are_counted_beside_the_memory(tmp_path: Path) -> None:
    """Each start counts one more, sampling survives, and a device without a file begins with 1 each time."""
    memory = tmp_path / "dot.bin"
    first = DeviceState.switch_on(memory)
    first.set_sampling(Sampling.OFF)
    second = DeviceState.switch_on(memory)
    assert (first.power_up, second.power_up, second.sampling) == (1, 2, Sampling.OFF)
    assert json.loads(state_path(memory).read_text()) == {"power_up": 2, "sampling": "off"}
    assert state_path(memory).name == "dot.bin.state.json"
    state_path(memory).write_text('{"power_up": 65535, "sampling": "auto"}')
    assert DeviceState.switch_on(memory).power_up == 0
    assert DeviceState.switch_on(None).power_up == 1


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"power_up": "x", "sampling": "auto"}', '{"power_up": 1, "sampling": 2}']
)
def test_damaged_state_is_named(tmp_path: Path, text: str) -> None:
    """A file that holds no device's state is one clear message, and is left as it is."""
    path = state_path(tmp_path / "dot.bin")
    path.write_text(text)
    with pytest.raises(RecordingError, match="does not hold a device's state"):
        DeviceState.switch_on(tmp_path / "dot.bin")
    assert path.read_text() == text


def test_restart_repairs_a_torn_slot(tmp_path: Path) -> None:
    """After a loss of power a torn slot is written again, in the file too, and the clock begins at 0."""
    flash = Flash.create(small_flash(2).image, tmp_path / "dot.bin")
    captures = [flash.image.capture(record) for record in (1, 2)]
    flash.write_page(3, flash.image.page(3)[:40] + ERASED_PAGE[40:])
    assert [slot.record for slot in MemoryImage(bytearray((tmp_path / "dot.bin").read_bytes())).slots()] == [1]
    clock = DeviceClock(10**12)
    assert Firmware(flash, clock).restart() == [3]
    assert clock() < 10**12
    stored = MemoryImage(bytearray((tmp_path / "dot.bin").read_bytes()))
    assert [stored.capture(record) for record in (1, 2)] == captures


def test_clock_drifts_as_asked() -> None:
    """A clock with a drift runs ahead of one without."""
    late, early = DeviceClock(1000), DeviceClock(1000, 500.0)
    assert late() >= 1000
    assert early._ticks_per_s == pytest.approx(1_000_500)


def recorder_of(tmp_path: Path, flash: Flash, state: DeviceState) -> Recorder:
    """Return a recorder of small shots."""
    return Recorder(flash, ShotSource(Source(recording=small_csv(tmp_path / "shot.csv"))), 1e-6, lambda: 42, state)


def test_recorder_obeys_sampling(tmp_path: Path) -> None:
    """Auto goes on, single records one shot and then stops, off records nothing."""
    flash, state = Flash(blank_image()), DeviceState(power_up=7)
    recorder = recorder_of(tmp_path, flash, state)
    assert [recorder.record(), recorder.record()] == [["record ready 1"], ["record ready 2"]]
    state.set_sampling(Sampling.SINGLE)
    assert recorder.record() == ["record ready 3"]
    assert state.sampling is Sampling.OFF
    assert recorder.due_in_s() == float("inf")
    header = decode_capture(flash.image.capture(3)).header
    assert (header.power_up, header.start_ticks) == (7, 42)


def test_full_memory_is_told_once_and_freed_records_make_room(tmp_path: Path) -> None:
    """When memory is full the event comes once; after an erasure recording goes on with the same number."""
    flash = Flash(blank_image(directory_pages=2, ring_pages=100))
    recorder = recorder_of(tmp_path, flash, DeviceState())
    told = [recorder.record() for _ in range(5)]
    assert told == [["record ready 1"], ["record ready 2"], ["memory full"], [], []]
    flash.erase_record(1)
    assert [recorder.record(), recorder.record()] == [["record ready 3"], ["memory full"]]


def test_a_shot_is_cut_where_memory_ends(tmp_path: Path) -> None:
    """What fits of a shot is a verified record that says so; the event comes once, until a shot is whole again."""
    flash = Flash(blank_image(directory_pages=8, ring_pages=8))
    recorder = recorder_of(tmp_path, flash, DeviceState())
    told = [recorder.record() for _ in range(4)]
    (whole, cut) = flash.image.slots()
    assert told == [["record ready 1"], ["record ready 2", "memory full"], [], []]
    assert whole.page_count + cut.page_count == 8
    assert cut.page_count < whole.page_count
    first, second = (decode_capture(flash.image.capture(record)) for record in (1, 2))
    assert (first.end.reason, second.end.reason) == (EndReason.SHOT_OVER, EndReason.MEMORY_FULL)
    assert second.end.totals[0].stored < second.end.totals[0].made < first.end.totals[0].made
    flash.erase_record(1)
    assert recorder.record() == ["record ready 3"]
    flash.erase_record(2)
    assert recorder.record() == ["record ready 4", "memory full"]


def test_a_cut_shot_is_pulled_and_verified(tmp_path: Path) -> None:
    """The bridge takes a record that memory's end cut short as one that is whole."""
    flash = Flash(blank_image(directory_pages=8, ring_pages=4))
    recorder_of(tmp_path, flash, DeviceState()).record()
    device = PtyDevice(Firmware(flash, lambda: 10**6))
    spool = Spool(tmp_path / "spool.db")
    with ServedDevice(device) as served:
        smartdot = LinkedSmartDot()
        smartdot.open(served.path)
        (row,) = RecordReader(smartdot, spool).pull().sealed
        smartdot.close()
    capture = b"".join(spool.stream(row))
    spool.close()
    assert inspect_capture(capture).state is CaptureState.VERIFIED
    assert decode_capture(capture).end.reason is EndReason.MEMORY_FULL
    assert len(capture) == 5 * 256


def test_last_record_number_ends_recording(tmp_path: Path) -> None:
    """A device that has given every number says that it is full and does not end."""
    flash = Flash(blank_image())
    recorder = recorder_of(tmp_path, flash, DeviceState())
    recorder.record()
    flash.write_page(100, build_page(PageKind.DATA, 2**32 - 1, 1, b""))
    assert recorder.record() == ["memory full"]
    assert recorder_of(tmp_path, flash, DeviceState()).record() == ["memory full"]


def test_truth_grows_with_the_records(tmp_path: Path) -> None:
    """Each recorded shot's truth is in the file when its record is in the memory."""
    path = tmp_path / "truth.json"
    source = Source(given={"speed_mph": 30.0})
    flash, truth = make_flash(Source(serial="GROWS"), TruthFile(path)), TruthFile(path)
    recorder = Recorder(flash, ShotSource(source), 1e-6, lambda: 99_000_000, DeviceState(), truth)
    recorder.record()
    (record,) = json.loads(path.read_text())["records"]
    assert (record["record"], record["start_ticks"], record["shot"]["speed_mph"]) == (2, 99_000_000, 30.0)
