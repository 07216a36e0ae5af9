"""How far the sync is: one row."""

import sqlite3
from dataclasses import dataclass


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
        synced_at: When the last sync ended well.
    """

    account: str | None
    cursor: str | None
    run: int
    is_full_pull: bool
    batches_acknowledged: int
    largest_batch: int
    unexplained: str | None
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
