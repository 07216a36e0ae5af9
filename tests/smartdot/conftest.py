"""Golden images and an independent checksum: nothing here uses the package that is tested."""

from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


def _crc32(data: bytes) -> int:
    """CRC-32 bit by bit, from the parameters of FORMAT.md section 2."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0xEDB88320 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def _seal(data: bytes) -> bytes:
    """Give every page that is not erased its checksum."""
    pages = (data[at : at + 256] for at in range(0, len(data), 256))
    return b"".join(
        page if page == b"\xff" * 256 else _crc32(page[4:]).to_bytes(4, "little") + page[4:] for page in pages
    )


def _parse_hex(text: str) -> bytes:
    data = b""
    for line in text.splitlines():
        for token in line.split("#")[0].split():
            value, _, times = token.partition("*")
            data += bytes.fromhex(value) * int(times or 1)
    return data


@pytest.fixture(scope="session")
def smartdot_golden() -> Callable[[str], bytes]:
    """Read a golden image by its name."""
    return lambda name: _parse_hex((GOLDEN / f"{name}.hex").read_text(encoding="ascii"))


@pytest.fixture(scope="session")
def smartdot_seal() -> Callable[[bytes], bytes]:
    """Give every page the checksum of its bytes, so that a changed field is found by its meaning only."""
    return _seal


@pytest.fixture(scope="session")
def light_capture(smartdot_golden: Callable[[str], bytes]) -> bytes:
    """A capture of first page, header, two data pages and end page."""
    return smartdot_golden("capture_light")
