"""Whether this phone has what the server has: how many entries, and a checksum of their ids and versions."""

import hashlib
import sqlite3

from phone_client.database.sync_state import SyncState
from phone_client.sync.messages import PullReply

_DIGITS = 16
_LIVE = "ver > 0 AND is_deleted_there = 0"


def live_count(db: sqlite3.Connection) -> int:
    """Return how many entries the server has, as far as this phone knows."""
    return int(db.execute(f"SELECT count(*) FROM entry WHERE {_LIVE}").fetchone()[0])  # noqa: S608 - texts of our own


def checksum(db: sqlite3.Connection) -> str:
    """Return the first 16 hex digits of SHA-256 over `id:ver` of these entries, sorted by id, joined by newlines."""
    digest = hashlib.sha256()
    separator = ""
    query = f"SELECT id, ver FROM entry WHERE {_LIVE} ORDER BY id, ver"  # noqa: S608 - texts of our own
    for entry_id, ver in db.execute(query):
        digest.update(f"{separator}{entry_id}:{ver}".encode())
        separator = "\n"
    return digest.hexdigest()[:_DIGITS]


def verify(db: sqlite3.Connection, state: SyncState, reply: PullReply, *, after_full_pull: bool) -> bool:
    """Return whether this phone has what the server has; when not, everything is to be pulled.

    A difference that is there right after everything was pulled is noted, and is no reason to pull it again.
    """
    is_same = (reply.count is None or reply.count == live_count(db)) and (
        reply.checksum is None or reply.checksum == checksum(db)
    )
    told = f"{reply.count}:{reply.checksum}"
    if is_same:
        state.unexplained = None
    elif after_full_pull:
        state.unexplained = told
    elif state.unexplained != told:
        state.begin_full_pull()
    return is_same
