"""The serial link's codec (docs/protocol.md): bytes in, events out, no I/O and no clock of its own."""

from device_bridge.link.conversation import Conversation, LinkEvent, Notice, Reply, RequestFailed
from device_bridge.link.decoder import LinkErrors, PacketDecoder
from device_bridge.link.hello import MAX_WINDOW, Hello, pack_hello, unpack_hello
from device_bridge.link.packet import MAX_PAYLOAD_BYTES, Packet, PacketError, PacketType, decode_packet, encode_packet
from device_bridge.link.patience import REPLY_TIMEOUT_S

__all__ = [
    "MAX_PAYLOAD_BYTES",
    "MAX_WINDOW",
    "REPLY_TIMEOUT_S",
    "Conversation",
    "Hello",
    "LinkErrors",
    "LinkEvent",
    "Notice",
    "Packet",
    "PacketDecoder",
    "PacketError",
    "PacketType",
    "Reply",
    "RequestFailed",
    "decode_packet",
    "encode_packet",
    "pack_hello",
    "unpack_hello",
]
