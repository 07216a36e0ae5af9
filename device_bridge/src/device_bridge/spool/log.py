"""Whether the spool's write-ahead log is whole.

SQLite reads a log up to the first frame whose checksum is wrong and takes the rest as never written: right after a
power cut, but a rotten byte in the middle would silently undo commits that were acknowledged. With synchronous=FULL a
commit is on the disk before the next begins: a wrong frame that has two commits of the same log behind it was damaged
later.
Source: "WAL-mode File Format" of SQLite's documentation, sections 1 to 4.
"""

import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from device_bridge.spool.errors import SpoolCorruptError

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_MAGIC_BIG = 0x377F0683
_LARGEST_PAGE_BYTES = 65536
_LARGEST_LOG_BYTES = 256 * 2**20
_SECOND_LOOK_AFTER_S = 0.05
_COMMITS_BEHIND = 2


def check_log(spool: Path) -> None:
    """Return when no commit in a spool's log is hidden behind a damaged frame.

    Args:
        spool: The spool's file; its log is beside it, or not there.

    Raises:
        SpoolCorruptError: Commits are. Nothing was changed.
    """
    path = spool.with_name(spool.name + "-wal")
    found = _damage(path)
    if found is None:
        return
    # Another process may be writing the log at this moment: what is only half written is whole a little later.
    time.sleep(_SECOND_LOOK_AFTER_S)
    if _damage(path) == found:
        raise SpoolCorruptError(
            f"the log of the spool {spool} is damaged at frame {found[0]}: what was committed after it would be lost. "
            "Nothing was changed: have the disk checked and set the spool aside; what can be read of it is taken over "
            "into a new one"
        )


def _damage(path: Path) -> tuple[int, bytes] | None:
    """Return the number of the frame that hides commits, 0 for the log's header, with the header; None for none."""
    try:
        with path.open("rb") as log:
            if path.stat().st_size > _LARGEST_LOG_BYTES:
                return None
            header = log.read(_HEADER.size)
            number = _hiding_frame(header, log) if len(header) == _HEADER.size else None
            return None if number is None else (number, header)
    except FileNotFoundError:
        return None


def _hiding_frame(header: bytes, log: BinaryIO) -> int | None:
    magic, _, page_bytes, _, *salts, first, second = _HEADER.unpack(header)
    if not 0 < page_bytes <= _LARGEST_PAGE_BYTES:
        return None
    order = ">" if magic == _MAGIC_BIG else "<"
    wrong: int | None = None
    # Each frame's sums go on from those of the frame before. Behind a wrong frame they go on from what stands in it,
    # or from what should stand in it; what does neither was left there by an earlier use of the file.
    sums = {(first, second), _checksum(order, header[:24], (0, 0))}
    if len(sums) > 1:
        wrong = 0
    commits_behind = 0
    for number, frame in enumerate(_frames(log, page_bytes), start=1):
        _, size_after_commit, *theirs, first, second = _FRAME.unpack_from(frame)
        if wrong == 0 and number == 1:
            # It may be the header's salts that are wrong; the sums tell whether the frames are its own.
            salts = theirs
        computed = {_checksum(order, frame[_FRAME.size :], _checksum(order, frame[:8], before)) for before in sums}
        if theirs == salts and (first, second) in computed:
            sums = {(first, second)}
            commits_behind += wrong is not None and size_after_commit > 0
        elif wrong is None:
            wrong = number
            sums = {(first, second), *computed}
        else:
            break
    return wrong if commits_behind >= _COMMITS_BEHIND else None


def _frames(log: BinaryIO, page_bytes: int) -> Iterator[bytes]:
    size = _FRAME.size + page_bytes
    while len(frame := log.read(size)) == size:
        yield frame


def _checksum(order: str, data: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    one, two = sums
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for even in words:
        one = (one + even + two) & 0xFFFFFFFF
        two = (two + next(words) + one) & 0xFFFFFFFF
    return one, two
