"""Cursors of lists: opaque, and only a position inside the caller's own partition, so there is nothing to forge."""

import base64
import json
import re

from chalicelib.errors import InvalidQuery

_RECEIVED_KEY = re.compile(r"[0-9T:.+-]{20,40}#[0-9a-f]{64}")
_SORT_KEY = re.compile(r"C#[0-9a-f]{64}")


def encode_cursor(position: tuple[str, str] | None) -> str | None:
    """Return a position as text, None for none."""
    return None if position is None else base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def decode_cursor(text: str | None) -> tuple[str, str] | None:
    """Return the position of a cursor.

    Raises:
        InvalidQuery: It is none of ours.
    """
    if text is None:
        return None
    try:
        received_key, sort_key = json.loads(
            base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        )
        if _RECEIVED_KEY.fullmatch(received_key) and _SORT_KEY.fullmatch(sort_key):
            return received_key, sort_key
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidQuery("The cursor is not one that this list gave; begin without one.") from error
    raise InvalidQuery("The cursor is not one that this list gave; begin without one.")
