"""A damaged spool: moved out of the way with all its bytes, and what can be read of it taken over into a new one."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from device_bridge.spool.database import Connection, is_malformed, open_to_salvage
from device_bridge.spool.errors import SpoolCorruptError, SpoolError
from device_bridge.spool.model import SpooledPage
from device_bridge.spool.store import Spool

_BATCH_PAGES = 256
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

    No one may have it open. Call this only where a person, or a setting, asked for it.

    Args:
        path: The spool's file.

    Returns:
        Its new name, `<name>.corrupt-<UTC>`.

    Raises:
        SpoolError: It cannot be moved.
    """
    path = Path(os.path.realpath(path))
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


def salvage(aside: Path, spool: Spool) -> Salvaged:
    """Take over what can be read of a damaged spool. It may be called again; what is there already is left as it is.

    Args:
        aside: The damaged spool; its file and its log are only read.
        spool: The new one.
    """
    try:
        old = open_to_salvage(aside)
    except SpoolCorruptError as error:
        return Salvaged(0, 0, (str(error),))
    lost: list[str] = []
    kept: list[bool | None] = []
    with contextlib.closing(old):
        for row in _rows(old, lost):
            kept.append(spool.put_back(row, _pages(old, row["id"], row["page_count"])))
            if kept[-1] is False:
                lost.append(f"record {row['record']} of {row['device']} lost bytes")
    return Salvaged(kept.count(True), kept.count(False), tuple(lost))


def _rows(old: Connection, lost: list[str]) -> Iterator[dict[str, Any]]:
    for number in _numbers(old):
        try:
            row = old.execute("SELECT * FROM captures WHERE id = ?", (number,)).fetchone()
        except Exception as error:
            if not is_malformed(error):
                raise
            lost.append(f"capture {number} cannot be read ({error})")
            continue
        if row is not None:
            yield dict(row)


def _numbers(old: Connection) -> range:
    try:
        (last,) = old.execute("SELECT max(id) FROM captures").fetchone()
    except Exception as error:
        if not is_malformed(error):
            raise
        last = _MOST_CAPTURES
    return range(1, (last or 0) + 1)


def _pages(old: Connection, capture: int, page_count: int) -> Iterator[SpooledPage]:
    """Give the pages that can be read: in batches, and one by one where a batch cannot."""
    for begin in range(0, page_count, _BATCH_PAGES):
        end = min(begin + _BATCH_PAGES, page_count)
        rows = _read(old, capture, begin, end)
        if rows is None:
            singles = (_read(old, capture, number, number + 1) for number in range(begin, end))
            rows = [row for found in singles for row in found or ()]
        yield from (SpooledPage(number, bytes(data), problem) for number, data, problem in rows)


def _read(old: Connection, capture: int, begin: int, end: int) -> list[tuple[int, bytes, str | None]] | None:
    try:
        return old.execute(
            "SELECT number, data, problem FROM pages WHERE capture = ? AND number >= ? AND number < ? ORDER BY number",
            (capture, begin, end),
        ).fetchall()
    except Exception as error:
        if not is_malformed(error):
            raise
        return None


def _sync_folder(folder: Path) -> None:
    # Windows opens no folder; there the names are written with the files.
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
