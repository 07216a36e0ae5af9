"""Requests that were right once: bytes of them changed, taken out, doubled or cut, from a seed."""

import random

_PIECES = (
    b"\r\n",
    b"\r\n\r\n",
    b"\x00",
    b"\xff",
    b"%",
    b"{",
    b'"',
    b":",
    b" ",
    b"\n",
    b"Content-Length: 7\r\n",
    b"9" * 30,
)


def mutate(rng: random.Random, original: bytes) -> bytes:
    """Return a request with 1 to 4 changes."""
    changed = bytearray(original)
    for _ in range(rng.randint(1, 4)):
        _CHANGES[rng.randrange(len(_CHANGES))](rng, changed)
    return bytes(changed)


def _flip(rng: random.Random, data: bytearray) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _cut(rng: random.Random, data: bytearray) -> None:
    del data[rng.randint(0, len(data)) :]


def _take_out(rng: random.Random, data: bytearray) -> None:
    at = rng.randint(0, len(data))
    del data[at : at + rng.randint(1, 20)]


def _double(rng: random.Random, data: bytearray) -> None:
    at = rng.randint(0, len(data))
    data[at:at] = data[at : at + rng.randint(1, 60)]


def _insert(rng: random.Random, data: bytearray) -> None:
    at = rng.randint(0, len(data))
    data[at:at] = rng.choice(_PIECES)


_CHANGES = (_flip, _flip, _cut, _take_out, _double, _insert)
