"""The receiving half of the codec: any bytes in, packets out, everything else counted (docs/protocol.md 2)."""

from dataclasses import dataclass

from device_bridge.link.packet import DELIMITER, MAX_FRAME_BYTES, Packet, PacketError, decode_packet


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
        self._is_oversize = False

    def receive(self, data: bytes) -> list[Packet]:
        """Return the packets that end within these bytes."""
        *frames, rest = data.split(DELIMITER)
        packets = []
        for frame in frames:
            self._keep(frame)
            packet = self._take_packet()
            if packet is not None:
                packets.append(packet)
        self._keep(rest)
        return packets

    def _keep(self, part: bytes) -> None:
        if self._is_oversize:
            return
        self._pending += part
        if len(self._pending) > MAX_FRAME_BYTES:
            self._is_oversize = True
            self._pending.clear()

    def _take_packet(self) -> Packet | None:
        frame = bytes(self._pending)
        self._pending.clear()
        if self._is_oversize:
            self._is_oversize = False
            self.errors.oversize += 1
            return None
        # Every packet begins and ends with a delimiter, so there is nothing between two packets.
        return self._decode(frame) if frame else None

    def _decode(self, frame: bytes) -> Packet | None:
        try:
            return decode_packet(frame)
        except PacketError as error:
            self.errors.count(error.problem)
            return None
