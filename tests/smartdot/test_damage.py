"""Damage of every kind is found, and the right page is named with the right word (FORMAT.md section 5)."""

import struct
from collections.abc import Callable
from math import inf, nan

import pytest

from smartdot import (
    ERASED_PAGE,
    CaptureDamagedError,
    CaptureState,
    EndReason,
    Inspection,
    NotACaptureError,
    decode_capture,
    inspect_capture,
)
from tests.smartdot.images import changed

Seal = Callable[[bytes], bytes]
FIRST, HEADER, OFFSETS_DATA, LOST_DATA, END = range(5)


def _named(data: bytes) -> list[tuple[int, str]]:
    found = inspect_capture(data)
    return _problems(found)


def _problems(found: Inspection) -> list[tuple[int, str]]:
    assert (found.state is CaptureState.DAMAGED) == bool(found.problems)
    assert found.problem_count == len(found.problems)
    assert all(problem.detail for problem in found.problems)
    return [(problem.page, problem.problem) for problem in found.problems]


def _pages(data: bytes) -> list[bytes]:
    return [data[at : at + 256] for at in range(0, len(data), 256)]


def test_every_single_flipped_bit_is_named(light_capture: bytes) -> None:
    """Each of the capture's bits, flipped alone, damages exactly its own page; in the magic it ends the capture."""
    for bit in range(len(light_capture) * 8):
        flipped = bytearray(light_capture)
        flipped[bit // 8] ^= 1 << bit % 8
        if 16 <= bit // 8 < 24:
            with pytest.raises(NotACaptureError):
                inspect_capture(bytes(flipped))
        else:
            assert _named(bytes(flipped)) == [(bit // 2048, "checksum")], bit


def test_every_truncation(light_capture: bytes) -> None:
    """Cut at any length, the capture names the page that is incomplete or the one that is missing."""
    for length in range(len(light_capture)):
        whole, rest = divmod(length, 256)
        if whole == 0:
            with pytest.raises(NotACaptureError):
                inspect_capture(light_capture[:length])
        else:
            assert _named(light_capture[:length]) == [(whole, "incomplete" if rest else "missing")], length


def test_damaged_first_page_alone(light_capture: bytes) -> None:
    """A damaged first page is no end page, so what should come after it is missing all the same."""
    assert _named(light_capture[:255] + b"\x01") == [(0, "checksum"), (1, "missing")]


@pytest.mark.parametrize("length", [256, 300, 512, 1024, 1279])
def test_truncated_captures_are_not_decoded(light_capture: bytes, length: int) -> None:
    """A capture without its end is refused by the decoder, which names the page."""
    with pytest.raises(CaptureDamagedError, match=f"page {length // 256}: "):
        decode_capture(light_capture[:length])


@pytest.mark.parametrize(("one", "other"), [(1, 2), (1, 4), (2, 3), (2, 4), (3, 4)])
def test_swapped_pages(light_capture: bytes, one: int, other: int) -> None:
    """Two pages in each other's place are both named, and only they."""
    pages = _pages(light_capture)
    pages[one], pages[other] = pages[other], pages[one]
    assert _named(b"".join(pages)) == [(one, "number"), (other, "number")]


def test_left_out_page(light_capture: bytes) -> None:
    """Where a page is left out, it and every page after it has another number than its place."""
    pages = _pages(light_capture)
    del pages[OFFSETS_DATA]
    assert _named(b"".join(pages)) == [(2, "number"), (3, "number")]


@pytest.mark.parametrize("page", [OFFSETS_DATA, LOST_DATA, END])
def test_page_of_another_record(light_capture: bytes, smartdot_seal: Seal, page: int) -> None:
    """A valid page with the right number but of another record is named."""
    assert _named(smartdot_seal(changed(light_capture, page, 8, b"\x05"))) == [(page, "number")]


def test_header_of_another_record(light_capture: bytes, smartdot_seal: Seal) -> None:
    """The header decides which record it is, so behind another record's header every page is a stranger."""
    assert _named(smartdot_seal(changed(light_capture, HEADER, 8, b"\x05"))) == [
        (2, "number"),
        (3, "number"),
        (4, "number"),
    ]


def test_stray_page_does_not_decide_the_record(light_capture: bytes, smartdot_seal: Seal) -> None:
    """A page of another record that is not even at its own place leaves the pages after it undamaged."""
    stray = changed(light_capture[512:768], 0, 8, b"\x05")
    data = light_capture[:256] + smartdot_seal(stray) + light_capture[512:]
    assert _named(data) == [(1, "number")]


def test_surplus_pages(light_capture: bytes) -> None:
    """What comes after the end page is surplus, and a part of a page is incomplete."""
    data = light_capture + light_capture[512:768] + ERASED_PAGE
    assert _named(data) == [(5, "surplus"), (6, "surplus")]
    assert _named(data + b"\0" * 10) == [(5, "surplus"), (6, "surplus"), (7, "incomplete")]


def test_end_page_that_contradicts_itself_ends_nothing(light_capture: bytes, smartdot_seal: Seal) -> None:
    """After a wrong page_count the right end page may follow; a wrong total is at the record's end."""
    end = light_capture[1024:]
    follow = smartdot_seal(end[:12] + struct.pack("<I", 4) + end[16:24] + struct.pack("<I", 5) + end[28:])
    wrong_count = smartdot_seal(changed(light_capture, END, 24, struct.pack("<I", 6)))
    assert _named(wrong_count + follow) == [(4, "content")]
    wrong_total = smartdot_seal(changed(light_capture, END, 32, struct.pack("<I", 6)))
    assert _named(wrong_total + follow) == [(4, "content"), (5, "surplus")]


@pytest.mark.parametrize("page", [FIRST, HEADER, OFFSETS_DATA])
def test_totals_behind_damage_are_not_compared(light_capture: bytes, smartdot_seal: Seal, page: int) -> None:
    """Totals are those of pages that nobody knows when any page before them is damaged, the first page included."""
    wrong_total = smartdot_seal(changed(light_capture, END, 32, struct.pack("<I", 60)))
    assert _named(changed(wrong_total, page, 200, b"\x01")) == [(page, "checksum")]


def test_record_0(light_capture: bytes, smartdot_seal: Seal) -> None:
    """Record 0 is a value that a header may not have; elsewhere it is another record's, once the record is known."""
    assert _named(smartdot_seal(changed(light_capture, END, 8, bytes(4)))) == [(4, "number")]
    pages = _pages(smartdot_seal(changed(light_capture, END, 8, bytes(4))))
    pages[HEADER] = pages[OFFSETS_DATA] = pages[LOST_DATA] = ERASED_PAGE
    assert _named(b"".join(pages)) == [(1, "checksum"), (2, "checksum"), (3, "checksum")]


@pytest.mark.parametrize(
    ("offset", "value", "problem"),
    [(4, b"\x02", "kind"), (8, b"\x01", "number"), (12, b"\x01", "number")],
)
def test_version_of_a_wrong_first_page_is_not_believed(
    light_capture: bytes, smartdot_seal: Seal, offset: int, value: bytes, problem: str
) -> None:
    """A first page is damaged before it is of an unknown version, and of an unknown version before its values count."""
    unknown = changed(changed(light_capture, FIRST, 24, b"\x02"), FIRST, 26, bytes(40))
    assert inspect_capture(smartdot_seal(unknown)).state is CaptureState.UNREADABLE
    assert _named(smartdot_seal(changed(unknown, FIRST, offset, value))) == [(0, problem)]


def test_record_is_not_compared_with_the_memory(light_capture: bytes, smartdot_seal: Seal) -> None:
    """A record of more pages than the first page's ring has is verified all the same."""
    assert _named(smartdot_seal(changed(light_capture, FIRST, 28, struct.pack("<I", 19)))) == []


@pytest.mark.parametrize("page", [HEADER, OFFSETS_DATA, LOST_DATA, END])
def test_erased_page(light_capture: bytes, page: int) -> None:
    """An erased page within a capture is damaged: it is not what the record had there."""
    pages = _pages(light_capture)
    pages[page] = ERASED_PAGE
    assert _named(b"".join(pages)) == [(page, "checksum")]


def test_erased_first_page(light_capture: bytes) -> None:
    """With its first page erased, nothing says that these bytes are a capture."""
    with pytest.raises(NotACaptureError):
        inspect_capture(ERASED_PAGE + light_capture[256:])


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        (FIRST, 2),
        (FIRST, 4),
        (HEADER, 4),
        (HEADER, 1),
        (OFFSETS_DATA, 3),
        (LOST_DATA, 2),
        (END, 0),
        (END, 6),
        (END, 255),
    ],
)
def test_wrong_kind(light_capture: bytes, smartdot_seal: Seal, page: int, kind: int) -> None:
    """A page of a kind that does not belong at its place, or of no known kind, is named."""
    assert _named(smartdot_seal(changed(light_capture, page, 4, bytes([kind])))) == [(page, "kind")]


@pytest.mark.parametrize(
    ("page", "offset", "value"),
    [
        pytest.param(FIRST, 26, struct.pack("<H", 255), id="page_size"),
        pytest.param(FIRST, 28, struct.pack("<I", 18), id="memory too small for a record"),
        pytest.param(FIRST, 32, struct.pack("<I", 0), id="no directory"),
        pytest.param(FIRST, 32, struct.pack("<I", 2**32 - 1), id="directory beyond memory"),
        pytest.param(FIRST, 44, bytes(16), id="empty serial"),
        pytest.param(FIRST, 44, b"SD 1", id="space in serial"),
        pytest.param(FIRST, 44, b"SD\x001", id="zero inside serial"),
        pytest.param(FIRST, 44, b"SD\xc3\xa91", id="serial not ASCII"),
        pytest.param(HEADER, 8, bytes(4), id="record 0"),
        pytest.param(HEADER, 24, bytes(4), id="tick_hz 0"),
        pytest.param(HEADER, 28, b"\x00", id="no sensor"),
        pytest.param(HEADER, 28, b"\x09", id="9 sensors"),
        pytest.param(HEADER, 33, b"\x00", id="no axis"),
        pytest.param(HEADER, 57, b"\x04", id="4 axes"),
        pytest.param(HEADER, 34, b"\x00", id="sample type 0"),
        pytest.param(HEADER, 34, b"\x03", id="sample type 3"),
        pytest.param(HEADER, 36, bytes(4), id="rate 0"),
        *(pytest.param(HEADER, 40, struct.pack("<d", x), id=f"lsb {x}") for x in (0, -1, nan, inf, 5e-324, 2e9)),
        *(pytest.param(HEADER, 48, struct.pack("<f", x), id=f"full scale {x}") for x in (-1, nan, inf)),
        pytest.param(OFFSETS_DATA, 16, b"\x02", id="sensor not in header"),
        pytest.param(OFFSETS_DATA, 17, b"\x00", id="timing 0"),
        pytest.param(OFFSETS_DATA, 17, b"\x03", id="timing 3"),
        pytest.param(OFFSETS_DATA, 18, struct.pack("<H", 0), id="count 0"),
        pytest.param(OFFSETS_DATA, 18, struct.pack("<H", 37), id="count beyond the page"),
        pytest.param(OFFSETS_DATA, 18, struct.pack("<H", 65535), id="count far beyond the page"),
        pytest.param(OFFSETS_DATA, 24, struct.pack("<Q", 2**32 + 4), id="before the record began"),
        pytest.param(OFFSETS_DATA, 24, struct.pack("<Q", 2**64 - 1), id="beyond the clock"),
        pytest.param(OFFSETS_DATA, 24, struct.pack("<Q", 2**63 + 2**32), id="2^63 ticks after the start"),
        pytest.param(OFFSETS_DATA, 32, struct.pack("<I", 250_001), id="span is not the last offset"),
        pytest.param(OFFSETS_DATA, 36, struct.pack("<I", 1), id="first offset not 0"),
        pytest.param(OFFSETS_DATA, 40, struct.pack("<I", 120_001), id="offsets descend"),
        pytest.param(LOST_DATA, 18, struct.pack("<H", 111), id="last sample beyond the page"),
        pytest.param(LOST_DATA, 20, struct.pack("<I", 3), id="index of a sample that was there"),
        pytest.param(LOST_DATA, 20, struct.pack("<I", 2**32 - 1), id="index beyond the last"),
        pytest.param(LOST_DATA, 24, struct.pack("<Q", 2**32 + 250_014), id="before the block before"),
        pytest.param(LOST_DATA, 24, struct.pack("<Q", 2**63 + 2**32 + 5), id="exactly 2^63 ticks after the start"),
        pytest.param(LOST_DATA, 32, struct.pack("<I", 1), id="one sample with a span"),
        pytest.param(END, 16, struct.pack("<Q", 2**32 + 400_014), id="end before the last sample"),
        pytest.param(END, 24, struct.pack("<I", 5), id="page_count"),
        pytest.param(END, 28, b"\x00", id="totals of no sensor"),
        pytest.param(END, 28, b"\x01", id="totals of fewer sensors"),
        pytest.param(END, 28, b"\x03", id="totals of more sensors"),
        pytest.param(END, 28, b"\x09", id="totals of 9 sensors"),
        pytest.param(END, 32, struct.pack("<I", 6), id="stored"),
        pytest.param(END, 36, struct.pack("<I", 7), id="made"),
        pytest.param(END, 40, struct.pack("<I", 1), id="clipped"),
        pytest.param(END, 44, struct.pack("<I", 1), id="stored of a sensor without blocks"),
    ],
)
def test_forbidden_content(light_capture: bytes, smartdot_seal: Seal, page: int, offset: int, value: bytes) -> None:
    """Under a right checksum, each value that FORMAT.md does not allow damages its own page and no other."""
    data = smartdot_seal(changed(light_capture, page, offset, value))
    assert _named(data) == [(page, "content")]
    with pytest.raises(CaptureDamagedError, match=f"page {page}: "):
        decode_capture(data)


@pytest.mark.parametrize(
    ("page", "offset", "value"),
    [
        pytest.param(FIRST, 28, struct.pack("<I", 19), id="smallest memory"),
        pytest.param(FIRST, 44, b"0123456789abcdef", id="serial of 16"),
        pytest.param(HEADER, 32, b"\xc8", id="kind not known"),
        pytest.param(HEADER, 32, b"\x00", id="kind 0"),
        pytest.param(HEADER, 48, struct.pack("<f", 0), id="range not known"),
        pytest.param(HEADER, 52, b"\xff\xff", id="clip_low of u16"),
        pytest.param(END, 36, struct.pack("<I", 2**32 - 1), id="lost after the last block"),
        pytest.param(END, 16, struct.pack("<Q", 2**64 - 1), id="end long after the last sample"),
        *(pytest.param(page, 5, b"\x01\x02\x03", id=f"reserved in page {page}") for page in range(5)),
        *(pytest.param(page, 250, b"\xffextra", id=f"end of page {page}") for page in range(5)),
        pytest.param(FIRST, 39, b"\x01", id="reserved in the first page, 39"),
        pytest.param(FIRST, 43, b"\x01", id="reserved in the first page, 43"),
        pytest.param(HEADER, 29, b"\x01", id="reserved in the header"),
        pytest.param(HEADER, 30, b"\xff\xff", id="power_up"),
        pytest.param(HEADER, 35, b"\x01", id="reserved in a sensor"),
        pytest.param(HEADER, 80, b"\xff" * 24, id="unused sensor"),
        pytest.param(END, 30, b"\x01\x02", id="reserved in the end"),
        pytest.param(END, 56, b"\xff" * 12, id="unused total"),
    ],
)
def test_allowed_content(light_capture: bytes, smartdot_seal: Seal, page: int, offset: int, value: bytes) -> None:
    """Reserved bytes are ignored, and values at the edge of what FORMAT.md allows are verified and decoded."""
    data = smartdot_seal(changed(light_capture, page, offset, value))
    assert _named(data) == []
    assert len(decode_capture(data).blocks) == 2


@pytest.mark.parametrize("reason", [0, 4, 255])
def test_unknown_end_reason(light_capture: bytes, smartdot_seal: Seal, reason: int) -> None:
    """A reason that version 1 does not list is read as unknown."""
    data = smartdot_seal(changed(light_capture, END, 29, bytes([reason])))
    assert decode_capture(data).end.reason is EndReason.UNKNOWN


def test_unknown_sensor_kind(light_capture: bytes, smartdot_seal: Seal) -> None:
    """A sensor of a kind that version 1 does not list is kept as a plain number."""
    sensor = decode_capture(smartdot_seal(changed(light_capture, HEADER, 32, b"\xc8"))).header.sensors[0]
    assert (sensor.kind, sensor.name, sensor.unit) == (200, "kind_200", "count")


def test_several_damaged_pages_in_order(light_capture: bytes) -> None:
    """Every damaged page is named, in the order of the capture."""
    data = bytearray(light_capture)
    for page in (FIRST, LOST_DATA, END):
        data[256 * page + 100] ^= 0x80
    assert _named(bytes(data)) == [(0, "checksum"), (3, "checksum"), (4, "checksum")]


def test_problems_are_bounded(light_capture: bytes) -> None:
    """Of very many damaged pages the first 1,000 are named and all are counted."""
    found = inspect_capture(light_capture[:256] + bytes(256 * 1500))
    assert (found.problem_count, len(found.problems), found.problems[-1].page) == (1500, 1000, 1000)


def test_what_is_readable_is_given(light_capture: bytes) -> None:
    """A damaged capture still tells what its undamaged pages say."""
    data = bytearray(light_capture)
    data[256 * OFFSETS_DATA + 60] ^= 1
    found = inspect_capture(bytes(data))
    assert found.first is not None
    assert found.header is not None
    assert found.end is not None
    assert (found.first.serial, found.header.record, found.end.page_count) == ("SD-0042_a.Z", 0x01020304, 4)
