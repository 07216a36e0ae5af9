"""Serial ports on pyserial, with the traps of pyserial on Linux heeded. The only module that imports pyserial."""

import contextlib
import errno
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import serial
from serial.tools import list_ports

from device_bridge.errors import DisconnectedError, PortBusyError, PortError, PortMissingError, PortPermissionError
from device_bridge.transport.exclusive import LOST_ERRORS, claim, release
from device_bridge.transport.stream import WAIT_S, WRITE_TIMEOUT_S

SMARTDOT_VID: Final = 0x1915
SMARTDOT_PID: Final = 0xD978
BAUD: Final = 921_600

# pyserial raises SerialException from read and write, OSError from in_waiting, and lets termios.error, which is no
# OSError, pass from flush and reset. All three mean the same: the port is gone.
_LOST: Final[tuple[type[Exception], ...]] = (serial.SerialException, *LOST_ERRORS)
# A path that no system takes, such as one with a zero byte in it, is a ValueError.
_NOT_OPENED: Final[tuple[type[Exception], ...]] = (ValueError, *_LOST)


@dataclass(frozen=True, slots=True)
class SerialPort:
    """A serial port of this computer.

    Attributes:
        path: The port's path, such as `/dev/ttyACM0` or `COM3`.
        vid: USB vendor number, None when it is no USB port.
        pid: USB product number.
        serial: The USB device's serial.
        description: What the system says about it.
    """

    path: str
    vid: int | None
    pid: int | None
    serial: str | None
    description: str

    @property
    def is_smartdot(self) -> bool:
        """Whether its USB numbers are a SmartDot's, 1915:D978."""
        return (self.vid, self.pid) == (SMARTDOT_VID, SMARTDOT_PID)


def list_serial_ports() -> list[SerialPort]:
    """Return this computer's serial ports, SmartDots first."""
    found = [
        SerialPort(port.device, port.vid, port.pid, port.serial_number, port.description or "")
        for port in list_ports.comports()
    ]
    return sorted(found, key=lambda port: (not port.is_smartdot, port.path))


class SerialTransport:
    """A serial port, held by this process alone.

    Args:
        path: The port, such as `/dev/ttyACM0` or `COM3`.
        write_timeout_s: How long a device may take nothing before it counts as gone.

    Raises:
        PortMissingError: There is no such port.
        PortBusyError: Another program holds it.
        PortPermissionError: This user may not open it.
        PortError: It is not a serial port, or cannot be opened for another reason.
    """

    def __init__(self, path: str, write_timeout_s: float = WRITE_TIMEOUT_S) -> None:
        self.path = path
        self._serial = serial.Serial(
            baudrate=BAUD, timeout=WAIT_S, write_timeout=write_timeout_s, exclusive=True, rtscts=False, dsrdtr=False
        )
        # Set before opening, as a change of these lines resets boards. A USB SmartDot sends only while DTR is set. On a
        # pty both raise ENOTTY, which open() ignores, and setting them later would not.
        self._serial.dtr = True
        self._serial.rts = False
        try:
            self._serial.port = path
            self._serial.open()
            # exclusive=True only stops openers that ask for a lock too; this stops the others.
            claim(self._serial)
        except _NOT_OPENED as error:
            self.close()
            raise _explain(path, error) from error

    def read(self) -> bytes:
        """Return what has arrived (`Transport.read`)."""
        with self._translated():
            # A fixed large number would wait for the timeout; read(1) alone is a thousand times slower.
            return bytes(self._serial.read(self._serial.in_waiting or 1))

    def write(self, data: bytes) -> None:
        """Send all of these bytes (`Transport.write`)."""
        with self._translated():
            self._serial.write(data)

    def close(self) -> None:
        """Give the port back (`Transport.close`)."""
        try:
            # A port that is gone raises here as well, and there is nothing left to give back.
            with contextlib.suppress(*_LOST):
                if self._serial.is_open:
                    release(self._serial)
        finally:
            # is_open stays True after an unplug: the descriptor is open until this.
            with contextlib.suppress(*_LOST):
                self._serial.close()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        if not self._serial.is_open:
            raise DisconnectedError(f"{self.path} is closed")
        try:
            yield
        except _LOST as error:
            self._discard_output()
            self.close()
            raise DisconnectedError(f"{self.path} is gone: {self._cause(error)}") from error

    def _discard_output(self) -> None:
        """Forget what the device did not take: closing a port waits up to 30 s for it otherwise."""
        with contextlib.suppress(*_LOST):
            self._serial.reset_output_buffer()

    def _cause(self, error: Exception) -> str:
        if "readiness to read but returned no data" in str(error):
            return "the device was unplugged, or a second program reads from the same port"
        if isinstance(error, serial.SerialTimeoutException):
            return f"it took nothing for {self._serial.write_timeout:g} s; switch the device off and on"
        return "the device was unplugged or switched off"


def _explain(path: str, error: Exception) -> PortError:
    """Return the error that says in one line why a port could not be opened, and what to do."""
    # What fails after the opening itself carries its number one deeper: pyserial puts it into words.
    number = getattr(error, "errno", None) or _number_of(error.__context__)
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO):
        return PortMissingError(f"there is no port {path}: plug the device in, or see `device_bridge list`")
    if number in (errno.EBUSY, errno.EAGAIN):
        return PortBusyError(f"{path} is in use by another program: stop that one, or choose another port")
    if number in (errno.EACCES, errno.EPERM):
        return PortPermissionError(f"this user may not open {path}: join the group of that file (often `dialout`)")
    if number in (errno.EISDIR, errno.ENOTTY, errno.EINVAL) or "configure port" in str(error):
        return PortError(f"{path} is not a serial port: see `device_bridge list`")
    return PortError(f"{path} cannot be opened: {error}")


def _number_of(error: BaseException | None) -> int | None:
    """Return the system's number of an error; termios keeps it as its first argument."""
    number = error.args[0] if error is not None and error.args else None
    return number if isinstance(number, int) else None
