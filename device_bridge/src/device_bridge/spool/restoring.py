"""The spool's verb of taking a capture over from a damaged spool, as far as it could be read there."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from device_bridge.errors import BridgeError
from device_bridge.moments import read_moment
from device_bridge.spool.database import Connection, is_misfit
from device_bridge.spool.errors import SpoolError
from device_bridge.spool.model import CaptureState, SpooledPage
from device_bridge.spool.reading import BATCH_PAGES, LAST_GENERATION, SpoolFile, after
from device_bridge.spool.rows import TIMES, read_bytes, read_count, read_hash, read_json, read_state
from smartdot import FormatError, read_page

# What a capture of version 1 has no column for.
_DEFAULTS: dict[str, object] = {"generation": 1, "is_rotten": 0}
_BEFORE_PAGES = ("device", "record", "generation", "first_bytes", "page_count", "began_at", "last_read_at")
_AFTER_PAGES = (
    *(
        "state",
        "sha256",
        "size_bytes",
        "page_count",
        "provenance",
        "cloud_state",
        "attempts",
        "last_problem",
        "is_rotten",
    ),
    *("sealed_at", "sent_at", "delivered_at", "erased_at"),
)
_SAME = "SELECT 1 FROM captures WHERE device = ? AND record = ? AND sha256 = ?"
_COUNT_PAGES = "UPDATE captures SET pages_read = (SELECT count(*) FROM pages WHERE capture = id) WHERE id = ?"
_TEXTS = ("cloud_state", "last_problem")


class SpoolRowError(BridgeError):
    """A capture's row in a damaged spool does not say enough to take it over, or another has its place."""


class RestoringVerbs(SpoolFile):
    """What is done after a damaged spool was set aside."""

    def put_back(self, values: Mapping[str, Any], pages: Iterable[SpooledPage]) -> bool | None:
        """Take a capture over from another spool, as far as it could be read there.

        One whose bytes have its hash comes back in its state, and so does one that the cloud has. Of another one, pages
        that rotted are left out, and reading it goes on from the others; where no single page is wrong, it is set aside
        and wanted again. Of its row, times and the like that rotted are left out.

        Args:
            values: Its row in the other spool, by column.
            pages: Its pages that could be read, by number.

        Returns:
            Whether it is as it was; None when this spool has it already.

        Raises:
            SpoolRowError: Its row does not say what it is. Nothing of it was taken over.
        """
        row = _usable({**_DEFAULTS, **dict(values)})
        try:
            with self._database.transaction() as db:
                return _put_back(db, row, pages)
        except _PlaceTakenError:
            return None
        except SpoolError as error:
            if not is_misfit(error.__cause__):
                raise
            raise SpoolRowError(f"its row is damaged ({error.__cause__})") from error


class _PlaceTakenError(Exception):
    """Another capture has this one's place, and these bytes are not whole."""


def _usable(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without what rotted in it."""
    if not isinstance(row["device"], str) or read_count(row["record"], -1) < 0:
        raise SpoolRowError("its row does not say any more of which device and record it is")
    sha256, state = read_hash(row["sha256"]), read_state(row["state"])
    if sha256 is None and state is CaptureState.DELIVERED:
        # Nothing tells any more that the cloud has these bytes.
        state = CaptureState.SEALED
    row |= {name: row.get(name) if isinstance(row.get(name), str) else None for name in _TEXTS}
    row |= {name: row.get(name) if read_moment(row.get(name)) else None for name in TIMES}
    return row | {
        "state": state or CaptureState.SEALED,
        "sha256": sha256,
        "first_bytes": read_bytes(row["first_bytes"]),
        "page_count": read_count(row["page_count"]),
        "generation": read_count(row["generation"], 1),
        "is_rotten": int(row["is_rotten"] == 1),
        "attempts": read_count(row["attempts"]),
        "provenance": row["provenance"] if read_json(row["provenance"]) is not None else None,
    }


def _put_back(db: Connection, row: dict[str, Any], pages: Iterable[SpooledPage]) -> bool | None:
    capture, has_own_place = _find_place(db, row)
    if capture is None:
        return None
    copied = _Copied(row["first_bytes"])
    copied.copy(db, capture, pages)
    is_whole = _is_whole(db, capture, row, copied)
    if not is_whole and not has_own_place:
        raise _PlaceTakenError
    page_count = copied.pages if is_whole else max(row["page_count"], copied.pages)
    row |= {"page_count": page_count, "size_bytes": copied.size_bytes}
    if row["state"] == CaptureState.READING:
        return is_whole
    if is_whole or row["state"] == CaptureState.DELIVERED:
        _update(db, capture, {name: row.get(name) for name in _AFTER_PAGES})
    else:
        _reopen(db, capture, row | {"sha256": copied.digest.hexdigest()}, is_complete=copied.pages == row["page_count"])
    db.execute(_COUNT_PAGES, (capture,))
    return is_whole


def _find_place(db: Connection, row: dict[str, Any]) -> tuple[int | None, bool]:
    """Return the number of a new row, None when this spool has the capture; and whether the place is its own."""
    capture = _insert(db, {name: row.get(name) for name in _BEFORE_PAGES})
    if capture is not None:
        return capture, True
    is_there = db.execute(_SAME, (row["device"], row["record"], row["sha256"])).fetchone()
    if is_there or row["sha256"] is None:
        return None, True
    # Its place was taken by what was read meanwhile, or its number rotted: it is kept beside that one.
    (last,) = db.execute(LAST_GENERATION, (row["device"], row["record"])).fetchone()
    return _insert(db, {name: row.get(name) for name in _BEFORE_PAGES} | {"generation": last + 1}), False


def _is_whole(db: Connection, capture: int, row: dict[str, Any], copied: "_Copied") -> bool:
    if row["state"] != CaptureState.READING:
        return bool(row["sha256"] == copied.digest.hexdigest())
    rotten = _drop_rotten_pages(db, capture)
    db.execute(_COUNT_PAGES, (capture,))
    return not rotten and copied.pages == row.get("pages_read", copied.pages)


def _reopen(db: Connection, capture: int, row: dict[str, Any], *, is_complete: bool) -> None:
    """Let a capture that lost some of its bytes be read again, in parts where that is enough."""
    if not is_complete or _drop_rotten_pages(db, capture):
        db.execute("UPDATE captures SET page_count = ? WHERE id = ?", (row["page_count"], capture))
        return
    problem = "its bytes changed in a damaged spool: it is kept, and read again when the device still holds it"
    rotten = {"state": CaptureState.QUARANTINED.value, "is_rotten": 1, "last_problem": problem}
    _update(db, capture, {name: row.get(name) for name in _AFTER_PAGES} | rotten)


class _Copied:
    """What was copied of a capture: its pages, its bytes with the first page, and their hash."""

    def __init__(self, first_bytes: bytes) -> None:
        self.digest = hashlib.sha256(first_bytes)
        self.size_bytes = len(first_bytes)
        self.pages = 0

    def copy(self, db: Connection, capture: int, pages: Iterable[SpooledPage]) -> None:
        """Copy pages."""
        rows = ((capture, page.number, page.data, page.problem) for page in self._noted(pages))
        db.executemany("INSERT INTO pages VALUES (?, ?, ?, ?)", rows)

    def _noted(self, pages: Iterable[SpooledPage]) -> Iterator[SpooledPage]:
        for page in pages:
            self.digest.update(page.data)
            self.size_bytes += len(page.data)
            self.pages += 1
            yield page


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


def _drop_rotten_pages(db: Connection, capture: int) -> int:
    """Leave out the pages that were right when they were read and are not now; return how many there were."""
    rotten: list[int] = []
    begin = 0
    while True:
        rows = db.execute(
            "SELECT number, data FROM pages WHERE capture = ? AND number >= ? AND problem IS NULL "
            "ORDER BY number LIMIT ?",
            (capture, begin, BATCH_PAGES),
        ).fetchall()
        rotten += [number for number, data in rows if not _is_right(read_bytes(data))]
        if len(rows) < BATCH_PAGES:
            break
        begin = after(begin, rows[-1][0])
    db.executemany("DELETE FROM pages WHERE capture = ? AND number = ?", [(capture, number) for number in rotten])
    return len(rotten)


def _is_right(data: bytes) -> bool:
    try:
        read_page(data)
    except FormatError:
        return False
    return True
