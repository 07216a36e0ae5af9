"""A line to a device that damages whatever it carries, in every way that its seed draws.

Packets are made and read here with code of its own, so that a mistake of the bridge's codec is not repeated.
"""

import random
import struct
import zlib
from collections.abc import Callable
from typing import TypeAlias

from cobs import cobs  # type: ignore[import-untyped]  # it ships no types

PAGE = 256
_ERASED = b"\xff" * PAGE
_HEAD = struct.Struct("<BBHBBIH")
_HELLO, _READ, _EVENT = 0x01, 0x02, 0xC0
_REPLY = 0x80
_WINDOW = 8
_MOST_DAMAGED_FIRST = 6
_FORGED_SHARE = 0.4
_REFUSED_SHARE = 0.01
_LONGEST_PACKET = 4129
_NO_DEVICE_HAS_THIS_MANY = 2**24


_LineFault: TypeAlias = Callable[[bytearray], None]


def frame(raw: bytes) -> bytes:
    """Return a packet's bytes on the wire, its checksum added (docs/protocol.md 2 and 3)."""
    stuffed: bytes = cobs.encode(raw + zlib.crc32(raw).to_bytes(4, "little"))
    return b"\0" + stuffed + b"\0"


class HostileLine:
    """A transport to a device that holds a memory; each request is answered with damaged packets, then the true one.

    Args:
        memory: The device's memory.
        chance: Where the damage is drawn from.

    Attributes:
        damaged_packets: Packets that were not what the device would have sent.
        forged_packets: Those of them that were valid packets under a request's own number, with other bytes in them.
        swapped_pages: Those of these whose bytes were a whole, valid page of another place or record.
    """

    EVENT = "record ready 1"

    def __init__(self, memory: bytes, chance: random.Random) -> None:
        self.memory = memory
        self.damaged_packets = 0
        self.forged_packets = 0
        self.swapped_pages = 0
        self._chance = chance
        every = (memory[begin : begin + PAGE] for begin in range(0, len(memory), PAGE))
        self._pages = [page for page in every if page != _ERASED]
        self._asked: list[tuple[int, int, int]] = []
        self._last = b""
        self._line_faults: tuple[_LineFault, ...] = (
            self._flip,
            self._flip,
            self._burst,
            self._overwrite,
            self._truncate,
            self._insert,
            self._delete,
            self._swap_halves,
            self._repeat_part,
        )

    def write(self, data: bytes) -> None:
        """Take requests (`Transport.write`)."""
        for part in data.split(b"\0"):
            if part:
                _, kind, seq, _, _, address, _ = _HEAD.unpack_from(cobs.decode(part))
                self._asked.append((kind, seq, address))

    def read(self) -> bytes:
        """Give what the line makes of the replies, in any chunks (`Transport.read`)."""
        if not self._asked:
            return b""
        place = self._chance.randrange(len(self._asked))
        return self._answer(*self._asked.pop(place))

    def close(self) -> None:
        """There is nothing to give back (`Transport.close`)."""

    def _answer(self, kind: int, seq: int, address: int) -> bytes:
        true = self._true_reply(kind, seq, address)
        sent = [self._spoil(true, kind, seq, address) for _ in range(self._chance.randrange(_MOST_DAMAGED_FIRST))]
        if kind == _READ and self._chance.random() < _FORGED_SHARE:
            sent.insert(self._chance.randrange(len(sent) + 1), self._forge(seq, address))
        self.damaged_packets += len(sent)
        self._last = true
        # The damage of a packet may have taken its last delimiter with it; every frame begins with one as well.
        return b"".join([*sent, true])

    def _true_reply(self, kind: int, seq: int, address: int) -> bytes:
        if kind == _HELLO:
            pages = len(self.memory) // PAGE
            payload = struct.pack("<BBHIIQ", 1, _WINDOW, PAGE, pages, 1_000_000, 90_000_000)
        else:
            payload = self.memory[address : address + PAGE]
        return frame(_HEAD.pack(1, kind | _REPLY, seq, 0, 0, address, len(payload)) + payload)

    def _spoil(self, true: bytes, kind: int, seq: int, address: int) -> bytes:
        """Return a packet that may not be taken for the reply: damaged on its way, late, or nobody's."""
        draw = self._chance.random()
        if draw < 0.1:
            return self._garbage()
        if draw < 0.2:
            return self._stranger(kind, seq, address)
        if draw < 0.25:
            return self._last or self._garbage()
        if draw < 0.27:
            text = self.EVENT.encode("ascii")
            return frame(_HEAD.pack(1, _EVENT, seq, 0, 0, 0, len(text)) + text)
        damaged = bytearray(true)
        while bytes(damaged).strip(b"\0") == true.strip(b"\0"):
            self._chance.choice(self._line_faults)(damaged)
        return bytes(damaged)

    def _garbage(self) -> bytes:
        length = self._chance.choice((1, 3, 16, 272, 600, 2 * _LONGEST_PACKET))
        noise = self._chance.randbytes(length)
        return noise.replace(b"\0", b"\1") if self._chance.random() < 0.5 else noise + b"\0"

    def _stranger(self, kind: int, seq: int, address: int) -> bytes:
        """Return a valid packet that answers another request, or none."""
        page = self._any_page()
        version, reply, status = 1, kind | _REPLY, 0
        match self._chance.randrange(5):
            case 0:
                seq = seq + self._chance.randrange(_WINDOW + 1, 0x10000 - _WINDOW) & 0xFFFF
            case 1:
                address ^= self._chance.randrange(1, _NO_DEVICE_HAS_THIS_MANY)
            case 2:
                reply = self._chance.choice((0x00, 0x02, 0x7F, 0x83, 0x84, 0xC1, 0xFF))
            case 3:
                version = self._chance.choice((0, 2, 255))
            case _:
                length = self._chance.randrange(PAGE + 1, 4097)
                return frame(_HEAD.pack(version, reply, seq, status, 0, address, length) + page)
        return frame(_HEAD.pack(version, reply, seq, status, 0, address, len(page)) + page)

    def _forge(self, seq: int, address: int) -> bytes:
        """Return a valid packet under the request's own number whose page is not the one at that address."""
        self.forged_packets += 1
        true = self.memory[address : address + PAGE]
        status = 0
        page = self._any_page()
        match self._chance.randrange(4):
            case 0:
                page = self._spoil_page(true)
            case 1:
                page = self._other_part(true)
            case 2 if self._chance.random() < _REFUSED_SHARE:
                page, status = b"", self._chance.choice((1, 2, 3, 77))
        # An erased page is a right answer where a directory slot is asked for: nobody can tell.
        if page in (true, _ERASED):
            page = self._spoil_page(true)
        self.swapped_pages += zlib.crc32(page[4:]) == int.from_bytes(page[:4], "little") and len(page) == PAGE
        return frame(_HEAD.pack(1, _READ | _REPLY, seq, status, 0, address, len(page)) + page)

    def _any_page(self) -> bytes:
        return self._chance.choice(self._pages)

    def _spoil_page(self, page: bytes) -> bytes:
        damaged = bytearray(page)
        for _ in range(self._chance.choice((1, 1, 2, 3, 4, 40))):
            damaged[self._chance.randrange(PAGE)] ^= 1 << self._chance.randrange(8)
        # Flipped twice is not flipped.
        return bytes(damaged) if damaged != page else bytes([page[0] ^ 1]) + page[1:]

    def _other_part(self, page: bytes) -> bytes:
        cut = self._chance.randrange(1, PAGE)
        return self._chance.choice((page[:cut], page[cut:] + page[:cut], page + page[:cut], page[::-1]))

    def _flip(self, data: bytearray) -> None:
        for _ in range(self._chance.choice((1, 1, 2, 3, 4, 5, 16))):
            data[self._chance.randrange(len(data))] ^= 1 << self._chance.randrange(8)

    def _burst(self, data: bytearray) -> None:
        begin = self._chance.randrange(len(data))
        for place in range(begin, min(len(data), begin + self._chance.randrange(1, 9))):
            data[place] ^= self._chance.randrange(1, 256)

    def _overwrite(self, data: bytearray) -> None:
        begin = self._chance.randrange(len(data))
        length = min(len(data) - begin, self._chance.randrange(1, 65))
        data[begin : begin + length] = self._chance.randbytes(length)

    def _truncate(self, data: bytearray) -> None:
        cut = self._chance.randrange(1, len(data))
        if self._chance.random() < 0.5:
            del data[cut:]
        else:
            del data[:cut]

    def _insert(self, data: bytearray) -> None:
        place = self._chance.randrange(len(data))
        data[place:place] = self._chance.randbytes(self._chance.randrange(1, 20))

    def _delete(self, data: bytearray) -> None:
        place = self._chance.randrange(len(data) - 1)
        del data[place : place + self._chance.randrange(1, 20)]

    def _swap_halves(self, data: bytearray) -> None:
        cut = self._chance.randrange(1, len(data))
        data[:] = data[cut:] + data[:cut]

    def _repeat_part(self, data: bytearray) -> None:
        begin = self._chance.randrange(len(data))
        end = self._chance.randrange(begin, min(len(data), begin + 40)) + 1
        data[end:end] = data[begin:end]
