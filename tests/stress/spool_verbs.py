"""The spool's verbs, each used as the bridge uses it."""

import contextlib
import hashlib
from datetime import UTC, datetime
from pathlib import Path

from device_bridge.spool import CaptureRow, CaptureState, NewCapture, Spool, SpooledPage
from smartdot.clocks import ClockNote

FIRST_BYTES = bytes(range(256))


def use_every_verb(path: Path, pages: int) -> None:
    """Use every verb that writes, with restarts between, which is when SQLite moves its log into the file.

    Args:
        path: The spool.
        pages: Pages of the largest record.
    """
    with contextlib.closing(Spool(path, 0)) as spool:
        _read(spool, "DOT-1", 1, pages)
        _read(spool, "DOT-1", 2, 3)
        _read(spool, "DOT-1", 3, 4)
    with contextlib.closing(Spool(path, 0)) as spool:
        _send(spool)
        _read_again(spool)
    with contextlib.closing(Spool(path, 0)) as spool:
        _send(spool)
        _erase(spool)
        _put_back(spool)


def _read(spool: Spool, device: str, record: int, pages: int) -> None:
    """Read a record as a reader does: in batches, one page damaged at first."""
    spool.note_device(device, "/dev/ttyACM0", 80, 0)
    spool.note_clock(device, ClockNote(record * 1_000_000, 1_000_000, 1, 10.0, datetime.now(UTC), 0.001))
    _fill(spool, spool.begin(NewCapture(device, record, FIRST_BYTES, pages)))


def _fill(spool: Spool, row: CaptureRow) -> None:
    batch = max(1, row.page_count // 4)
    for begin in range(0, row.page_count, batch):
        numbers = range(begin, min(begin + batch, row.page_count))
        spool.add_pages(row.id, [_page(row, number, "checksum" if number == 1 else None) for number in numbers])
    spool.add_pages(row.id, [_page(row, number) for numbers in spool.wanted_ranges(row.id) for number in numbers])
    spool.seal(row.id, {"device": row.device, "record": row.record})


def _page(row: CaptureRow, number: int, problem: str | None = None) -> SpooledPage:
    return SpooledPage(number, bytes([row.record, number % 251, row.generation]) * 85 + b"x", problem)


def _read_again(spool: Spool) -> None:
    """Read another record under a number that is there."""
    _fill(spool, spool.begin_another(NewCapture("DOT-1", 2, FIRST_BYTES, 5)))


def _send(spool: Spool) -> None:
    """Send what is sealed, with every refusal on the way."""
    for row in spool.captures(CaptureState.SEALED):
        spool.note_attempt(row.id, "the API cannot be reached")
        spool.mark_sent(row.id)
        spool.mark_unsent(row.id, "the bytes changed on their way")
        spool.mark_quarantined(row.id, "the API refuses this capture")
        spool.retry_quarantined([row.id])
        spool.mark_quarantined(row.id, "the API refuses this capture")
        spool.retry_quarantined()
        spool.mark_delivered(row.id, "verified")


def _erase(spool: Spool) -> None:
    for row in spool.erasable("DOT-1"):
        spool.mark_erased(row.id)


def _put_back(spool: Spool) -> None:
    """Take over a capture of a damaged spool that was set aside."""
    data = bytes(256)
    values = {
        "device": "DOT-9",
        "record": 1,
        "state": CaptureState.SEALED.value,
        "first_bytes": FIRST_BYTES,
        "page_count": 1,
        "sha256": hashlib.sha256(FIRST_BYTES + data).hexdigest(),
        "size_bytes": 512,
        "provenance": "{}",
        "attempts": 0,
    }
    spool.put_back(values, [SpooledPage(0, data, None)])
