"""Cursors of the list of captures: only a position inside the caller's own partition, so there is nothing to forge."""

import re

from chalicelib.lists import decode_position, encode_position

_RECEIVED_KEY = re.compile(r"[0-9T:.+-]{20,40}#[0-9a-f]{64}")
_SORT_KEY = re.compile(r"C#[0-9a-f]{64}")

encode_cursor = encode_position


def decode_cursor(text: str | None) -> tuple[str, str] | None:
    """Return the received key and the sort key of a cursor, None for none.

    Raises:
        InvalidQuery: It is none of ours.
    """
    if text is None:
        return None
    received_key, sort_key = decode_position(text, (_RECEIVED_KEY, _SORT_KEY))
    return received_key, sort_key
