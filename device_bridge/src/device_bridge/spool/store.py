"""The spool's verbs. Every one is one transaction: when it returns, a power cut cannot undo it."""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from device_bridge.errors import BridgeError
from device_bridge.spool.database import Database, SpoolError
from device_bridge.spool.model import CaptureRow, CaptureState, NewCapture, SpooledPage

_OWN_COLUMNS = """
    id, device, record, state, page_count, sha256, size_bytes, provenance, cloud_state, attempts, last_problem
"""
_PAGE_COLUMNS = """
    (SELECT count(*) FROM pages WHERE capture = captures.id),
    (SELECT json_group_array(number + 1) FROM
        (SELECT number FROM pages WHERE capture = captures.id AND problem IS NOT NULL ORDER BY number))
"""


class SpoolDamagedError(BridgeError):
    """A capture's bytes in the spool are not those that were sealed."""


class Spool:
    """An open spool.

    Args:
        path: The file; it is made when it does not exist, and an older one is brought up to date.

    Raises:
        SpoolError: It is not a spool, is of a later version, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def captures(self, state: CaptureState | None = None) -> list[CaptureRow]:
        """Return the captures in a state, or all, by device and record."""
        with self._database.reading() as db:
            found = db.execute(
                "SELECT id FROM captures WHERE state = ? OR ? IS NULL ORDER BY device, record", (state, state)
            ).fetchall()
            return [_read_row(db, number) for (number,) in found]

    def find(self, device: str, record: int) -> CaptureRow | None:
        """Return the capture of a device's record, None when reading it has not begun."""
        with self._database.reading() as db:
            found = db.execute("SELECT id FROM captures WHERE device = ? AND record = ?", (device, record)).fetchone()
            return None if found is None else _read_row(db, found[0])

    def begin(self, new: NewCapture) -> CaptureRow:
        """Note that reading a record begins; one that has begun is returned as it is."""
        with self._database.transaction() as db:
            db.execute(
                "INSERT INTO captures (device, record, state, first_bytes, page_count) VALUES (?, ?, 'reading', ?, ?) "
                "ON CONFLICT DO NOTHING",
                (new.device, new.record, new.first_bytes, new.page_count),
            )
        row = self.find(new.device, new.record)
        if row is None:
            raise SpoolError(
                f"the spool {self._database.path} lost a row while it was written: stop and have the disk checked"
            )
        return row

    def missing_pages(self, capture: int) -> list[int]:
        """Return the page numbers of a record that are not in the spool yet."""
        with self._database.reading() as db:
            (page_count,) = db.execute("SELECT page_count FROM captures WHERE id = ?", (capture,)).fetchone()
            rows = db.execute("SELECT number FROM pages WHERE capture = ?", (capture,))
            held = {number for (number,) in rows}
        return [number for number in range(page_count) if number not in held]

    def wanted_pages(self, capture: int) -> list[int]:
        """Return the page numbers of a record that are missing or were damaged when they were read."""
        with self._database.reading() as db:
            rows = db.execute("SELECT number FROM pages WHERE capture = ? AND problem IS NOT NULL", (capture,))
            damaged = {number for (number,) in rows}
        return sorted(damaged.union(self.missing_pages(capture)))

    def add_pages(self, capture: int, pages: Iterable[SpooledPage]) -> None:
        """Commit a batch of pages; one that is there already is left as it is, unless it is damaged and this is not."""
        with self._database.transaction() as db:
            db.executemany(
                "INSERT INTO pages (capture, number, data, problem) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET data = excluded.data, problem = NULL "
                "WHERE problem IS NOT NULL AND excluded.problem IS NULL "
                "AND (SELECT state FROM captures WHERE id = capture) = 'reading'",
                [(capture, page.number, page.data, page.problem) for page in pages],
            )

    def header_bytes(self, capture: int) -> bytes:
        """Return the record's page 0 as it was read."""
        with self._database.reading() as db:
            row = db.execute("SELECT data FROM pages WHERE capture = ? AND number = 0", (capture,)).fetchone()
            return b"" if row is None else bytes(row[0])

    def seal(self, capture: int, provenance: Mapping[str, object]) -> None:
        """Make a capture of a record whose pages are all in: its hash and size are fixed from now on.

        Raises:
            SpoolError: Pages are missing.
        """
        missing = self.missing_pages(capture)
        if missing:
            raise SpoolError(f"capture {capture} lacks {len(missing)} pages and cannot be sealed")
        with self._database.transaction() as db:
            data = _read_bytes(db, capture)
            db.execute(
                "UPDATE captures SET state = 'sealed', sha256 = ?, size_bytes = ?, provenance = ? "
                "WHERE id = ? AND state = 'reading'",
                (hashlib.sha256(data).hexdigest(), len(data), json.dumps(provenance), capture),
            )

    def load(self, capture: CaptureRow) -> bytes:
        """Return a sealed capture's bytes, hashed again.

        Raises:
            SpoolDamagedError: They are not those that were sealed.
        """
        try:
            with self._database.reading() as db:
                data = _read_bytes(db, capture.id)
        except SpoolError as error:
            if not _is_malformed(error.__cause__):
                raise
            raise SpoolDamagedError(
                f"record {capture.record} of {capture.device} cannot be read from the spool: it is not sent. Have the "
                "disk checked; the device still holds the record"
            ) from error
        if hashlib.sha256(data).hexdigest() != capture.sha256:
            raise SpoolDamagedError(
                f"record {capture.record} of {capture.device} has changed in the spool since it was read: it is kept "
                "and not sent. Have the disk checked; the device still holds the record"
            )
        return data

    def note_attempt(self, capture: int, problem: str) -> None:
        """Note that sending a capture failed, and why."""
        with self._database.transaction() as db:
            db.execute("UPDATE captures SET attempts = attempts + 1, last_problem = ? WHERE id = ?", (problem, capture))

    def mark_delivered(self, capture: int, cloud_state: str) -> None:
        """Note that the cloud has acknowledged a capture's hash."""
        with self._database.transaction() as db:
            db.execute(
                "UPDATE captures SET state = 'delivered', cloud_state = ?, attempts = attempts + 1, "
                "last_problem = NULL WHERE id = ?",
                (cloud_state, capture),
            )

    def mark_quarantined(self, capture: int, problem: str) -> None:
        """Set a capture aside that the cloud will not take as it is; nothing of it is deleted."""
        with self._database.transaction() as db:
            db.execute(
                "UPDATE captures SET state = 'quarantined', attempts = attempts + 1, last_problem = ? WHERE id = ?",
                (problem, capture),
            )

    def retry_quarantined(self) -> int:
        """Put every quarantined capture back to be sent; return how many there were."""
        with self._database.transaction() as db:
            return db.execute("UPDATE captures SET state = 'sealed' WHERE state = 'quarantined'").rowcount


def _is_malformed(error: BaseException | None) -> bool:
    # Its subclasses are other things: a disk that fails now and not the next time, or a lock.
    return type(error) is sqlite3.DatabaseError


def _read_row(db: sqlite3.Connection, number: int) -> CaptureRow:
    try:
        return _row(
            db.execute(
                f"SELECT {_OWN_COLUMNS}, {_PAGE_COLUMNS} FROM captures WHERE id = ?",  # noqa: S608 - constants
                (number,),
            ).fetchone()
        )
    except sqlite3.DatabaseError as error:
        if not _is_malformed(error):
            raise
    # The pages of one capture are damaged in the file: it must not hide the others.
    own = db.execute(f"SELECT {_OWN_COLUMNS} FROM captures WHERE id = ?", (number,)).fetchone()  # noqa: S608 - a constant
    return _row((*own, 0, "[]"))


def _row(row: tuple[Any, ...]) -> CaptureRow:
    number, device, record, state, page_count, sha256, size_bytes, provenance, cloud_state, attempts, problem = row[:11]
    pages_read, damaged = row[11:]
    return CaptureRow(
        id=number,
        device=device,
        record=record,
        state=CaptureState(state),
        pages_read=pages_read,
        page_count=page_count,
        damaged_pages=tuple(json.loads(damaged)),
        sha256=sha256,
        size_bytes=size_bytes,
        provenance=json.loads(provenance) if provenance else None,
        cloud_state=cloud_state,
        attempts=attempts,
        last_problem=problem,
    )


def _read_bytes(db: sqlite3.Connection, capture: int) -> bytes:
    (first,) = db.execute("SELECT first_bytes FROM captures WHERE id = ?", (capture,)).fetchone()
    rows = db.execute("SELECT data FROM pages WHERE capture = ? ORDER BY number", (capture,))
    return bytes(first) + b"".join(data for (data,) in rows)
