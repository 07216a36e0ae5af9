"""A capture's id: the SHA-256 of its bytes in hex."""

import re

from phone_client.errors import UsageError

_SHA256_HEX = re.compile(r"[0-9a-f]{64}")


def checked_capture_id(text: str) -> str:
    """Return a capture's id in small letters.

    Raises:
        UsageError: This is none. Nothing else may become part of a path.
    """
    capture_id = text.strip().lower()
    if not _SHA256_HEX.fullmatch(capture_id):
        raise UsageError(f"{text!r} is no capture's id, which has 64 hexadecimal digits. `captures` lists them.")
    return capture_id


def capture_path(capture_id: str) -> str:
    """Return where a capture is in the API.

    Raises:
        UsageError: This is no capture's id.
    """
    return f"/v1/captures/{checked_capture_id(capture_id)}"
