"""Ways to reach a device: serial ports and TCP, chosen by one string that names the place."""

from device_bridge.transport.places import find_places, open_transport
from device_bridge.transport.serial import SerialPort, SerialTransport, list_serial_ports
from device_bridge.transport.stream import WAIT_S, Transport
from device_bridge.transport.tcp import TcpTransport

__all__ = [
    "WAIT_S",
    "SerialPort",
    "SerialTransport",
    "TcpTransport",
    "Transport",
    "find_places",
    "list_serial_ports",
    "open_transport",
]
