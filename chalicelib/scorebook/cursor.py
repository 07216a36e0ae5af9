"""Cursors of the feed: opaque, and nothing but a place in the caller's own feed. Pure.

A cursor of another user, of before a restore, of another schema, or older than the oldest tombstone is no error: the
client is told to begin anew.
"""

import base64
import re
import uuid
from dataclasses import dataclass

import msgspec

from chalicelib.errors import InvalidQuery

SCHEMA = 1
OLDEST_DAYS = 180
"""A tombstone is kept as long, so that a client which comes later would not learn of a deletion."""
_DAY_S = 24 * 3600
_EPOCH = re.compile(r"[0-9a-f]{0,32}")
NO_EPOCH = ""
"""Of a feed in which nothing was written yet."""


def new_epoch() -> str:
    """Return the epoch of a feed that begins, or that begins anew after a restore: random, so no two are the same."""
    return uuid.uuid4().hex[:16]


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a feed.

    Attributes:
        epoch: Of which feed.
        seq: All up to this sequence was handed out.
        day: When it was issued, in days since 1970.
        schema: The form of entries that the client got.
    """

    epoch: str
    seq: int
    day: int
    schema: int = SCHEMA

    def is_too_old(self, now_s: int) -> bool:
        """Return whether deletions may have been forgotten since it was issued."""
        return now_s // _DAY_S - self.day >= OLDEST_DAYS


def encode(epoch: str, seq: int, now_s: int) -> str:
    """Return a cursor as a text."""
    content = msgspec.json.encode([epoch, seq, SCHEMA, now_s // _DAY_S])
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def decode(text: str) -> Cursor:
    """Return the cursor of a text.

    Raises:
        InvalidQuery: It is none of ours.
    """
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        epoch, seq, schema, day = msgspec.json.decode(content, type=tuple[str, int, int, int])
    except (ValueError, RecursionError) as error:
        raise _invalid() from error
    if not _EPOCH.fullmatch(epoch) or min(seq, schema, day) < 0 or max(seq, schema, day) >= 2**53:
        raise _invalid()
    return Cursor(epoch, seq, day, schema)


def _invalid() -> InvalidQuery:
    return InvalidQuery("The cursor is not one that this feed gave; begin without one.")
