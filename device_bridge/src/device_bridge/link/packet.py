"""Packets: one unit on the serial link (docs/protocol.md 2 and 3)."""

import struct
import zlib
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Final, NamedTuple

from cobs import cobs  # type: ignore[import-untyped]  # it ships no types

PROTOCOL_VERSION: Final = 1
MAX_PAYLOAD_BYTES: Final = 4096
DELIMITER: Final = b"\0"

_HEAD: Final = struct.Struct("<BBHBBIH")
_CRC_BYTES: Final = 4
_SMALLEST_BYTES: Final = _HEAD.size + _CRC_BYTES
_LARGEST_BYTES: Final = _SMALLEST_BYTES + MAX_PAYLOAD_BYTES
# COBS adds one byte for each 254 begun (docs/protocol.md 2).
MAX_FRAME_BYTES: Final = _LARGEST_BYTES + _LARGEST_BYTES // 254 + 1
# The CRC-32 of any bytes followed by their own CRC-32, little-endian, is this: one pass, and nothing is cut off for it.
_CRC_RESIDUE: Final = 0x2144DF1C


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


class PacketError(Exception):
    """The bytes between two delimiters are no packet.

    Attributes:
        problem: `framing` (no COBS), `checksum`, or `malformed` (a field that docs/protocol.md 3 does not allow).
    """

    def __init__(self, problem: str, detail: str) -> None:
        super().__init__(detail)
        self.problem = problem


class Packet(NamedTuple):
    """One unit on the link (docs/protocol.md 3). A tuple, as thousands are made in a second.

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


_Unpack = Callable[[bytes], tuple[int, int, int, int, int, int, bytes]]


class _Layouts(dict[int, _Unpack]):
    """How packets of so many bytes are unpacked, made when it is first needed; at most 4,097 of them."""

    def __missing__(self, size_bytes: int) -> _Unpack:
        if not _SMALLEST_BYTES <= size_bytes <= _LARGEST_BYTES:
            raise PacketError("framing", f"{size_bytes} bytes are too few or too many for a packet")
        # Version and type as one number: they are looked up together.
        unpack: _Unpack = struct.Struct(f"<HHBBIH{size_bytes - _SMALLEST_BYTES}s{_CRC_BYTES}x").unpack
        self[size_bytes] = unpack
        return unpack


_unpack_by_size: Final = _Layouts()
_TYPES: Final = {PROTOCOL_VERSION | kind << 8: kind for kind in PacketType}


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

    def refuse(error: PacketError, _: bytes) -> None:
        raise error

    return decode_packets([frame], refuse)[0]


def decode_packets(frames: Iterable[bytes], refuse: Callable[[PacketError, bytes], None]) -> list[Packet]:
    """Return the packets that stood between delimiters.

    Args:
        frames: What stood there.
        refuse: Called for each that is no packet, with why and the frame.
    """
    # Every page passes here: one loop for all frames, names that are looked up once, tuples without a detour.
    decode_cobs, crc32, new, read = cobs.decode, zlib.crc32, tuple.__new__, PacketType.READ
    layouts, types = _unpack_by_size, _TYPES
    packets: list[Packet] = []
    for frame in frames:
        try:
            raw = decode_cobs(frame)
            unpack = layouts[len(raw)]
            if crc32(raw) != _CRC_RESIDUE:
                raise PacketError("checksum", "the packet's checksum does not fit its bytes")  # noqa: TRY301 - one loop
            version_and_type, seq, status, flags, address, length, payload = unpack(raw)
            kind = types.get(version_and_type)
            if kind is None or len(payload) != (0 if kind is read and length <= MAX_PAYLOAD_BYTES else length):
                raise PacketError("malformed", _describe(raw))  # noqa: TRY301 - one loop
            packets.append(new(Packet, (kind, seq, status, address, length, payload, PROTOCOL_VERSION, flags)))
        except PacketError as error:
            refuse(error, frame)
        except cobs.DecodeError as error:
            refuse(PacketError("framing", f"no COBS: {error}"), frame)
    return packets


def _describe(raw: bytes) -> str:
    version, kind, _, _, _, _, length = _HEAD.unpack_from(raw)
    return f"type {kind} of protocol version {version} with {len(raw) - _SMALLEST_BYTES} bytes, and it says {length}"
