"""A transport and the link's conversation joined: requests and their replies, with real time and real bytes."""

import secrets
import time
from collections.abc import Callable

from device_bridge.errors import DisconnectedError
from device_bridge.link import (
    REPLY_TIMEOUT_S,
    Conversation,
    Hello,
    LinkErrors,
    LinkEvent,
    Notice,
    Packet,
    PacketType,
    Reply,
    pack_hello,
    unpack_hello,
)
from device_bridge.transport import Transport

_SEQ_COUNT = 0x10000


class NoReplyError(DisconnectedError):
    """The port is there, but the device did not answer however often it was asked.

    Attributes:
        seq: The request's sequence number.
    """

    def __init__(self, message: str, seq: int) -> None:
        super().__init__(message)
        self.seq = seq


class Connection:
    """An open link to a device.

    Args:
        transport: The open stream; it is closed with the connection.
        place: Where that is, for messages.
        on_event: Called with the text of each event that the device reports.

    Attributes:
        place: Where the device is.
        errors: Link errors since the connection was opened, over all its conversations.
    """

    def __init__(self, transport: Transport, place: str, on_event: Callable[[str], None]) -> None:
        self.place = place
        self.errors = LinkErrors()
        self._transport = transport
        self._on_event = on_event
        self._conversation = Conversation(secrets.randbelow(_SEQ_COUNT), self.errors, REPLY_TIMEOUT_S)

    @property
    def heard_bytes(self) -> int:
        """Bytes that this conversation received, whatever they are."""
        return self._conversation.heard_bytes

    @property
    def heard_requests(self) -> int:
        """Requests that came back, as an echo sends them."""
        return self._conversation.heard_requests

    def hello(self) -> Hello:
        """Begin a new conversation: agree on version and window, and hear the device's clock (docs/protocol.md 4.1).

        Raises:
            DisconnectedError: The device went away, or does not answer.
            PacketError: Its answer is none that this bridge understands.
        """
        # What was learnt of the line's slowness holds for the next conversation too.
        timeout_s = self._conversation.timeout_s
        self._conversation = Conversation(secrets.randbelow(_SEQ_COUNT), self.errors, timeout_s)
        payload = pack_hello()
        hello = unpack_hello(self.exchange(Packet(PacketType.HELLO, 0, length=len(payload), payload=payload)))
        self._conversation.accept_hello(hello)
        return hello

    def submit(self, request: Packet) -> int:
        """Queue a request; `pump` sends it when the window has room. Returns its sequence number."""
        return self._conversation.submit(request)

    @property
    def window(self) -> int:
        """Requests that may be in flight."""
        return self._conversation.window

    def pump(self) -> list[Reply]:
        """Send what is due, wait up to 0.05 s for bytes, and return the replies they complete.

        Raises:
            DisconnectedError: The device went away, or a request got no reply.
        """
        output = self._conversation.take_output(time.monotonic())
        if output:
            self._transport.write(output)
        data = self._transport.read()
        now_s = time.monotonic()
        events = self._conversation.receive(data, now_s) + self._conversation.expire(now_s)
        return [reply for reply in map(self._sort_out, events) if reply is not None]

    def flush(self) -> None:
        """Send what the window has room for, so that the device works while the caller does.

        Raises:
            DisconnectedError: The device went away.
        """
        output = self._conversation.take_output(time.monotonic())
        if output:
            self._transport.write(output)

    def _sort_out(self, event: LinkEvent) -> Reply | None:
        if isinstance(event, Reply):
            return event
        if isinstance(event, Notice):
            self._on_event(event.text)
            return None
        raise NoReplyError(f"the device at {self.place} stopped answering: check its power and cable", event.seq)

    def exchange(self, request: Packet) -> Packet:
        """Send one request and return its reply, whatever its status.

        Raises:
            DisconnectedError: The device went away, or does not answer.
        """
        seq = self.submit(request)
        while True:
            for reply in self.pump():
                if reply.seq == seq:
                    return reply.packet

    def close(self) -> None:
        """Give the transport back."""
        self._transport.close()
