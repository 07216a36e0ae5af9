"""The host's half of the link: requests in flight, their replies and retries (docs/protocol.md 4 and 5).

Time is given by the caller as seconds of any steady clock, so that every path is tested without waiting.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from device_bridge.link.decoder import LinkErrors, PacketDecoder
from device_bridge.link.hello import MAX_WINDOW, Hello
from device_bridge.link.packet import Packet, PacketType, encode_packet
from device_bridge.link.patience import REPLY_TIMEOUT_S, Patience

MOST_ATTEMPTS: Final = 5
_REPLY_BIT: Final = 0x80
_SEQ_COUNT: Final = 0x10000
_MOST_REMEMBERED: Final = 64


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


@dataclass(slots=True)
class _InFlight:
    request: Packet
    wire: bytes
    sent_at_s: float
    replies_when_sent: int
    attempts: int = 1


class Conversation:
    """Requests out, replies in.

    Args:
        first_seq: Where the sequence numbers begin; a random one makes the replies to an earlier conversation stale.
        errors: Where link errors are counted.
        timeout_s: The silence that is taken for a loss, as an earlier conversation with the device found it.

    Attributes:
        window: Requests that may be in flight, 1 until the hello is answered.
        heard_bytes: Bytes received, whatever they are.
        heard_requests: Packets received that are requests, which only an echo sends to a host.
    """

    def __init__(self, first_seq: int, errors: LinkErrors, timeout_s: float = REPLY_TIMEOUT_S) -> None:
        self.errors = errors
        self.window = 1
        self.heard_bytes = 0
        self.heard_requests = 0
        self._decoder = PacketDecoder(self.errors)
        self._patience = Patience(timeout_s)
        self._next_seq = first_seq % _SEQ_COUNT
        self._queue: deque[Packet] = deque()
        self._in_flight: dict[int, _InFlight] = {}
        # Of requests that were sent again: a second reply to one tells that the first was only late.
        self._answered_retries: deque[int] = deque(maxlen=_MOST_REMEMBERED)

    @property
    def is_idle(self) -> bool:
        """Whether every request was answered or failed."""
        return not self._queue and not self._in_flight

    @property
    def timeout_s(self) -> float:
        """The silence that is taken for a loss, as this conversation found it."""
        return self._patience.timeout_s

    def accept_hello(self, hello: Hello) -> None:
        """Use the window that was agreed, at most 8."""
        self.window = min(hello.window, MAX_WINDOW)

    def submit(self, request: Packet) -> int:
        """Queue a request and return the sequence number that it was given."""
        seq = self._next_seq
        self._next_seq = (seq + 1) % _SEQ_COUNT
        self._queue.append(request._replace(seq=seq))
        return seq

    def take_output(self, now_s: float) -> bytes:
        """Return the bytes to write now: requests that the window has room for, and those whose reply is overdue."""
        wires = [self._resend(flight, now_s) for flight in self._overdue(now_s) if flight.attempts < MOST_ATTEMPTS]
        while self._queue and len(self._in_flight) < self.window:
            wires.append(self._send(self._queue.popleft(), now_s))
        return b"".join(wires)

    def receive(self, data: bytes, now_s: float) -> list[LinkEvent]:
        """Return what these bytes tell; replies that nothing waits for are dropped and counted."""
        self.heard_bytes += len(data)
        self._patience.note_bytes(len(data), now_s)
        events: list[LinkEvent] = []
        for packet in self._decoder.receive(data):
            if packet.type is PacketType.EVENT:
                events.append(Notice(packet.payload.decode("ascii", errors="replace")))
            elif self._is_awaited(packet):
                self._finish(packet.seq, now_s)
                events.append(Reply(packet.seq, packet))
            else:
                self._drop(packet)
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

    def _finish(self, seq: int, now_s: float) -> None:
        self._patience.note_reply(now_s)
        if self._in_flight.pop(seq).attempts > 1:
            self._answered_retries.append(seq)

    def _drop(self, packet: Packet) -> None:
        self.errors.stale += 1
        if packet.type < _REPLY_BIT:
            self.heard_requests += 1
        elif packet.seq in self._answered_retries:
            self._answered_retries.remove(packet.seq)
            self._patience.note_too_early()

    def _overdue(self, now_s: float) -> list[_InFlight]:
        return [
            flight
            for flight in self._in_flight.values()
            if self._patience.is_overdue(flight.sent_at_s, flight.replies_when_sent, self.window, now_s)
        ]

    def _send(self, request: Packet, now_s: float) -> bytes:
        if not self._in_flight:
            self._patience.note_start()
        flight = _InFlight(request, encode_packet(request), now_s, self._patience.replies)
        self._in_flight[request.seq] = flight
        return flight.wire

    def _resend(self, flight: _InFlight, now_s: float) -> bytes:
        self.errors.timeouts += 1
        flight.sent_at_s = now_s
        flight.replies_when_sent = self._patience.replies
        flight.attempts += 1
        return flight.wire
