"""How a row of the spool's tables becomes what `model` names."""

import json
from datetime import UTC, datetime
from typing import Any

from device_bridge.spool.database import Connection, is_malformed
from device_bridge.spool.model import CaptureRow, CaptureState

_MOST_DAMAGED_NAMED = 1000
_COLUMNS = """
    id, device, record, state, pages_read, page_count, sha256, size_bytes, provenance, cloud_state, attempts,
    last_problem, generation, is_rotten, began_at, last_read_at, sealed_at, ticket_at, sent_at, delivered_at, erased_at
"""
_FIRST_TIME = 14


def now() -> str:
    """Return this moment as the spool writes it."""
    return time_text(datetime.now(UTC))


def time_text(moment: datetime) -> str:
    """Return a moment as the spool writes it: UTC, RFC 3339, with microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def read_time(text: str | None) -> datetime | None:
    """Return a moment that the spool wrote."""
    return None if text is None else datetime.fromisoformat(text)


def read_row(db: Connection, number: int) -> CaptureRow | None:
    """Return a capture's row, None when there is none of this number."""
    row = db.execute(f"SELECT {_COLUMNS} FROM captures WHERE id = ?", (number,)).fetchone()  # noqa: S608 - a constant
    return None if row is None else _row(row, *_damaged(db, number))


def _damaged(db: Connection, number: int) -> tuple[tuple[int, ...], int]:
    where = "FROM pages INDEXED BY damaged_pages WHERE capture = ? AND problem IS NOT NULL"
    try:
        named = db.execute(
            f"SELECT number + 1 {where} ORDER BY number LIMIT {_MOST_DAMAGED_NAMED}", (number,)
        ).fetchall()
        count = len(named)
        if count == _MOST_DAMAGED_NAMED:
            (count,) = db.execute(f"SELECT count(*) {where}", (number,)).fetchone()
    except Exception as error:
        if not is_malformed(error):
            raise
        # The pages of one capture are damaged in the file: it must not hide the others.
        return (), 0
    return tuple(page for (page,) in named), count


def _row(row: tuple[Any, ...], damaged_pages: tuple[int, ...], damaged_count: int) -> CaptureRow:
    number, device, record, state, pages_read, page_count, sha256, size_bytes, provenance, cloud_state = row[:10]
    attempts, problem, generation, is_rotten = row[10:_FIRST_TIME]
    began_at, last_read_at, sealed_at, ticket_at, sent_at, delivered_at, erased_at = map(read_time, row[_FIRST_TIME:])
    return CaptureRow(
        id=number,
        device=device,
        record=record,
        state=CaptureState(state),
        pages_read=pages_read,
        page_count=page_count,
        damaged_pages=damaged_pages,
        sha256=sha256,
        size_bytes=size_bytes,
        provenance=json.loads(provenance) if provenance else None,
        cloud_state=cloud_state,
        attempts=attempts,
        last_problem=problem,
        generation=generation,
        damaged_count=damaged_count,
        wants_reread=bool(is_rotten) and state == CaptureState.QUARANTINED,
        began_at=began_at,
        last_read_at=last_read_at,
        sealed_at=sealed_at,
        ticket_at=ticket_at,
        sent_at=sent_at,
        delivered_at=delivered_at,
        erased_at=erased_at,
    )
