"""A damaged spool: moved out of the way with all its bytes, and what can be read of it taken over into a new one."""

import contextlib
import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from device_bridge.printable import printable
from device_bridge.spool.database import READ_ERRORS, Connection, open_to_salvage
from device_bridge.spool.errors import SpoolCorruptError, SpoolError
from device_bridge.spool.files import spool_bytes
from device_bridge.spool.model import SpooledPage
from device_bridge.spool.reading import BATCH_PAGES
from device_bridge.spool.restoring import SpoolRowError
from device_bridge.spool.rows import read_count
from device_bridge.spool.store import Spool
from smartdot import PAGE_SIZE_BYTES

# How far numbers are looked through in a file that cannot say which is its last.
_MOST_CAPTURES = 100_000


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What was taken over from a damaged spool.

    Attributes:
        captures: Captures that are as they were.
        incomplete: Captures that lost bytes: reading them goes on, or they wait for it in the quarantine.
        lost: What could not be read, a line each; the file that was set aside keeps it.
    """

    captures: int
    incomplete: int
    lost: tuple[str, ...]


def set_aside(path: Path) -> Path:
    """Move a spool that cannot be used out of the way, with its log; nothing of it is deleted.

    No one may have it open. Call this only where a person asked for it.

    Args:
        path: The spool's file.

    Returns:
        Its new name, `<name>.corrupt-<UTC>`.

    Raises:
        SpoolError: It cannot be moved.
    """
    path = Path(os.path.realpath(path))
    aside = _without_its_log(path)
    if aside is None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    try:
        # The log last: a file without its log is noticed at the next start, a log of another file would be taken for
        # this one's.
        for ending in ("", "-shm", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + ending).rename(aside.with_name(aside.name + ending))
        _sync_folder(path.parent)
    except OSError as error:
        raise SpoolError(f"the spool {path} cannot be set aside: {error.strerror}") from error
    return aside


def _without_its_log(path: Path) -> Path | None:
    """Return the spool that was being set aside when a kill left its log behind, None when there is none."""
    newest = next(iter(not_taken_over(path)), None)
    if path.exists() or newest is None or newest.with_name(newest.name + "-wal").exists():
        return None
    return newest


def salvage(aside: Path, spool: Spool) -> Salvaged:
    """Take over what can be read of a damaged spool. It may be called again; what is there already is left as it is.

    Each capture is taken over by itself: what fails is told as lost for that one, and stays in the damaged file.

    Args:
        aside: The damaged spool; its file and its log are only read.
        spool: The new one.

    Raises:
        SpoolError: The new spool cannot be written, for want of room or for good. What was taken over is kept.
    """
    try:
        old = open_to_salvage(aside)
    except SpoolCorruptError as error:
        return Salvaged(0, 0, (str(error),))
    most_pages = spool_bytes(aside) // PAGE_SIZE_BYTES
    lost: list[str] = []
    kept: list[bool | None] = []
    places: set[tuple[object, ...]] = set()
    with contextlib.closing(old):
        for row in _rows(old, lost):
            try:
                kept.append(spool.put_back(row, _pages(old, row, most_pages)))
            except SpoolRowError as error:
                lost.append(f"capture {row['id']} is not taken over: {error}")
                continue
            name = f"record {row['record']} of {printable(str(row['device']), 100)}"
            place = (row["device"], row["record"], row.get("generation"))
            if kept[-1] is False:
                lost.append(f"{name} lost bytes")
            elif kept[-1] is None and place in places:
                lost.append(f"capture {row['id']} is not taken over: another one is {name}")
            places.add(place)
    return Salvaged(kept.count(True), kept.count(False), tuple(lost))


def not_taken_over(path: Path) -> list[Path]:
    """Return the spools that were set aside beside this one and of which the taking over never ended, newest first."""
    path = Path(os.path.realpath(path))
    try:
        names = sorted(path.parent.glob(f"{glob.escape(path.name)}.corrupt-*Z"), reverse=True)
    except OSError:
        return []
    return [aside for aside in names if not _mark(aside).exists()]


def note_taken_over(aside: Path) -> None:
    """Note beside a spool that was set aside that what can be read of it was taken over.

    Raises:
        SpoolError: It cannot be noted; it is then taken over once more, which changes nothing.
    """
    try:
        _mark(aside).touch(mode=0o600)
        _sync_folder(aside.parent)
    except OSError as error:
        raise SpoolError(f"{_mark(aside)} cannot be written: {error.strerror}") from error


def _mark(aside: Path) -> Path:
    return aside.with_name(aside.name + ".taken-over")


def _rows(old: Connection, lost: list[str]) -> Iterator[dict[str, Any]]:
    for number in _numbers(old):
        try:
            row = old.execute("SELECT * FROM captures WHERE id = ?", (number,)).fetchone()
        except READ_ERRORS as error:
            lost.append(f"capture {number} cannot be read ({printable(str(error))})")
            continue
        if row is not None:
            # The number by which it was found; what stands in the row may have rotted.
            yield {**dict(row), "id": number}


def _numbers(old: Connection) -> range:
    try:
        (last,) = old.execute("SELECT max(id) FROM captures").fetchone()
    except READ_ERRORS:
        return range(1, _MOST_CAPTURES + 1)
    return range(1, min(read_count(last, _MOST_CAPTURES), _MOST_CAPTURES) + 1)


def _pages(old: Connection, row: dict[str, Any], most_pages: int) -> Iterator[SpooledPage]:
    """Give the pages that can be read: in batches, and one by one where a batch cannot."""
    capture = row["id"]
    page_count = min(max(read_count(row["page_count"]), _end(old, capture)), most_pages)
    for begin in range(0, page_count, BATCH_PAGES):
        end = min(begin + BATCH_PAGES, page_count)
        rows = _read(old, capture, begin, end)
        if rows is None:
            singles = (_read(old, capture, number, number + 1) for number in range(begin, end))
            rows = [row for found in singles for row in found or ()]
        for number, data, problem in rows:
            if isinstance(data, bytes) and number in range(begin, end):
                yield SpooledPage(number, data, problem if isinstance(problem, str) else None)


def _end(old: Connection, capture: int) -> int:
    """Return where a capture's pages end, also when its row says too few."""
    try:
        (last,) = old.execute("SELECT max(number) FROM pages WHERE capture = ?", (capture,)).fetchone()
    except READ_ERRORS:
        return 0
    return read_count(last, -1) + 1


def _read(old: Connection, capture: int, begin: int, end: int) -> list[tuple[Any, Any, Any]] | None:
    try:
        return old.execute(
            "SELECT number, data, problem FROM pages WHERE capture = ? AND number >= ? AND number < ? ORDER BY number",
            (capture, begin, end),
        ).fetchall()
    except READ_ERRORS:
        return None


def _sync_folder(folder: Path) -> None:
    # Windows opens no folder; there the names are written with the files.
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
