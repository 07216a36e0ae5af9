"""The receiving half of the codec: any bytes in, packets out, everything else counted (docs/protocol.md 2)."""

from dataclasses import dataclass

from device_bridge.link.packet import DELIMITER, MAX_FRAME_BYTES, Packet, PacketError, decode_packets


@dataclass(slots=True)
class LinkErrors:
    """What went wrong on a link, counted since it was opened.

    Attributes:
        framing: Bytes between delimiters that are no COBS or too short for a packet.
        checksum: Packets whose CRC-32 does not fit.
        malformed: Packets with a type, version or length that the protocol does not allow.
        oversize: Stretches without a delimiter longer than any packet.
        stale: Replies that no request is waiting for.
        timeouts: Requests sent again because no reply came in time.
        rereads: Pages read again because their own checksum or numbers did not fit.
    """

    framing: int = 0
    checksum: int = 0
    malformed: int = 0
    oversize: int = 0
    stale: int = 0
    timeouts: int = 0
    rereads: int = 0

    @property
    def total(self) -> int:
        """All of them together."""
        received = self.framing + self.checksum + self.malformed + self.oversize
        return received + self.stale + self.timeouts + self.rereads

    def count(self, problem: str) -> None:
        """Count one more of a `PacketError`'s problem, which is named as the attribute here."""
        setattr(self, problem, getattr(self, problem) + 1)


class PacketDecoder:
    """Cuts a stream of bytes into packets, in bounded memory; it never raises, whatever arrives.

    Args:
        errors: Where link errors are counted.
    """

    def __init__(self, errors: LinkErrors) -> None:
        self.errors = errors
        self._pending = bytearray()

    def receive(self, data: bytes) -> list[Packet]:
        """Return the packets that end within these bytes."""
        *frames, rest = data.split(DELIMITER)
        if frames:
            frames[0] = bytes(self._pending) + frames[0]
            self._pending.clear()
        # Every packet begins and ends with a delimiter, so there is nothing between two packets.
        packets = decode_packets(filter(None, frames), self._count)
        self._pending += rest
        # One byte too many is kept, so that the frame is still too long when it ends.
        del self._pending[MAX_FRAME_BYTES + 1 :]
        return packets

    def _count(self, error: PacketError, frame: bytes) -> None:
        self.errors.count("oversize" if len(frame) > MAX_FRAME_BYTES else error.problem)
