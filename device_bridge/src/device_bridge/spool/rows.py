"""How a row of the spool's tables becomes what `model` names. What rotted in it is that row's trouble alone."""

import json
import re
from datetime import UTC, datetime
from typing import Any

from device_bridge.moments import moment_text, read_moment
from device_bridge.printable import printable
from device_bridge.spool.database import Connection, is_malformed
from device_bridge.spool.model import CaptureRow, CaptureState

_MOST_DAMAGED_NAMED = 1000
TIMES = ("began_at", "last_read_at", "sealed_at", "sent_at", "delivered_at", "erased_at")
_COLUMNS = (
    *("device", "record", "state", "pages_read", "page_count", "sha256", "size_bytes", "provenance", "cloud_state"),
    *("attempts", "last_problem", "generation", "is_rotten", *TIMES),
)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM captures WHERE id = ?"  # noqa: S608 - constants
_SHA256 = re.compile("[0-9a-f]{64}")
_LARGEST_COUNT = 2**31


def now() -> str:
    """Return this moment as the spool writes it."""
    return moment_text(datetime.now(UTC))


def read_json(value: object) -> dict[str, object] | None:
    """Return an object that the spool wrote, None for what is none."""
    try:
        found = json.loads(value if isinstance(value, str) else "null")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def read_state(value: object) -> CaptureState | None:
    """Return a state that the spool wrote, None for what is none."""
    return next((state for state in CaptureState if state.value == value), None)


def read_hash(value: object) -> str | None:
    """Return a SHA-256 in hex that the spool wrote, None for what is none."""
    return value if isinstance(value, str) and _SHA256.fullmatch(value) else None


def read_count(value: object, default: int = 0) -> int:
    """Return a number that the spool wrote, the default for what is none."""
    return value if isinstance(value, int) and 0 <= value < _LARGEST_COUNT else default


def read_bytes(value: object) -> bytes:
    """Return bytes that the spool wrote, none for what are none: no hash and no checksum fits them."""
    return value if isinstance(value, bytes) else b""


def read_row(db: Connection, number: int) -> CaptureRow | None:
    """Return a capture's row, None when there is none of this number."""
    found = db.execute(_SELECT, (number,)).fetchone()
    return None if found is None else _row(db, number, dict(zip(_COLUMNS, found, strict=True)))


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
    return tuple(page for (page,) in named if isinstance(page, int)), count


def _row(db: Connection, number: int, found: dict[str, Any]) -> CaptureRow:
    unusable = _unusable(found)
    state, sha256 = read_state(found["state"]), read_hash(found["sha256"])
    problem, cloud_state = found["last_problem"], found["cloud_state"]
    if unusable:
        # It is set apart with all it has: what the device still holds is read again.
        state = CaptureState.QUARANTINED
        problem = (
            f"its row in the spool is damaged ({', '.join(unusable)}): it is kept and not sent. Have the disk checked"
        )
    damaged_pages, damaged_count = _damaged(db, number)
    return CaptureRow(
        id=number,
        device=found["device"] if isinstance(found["device"], str) else "?",
        record=read_count(found["record"]),
        state=state or CaptureState.QUARANTINED,
        pages_read=read_count(found["pages_read"]),
        page_count=read_count(found["page_count"]),
        damaged_pages=damaged_pages,
        sha256=sha256,
        size_bytes=None if found["size_bytes"] is None else read_count(found["size_bytes"]),
        provenance=read_json(found["provenance"]),
        cloud_state=cloud_state if isinstance(cloud_state, str) else None,
        attempts=read_count(found["attempts"]),
        last_problem=printable(problem, 1000) if isinstance(problem, str) else None,
        generation=read_count(found["generation"], 1),
        damaged_count=damaged_count,
        wants_reread=bool(unusable) or (found["is_rotten"] == 1 and state is CaptureState.QUARANTINED),
        is_unusable=bool(unusable),
        **{name: read_moment(found[name]) for name in TIMES},
    )


def _unusable(found: dict[str, Any]) -> list[str]:
    """Return the columns without which nothing can be done with a capture, and that are not what they must be."""
    state = read_state(found["state"])
    is_usable = {
        "device": isinstance(found["device"], str),
        "state": state is not None,
        "sha256": state is CaptureState.READING or read_hash(found["sha256"]) is not None,
    }
    counts = {name: read_count(found[name], -1) >= 0 for name in ("record", "pages_read", "page_count", "generation")}
    return [name for name, fine in (is_usable | counts).items() if not fine]
