import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_bridge.emulator.wire import Message, PacketSplitter, build, parse
from device_bridge.link import (
    Conversation,
    Hello,
    LinkErrors,
    LinkEvent,
    Notice,
    Packet,
    PacketError,
    PacketType,
    Reply,
    RequestFailed,
    unpack_hello,
)
from device_bridge.link.conversation import MOST_ATTEMPTS
from device_bridge.link.patience import LONGEST_TIMEOUT_S, LONGEST_WAIT_S, REPLY_TIMEOUT_S

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
    """One lost reply is asked for again though others keep arriving, once more came than a device could hold back."""
    conversation = conversation_of(2)
    conversation.submit(read_of(0))
    for page in range(1, 20):
        conversation.submit(read_of(page))
    lost, request = sent(conversation, 0)
    for tenth in range(1, 5):
        conversation.receive(reply_to(request), tenth * 0.2)
        again = sent(conversation, tenth * 0.2)
        assert (lost in again) == (tenth == 4)
        request = next(message for message in again if message != lost)


def test_whoever_talks_without_replying_is_not_waited_for() -> None:
    """Events and noise keep a host waiting for a little while only: then the request is sent again."""
    conversation = conversation_of(1)
    conversation.submit(read_of(1))
    (request,) = sent(conversation, 0)
    notice = build(Message(1, 0xC0, 1, 0, 0, 100, bytes(100)))
    now_s = 0.0
    while not (again := sent(conversation, now_s)):
        conversation.receive(notice, now_s)
        now_s += 0.1
        assert now_s < 2
    assert again == [request]


def arrival_times(baud: int, replies: int) -> list[tuple[float, bytes]]:
    """Return 16-byte pieces of that many page replies with the time at which a line of this speed delivers each."""
    stream = b"".join(
        reply_to(Message(1, 2, seq, 0, 256 * seq, 256, b""), bytes([seq]) * 256) for seq in range(replies)
    )
    pieces = [stream[at : at + 16] for at in range(0, len(stream), 16)]
    return [(16 * (at + 1) * 10 / baud, piece) for at, piece in enumerate(pieces)]


@pytest.mark.parametrize("baud", [1_200, 2_400, 9_600, 921_600])
def test_line_of_any_speed_carries_a_full_window(baud: int) -> None:
    """Eight pages in flight over a slow line are each asked for once, though the last comes long after its request."""
    conversation = conversation_of(8)
    for page in range(8):
        conversation.submit(read_of(page))
    assert len(sent(conversation, 0)) == 8
    events: list[LinkEvent] = []
    for now_s, piece in arrival_times(baud, 8):
        assert sent(conversation, now_s - 0.001) == []
        events += conversation.receive(piece, now_s) + conversation.expire(now_s)
    assert [event.seq for event in events if isinstance(event, Reply)] == list(range(8))
    assert conversation.errors.total == 0


def test_reply_that_trickles_for_ever_is_not_waited_for() -> None:
    """A byte now and then does not keep a request waiting without end."""
    conversation = conversation_of(1)
    conversation.submit(read_of(1))
    (request,) = sent(conversation, 0)
    now_s = 0.0
    while now_s < LONGEST_WAIT_S - 0.4:
        assert sent(conversation, now_s) == []
        conversation.receive(b"x", now_s)
        now_s += 0.4
    conversation.receive(b"x", LONGEST_WAIT_S - 0.1)
    assert sent(conversation, LONGEST_WAIT_S) == [request]


def test_late_device_is_given_more_time() -> None:
    """When the first reply was only late, as its double shows, the next requests wait longer, up to a limit."""
    conversation = conversation_of(1)
    now_s, waits = 0.0, []
    for page in range(6):
        conversation.submit(read_of(page))
        (request,) = sent(conversation, now_s)
        waits.append(conversation.timeout_s)
        now_s += conversation.timeout_s
        assert sent(conversation, now_s) == [request]
        assert len(conversation.receive(reply_to(request) + reply_to(request), now_s)) == 1
    assert waits == [0.5, 1.0, 2.0, 4.0, LONGEST_TIMEOUT_S, LONGEST_TIMEOUT_S]


def test_device_that_answers_twice_is_given_no_more_time() -> None:
    """A double of a reply whose request was sent once says nothing about the time."""
    conversation = conversation_of(1)
    conversation.submit(read_of(1))
    (request,) = sent(conversation, 0)
    conversation.receive(reply_to(request) + reply_to(request), 0.1)
    assert (conversation.errors.stale, conversation.timeout_s) == (1, REPLY_TIMEOUT_S)


def test_echo_is_told_apart() -> None:
    """Requests that come back are counted: only an echo sends requests to a host."""
    conversation = conversation_of(1)
    conversation.submit(read_of(1))
    assert conversation.receive(conversation.take_output(0), 0) == []
    assert conversation.heard_requests == 1
    assert conversation.heard_bytes > 0


@given(st.lists(st.binary(max_size=80) | st.sampled_from([b"request", b"reply", b"double"]), max_size=12), st.data())
@settings(max_examples=50)
def test_any_chunking_gives_the_same_events(parts: list[bytes], data: st.DataObject) -> None:
    """However the bytes are cut, with noise, doubles and echoes among them, the events and the counted errors agree."""
    requests = [Message(1, 2, seq, 0, 256 * seq, 256, b"") for seq in range(8)]
    known = {
        b"request": lambda at: build(requests[at % 8]),
        b"reply": lambda at: reply_to(requests[at % 8], b"r" * at),
        b"double": lambda at: 2 * reply_to(requests[at % 8]),
    }
    stream = b"".join(known[part](at) if part in known else part for at, part in enumerate(parts))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    outcomes = []
    for pieces in ([stream], [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]):
        conversation = conversation_of(8)
        for page in range(8):
            conversation.submit(read_of(page))
        conversation.take_output(0)
        events = [event for piece in pieces for event in conversation.receive(piece, 0)]
        outcomes.append((events, conversation.errors, conversation.heard_bytes, conversation.heard_requests))
    assert outcomes[0] == outcomes[1]


def hello_reply(payload: bytes, status: int = 0) -> Packet:
    """Return a device's answer to a hello."""
    return Packet(PacketType.HELLO_REPLY, 1, status, length=len(payload), payload=payload)


def test_hello_tells_how_often_the_device_was_switched_on() -> None:
    """The reply's last field is read where it is there, 0 stands for one that does not tell, and more is ignored."""
    short = struct.pack("<BBHIIQ", 1, 4, 256, 100, 1_000_000, 77)
    assert unpack_hello(hello_reply(short)) == Hello(1, 4, 256, 100, 1_000_000, 77, 0)
    assert unpack_hello(hello_reply(short + b"\x34")).power_up == 0
    assert unpack_hello(hello_reply(short + b"\x34\x12\xff\xff")).power_up == 0x1234
    assert unpack_hello(hello_reply(short + b"\x34\x12\0\0later")).power_up == 0x1234


@pytest.mark.parametrize(
    ("payload", "status", "message"),
    [
        (b"", 1, "refused the hello with status 1"),
        (bytes(19), 0, "19 bytes"),
        (struct.pack("<BBHIIQ", 2, 4, 256, 100, 1, 0), 0, "protocol version 2"),
        (struct.pack("<BBHIIQ", 1, 0, 256, 100, 1, 0), 0, "window of 0"),
    ],
)
def test_hello_that_makes_no_sense(payload: bytes, status: int, message: str) -> None:
    """A refusal, a short answer, another version and a window of nothing are the format's own error."""
    with pytest.raises(PacketError, match=message):
        unpack_hello(hello_reply(payload, status))


@given(st.binary(max_size=40), st.integers(0, 255))
def test_hello_of_garbage_raises_nothing_else(payload: bytes, status: int) -> None:
    """Whatever a device answers to a hello, it is understood or is a PacketError."""
    try:
        assert unpack_hello(hello_reply(payload, status)).version == 1
    except PacketError as error:
        assert error.problem == "malformed"  # noqa: PT017 - either outcome is right


def test_event_becomes_a_notice() -> None:
    """What the device reports unasked is given on as text, whatever bytes it holds."""
    conversation = conversation_of(1)
    wire = build(Message(1, 0xC0, 7, 0, 0, 16, b"record ready 3\xff\xfe"))
    assert conversation.receive(wire, 0) == [Notice("record ready 3��")]
