"""The hello: what host and device agree on before anything else (docs/protocol.md 4.1)."""

import struct
from dataclasses import dataclass
from typing import Final

from device_bridge.link.packet import PROTOCOL_VERSION, Packet, PacketError

MAX_WINDOW: Final = 8

_REQUEST: Final = struct.Struct("<BBBx")
_REPLY: Final = struct.Struct("<BBHIIQ")
# A reply that ends before this is that of an older device, which does not count how often it was switched on.
_POWER_UP: Final = struct.Struct("<H2x")


@dataclass(frozen=True, slots=True)
class Hello:
    """What a device answers to a hello (docs/protocol.md 4.1).

    Attributes:
        version: The protocol version that will be spoken.
        window: Requests that may be in flight, at least 1.
        page_size_bytes: Bytes of a page of its memory.
        page_count: Pages of its memory.
        tick_hz: Ticks of its clock in a second.
        ticks: Its clock when it answered.
        power_up: How often it had been switched on, modulo 65,536; 0 when it does not tell.
    """

    version: int
    window: int
    page_size_bytes: int
    page_count: int
    tick_hz: int
    ticks: int
    power_up: int = 0


def pack_hello(window: int = MAX_WINDOW) -> bytes:
    """Return the payload of a hello (docs/protocol.md 4.1)."""
    return _REQUEST.pack(PROTOCOL_VERSION, PROTOCOL_VERSION, window)


def unpack_hello(packet: Packet) -> Hello:
    """Return what a device's answer to a hello says.

    Raises:
        PacketError: It refused, its answer is too short, or agrees on what this host does not speak.
    """
    if packet.status != 0:
        raise PacketError("malformed", f"the device refused the hello with status {packet.status}")
    if len(packet.payload) < _REPLY.size:
        raise PacketError("malformed", f"a hello's reply of {len(packet.payload)} bytes")
    version, window, page_size_bytes, page_count, tick_hz, ticks = _REPLY.unpack_from(packet.payload)
    tells_power_up = len(packet.payload) >= _REPLY.size + _POWER_UP.size
    power_up = _POWER_UP.unpack_from(packet.payload, _REPLY.size)[0] if tells_power_up else 0
    hello = Hello(version, window, page_size_bytes, page_count, tick_hz, ticks, power_up)
    if hello.version != PROTOCOL_VERSION or hello.window < 1:
        raise PacketError("malformed", f"protocol version {hello.version} with a window of {hello.window}")
    return hello
