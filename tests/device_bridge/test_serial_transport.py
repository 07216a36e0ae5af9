import errno
import fcntl
import os
import struct
import termios
import time
import tty
from collections.abc import Iterator

import pytest
import serial

from device_bridge.errors import DisconnectedError, PortBusyError, PortError, PortMissingError, PortPermissionError
from device_bridge.transport.serial import SerialTransport, _explain, find_port

from .conftest import ServeFlash

TIOCGEXCL = 0x80045440


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


def test_port_is_exclusive_also_for_those_who_ask_for_no_lock(bare_pty: tuple[int, int, str]) -> None:
    """TIOCEXCL is set while the port is open and taken back when it is closed."""
    transport = SerialTransport(bare_pty[2])
    assert is_exclusive(bare_pty[1])
    transport.close()
    assert not is_exclusive(bare_pty[1])


def test_killed_host_does_not_lock_out_the_next(serve_flash: ServeFlash) -> None:
    """The emulator's pty forgets the exclusive mode of a host that was killed, as a real port does."""
    served = serve_flash()
    descriptor = os.open(served.path, os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(descriptor, termios.TIOCEXCL)
    os.close(descriptor)
    deadline_s = time.monotonic() + 30
    while is_exclusive(served.device._slave) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert not is_exclusive(served.device._slave)


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


def test_no_device_plugged_in() -> None:
    """Without --port and without a SmartDot on USB the message says what to do."""
    with pytest.raises(PortMissingError, match="--port"):
        find_port()
