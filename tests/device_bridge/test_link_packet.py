import re
import zlib
from pathlib import Path

from cobs import cobs  # type: ignore[import-untyped]  # it ships no types
from hypothesis import example, given
from hypothesis import strategies as st

from device_bridge.emulator.wire import Message, PacketSplitter, build, cobs_decode, cobs_encode, parse
from device_bridge.link import (
    Hello,
    LinkErrors,
    Packet,
    PacketDecoder,
    PacketError,
    PacketType,
    decode_packet,
    encode_packet,
    unpack_hello,
)

MOSTLY_ZEROS = st.lists(st.sampled_from([b"\0", b"\1", b"\xff", b"a" * 253, b"b" * 254, b"c" * 255])).map(b"".join)
BYTES = st.binary(max_size=600) | MOSTLY_ZEROS


@st.composite
def packets(draw: st.DrawFn) -> Packet:
    """Draw any packet that the protocol allows."""
    kind = draw(st.sampled_from(list(PacketType)))
    payload = b"" if kind is PacketType.READ else draw(BYTES)[:4096]
    length = draw(st.integers(0, 4096)) if kind is PacketType.READ else len(payload)
    return Packet(
        kind,
        draw(st.integers(0, 65_535)),
        draw(st.integers(0, 255)),
        draw(st.integers(0, 2**32 - 1)),
        length,
        payload,
    )


@given(BYTES)
@example(b"")
@example(b"x" * 254)
@example(b"x" * 254 + b"\0")
@example(b"x" * 508)
def test_both_ends_stuff_alike(data: bytes) -> None:
    """The emulator's plain COBS and the library's give the same bytes, and each reads the other's."""
    assert cobs_encode(data) == cobs.encode(data)
    assert cobs_decode(cobs.encode(data)) == data


@given(BYTES)
def test_both_ends_refuse_alike(data: bytes) -> None:
    """Bytes that one COBS cannot read, the other cannot read either; what both read is the same."""
    try:
        expected = cobs.decode(data)
    except cobs.DecodeError:
        expected = None
    try:
        found = cobs_decode(data)
    except ValueError:
        found = None
    assert found == expected


@given(packets())
def test_packet_means_the_same_at_both_ends(packet: Packet) -> None:
    """The device reads from the host's bytes what the host meant, and the reverse."""
    wire = encode_packet(packet)
    message = parse(wire[1:-1])
    fields = (packet.type, packet.seq, packet.status, packet.address, packet.length, packet.payload)
    assert message == Message(1, *fields)
    assert build(message) == wire
    assert decode_packet(wire[1:-1]) == packet


@given(st.lists(packets() | st.binary(max_size=40), max_size=6), st.data())
def test_any_chunking_gives_the_same_packets(parts: list[Packet | bytes], data: st.DataObject) -> None:
    """However a stream with noise in it is cut, the packets and the counted errors are the same."""
    stream = b"".join(encode_packet(part) if isinstance(part, Packet) else part for part in parts)
    whole = PacketDecoder(LinkErrors())
    expected = whole.receive(stream)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = PacketDecoder(LinkErrors())
    found = []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += pieces.receive(stream[begin:end])
    assert found == expected
    assert pieces.errors == whole.errors


@given(st.lists(st.binary(max_size=5000), max_size=4))
def test_garbage_is_counted_and_never_raises(chunks: list[bytes]) -> None:
    """Random bytes give no packet and no exception at either end."""
    decoder, splitter = PacketDecoder(LinkErrors()), PacketSplitter()
    for chunk in chunks:
        assert decoder.receive(chunk) == []
        assert all(parse(frame) is None for frame in splitter.split(chunk))


def test_stretch_without_a_delimiter_is_dropped_in_bounded_memory() -> None:
    """A stream without a zero is dropped once it is longer than any packet, and the next packet is read."""
    decoder = PacketDecoder(LinkErrors())
    for _ in range(50):
        assert decoder.receive(b"x" * 1000) == []
    assert len(decoder._pending) <= 4130
    packet = Packet(PacketType.EVENT, 1, length=2, payload=b"hi")
    assert decoder.receive(encode_packet(packet)) == [packet]
    assert decoder.errors == LinkErrors(oversize=1)


@given(st.integers(4060, 4200), st.integers(0, 4000))
@example(4129, 0)
@example(4130, 0)
@example(4130, 2000)
def test_longest_packet_is_the_limit(size: int, cut: int) -> None:
    """A stretch longer than the longest packet is counted as such, however it is cut; a shorter one is not."""
    decoder = PacketDecoder(LinkErrors())
    pieces = [b"x" * cut, b"x" * (size - cut)]
    assert [decoder.receive(piece) for piece in [*pieces, b"\0"]] == [[]] * (len(pieces) + 1)
    assert (decoder.errors.total, decoder.errors.oversize) == (1, int(size > 4129))


def test_longest_payload_passes_and_one_more_does_not() -> None:
    """4,096 bytes of payload are the most."""
    for size in (4096, 4097):
        wire = encode_packet(Packet(PacketType.COMMAND_REPLY, 1, length=size, payload=b"z" * size))
        assert len(PacketDecoder(LinkErrors()).receive(wire)) == (1 if size == 4096 else 0)


def test_every_flipped_bit_is_found() -> None:
    """No packet with one flipped bit is taken for a packet."""
    wire = encode_packet(Packet(PacketType.READ_REPLY, 9, address=512, length=256, payload=bytes(range(256))))
    for bit in range(8, 8 * (len(wire) - 1)):
        damaged = bytearray(wire)
        damaged[bit // 8] ^= 1 << bit % 8
        assert PacketDecoder(LinkErrors()).receive(bytes(damaged)) == []


def test_fields_that_the_protocol_does_not_allow_are_malformed() -> None:
    """An unknown type, version, or a length that is not the payload's is refused though its checksum is right."""
    for head in (
        b"\1\x55" + bytes(10),
        b"\2\1" + bytes(10),
        b"\1\2" + bytes(8) + b"\5\0\0",
        b"\1\3" + bytes(8) + b"\5\0",
        b"\1\2" + bytes(8) + b"\1\0\0",
        b"\1\2" + bytes(8) + b"\1\x10",
    ):
        frame = cobs.encode(head + zlib.crc32(head).to_bytes(4, "little"))
        try:
            decode_packet(frame)
        except PacketError as error:
            assert error.problem == "malformed"  # noqa: PT017 - one loop over several frames
        else:
            raise AssertionError(head)


def test_example_of_the_protocol_document() -> None:
    """The bytes that docs/protocol.md section 7 prints are those that both ends send."""
    wire = bytes.fromhex("00 04 01 02 07 01 01 01 02 03 01 01 06 01 fe 62 67 6a 00")
    assert encode_packet(Packet(PacketType.READ, 7, address=768, length=256)) == wire
    assert build(Message(1, 2, 7, 0, 768, 256, b"")) == wire


def test_flags_and_other_reserved_bytes_are_ignored() -> None:
    """A packet whose reserved flags are set means what it means without them (docs/protocol.md 3)."""
    plain = Packet(PacketType.READ_REPLY, 3, address=256, length=2, payload=b"hi")
    flagged = decode_packet(encode_packet(plain._replace(flags=0xFF))[1:-1])
    assert flagged == plain._replace(flags=0xFF)


def test_all_bytes_of_the_protocol_document() -> None:
    """Every packet that docs/protocol.md prints is read as the same at both ends, and both would send it so."""
    text = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
    wires = [bytes.fromhex(found) for found in re.findall(r"`(00 [0-9a-f ]+ 00)`", text)]
    assert len(wires) == 6
    for wire in wires:
        packet, message = decode_packet(wire[1:-1]), parse(wire[1:-1])
        assert message is not None
        assert (packet.type, packet.seq, packet.payload) == (message.type, message.seq, message.payload)
        assert encode_packet(packet) == build(message) == wire
    hello = unpack_hello(decode_packet(wires[2][1:-1]))
    assert hello == Hello(1, 8, 256, 100, 1_000_000, 90_000_000, 7)


@given(st.binary(min_size=256, max_size=256))
def test_page_takes_275_or_276_bytes_on_the_wire(page: bytes) -> None:
    """Whatever is in a page, its reply's size on the line is known."""
    assert len(encode_packet(Packet(PacketType.READ_REPLY, 1, length=256, payload=page))) in (275, 276)
