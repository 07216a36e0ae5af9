"""How far the sync is: one row."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime

_RIGHT_WITHIN_S = 5.0
"""A `Date` has whole seconds and was on its way: what differs by less is taken for right, or times would jump about."""
_AT_MOST_S = 100 * 365 * 86_400.0
"""No phone is a century off, and years after 9999 could not be written."""


@dataclass(slots=True)
class SyncState:
    """How far the sync is.

    Attributes:
        account: Whose data this is, None before the first sync.
        cursor: Where the next pull begins, None at the beginning.
        run: The number of the last pull of everything.
        is_full_pull: Whether that one is still going on.
        batches_acknowledged: How many batches were acknowledged.
        largest_batch: How many changes may go into a batch.
        unexplained: Count and checksum that even a pull of everything did not bring about.
        clock_behind_s: The server's time minus this phone's at the last exchange; 0 where the two agree.
        synced_at: When the last sync ended well.
    """

    account: str | None
    cursor: str | None
    run: int
    is_full_pull: bool
    batches_acknowledged: int
    largest_batch: int
    unexplained: str | None
    clock_behind_s: float
    synced_at: str | None

    def begin_full_pull(self) -> None:
        """Pull everything anew, from the beginning."""
        self.cursor, self.run, self.is_full_pull = None, self.run + 1, True


_NAMES = (
    "account",
    "cursor",
    "run",
    "is_full_pull",
    "batches_acknowledged",
    "largest_batch",
    "unexplained",
    "clock_behind_s",
    "synced_at",
)


def read(db: sqlite3.Connection) -> SyncState:
    """Return how far the sync is."""
    row = db.execute(f"SELECT {', '.join(_NAMES)} FROM sync_state").fetchone()  # noqa: S608 - names of our own
    state = SyncState(*row)
    state.is_full_pull = bool(state.is_full_pull)
    return state


def write(db: sqlite3.Connection, state: SyncState) -> None:
    """Keep how far the sync is."""
    assignments = ", ".join(f"{name} = ?" for name in _NAMES)
    values = [getattr(state, name) for name in _NAMES]
    db.execute(f"UPDATE sync_state SET {assignments}", values)  # noqa: S608 - names of our own


def keep_clock(db: sqlite3.Connection, behind_s: float | None) -> None:
    """Keep how far this phone's clock is behind the server's; None, when the server did not say, changes nothing."""
    if behind_s is None:
        return
    kept = behind_s if _RIGHT_WITHIN_S <= abs(behind_s) <= _AT_MOST_S else 0.0
    db.execute("UPDATE sync_state SET clock_behind_s = ?", (kept,))


def now_text(db: sqlite3.Connection, now_s: float) -> str:
    """Return the time of this phone's clock, set right by the server's, as the sync writes it."""
    behind_s = float(db.execute("SELECT clock_behind_s FROM sync_state").fetchone()[0])
    return datetime.fromtimestamp(now_s + behind_s, UTC).isoformat(timespec="milliseconds")
