"""The spool's verbs of reading a device: a record is begun, its pages are committed, it is sealed as a capture."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from device_bridge.spool.database import Connection, Database
from device_bridge.spool.disk import check_free_space
from device_bridge.spool.errors import SpoolError
from device_bridge.spool.model import CaptureRow, CaptureState, NewCapture, SpooledPage
from device_bridge.spool.rows import now, read_bytes, read_count, read_row

# Numbers are looked through in pieces of this many pages, so that a record of any size needs the same memory.
_PIECE_PAGES = 4096
BATCH_PAGES = 256


class SpoolFile:
    """An open spool file and how much of its disk is left free.

    Args:
        path: The file; it is made when it does not exist, and an older one is brought up to date.
        min_free_bytes: What reading leaves free on the disk.
    """

    def __init__(self, path: Path, min_free_bytes: int) -> None:
        self._database = Database(path)
        self._min_free_bytes = min_free_bytes

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path


class ReadingVerbs(SpoolFile):
    """What is done while a record comes in."""

    def begin(self, new: NewCapture) -> CaptureRow:
        """Note that reading a record begins; one that has begun is returned as it is, its latest generation.

        Raises:
            LowDiskError: The disk is too full to read more.
        """
        self.check_room()
        with self._database.transaction() as db:
            found = latest(db, new.device, new.record)
            return found or _insert(db, new, 1)

    def begin_another(self, new: NewCapture) -> CaptureRow:
        """Note that a record is read under a number that the spool holds with other, or with rotten, bytes.

        The captures of that number that are there stay as they are. When the latest was begun in the same way and has
        no page yet, it is returned.

        Raises:
            LowDiskError: The disk is too full to read more.
        """
        self.check_room()
        with self._database.transaction() as db:
            found = latest(db, new.device, new.record)
            if found is None:
                return _insert(db, new, 1)
            if _is_untouched(db, found, new):
                return found
            (last,) = db.execute(LAST_GENERATION, (new.device, new.record)).fetchone()
            return _insert(db, new, read_count(last, found.generation) + 1)

    def check_room(self) -> None:
        """Return when there is room to read more.

        Raises:
            LowDiskError: Less is free than is to be left free.
        """
        check_free_space(self._database.path, self._min_free_bytes)

    def wanted_ranges(self, capture: int) -> Iterator[range]:
        """Give the page numbers of a record that are missing or were damaged when they were read, as ranges, ascending.

        Pages may be added meanwhile: what lies behind the range that was given last is not looked at again.
        """
        row = self._own(capture)
        return _joined(self._wanted_pieces(row))

    def add_pages(self, capture: int, pages: Iterable[SpooledPage]) -> None:
        """Commit a batch of pages; one that is there already is left as it is, unless it is damaged and this is not.

        Raises:
            LowDiskError: The disk is too full; nothing of the batch was kept.
        """
        self.check_room()
        rows = [(capture, page.number, page.data, page.problem) for page in pages]
        with self._database.transaction() as db:
            added = db.executemany("INSERT OR IGNORE INTO pages VALUES (?, ?, ?, ?)", rows).rowcount
            if added < len(rows):
                _replace_damaged(db, capture, rows)
            db.execute(
                "UPDATE captures SET pages_read = pages_read + ?, last_read_at = ? WHERE id = ? AND state = 'reading'",
                (added, now(), capture),
            )

    def whole_pages(self, capture: int, numbers: Iterable[int]) -> dict[int, bytes]:
        """Return those of a record's pages that are held and were not damaged when they were read, by their numbers."""
        held = {}
        with self._database.reading() as db:
            for number in numbers:
                row = db.execute(_WHOLE, (capture, number)).fetchone()
                if row is not None:
                    held[number] = read_bytes(row[0])
        return held

    def header_bytes(self, capture: int) -> bytes:
        """Return the record's page 0 as it was read."""
        with self._database.reading() as db:
            row = db.execute("SELECT data FROM pages WHERE capture = ? AND number = 0", (capture,)).fetchone()
            return b"" if row is None else read_bytes(row[0])

    def seal(self, capture: int, provenance: Mapping[str, object]) -> None:
        """Make a capture of a record whose pages are all in: its hash and size are fixed from now on.

        Raises:
            SpoolError: Pages are missing.
        """
        with self._database.transaction() as db:
            row = _must_be_there(db, capture)
            if row.state is not CaptureState.READING:
                return
            if row.pages_read < row.page_count:
                lacks = row.page_count - row.pages_read
                raise SpoolError(f"capture {capture} lacks {lacks} pages and cannot be sealed")
            digest = hashlib.sha256()
            size_bytes = 0
            for piece in byte_pieces(db, capture):
                digest.update(piece)
                size_bytes += len(piece)
            db.execute(
                "UPDATE captures SET state = 'sealed', sha256 = ?, size_bytes = ?, provenance = ?, sealed_at = ? "
                "WHERE id = ?",
                (digest.hexdigest(), size_bytes, json.dumps(provenance), now(), capture),
            )

    def _own(self, capture: int) -> CaptureRow:
        with self._database.reading() as db:
            return _must_be_there(db, capture)

    def _wanted_pieces(self, row: CaptureRow) -> Iterator[range]:
        if row.pages_read == 0:
            yield range(row.page_count)
            return
        if row.pages_read == row.page_count:
            yield from self._damaged_pieces(row.id)
            return
        begin = 0
        while begin < row.page_count:
            with self._database.reading() as db:
                held = db.execute(_HELD, (row.id, begin, _PIECE_PAGES)).fetchall()
            for number, is_damaged in held:
                yield range(begin, number + is_damaged)
                begin = max(begin, number) + 1
            if len(held) < _PIECE_PAGES:
                yield range(begin, row.page_count)
                return

    def _damaged_pieces(self, capture: int) -> Iterator[range]:
        begin = -1
        while True:
            with self._database.reading() as db:
                found = db.execute(f"{_DAMAGED} AND number > ? ORDER BY number LIMIT ?", (capture, begin, _PIECE_PAGES))
                numbers = [number for (number,) in found]
            yield from (range(number, number + 1) for number in numbers)
            if len(numbers) < _PIECE_PAGES:
                return
            begin = max(begin + 1, numbers[-1])


_HELD = "SELECT number, problem IS NOT NULL FROM pages WHERE capture = ? AND number >= ? ORDER BY number LIMIT ?"
_WHOLE = "SELECT data FROM pages WHERE capture = ? AND number = ? AND problem IS NULL"
LAST_GENERATION = "SELECT max(generation) FROM captures WHERE device = ? AND record = ?"
_DAMAGED = "SELECT number FROM pages INDEXED BY damaged_pages WHERE capture = ? AND problem IS NOT NULL"


def latest(db: Connection, device: str, record: int) -> CaptureRow | None:
    """Return the latest generation of a device's record, None when there is none."""
    found = db.execute(
        "SELECT id FROM captures WHERE device = ? AND record = ? ORDER BY generation DESC LIMIT 1", (device, record)
    ).fetchone()
    return None if found is None else read_row(db, found[0])


def byte_pieces(db: Connection, capture: int) -> Iterator[bytes]:
    """Give a capture's bytes in pieces of at most 64 KiB, each read by a query of its own."""
    (first,) = db.execute("SELECT first_bytes FROM captures WHERE id = ?", (capture,)).fetchone()
    yield read_bytes(first)
    begin = 0
    while True:
        rows = db.execute(
            "SELECT data, number FROM pages WHERE capture = ? AND number >= ? ORDER BY number LIMIT ?",
            (capture, begin, BATCH_PAGES),
        ).fetchall()
        yield b"".join(read_bytes(data) for data, _ in rows)
        if len(rows) < BATCH_PAGES:
            return
        begin = after(begin, rows[-1][1])


def after(begin: int, last: object) -> int:
    """Return where the pages go on after a full batch; a number that rotted leads neither back nor out of the file."""
    return max(begin + BATCH_PAGES, read_count(last) + 1)


def _insert(db: Connection, new: NewCapture, generation: int) -> CaptureRow:
    added = db.execute(
        "INSERT INTO captures (device, record, generation, state, first_bytes, page_count, began_at) "
        "VALUES (?, ?, ?, 'reading', ?, ?, ?)",
        (new.device, new.record, generation, new.first_bytes, new.page_count, now()),
    )
    return _must_be_there(db, added.lastrowid or 0)


def _must_be_there(db: Connection, capture: int) -> CaptureRow:
    row = read_row(db, capture)
    if row is None:
        raise SpoolError(f"the spool has no capture {capture}")
    return row


def _is_untouched(db: Connection, found: CaptureRow, new: NewCapture) -> bool:
    (first,) = db.execute("SELECT first_bytes FROM captures WHERE id = ?", (found.id,)).fetchone()
    is_new = found.state is CaptureState.READING and found.pages_read == 0
    return is_new and (first, found.page_count) == (new.first_bytes, new.page_count)


def _replace_damaged(db: Connection, capture: int, rows: list[tuple[int, int, bytes, str | None]]) -> None:
    db.executemany(
        "UPDATE pages SET data = ?, problem = NULL WHERE capture = ? AND number = ? AND problem IS NOT NULL "
        "AND (SELECT state FROM captures WHERE id = capture) = 'reading'",
        [(data, capture, number) for _, number, data, problem in rows if problem is None],
    )


def _joined(pieces: Iterator[range]) -> Iterator[range]:
    """Give neighbouring ranges as one, and no empty ones."""
    whole = range(0)
    for piece in pieces:
        if not piece:
            continue
        if whole and piece.start == whole.stop:
            whole = range(whole.start, piece.stop)
            continue
        if whole:
            yield whole
        whole = piece
    if whole:
        yield whole
