"""The way between host and device, and what befalls packets and bytes on it."""

from dataclasses import dataclass
from typing import Protocol

from device_bridge.emulator.wire import PacketSplitter

# A packet that waits to be overtaken goes on when none comes.
_OVERTAKE_S = 0.05


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault.

    Attributes:
        kind: `drop`, `duplicate`, `flip` (a bit), `delay`, `reorder` (with the next one), of packets or bytes on the
            way; `hang` (the device says nothing), `unplug` (and comes back), both by the request; `power` (it ends
            within a write of memory, and comes back), by the page written.
        probability: Of each packet, byte, request or page, 0 to 1.
        seconds: How long a delay, a silence or an absence lasts.
        way: Towards the `host`, towards the `device`, or `both`; of faults on the way only.
        unit: `packet` or `byte`; of faults on the way only.
        most: It strikes this often and no more; None sets no end.
    """

    kind: str
    probability: float
    seconds: float = 1.0
    way: str = "both"
    unit: str = "packet"
    most: int | None = None


class Chance(Protocol):
    """Decides what happens, and is told of it."""

    def strikes(self, fault: Fault) -> bool:
        """Tell whether a fault happens now."""

    def pick(self, below: int) -> int:
        """Return a number by chance, 0 to below."""

    def tell(self, text: str) -> None:
        """Take note of a fault that happened."""


class FaultyWay:
    """What travels one way, and the faults that befall it.

    Args:
        chance: Decides.
        towards: Where it goes, for messages.
        packet_faults: What befalls packets.
        byte_faults: What befalls single bytes.
    """

    def __init__(self, chance: Chance, towards: str, packet_faults: list[Fault], byte_faults: list[Fault]) -> None:
        self._chance = chance
        self._towards = towards
        self._packet_faults = packet_faults
        self._byte_faults = byte_faults
        self.forget()

    def forget(self) -> None:
        """Lose what is on the way: the plug was pulled."""
        self._splitter = PacketSplitter()
        self._held: list[tuple[float, bytes]] = []
        self._overtaken: list[tuple[float, bytes]] = []
        self._stalled_until_s = 0.0

    def due_times_s(self) -> list[float]:
        """Return when what is held back goes on."""
        return [due_s for due_s, _ in (*self._held, *self._overtaken)]

    def due(self, now_s: float) -> bytes:
        """Return what was held back and goes on now."""
        ready = [one for one in (*self._held, *self._overtaken) if one[0] <= now_s]
        self._held = [one for one in self._held if one[0] > now_s]
        self._overtaken = [one for one in self._overtaken if one[0] > now_s]
        return b"".join(data for _, data in ready)

    def carry_bytes(self, data: bytes, now_s: float) -> bytes:
        """Return what arrives now of bytes in which packets have yet to be found."""
        if not self._packet_faults:
            return self._carry(data, now_s)
        return self.carry([b"\0" + frame + b"\0" for frame in self._splitter.split(data)], now_s)

    def carry(self, packets: list[bytes], now_s: float) -> bytes:
        """Return what arrives now of packets that were sent now."""
        arrived = bytearray()
        for packet in packets:
            waiting, passed = self._overtaken, self._befall(packet, now_s)
            arrived += b"".join(passed)
            if passed and waiting:
                arrived += b"".join(data for _, data in waiting)
                self._overtaken = self._overtaken[len(waiting) :]
        return self._carry(bytes(arrived), now_s)

    def _befall(self, packet: bytes, now_s: float) -> list[bytes]:
        passed = [packet]
        for fault in self._packet_faults:
            if passed and self._chance.strikes(fault):
                self._chance.tell(f"{fault.kind} of a packet of {len(packet)} bytes towards the {self._towards}")
                passed = self._apply(fault, passed, now_s)
        return passed

    def _apply(self, fault: Fault, passed: list[bytes], now_s: float) -> list[bytes]:
        match fault.kind:
            case "drop":
                return []
            case "duplicate":
                return [*passed, passed[-1]]
            case "flip":
                return [self._flipped(passed[0]), *passed[1:]]
            case "delay":
                self._held += [(now_s + fault.seconds, data) for data in passed]
                return []
        self._overtaken += [(now_s + _OVERTAKE_S, data) for data in passed]
        return []

    def _flipped(self, data: bytes) -> bytes:
        place = self._chance.pick(8 * len(data))
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        return bytes(changed)

    def _carry(self, data: bytes, now_s: float) -> bytes:
        """Return what arrives now of single bytes; behind one that is late, all others are late as well."""
        out = bytearray()
        swap, ahead = False, None
        for value in data if self._byte_faults else b"":
            struck = [fault for fault in self._byte_faults if self._chance.strikes(fault)]
            piece = bytes([value])
            if struck:
                kinds = {fault.kind for fault in struck}
                self._chance.tell(f"{' and '.join(sorted(kinds))} of a byte towards the {self._towards}")
                piece = self._struck(piece, kinds)
                late_s = max((fault.seconds for fault in struck if fault.kind == "delay"), default=0.0)
                if late_s:
                    self._stalled_until_s, ahead = now_s + late_s, len(out) if ahead is None else ahead
            out[len(out) - swap :] = piece + out[len(out) - swap :]
            swap = bool(piece) and any(fault.kind == "reorder" for fault in struck)
        return self._stall(bytes(out) if self._byte_faults else data, ahead, now_s)

    def _struck(self, piece: bytes, kinds: set[str]) -> bytes:
        if "drop" in kinds:
            return b""
        piece = self._flipped(piece) if "flip" in kinds else piece
        return piece * 2 if "duplicate" in kinds else piece

    def _stall(self, data: bytes, ahead: int | None, now_s: float) -> bytes:
        if ahead is None:
            ahead = 0 if now_s < self._stalled_until_s else len(data)
        if ahead < len(data):
            self._held.append((self._stalled_until_s, data[ahead:]))
        return data[:ahead]
