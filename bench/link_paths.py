"""Receive paths side by side: each cuts the same pages out of a stream of its own framing. Prints JSON; see `link`.

Each path gets its stream from a port in memory that gives 4,096 bytes at a time, as a pty does, and gives back the
payloads. Ours is the packet decoder; the floor is COBS and CRC-32 alone on frames that are cut already; smpclient's is
its transport's `receive` (base64 lines, CRC-16), and esptool's is its SLIP reader, which checks nothing.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any
from zlib import crc32

from cobs import cobs  # type: ignore[import-untyped]  # it ships no types

from bench.measure import Batch, interleave
from device_bridge.link import LinkErrors, Packet, PacketDecoder, PacketType, encode_packet

_CHUNK_BYTES = 4096
# The fast paths are done with the pages in a fifth of a millisecond: too short to be timed alone.
_REPEATS = 50
_PAGES = [os.urandom(256) for _ in range(200)]


class _MemoryPort:
    """A port that gives a stream from memory, with the names by which the competitors read one."""

    def __init__(self, stream: bytes) -> None:
        self._chunks: Iterator[bytes] = iter(
            [stream[at : at + _CHUNK_BYTES] for at in range(0, len(stream), _CHUNK_BYTES)]
        )

    def inWaiting(self) -> int:  # noqa: N802 - esptool's name for it
        """Return how much there is."""
        return _CHUNK_BYTES

    def read(self, _size: int) -> bytes:
        """Return the next chunk."""
        return next(self._chunks)

    def read_all(self) -> bytes:
        """Return the next chunk."""
        return next(self._chunks)


def _packets() -> list[bytes]:
    return [
        encode_packet(Packet(PacketType.READ_REPLY, seq, address=256 * seq, length=256, payload=page))
        for seq, page in enumerate(_PAGES)
    ]


def _timed(work: Callable[[], list[Any]], payload: Callable[[Any], bytes] = bytes, repeats: int = 1) -> Batch:
    def batch() -> float:
        started_s = time.perf_counter()
        received = work()
        for _ in range(repeats - 1):
            received = work()
        took_s = time.perf_counter() - started_s
        if [payload(one) for one in received] != _PAGES:
            raise RuntimeError("a receive path gives other pages than were sent")
        return took_s / repeats / len(_PAGES) * 1e6

    return batch


def _ours() -> Batch:
    stream = b"".join(_packets())

    def work() -> list[Packet]:
        decoder = PacketDecoder(LinkErrors())
        packets: list[Packet] = []
        for at in range(0, len(stream), _CHUNK_BYTES):
            packets += decoder.receive(stream[at : at + _CHUNK_BYTES])
        return packets

    return _timed(work, lambda packet: packet.payload, _REPEATS)


def _floor() -> Batch:
    frames = [packet[1:-1] for packet in _packets()]

    def work() -> list[bytes]:
        packets = []
        for frame in frames:
            raw = cobs.decode(frame)
            if crc32(raw[:-4]) != int.from_bytes(raw[-4:], "little"):
                raise RuntimeError("a damaged packet")
            packets.append(raw)
        return packets

    return _timed(work, lambda raw: raw[12:-4], _REPEATS)


def _smpclient() -> Batch:
    from smp import packet as smp_packet  # type: ignore[import-not-found]  # noqa: PLC0415 - in the benchmarks' own
    from smpclient.transport.serial import (  # type: ignore[import-not-found]  # noqa: PLC0415 - the same
        SMPSerialTransport,
    )

    stream = b"".join(line for page in _PAGES for line in smp_packet.encode(page, 128))

    async def receive_all() -> list[bytes]:
        transport: Any = SMPSerialTransport()
        transport._conn = _MemoryPort(stream)  # noqa: SLF001 - the port is the only thing exchanged
        return [await transport.receive() for _ in _PAGES]

    loop = asyncio.new_event_loop()
    return _timed(lambda: loop.run_until_complete(receive_all()))


def _esptool() -> Batch:
    from esptool.loader import slip_reader  # type: ignore[import-not-found]  # noqa: PLC0415 - in the benchmarks' own

    escaped = (page.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") for page in _PAGES)
    stream = b"".join(b"\xc0" + page + b"\xc0" for page in escaped)

    def work() -> list[bytes]:
        reader = slip_reader(_MemoryPort(stream), lambda _text: None)
        return [bytes(next(reader)) for _ in _PAGES]

    return _timed(work)


def main(rounds: int) -> None:
    """Measure every path that this environment has and print what each page cost."""
    batches = {"link": _ours(), "floor": _floor()}
    versions = {"cobs": version("cobs")}
    for name, make in (("smpclient", _smpclient), ("esptool", _esptool)):
        try:
            batches[name] = make()
            versions[name] = version(name)
        except ImportError:
            continue
    for batch in batches.values():
        batch()
    costs = interleave(batches, rounds=rounds, what="receive paths")
    print(json.dumps({"us": costs, "versions": versions}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
