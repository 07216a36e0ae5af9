"""The spool's verb of taking a capture over from a damaged spool, as far as it could be read there."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from device_bridge.spool.database import Connection
from device_bridge.spool.model import CaptureState, SpooledPage
from device_bridge.spool.reading import SpoolFile
from smartdot import FormatError, read_page

_BATCH_PAGES = 256
# What a capture of version 1 has no column for.
_DEFAULTS: dict[str, object] = {"generation": 1, "is_rotten": 0}
_BEFORE_PAGES = ("device", "record", "generation", "first_bytes", "page_count", "began_at", "last_read_at")
_AFTER_PAGES = (
    *("state", "sha256", "size_bytes", "provenance", "cloud_state", "attempts", "last_problem", "is_rotten"),
    *("sealed_at", "ticket_at", "sent_at", "delivered_at", "erased_at"),
)


class RestoringVerbs(SpoolFile):
    """What is done after a damaged spool was set aside."""

    def put_back(self, values: Mapping[str, Any], pages: Iterable[SpooledPage]) -> bool | None:
        """Take a capture over from another spool, as far as it could be read there.

        One whose bytes have its hash comes back in its state, and so does one that the cloud has. Of another one, pages
        that rotted are left out, and reading it goes on from the others; where no single page is wrong, it is set aside
        and wanted again.

        Args:
            values: Its row in the other spool, by column.
            pages: Its pages that could be read, by number.

        Returns:
            Whether it is as it was; None when this spool has it already.
        """
        row = {**_DEFAULTS, **dict(values)}
        with self._database.transaction() as db:
            capture = _insert(db, {name: row.get(name) for name in _BEFORE_PAGES})
            if capture is None:
                return None
            digest = hashlib.sha256(row["first_bytes"])
            count = _copy_pages(db, capture, pages, digest.update)
            if row["state"] == CaptureState.READING:
                rotten = _drop_rotten_pages(db, capture)
                is_whole = not rotten and count == row.get("pages_read", count)
            else:
                is_whole = row["sha256"] == digest.hexdigest()
            if not is_whole and row["state"] != CaptureState.DELIVERED:
                _reopen(db, capture, row, is_complete=count == row["page_count"])
            elif row["state"] != CaptureState.READING:
                _update(db, capture, {name: row.get(name) for name in _AFTER_PAGES})
            db.execute(
                "UPDATE captures SET pages_read = (SELECT count(*) FROM pages WHERE capture = id) WHERE id = ?",
                (capture,),
            )
        return is_whole


def _reopen(db: Connection, capture: int, row: dict[str, Any], *, is_complete: bool) -> None:
    """Let a capture that lost some of its bytes be read again, in parts where that is enough."""
    if not is_complete or _drop_rotten_pages(db, capture) or row["state"] == CaptureState.READING:
        return
    problem = "its bytes changed in a damaged spool: it is kept, and read again when the device still holds it"
    rotten = {"state": CaptureState.QUARANTINED.value, "is_rotten": 1, "last_problem": problem}
    _update(db, capture, {name: row.get(name) for name in _AFTER_PAGES} | rotten)


def _insert(db: Connection, values: dict[str, Any]) -> int | None:
    names = ", ".join(values)
    marks = ", ".join("?" * len(values))
    added = db.execute(
        f"INSERT OR IGNORE INTO captures (state, {names}) VALUES ('reading', {marks})",  # noqa: S608 - own names
        tuple(values.values()),
    )
    return added.lastrowid if added.rowcount else None


def _update(db: Connection, capture: int, values: dict[str, Any]) -> None:
    names = ", ".join(f"{name} = ?" for name in values)
    db.execute(f"UPDATE captures SET {names} WHERE id = ?", (*values.values(), capture))  # noqa: S608 - own names


def _copy_pages(db: Connection, capture: int, pages: Iterable[SpooledPage], note: Any) -> int:
    def rows() -> Iterator[tuple[int, int, bytes, str | None]]:
        for page in pages:
            note(page.data)
            yield capture, page.number, page.data, page.problem

    return db.executemany("INSERT INTO pages VALUES (?, ?, ?, ?)", rows()).rowcount


def _drop_rotten_pages(db: Connection, capture: int) -> int:
    """Leave out the pages that were right when they were read and are not now; return how many there were."""
    rotten: list[int] = []
    begin = 0
    while True:
        rows = db.execute(
            "SELECT number, data FROM pages WHERE capture = ? AND number >= ? AND problem IS NULL "
            "ORDER BY number LIMIT ?",
            (capture, begin, _BATCH_PAGES),
        ).fetchall()
        rotten += [number for number, data in rows if not _is_right(data)]
        if len(rows) < _BATCH_PAGES:
            break
        begin = rows[-1][0] + 1
    db.executemany("DELETE FROM pages WHERE capture = ? AND number = ?", [(capture, number) for number in rotten])
    return len(rotten)


def _is_right(data: bytes) -> bool:
    try:
        read_page(data)
    except FormatError:
        return False
    return True
