"""The device's end of the link's packets, in plain Python and written from docs/protocol.md alone.

Nothing here is shared with `device_bridge.link`: two ends from one source would agree on the same mistake.
"""

import struct
import zlib
from dataclasses import dataclass

MOST_BYTES_BETWEEN_ZEROS = 8192
_LONGEST_GROUP = 254
_SMALLEST_PACKET = 16
_LONGEST_PAYLOAD = 4096
_VERSION = 1
_READ_REQUEST = 0x02


def cobs_encode(data: bytes) -> bytes:
    """Return the bytes without a zero among them (Cheshire and Baker 1999, Consistent Overhead Byte Stuffing)."""
    out = bytearray()
    parts = data.split(b"\0")
    for place, part in enumerate(parts):
        is_last = place == len(parts) - 1
        begin = 0
        while len(part) - begin >= _LONGEST_GROUP:
            out.append(0xFF)
            out += part[begin : begin + _LONGEST_GROUP]
            begin += _LONGEST_GROUP
        # A last part that ended with a full group needs no group after it: no zero stands there.
        if not (is_last and begin and begin == len(part)):
            out.append(len(part) - begin + 1)
            out += part[begin:]
    return bytes(out)


def cobs_decode(data: bytes) -> bytes:
    """Return what `cobs_encode` was given.

    Raises:
        ValueError: A zero among the bytes, or a group that ends before its length.
    """
    out = bytearray()
    at = 0
    while at < len(data):
        code = data[at]
        group = data[at + 1 : at + code]
        if code == 0 or len(group) != code - 1 or 0 in group:
            raise ValueError(f"no COBS group at byte {at}")
        out += group
        at += code
        if code <= _LONGEST_GROUP and at < len(data):
            out.append(0)
    return bytes(out)


@dataclass(frozen=True, slots=True)
class Message:
    """A packet as the device sees it; the fields are those of docs/protocol.md 3."""

    version: int
    type: int
    seq: int
    status: int
    address: int
    length: int
    payload: bytes


def build(message: Message) -> bytes:
    """Return a message's bytes on the wire."""
    raw = bytes([message.version, message.type])
    raw += message.seq.to_bytes(2, "little")
    raw += bytes([message.status, 0])
    raw += message.address.to_bytes(4, "little")
    raw += message.length.to_bytes(2, "little")
    raw += message.payload
    raw += zlib.crc32(raw).to_bytes(4, "little")
    return b"\0" + cobs_encode(raw) + b"\0"


def parse(frame: bytes) -> Message | None:
    """Return the message between two zero bytes, None when it is none: a device says nothing to noise."""
    try:
        raw = cobs_decode(frame)
    except ValueError:
        return None
    if len(raw) < _SMALLEST_PACKET or zlib.crc32(raw[:-4]) != struct.unpack("<I", raw[-4:])[0]:
        return None
    message = Message(
        version=raw[0],
        type=raw[1],
        seq=raw[2] | raw[3] << 8,
        status=raw[4],
        address=int.from_bytes(raw[6:10], "little"),
        length=raw[10] | raw[11] << 8,
        payload=raw[12:-4],
    )
    return message if _is_allowed(message) else None


def _is_allowed(message: Message) -> bool:
    """Tell whether the fields are as docs/protocol.md 3 has them; a read request's length is what it asks for."""
    carried = 0 if message.type == _READ_REQUEST else message.length
    return message.version == _VERSION and message.length <= _LONGEST_PAYLOAD and len(message.payload) == carried


class PacketSplitter:
    """Collects bytes until a zero ends them, in bounded memory."""

    def __init__(self) -> None:
        self._held = bytearray()

    def split(self, data: bytes) -> list[bytes]:
        """Return the frames that these bytes complete, empty ones left out."""
        self._held += data
        *frames, rest = bytes(self._held).split(b"\0")
        self._held = bytearray(rest[-MOST_BYTES_BETWEEN_ZEROS:])
        return [frame for frame in frames if frame]
