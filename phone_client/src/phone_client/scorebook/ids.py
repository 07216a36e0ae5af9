"""Ids of entries and batches: UUIDv7, made on the phone, so that two phones never make the same one."""

import os
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from phone_client.errors import UsageError

_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_RANDOM_BYTES = 10


@dataclass(frozen=True, slots=True)
class Ids:
    """Makes ids.

    Attributes:
        now_s: Seconds since 1970. A clock that is wrong only spoils the order, never the uniqueness.
        random_bytes: So many bytes by chance.
    """

    now_s: Callable[[], float] = time.time
    random_bytes: Callable[[int], bytes] = os.urandom

    def new(self) -> str:
        """Return a new id (RFC 9562 section 5.7)."""
        timestamp_ms = int(self.now_s() * 1000) & (2**48 - 1)
        tail = int.from_bytes(self.random_bytes(_RANDOM_BYTES), "big")
        value = timestamp_ms << 80 | tail
        value = value & ~(0xF << 76) | 7 << 76
        value = value & ~(0x3 << 62) | 2 << 62
        return str(uuid.UUID(int=value))


def checked_id(text: str) -> str:
    """Return an id.

    Raises:
        UsageError: It is none.
    """
    if not _ID.fullmatch(text):
        raise UsageError(f"{text!r} is no id of an entry: 1 to 64 letters, digits, dots, hyphens or underscores.")
    return text
