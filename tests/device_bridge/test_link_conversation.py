from device_bridge.emulator.wire import Message, PacketSplitter, build, parse
from device_bridge.link import (
    Conversation,
    Hello,
    LinkErrors,
    LinkEvent,
    Notice,
    Packet,
    PacketType,
    Reply,
    RequestFailed,
)
from device_bridge.link.conversation import MOST_ATTEMPTS, REPLY_TIMEOUT_S

HELLO = Hello(version=1, window=4, page_size_bytes=256, page_count=10, tick_hz=1, ticks=0)


def read_of(page: int) -> Packet:
    """Return a request to read a page."""
    return Packet(PacketType.READ, 0, address=256 * page, length=256)


def sent(conversation: Conversation, now_s: float) -> list[Message]:
    """Return what a conversation sends now, as the device sees it."""
    frames = PacketSplitter().split(conversation.take_output(now_s))
    return [message for message in map(parse, frames) if message is not None]


def reply_to(request: Message, payload: bytes = b"") -> bytes:
    """Return the bytes of a reply to a request."""
    return build(Message(1, request.type | 0x80, request.seq, 0, request.address, len(payload), payload))


def conversation_of(window: int, first_seq: int = 0) -> Conversation:
    """Return a conversation after its hello."""
    conversation = Conversation(first_seq, LinkErrors())
    conversation.window = window
    return conversation


def test_window_bounds_requests_in_flight() -> None:
    """Before the hello one request is in flight, afterwards as many as were agreed, and at most 8."""
    conversation = conversation_of(1)
    for page in range(12):
        conversation.submit(read_of(page))
    (first,) = sent(conversation, 0)
    conversation.receive(reply_to(first), 0)
    conversation.accept_hello(HELLO)
    assert [message.address for message in sent(conversation, 0)] == [256, 512, 768, 1024]
    assert sent(conversation, 0) == []
    conversation.accept_hello(Hello(1, 200, 256, 10, 1, 0))
    assert conversation.window == 8


def test_replies_in_any_order_reach_their_requests() -> None:
    """A device may answer in another order than it was asked."""
    conversation = conversation_of(3)
    seqs = [conversation.submit(read_of(page)) for page in range(3)]
    first, second, third = sent(conversation, 0)
    events = conversation.receive(reply_to(third, b"3") + reply_to(first, b"1") + reply_to(second, b"2"), 0)
    assert [(event.seq, event.packet.payload) for event in events if isinstance(event, Reply)] == [
        (seqs[2], b"3"),
        (seqs[0], b"1"),
        (seqs[1], b"2"),
    ]
    assert conversation.is_idle


def test_stale_replies_are_dropped_and_counted() -> None:
    """A reply that comes twice, carries another number, or is of another type or address, reaches nobody."""
    conversation = conversation_of(1, first_seq=500)
    conversation.submit(read_of(1))
    (request,) = sent(conversation, 0)
    good = reply_to(request)
    wrong_address = build(Message(1, 0x82, 500, 0, 512, 0, b""))
    wrong_type = build(Message(1, 0x83, 500, 0, 256, 0, b""))
    wrong_number = build(Message(1, 0x82, 499, 0, 256, 0, b""))
    assert conversation.receive(wrong_address + wrong_type + wrong_number, 0) == []
    assert len(conversation.receive(good + good, 0)) == 1
    assert conversation.errors.stale == 4


def test_request_without_reply_is_sent_again_with_its_number() -> None:
    """Each retry carries the first try's number, so a late reply to any of them serves."""
    conversation = conversation_of(1, first_seq=65_535)
    conversation.submit(read_of(1))
    conversation.submit(read_of(2))
    (first,) = sent(conversation, 0)
    assert sent(conversation, REPLY_TIMEOUT_S * 0.9) == []
    assert sent(conversation, REPLY_TIMEOUT_S) == [first]
    assert len(conversation.receive(reply_to(first), 2)) == 1
    (second,) = sent(conversation, 2)
    assert (first.seq, second.seq) == (65_535, 0)
    assert conversation.errors.timeouts == 1


def test_request_fails_after_its_last_attempt() -> None:
    """A device that never answers ends in a failure, not in waiting for ever."""
    conversation = conversation_of(1)
    seq = conversation.submit(read_of(1))
    tries, now_s = 0, 0.0
    failed: list[LinkEvent] = []
    while not failed:
        tries += len(sent(conversation, now_s))
        now_s += REPLY_TIMEOUT_S
        failed = conversation.expire(now_s)
    assert tries == MOST_ATTEMPTS
    assert isinstance(failed[0], RequestFailed)
    assert failed[0].seq == seq


def test_slow_line_is_not_taken_for_a_lost_reply() -> None:
    """While replies keep arriving, the requests behind them are not sent again."""
    conversation = conversation_of(2)
    conversation.submit(read_of(1))
    conversation.submit(read_of(2))
    first, _second = sent(conversation, 0)
    conversation.receive(reply_to(first), REPLY_TIMEOUT_S * 0.9)
    assert sent(conversation, REPLY_TIMEOUT_S * 1.5) == []


def test_lost_reply_among_others_is_asked_for_again() -> None:
    """One lost reply is asked for again though others keep arriving, after four timeouts at the latest."""
    conversation = conversation_of(2)
    conversation.submit(read_of(1))
    (lost,) = sent(conversation, 0)
    notice = build(Message(1, 0xC0, 1, 0, 0, 0, b""))
    for tenth in range(1, 20):
        conversation.receive(notice, tenth * 0.1)
        assert sent(conversation, tenth * 0.1) == []
    assert sent(conversation, 2.0) == [lost]


def test_event_becomes_a_notice() -> None:
    """What the device reports unasked is given on as text, whatever bytes it holds."""
    conversation = conversation_of(1)
    wire = build(Message(1, 0xC0, 7, 0, 0, 16, b"record ready 3\xff\xfe"))
    assert conversation.receive(wire, 0) == [Notice("record ready 3��")]
