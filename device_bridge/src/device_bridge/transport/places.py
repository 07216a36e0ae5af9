"""Where a device is, as one string: `tcp://host:port`, `VID:PID[:SERIAL]`, or a serial port's path."""

import re
from typing import Final

from device_bridge.errors import PortError, PortMissingError
from device_bridge.transport.serial import SerialPort, SerialTransport, list_serial_ports
from device_bridge.transport.stream import Transport
from device_bridge.transport.tcp import TcpTransport

_USB: Final = re.compile(r"(?P<vid>[0-9A-Fa-f]{4}):(?P<pid>[0-9A-Fa-f]{4})(?::(?P<serial>.+))?")
_TCP: Final = re.compile(r"tcp://(?:\[(?P<six>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^\s:/?#@\[\]]+)):(?P<port>[0-9]{1,5})")
_LARGEST_TCP_PORT: Final = 65_535


def open_transport(place: str) -> Transport:
    """Open the stream to a device.

    Args:
        place: `tcp://host:port`; `VID:PID` or `VID:PID:SERIAL`, such as `1915:D978:SD-0042`, looked for anew each time,
            so that a port that has another name after a replug is found; anything else is a port's path.

    Raises:
        PortError: It cannot be opened; the message says why and what to do.
    """
    if place.startswith("tcp://"):
        return TcpTransport(*_split_tcp(place))
    usb = _USB.fullmatch(place)
    return SerialTransport(place if usb is None else _find_usb(place, usb))


def find_places() -> list[str]:
    """Return the place of every SmartDot that is plugged in: `VID:PID:SERIAL`, or its path when that names none."""
    ports = [port for port in list_serial_ports() if port.is_smartdot]
    names = [_stable_name(port) for port in ports]
    return [name if names.count(name) == 1 else port.path for name, port in zip(names, ports, strict=True)]


def _stable_name(port: SerialPort) -> str:
    return f"{port.vid:04X}:{port.pid:04X}:{port.serial}" if port.serial else port.path


def _find_usb(place: str, usb: re.Match[str]) -> str:
    numbers = int(usb["vid"], 16), int(usb["pid"], 16)
    ports = [port for port in list_serial_ports() if (port.vid, port.pid) == numbers]
    found = [port for port in ports if usb["serial"] in (None, port.serial)]
    if len(found) == 1:
        return found[0].path
    if found:
        choices = ", ".join(_stable_name(port) for port in found)
        raise PortMissingError(f"several devices are {place}: name one of them by its serial or path ({choices})")
    others = f" (there are: {', '.join(_stable_name(port) for port in ports)})" if ports else ""
    raise PortMissingError(f"no device {place} is plugged in{others}: plug it in, or see `device_bridge list`")


def _split_tcp(place: str) -> tuple[str, int]:
    parts = _TCP.fullmatch(place)
    if parts is None or not 0 < int(parts["port"]) <= _LARGEST_TCP_PORT:
        raise PortError(f"{place} names no device: write it as tcp://host:port, such as tcp://192.168.1.20:4000")
    return parts["six"] or parts["host"], int(parts["port"])
