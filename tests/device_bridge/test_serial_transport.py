import errno
import fcntl
import os
import select
import struct
import subprocess
import termios
import time
import tty
from collections.abc import Iterator
from typing import Any

import pytest
import serial

from device_bridge.emulator.pty_port import PtyPort
from device_bridge.errors import DisconnectedError, PortBusyError, PortError, PortMissingError, PortPermissionError
from device_bridge.transport.serial import SerialTransport, _explain

from .conftest import ServeFlash

TIOCGEXCL = 0x80045440
NOBODY = 65_534


@pytest.fixture
def bare_pty() -> Iterator[tuple[int, int, str]]:
    """Give a pty with nobody on its other end: master, slave, path."""
    master, slave = os.openpty()
    tty.setraw(slave)
    yield master, slave, os.ttyname(slave)
    for descriptor in (master, slave):
        try:
            os.close(descriptor)
        except OSError as error:
            assert error.errno == errno.EBADF  # noqa: PT017 - a test that unplugs has closed it


def is_exclusive(descriptor: int) -> bool:
    """Tell whether TIOCEXCL is set."""
    answer = fcntl.ioctl(descriptor, TIOCGEXCL, bytes(4))
    return bool(struct.unpack("i", answer)[0])


def test_port_that_is_not_there() -> None:
    """A missing port is named."""
    with pytest.raises(PortMissingError, match="there is no port /dev/ttyNOWHERE"):
        SerialTransport("/dev/ttyNOWHERE")


def test_port_in_use(bare_pty: tuple[int, int, str]) -> None:
    """A second opener of the port is told that it is in use."""
    first = SerialTransport(bare_pty[2])
    with pytest.raises(PortBusyError, match="in use by another program"):
        SerialTransport(bare_pty[2])
    first.close()
    SerialTransport(bare_pty[2]).close()


def test_port_that_may_not_be_opened() -> None:
    """A refused permission names the group that helps."""
    error = serial.SerialException(errno.EACCES, "could not open port")
    assert isinstance(_explain("/dev/ttyACM0", error), PortPermissionError)
    assert "dialout" in str(_explain("/dev/ttyACM0", error))


@pytest.mark.parametrize("path", ["/dev/null", "/dev", __file__])
def test_what_is_no_serial_port(path: str) -> None:
    """A file, a folder and another device are no serial ports."""
    with pytest.raises(PortError, match="is not a serial port"):
        SerialTransport(path)


def open_as_another_user(path: str) -> subprocess.CompletedProcess[str]:
    """Open a port without asking for any lock, as a user whom TIOCEXCL stops: root it does not."""
    user = os.getuid()
    if user == 0:
        user = NOBODY
        os.chown(path, NOBODY, -1)
    return subprocess.run(["/bin/sh", "-c", f": <> {path}"], user=user, text=True, capture_output=True, check=False)


def test_port_is_exclusive_also_for_those_who_ask_for_no_lock(bare_pty: tuple[int, int, str]) -> None:
    """TIOCEXCL keeps an opener out that asks for no lock, while the port is open and no longer."""
    transport = SerialTransport(bare_pty[2])
    assert is_exclusive(bare_pty[1])
    refused = open_as_another_user(bare_pty[2])
    assert refused.returncode != 0
    assert "busy" in refused.stderr.lower()
    transport.close()
    assert not is_exclusive(bare_pty[1])
    assert open_as_another_user(bare_pty[2]).returncode == 0


def test_lock_of_those_who_ask_for_one_is_heeded(bare_pty: tuple[int, int, str]) -> None:
    """A program that holds pyserial's lock, and set no TIOCEXCL, keeps this bridge out, and nothing stays behind."""
    holder = os.open(bare_pty[2], os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with pytest.raises(PortBusyError, match="in use by another program"):
        SerialTransport(bare_pty[2])
    assert not is_exclusive(bare_pty[1])
    os.close(holder)
    SerialTransport(bare_pty[2]).close()


def test_exclusive_mode_is_given_back_after_a_failure(bare_pty: tuple[int, int, str]) -> None:
    """A device that takes nothing is told clearly, and the port is free again, for others too."""
    transport = SerialTransport(bare_pty[2], write_timeout_s=0.05)
    with pytest.raises(DisconnectedError, match=r"took nothing for 0.05 s; switch the device off and on"):
        transport.write(bytes(1_000_000))
    assert not is_exclusive(bare_pty[1])
    with pytest.raises(DisconnectedError, match="closed"):
        transport.write(b"x")
    again = SerialTransport(bare_pty[2])
    again.close()


def test_writing_has_a_time_limit(bare_pty: tuple[int, int, str]) -> None:
    """Without being told, a port's writes end after five seconds, and its reads after a twentieth."""
    transport = SerialTransport(bare_pty[2])
    assert (transport._serial.write_timeout, transport._serial.timeout) == (5.0, 0.05)
    transport.close()


def test_control_lines_are_set_before_opening(bare_pty: tuple[int, int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """DTR is on and RTS off when the port is opened, and a pty, which has neither (ENOTTY), is opened all the same."""
    seen = []
    really_open = serial.Serial.open

    def note_and_open(port: serial.Serial) -> None:
        seen.append((port.dtr, port.rts, port.is_open))
        really_open(port)

    monkeypatch.setattr(serial.Serial, "open", note_and_open)
    transport = SerialTransport(bare_pty[2])
    assert seen == [(True, False, False)]
    with pytest.raises(OSError, match="Inappropriate ioctl") as refused:
        transport._serial.dtr = False
    assert refused.value.errno == errno.ENOTTY
    transport.close()


def test_second_reader_is_named(bare_pty: tuple[int, int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """When another program takes the bytes that were there to read, the message says so, and the port is closed."""
    master, thief, path = bare_pty
    os.set_blocking(thief, False)
    transport = SerialTransport(path)
    really_select = select.select

    def steal_after_select(*arguments: Any) -> Any:
        ready = really_select(*arguments)
        os.read(thief, 100)
        return ready

    monkeypatch.setattr("serial.serialposix.select.select", steal_after_select)
    os.write(master, b"stolen")
    with pytest.raises(DisconnectedError, match="unplugged, or a second program reads from the same port"):
        transport.read()
    assert not transport._serial.is_open


def test_what_pyserial_raises_after_an_unplug(bare_pty: tuple[int, int, str]) -> None:
    """The four traps behind this module: they are as they were found, so catching all three families is still right."""
    master, slave, path = bare_pty
    port = SerialTransport(path)._serial
    os.close(master)
    os.close(slave)
    with pytest.raises(OSError, match="Input/output error") as lost:
        _ = port.in_waiting
    assert not isinstance(lost.value, serial.SerialException)
    with pytest.raises(serial.SerialException):
        port.read(1)
    with pytest.raises(serial.SerialException):
        port.write(b"x")
    for name in ("flush", "reset_input_buffer", "reset_output_buffer"):
        with pytest.raises(termios.error) as refused:
            getattr(port, name)()
        assert not isinstance(refused.value, OSError)
    assert port.is_open
    port.close()


def test_descriptor_is_closed_after_an_unplug(bare_pty: tuple[int, int, str]) -> None:
    """An unplug noticed by a read or a write leaves no descriptor open, so the port's name is free for the replug."""
    master, slave, path = bare_pty
    transport = SerialTransport(path)
    descriptor = transport._serial.fileno()
    os.close(master)
    os.close(slave)
    with pytest.raises(DisconnectedError, match="unplugged"):
        transport.write(b"x")
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_killed_host_does_not_lock_out_the_next(serve_flash: ServeFlash) -> None:
    """The emulator's pty forgets the exclusive mode of a host that was killed, as a real port does."""
    served = serve_flash()
    port = served.device._port
    assert isinstance(port, PtyPort)
    assert port._ends is not None
    # The emulator's own end: an opening of the test's would count as a second user.
    observer = os.dup(port._ends[1])
    descriptor = os.open(served.path, os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(descriptor, termios.TIOCEXCL)
    assert is_exclusive(observer)
    os.close(descriptor)
    deadline_s = time.monotonic() + 30
    while is_exclusive(observer) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert not is_exclusive(observer)
    os.close(observer)


def test_bytes_pass_unchanged(bare_pty: tuple[int, int, str]) -> None:
    """All 256 bytes pass in both directions: nothing echoes, and no control character means anything."""
    master, _, path = bare_pty
    everything = bytes(range(256))
    transport = SerialTransport(path)
    transport.write(everything)
    assert os.read(master, 1000) == everything
    os.write(master, everything)
    found = b""
    while len(found) < 256:
        found += transport.read()
    assert found == everything
    assert transport.read() == b""
    transport.close()


def test_unplug_is_one_error_whatever_pyserial_raises(bare_pty: tuple[int, int, str]) -> None:
    """Reading, writing and closing after an unplug give DisconnectedError or nothing, never pyserial's own errors."""
    master, slave, path = bare_pty
    transport = SerialTransport(path)
    os.close(master)
    os.close(slave)
    with pytest.raises(DisconnectedError, match="is gone"):
        transport.read()
    with pytest.raises(DisconnectedError):
        transport.write(b"x")
    with pytest.raises(DisconnectedError):
        transport.read()
    transport.close()


@pytest.mark.parametrize(
    "error",
    [serial.SerialException("readiness to read but returned no data"), OSError(5, "EIO"), termios.error(5, "EIO")],
)
def test_all_three_families_mean_gone(
    error: Exception, bare_pty: tuple[int, int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SerialException, OSError and termios.error, which is no OSError, each become DisconnectedError."""
    transport = SerialTransport(bare_pty[2])

    def fail(_: int) -> bytes:
        raise error

    monkeypatch.setattr(transport._serial, "read", fail)
    with pytest.raises(DisconnectedError):
        transport.read()
    with pytest.raises(DisconnectedError, match="closed"):
        transport.read()
