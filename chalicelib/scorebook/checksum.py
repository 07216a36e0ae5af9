"""The checksum by which a client and the server see that they have the same. Pure."""

import hashlib
from collections.abc import Iterable

_DIGITS = 16


def checksum_of(live: Iterable[tuple[str, int]]) -> str:
    """Return the checksum of live entries.

    Args:
        live: The id and version of each.
    """
    lines = "\n".join(f"{entry_id}:{ver}" for entry_id, ver in sorted(live))
    return hashlib.sha256(lines.encode()).hexdigest()[:_DIGITS]
