import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.device import LinkedSmartDot
from device_bridge.emulator.device import EmulatedDevice
from device_bridge.emulator.device_state import DeviceClock, DeviceState
from device_bridge.emulator.faults import Fault, Faults, read_fault
from device_bridge.emulator.firmware import Firmware
from device_bridge.emulator.flash import Flash, PowerLostError
from device_bridge.emulator.pty_device import PtyDevice
from device_bridge.emulator.recorder import Recorder
from device_bridge.emulator.recording import write_record
from device_bridge.emulator.source import ShotSource, Source
from device_bridge.emulator.tcp_device import TcpDevice
from device_bridge.emulator.wire import Message, build
from device_bridge.errors import NotUnderstoodError, PortError, UsageError
from device_bridge.reader import RecordReader
from device_bridge.spool import Spool
from smartdot import ERASED_PAGE

from .emulated import COMMAND, WRITE, RawHost, ServedDevice, blank_image, small_csv, small_flash, small_recording

PATIENCE_S = 60


@contextlib.contextmanager
def tcp_device(*faults: Fault, flash: Flash | None = None) -> Iterator[tuple[EmulatedDevice, Faults]]:
    """Serve a small device with faults on TCP."""
    mine = Faults(faults)
    device = TcpDevice(Firmware(flash or small_flash(), DeviceClock()), faults=mine)
    with ServedDevice(device) as served:
        yield served, mine


def clean_replies(*pages: int) -> bytes:
    """Return what a device without faults answers to reads of pages."""
    firmware = Firmware(small_flash(), DeviceClock())
    return b"".join(firmware.receive(b"".join(build(Message(1, 2, page, 0, page * 256, 256, b"")) for page in pages)))


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("drop", 1, way="host", most=1), [2, 3]),
        (Fault("drop", 1, way="device", most=1), [2, 3]),
        (Fault("duplicate", 1, way="host", most=1), [1, 1, 2, 3]),
        (Fault("duplicate", 1, way="device", most=1), [1, 1, 2, 3]),
        (Fault("reorder", 1, way="host", most=1), [2, 1, 3]),
        (Fault("reorder", 1, way="device", most=1), [2, 1, 3]),
        (Fault("delay", 1, 0.2, way="host", most=1), [2, 3, 1]),
        (Fault("delay", 1, 0.2, way="device", most=1), [2, 3, 1]),
    ],
)
def test_packet_faults_on_the_wire(fault: Fault, expected: list[int]) -> None:
    """A packet is lost, doubled, overtaken or late on the wire itself, towards the host and towards the device."""
    with tcp_device(fault) as (device, faults), RawHost(device.path) as host:
        host.read_pages(1, 2, 3)
        assert host.hear_seqs(len(expected)) == expected
    assert faults.counts == {fault.kind: 1}


def test_last_packet_that_waits_to_be_overtaken_goes_on() -> None:
    """A reordered packet that nothing overtakes still arrives."""
    with tcp_device(Fault("reorder", 1, way="host", most=1)) as (device, _), RawHost(device.path) as host:
        host.read_pages(1)
        assert host.hear_seqs(1) == [1]


@pytest.mark.parametrize("unit", ["packet", "byte"])
def test_flipped_bit_on_the_wire(unit: str) -> None:
    """Exactly one bit of the answer differs from that of a device without faults."""
    clean = clean_replies(1, 2)
    with tcp_device(Fault("flip", 1, way="host", unit=unit, most=1)) as (device, _), RawHost(device.path) as host:
        host.read_pages(1, 2)
        heard = host.hear_bytes(len(clean))
    assert len(heard) == len(clean)
    assert sum((a ^ b).bit_count() for a, b in zip(heard, clean, strict=True)) == 1


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("drop", lambda clean: clean[1:]),
        ("duplicate", lambda clean: clean[:1] + clean),
        ("reorder", lambda clean: clean[1::-1] + clean[2:]),
        ("delay", lambda clean: clean),
    ],
)
def test_byte_faults_on_the_wire(kind: str, changed: Callable[[bytes], bytes]) -> None:
    """The first byte is lost, doubled, swapped with the next, or late with all that follow it."""
    expected = changed(clean_replies(1))
    with tcp_device(Fault(kind, 1, 0.1, "host", "byte", 1)) as (device, faults), RawHost(device.path) as host:
        host.read_pages(1)
        assert host.hear_bytes(len(expected)) == expected
    assert faults.counts == {kind: 1}


def test_late_byte_holds_back_what_follows() -> None:
    """Bytes behind a late one wait for it, also those of later packets, and then come in their order."""
    faults = Faults([Fault("delay", 1, 5.0, "host", "byte", 1)])
    assert faults.to_host.carry([b"abc"], 100.0) == b""
    assert faults.to_host.carry([b"def"], 101.0) == b""
    assert (faults.to_host.due(104.9), faults.next_due_s()) == (b"", 105.0)
    assert faults.to_host.due(105.0) == b"abcdef"
    assert faults.to_host.carry([b"ghi"], 106.0) == b"ghi"


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=12),
    st.sampled_from(["packet", "byte"]),
    st.sampled_from(["duplicate", "delay", "reorder"]),
    st.integers(0, 1000),
)
def test_nothing_is_lost_where_nothing_is_dropped(packets: list[bytes], unit: str, kind: str, seed: int) -> None:
    """Delays and swaps keep every byte, and doublings add only; nothing stays behind for ever."""
    faults = Faults([Fault(kind, 0.5, 0.3, unit=unit)], seed)
    arrived = b""
    for place, packet in enumerate(packets):
        arrived += faults.to_host.due(place / 10) + faults.to_host.carry([packet], place / 10)
    arrived += faults.to_host.due(1e6)
    sent = b"".join(packets)
    assert faults.next_due_s() is None
    if kind == "duplicate":
        assert set(arrived) == set(sent)
        assert len(arrived) >= len(sent)
    else:
        assert sorted(arrived) == sorted(sent)


def test_same_seed_same_faults() -> None:
    """A seed repeats its faults, another one makes others."""
    packets = [bytes([place]) * 20 for place in range(50)]

    def carried(seed: int) -> bytes:
        return Faults([Fault("drop", 0.3), Fault("flip", 0.3)], seed).to_host.carry(packets, 0)

    assert carried(3) == carried(3) != carried(4)


def test_hung_device_answers_late() -> None:
    """A device that hangs takes the request, says nothing for that long, and then answers."""
    with tcp_device(Fault("hang", 1, 0.3, most=1)) as (device, _), RawHost(device.path) as host:
        began_s = time.monotonic()
        host.read_pages(1)
        assert host.hear_seqs(1) == [1]
        assert time.monotonic() - began_s >= 0.3


def test_unplugged_on_tcp() -> None:
    """The connection is closed, and while the device is away new ones are refused."""
    with tcp_device(Fault("unplug", 1, 3600, most=1)) as (device, _):
        with RawHost(device.path) as host:
            host.read_pages(1)
            with pytest.raises(EOFError):
                host.hear()
        with pytest.raises(ConnectionRefusedError):
            RawHost(device.path)


def test_plugged_in_again_on_tcp() -> None:
    """After an unplug the device is there again at the same port, and answers."""
    with tcp_device(Fault("unplug", 1, 0.1, most=1)) as (device, _):
        with RawHost(device.path) as host:
            host.read_pages(1)
            with pytest.raises(EOFError):
                host.hear()
        with again(lambda: RawHost(device.path)) as host:
            host.read_pages(1)
            assert host.hear_seqs(1) == [1]


def again(connect: Callable[[], RawHost]) -> RawHost:
    """Return the host's end once the device lets it in."""
    deadline_s = time.monotonic() + 30
    while True:
        try:
            return connect()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline_s
            time.sleep(0.02)


def test_power_lost_while_a_page_is_written() -> None:
    """A host's write is torn, no reply comes, and the device returns with a new power-up and a clock from 0."""
    flash, state, clock = small_flash(), DeviceState(), DeviceClock(500_000_000)
    faults = Faults([Fault("power", 1, 0.1, most=1)])
    device = TcpDevice(Firmware(flash, clock, state=state), faults=faults)
    with ServedDevice(device):
        with RawHost(device.path) as host:
            host.ask(WRITE, 1, b"\x55" * 256, address=150 * 256)
            with pytest.raises(EOFError):
                host.hear()
        with again(lambda: RawHost(device.path)) as host:
            host.ask(COMMAND, 2, b"status")
            reply = host.hear()
    assert reply is not None
    assert b"power_up=2" in reply.payload
    assert clock() < 400_000_000
    rest = flash.image.page(150).lstrip(b"\x55")
    assert rest
    assert rest == ERASED_PAGE[: len(rest)]
    assert faults.counts == {"power": 1}


def test_power_cut_at_every_write_of_a_record() -> None:
    """Wherever the power ends, old records stay whole, and the new one is there whole or not at all after the start."""
    pages = write_record(small_recording(), 2, 50_000_000, 1)
    old = small_flash().image.capture(1)
    for last in range(len(pages) + 1):
        for written in (0, 13, 255):
            flash = small_flash()
            writes = iter(range(last + 1))
            cut_after(flash, writes, written)
            with pytest.raises(PowerLostError):
                flash.store_record(pages)
            flash.cut_power_by(None)
            flash.repair()
            held = {slot.record for slot in flash.image.slots()}
            assert flash.image.capture(1) == old
            # Only a slot whose write had begun makes the record one of the memory's.
            assert held == ({1, 2} if last == len(pages) and written else {1})
            if 2 in held:
                assert flash.image.capture(2) == flash.image.page(0) + b"".join(pages)
            flash.store_record(write_record(small_recording(), flash.image.next_record(), 60_000_000, 2))


def test_torn_page_is_in_the_file(tmp_path: Path) -> None:
    """What a power cut leaves in the memory is what it leaves in its file, and nothing that was to follow."""
    flash = Flash.create(small_flash().image, tmp_path / "dot.bin")
    pages = write_record(small_recording(), 2, 50_000_000, 1)
    cut_after(flash, iter(range(3)), 100)
    with pytest.raises(PowerLostError):
        flash.store_record(pages)
    stored = (tmp_path / "dot.bin").read_bytes()
    assert stored == flash.image.data
    torn = stored.index(pages[1]) + 256
    assert stored[torn:] == pages[2][:100] + b"\xff" * (len(stored) - torn - 100)


def cut_after(flash: Flash, writes: Iterator[int], written: int) -> None:
    """End the power in the last of some writes, so many bytes into the page."""
    left = list(writes)

    def cut(_: int, before: bytes, data: bytes) -> bytes | None:
        left.pop()
        return None if left else data[:written] + before[written:]

    flash.cut_power_by(cut)


@pytest.fixture
def faulty_spool(tmp_path: Path) -> Iterator[Spool]:
    """Give an empty spool."""
    spool = Spool(tmp_path / "spool.db")
    yield spool
    spool.close()


def pull_all(place: Callable[[], str], spool: Spool, is_done: Callable[[], bool]) -> None:
    """Connect and pull again and again, as the bridge does, until it is done."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        device = LinkedSmartDot()
        try:
            device.open(place())
            RecordReader(device, spool, wait_for_second_round=lambda: None).pull()
        except (PortError, NotUnderstoodError):
            time.sleep(0.1)
        finally:
            device.close()
        if is_done():
            return
    pytest.fail("the records never came whole")


def holds(spool: Spool, flash: Flash) -> bool:
    """Tell whether the spool has every record of the memory, byte for byte."""
    slots = flash.image.slots()
    rows = [spool.find(flash.image.first.serial, slot.record) for slot in slots]
    return all(
        row is not None and row.sha256 is not None and spool.load(row) == flash.image.capture(slot.record)
        for row, slot in zip(rows, slots, strict=True)
    )


@pytest.mark.parametrize(
    ("plug", "faults"),
    [
        (PtyDevice, [Fault("drop", 0.1, most=1)]),
        (PtyDevice, [Fault("duplicate", 0.3)]),
        (PtyDevice, [Fault("flip", 0.1, most=1)]),
        (PtyDevice, [Fault("delay", 0.1, 0.05)]),
        (PtyDevice, [Fault("reorder", 0.3)]),
        (PtyDevice, [Fault("flip", 0.001, unit="byte", most=1), Fault("drop", 0.001, unit="byte", most=1)]),
        (PtyDevice, [Fault("duplicate", 0.001, unit="byte", most=1), Fault("reorder", 0.002, unit="byte", most=2)]),
        (PtyDevice, [Fault("delay", 0.002, 0.05, unit="byte", most=5)]),
        (PtyDevice, [Fault("hang", 0.2, 0.3, most=1)]),
        (PtyDevice, [Fault("unplug", 0.2, 0.1, most=2)]),
        (TcpDevice, [Fault("drop", 0.1, most=1), Fault("reorder", 0.1)]),
        (TcpDevice, [Fault("unplug", 0.2, 0.1, most=2)]),
    ],
    ids=lambda value: (
        value.__name__ if isinstance(value, type) else "+".join(f"{one.kind}-{one.unit}" for one in value)
    ),
)
def test_pull_over_faults_is_byte_equal(
    plug: type[PtyDevice | TcpDevice], faults: Sequence[Fault], faulty_spool: Spool
) -> None:
    """Whatever the line does, the bridge's pulls end with the device's bytes, and the faults did happen."""
    flash, mine = small_flash(records=3), Faults(faults)
    device = plug(Firmware(flash, DeviceClock()), faults=mine)
    with ServedDevice(device):
        pull_all(lambda: device.path, faulty_spool, lambda: holds(faulty_spool, flash))
    assert mine.counts.keys() & {fault.kind for fault in faults}


def test_pull_from_a_device_that_loses_power_while_recording(tmp_path: Path, faulty_spool: Spool) -> None:
    """A device that dies in the middle of its writes again and again loses at most the record being written."""
    flash, state, clock = Flash(blank_image("DYING")), DeviceState(), DeviceClock()
    faults = Faults([Fault("power", 0.1, 0.05, most=4)], seed=2)
    shots = ShotSource(Source(recording=small_csv(tmp_path / "shot.csv")))
    recorder = Recorder(flash, shots, 0.05, clock, state)
    device = PtyDevice(Firmware(flash, clock, state=state), faults=faults)

    def is_done() -> bool:
        return len(flash.image.slots()) == 8 and holds(faulty_spool, flash)

    with ServedDevice(device, recorder):
        pull_all(lambda: device.path, faulty_spool, is_done)
    assert faults.counts == {"power": 4}
    assert state.power_up == 5
    numbers = [slot.record for slot in flash.image.slots()]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("drop:0.01", Fault("drop", 0.01, 0.0)),
        ("delay:0.5:s=2:way=host:unit=byte", Fault("delay", 0.5, 2.0, "host", "byte")),
        ("unplug:0.001:s=3:most=2", Fault("unplug", 0.001, 3.0, most=2)),
        ("power:1", Fault("power", 1.0, 1.0)),
    ],
)
def test_fault_is_read(text: str, fault: Fault) -> None:
    """A fault is read from a command line's text."""
    assert read_fault(text) == fault


@pytest.mark.parametrize(
    "text",
    ["", "drop", "lose:1", "drop:x", "drop:1.1", "drop:nan", "drop:1:s=-1", "drop:1:way=up", "drop:1:x=1", "drop:1:s"],
)
def test_what_is_no_fault_is_refused(text: str) -> None:
    """What is no fault is one clear message that shows how one is written."""
    with pytest.raises(UsageError, match=r"--fault .*: it is KIND:PROBABILITY"):
        read_fault(text)


def test_second_host_is_hung_up_on() -> None:
    """While one host is connected a second one is let in and hung up on at once, and the first is not disturbed."""
    with tcp_device() as (device, _), RawHost(device.path) as first:
        first.read_pages(1)
        assert first.hear_seqs(1) == [1]
        with RawHost(device.path) as second, pytest.raises((EOFError, ConnectionResetError)):
            second.hear()
        first.read_pages(2)
        assert first.hear_seqs(1) == [2]


def test_next_host_gets_none_of_the_last_ones_replies() -> None:
    """A host that vanishes while its replies are still on a slow line leaves nothing that the next one would hear."""
    device = TcpDevice(Firmware(small_flash(), DeviceClock()), baud=96_000)
    with ServedDevice(device):
        with RawHost(device.path) as first:
            first.read_pages(*range(1, 60))
            assert first.hear_seqs(1) == [1]
        with RawHost(device.path) as second:
            second.read_pages(100)
            assert second.hear_seqs(1) == [100]
