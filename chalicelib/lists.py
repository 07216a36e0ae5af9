"""Lists in parts: cursors that are opaque and nothing but a position in one's own list."""

import base64
import json
import re
from collections.abc import Sequence

from chalicelib.errors import InvalidQuery


def encode_position(position: Sequence[str] | None) -> str | None:
    """Return a position as a cursor, None for none."""
    return None if position is None else base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def decode_position(text: str, forms: Sequence[re.Pattern[str]]) -> tuple[str, ...]:
    """Return the position of a cursor: one text for each of the forms, which each fits whole.

    Raises:
        InvalidQuery: It is none of ours.
    """
    try:
        position = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        if len(position) == len(forms) and all(map(re.Pattern.fullmatch, forms, position)):
            return tuple(position)
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidQuery("The cursor is not one that this list gave; begin without one.") from error
    raise InvalidQuery("The cursor is not one that this list gave; begin without one.")
