"""Packets: one unit on the serial link (docs/protocol.md 2 and 3)."""

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

from cobs import cobs  # type: ignore[import-untyped]  # it ships no types

PROTOCOL_VERSION = 1
MAX_PAYLOAD_BYTES = 4096
DELIMITER = b"\0"

_HEAD = struct.Struct("<BBHBBIH")
_CRC_BYTES = 4
_MAX_BODY_BYTES = _HEAD.size + MAX_PAYLOAD_BYTES + _CRC_BYTES
# COBS adds one byte for each 254 begun (docs/protocol.md 2).
MAX_FRAME_BYTES = _MAX_BODY_BYTES + _MAX_BODY_BYTES // 254 + 1


class PacketType(IntEnum):
    """What a packet is (docs/protocol.md 3). A reply's type is its request's, with the highest bit set."""

    HELLO = 0x01
    READ = 0x02
    WRITE = 0x03
    COMMAND = 0x04
    HELLO_REPLY = 0x81
    READ_REPLY = 0x82
    WRITE_REPLY = 0x83
    COMMAND_REPLY = 0x84
    EVENT = 0xC0


_TYPES = {int(kind): kind for kind in PacketType}


class PacketError(Exception):
    """The bytes between two delimiters are no packet.

    Attributes:
        problem: `framing` (no COBS), `checksum`, or `malformed` (a field that docs/protocol.md 3 does not allow).
    """

    def __init__(self, problem: str, detail: str) -> None:
        super().__init__(detail)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Packet:
    """One unit on the link (docs/protocol.md 3).

    Attributes:
        type: What it is.
        seq: 0 to 65,535; a reply carries its request's.
        status: 0 in requests and events, in replies one of `Result`.
        address: Byte address in the device's memory, of reads and writes.
        length: Bytes of the payload; in a read request, which has none, the bytes asked for.
        payload: At most 4,096 bytes.
        version: The protocol's version.
        flags: Zero; a reader ignores them.
    """

    type: PacketType
    seq: int
    status: int = 0
    address: int = 0
    length: int = 0
    payload: bytes = b""
    version: int = PROTOCOL_VERSION
    flags: int = 0


def encode_packet(packet: Packet) -> bytes:
    """Return a packet's bytes on the wire, a delimiter before and after."""
    head = _HEAD.pack(
        packet.version, packet.type, packet.seq, packet.status, packet.flags, packet.address, packet.length
    )
    body = head + packet.payload
    stuffed: bytes = cobs.encode(body + zlib.crc32(body).to_bytes(_CRC_BYTES, "little"))
    return DELIMITER + stuffed + DELIMITER


def decode_packet(frame: bytes) -> Packet:
    """Return the packet that stood between two delimiters.

    Raises:
        PacketError: It is none.
    """
    try:
        raw: bytes = cobs.decode(frame)
    except cobs.DecodeError as error:
        raise PacketError("framing", f"no COBS: {error}") from error
    if len(raw) < _HEAD.size + _CRC_BYTES:
        raise PacketError("framing", f"{len(raw)} bytes are too few for a packet")
    body = raw[:-_CRC_BYTES]
    if zlib.crc32(body) != int.from_bytes(raw[-_CRC_BYTES:], "little"):
        raise PacketError("checksum", "the packet's checksum does not fit its bytes")
    version, kind, seq, status, flags, address, length = _HEAD.unpack_from(body)
    known = _TYPES.get(kind)
    if known is None or version != PROTOCOL_VERSION:
        raise PacketError("malformed", f"type {kind} of protocol version {version}")
    payload = body[_HEAD.size :]
    if len(payload) != (0 if known is PacketType.READ else length):
        raise PacketError("malformed", f"{len(payload)} bytes of payload, and the packet says {length}")
    return Packet(known, seq, status, address, length, payload, version, flags)
