"""The host's half of the link: requests in flight, their replies, timeouts and retries (docs/protocol.md 5 and 6).

Time is given by the caller as seconds of any steady clock, so that every path is tested without waiting.
"""

import struct
from collections import deque
from dataclasses import dataclass, replace

from device_bridge.link.decoder import LinkErrors, PacketDecoder
from device_bridge.link.packet import PROTOCOL_VERSION, Packet, PacketError, PacketType, encode_packet

MAX_WINDOW = 8
REPLY_TIMEOUT_S = 0.5
MOST_ATTEMPTS = 5
# While other replies keep coming, a request waits longer than the timeout, but not for ever.
_LONGEST_WAIT_TIMEOUTS = 4
_REPLY_BIT = 0x80
_SEQ_COUNT = 0x10000

_HELLO_REQUEST = struct.Struct("<BBBx")
_HELLO_REPLY = struct.Struct("<BBHIIQ")


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
    """

    version: int
    window: int
    page_size_bytes: int
    page_count: int
    tick_hz: int
    ticks: int


@dataclass(frozen=True, slots=True)
class Reply:
    """The device answered a request."""

    seq: int
    packet: Packet


@dataclass(frozen=True, slots=True)
class RequestFailed:
    """No reply came, however often the request was sent."""

    seq: int
    request: Packet


@dataclass(frozen=True, slots=True)
class Notice:
    """The device reports an event by itself (docs/protocol.md 4.5)."""

    text: str


LinkEvent = Reply | RequestFailed | Notice


def pack_hello(window: int = MAX_WINDOW) -> bytes:
    """Return the payload of a hello (docs/protocol.md 4.1)."""
    return _HELLO_REQUEST.pack(PROTOCOL_VERSION, PROTOCOL_VERSION, window)


def unpack_hello(packet: Packet) -> Hello:
    """Return what a device's answer to a hello says.

    Raises:
        PacketError: It refused, or its answer is too short.
    """
    if packet.status != 0:
        raise PacketError("malformed", f"the device refused the hello with status {packet.status}")
    if len(packet.payload) < _HELLO_REPLY.size:
        raise PacketError("malformed", f"a hello's reply of {len(packet.payload)} bytes")
    hello = Hello(*_HELLO_REPLY.unpack_from(packet.payload))
    if hello.version != PROTOCOL_VERSION or hello.window < 1:
        raise PacketError("malformed", f"protocol version {hello.version} with a window of {hello.window}")
    return hello


@dataclass(slots=True)
class _InFlight:
    request: Packet
    wire: bytes
    sent_at_s: float
    attempts: int = 1


class Conversation:
    """Requests out, replies in.

    Args:
        first_seq: Where the sequence numbers begin; a random one makes the replies to an earlier conversation stale.
        errors: Where link errors are counted.

    Attributes:
        window: Requests that may be in flight, 1 until the hello is answered.
    """

    def __init__(self, first_seq: int, errors: LinkErrors) -> None:
        self.errors = errors
        self.window = 1
        self._decoder = PacketDecoder(self.errors)
        self._next_seq = first_seq % _SEQ_COUNT
        self._queue: deque[Packet] = deque()
        self._in_flight: dict[int, _InFlight] = {}
        self._heard_at_s = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether every request was answered or failed."""
        return not self._queue and not self._in_flight

    def accept_hello(self, hello: Hello) -> None:
        """Use the window that was agreed, at most 8."""
        self.window = min(hello.window, MAX_WINDOW)

    def submit(self, request: Packet) -> int:
        """Queue a request and return the sequence number that it was given."""
        seq = self._next_seq
        self._next_seq = (seq + 1) % _SEQ_COUNT
        self._queue.append(replace(request, seq=seq))
        return seq

    def take_output(self, now_s: float) -> bytes:
        """Return the bytes to write now: requests that the window has room for, and those whose reply is overdue."""
        wires = [self._resend(flight, now_s) for flight in self._overdue(now_s) if flight.attempts < MOST_ATTEMPTS]
        while self._queue and len(self._in_flight) < self.window:
            request = self._queue.popleft()
            flight = _InFlight(request, encode_packet(request), now_s)
            self._in_flight[request.seq] = flight
            wires.append(flight.wire)
        return b"".join(wires)

    def receive(self, data: bytes, now_s: float) -> list[LinkEvent]:
        """Return what these bytes tell; replies that nothing waits for are dropped and counted."""
        events: list[LinkEvent] = []
        for packet in self._decoder.receive(data):
            self._heard_at_s = now_s
            if packet.type is PacketType.EVENT:
                events.append(Notice(packet.payload.decode("ascii", errors="replace")))
            elif self._is_awaited(packet):
                del self._in_flight[packet.seq]
                events.append(Reply(packet.seq, packet))
            else:
                self.errors.stale += 1
        return events

    def expire(self, now_s: float) -> list[LinkEvent]:
        """Return the requests that failed because no reply came to any of their attempts."""
        failed = [flight for flight in self._overdue(now_s) if flight.attempts >= MOST_ATTEMPTS]
        for flight in failed:
            self.errors.timeouts += 1
            del self._in_flight[flight.request.seq]
        return [RequestFailed(flight.request.seq, flight.request) for flight in failed]

    def _is_awaited(self, reply: Packet) -> bool:
        flight = self._in_flight.get(reply.seq)
        if flight is None:
            return False
        request = flight.request
        # A retried request keeps its number, so a late first reply is as good as the second, which is then stale.
        return reply.type == request.type | _REPLY_BIT and reply.address == request.address

    def _overdue(self, now_s: float) -> list[_InFlight]:
        return [flight for flight in self._in_flight.values() if now_s >= self._deadline_s(flight)]

    def _deadline_s(self, flight: _InFlight) -> float:
        patient = max(flight.sent_at_s, self._heard_at_s) + REPLY_TIMEOUT_S
        return min(patient, flight.sent_at_s + _LONGEST_WAIT_TIMEOUTS * REPLY_TIMEOUT_S)

    def _resend(self, flight: _InFlight, now_s: float) -> bytes:
        self.errors.timeouts += 1
        flight.sent_at_s = now_s
        flight.attempts += 1
        return flight.wire
