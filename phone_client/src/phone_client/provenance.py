"""What is known beside a capture's bytes, as the header that it travels in."""

from base64 import urlsafe_b64encode

import msgspec

from phone_client.errors import UsageError
from phone_client.model import Provenance

LARGEST_PROVENANCE_BYTES = 4096


def provenance_header(provenance: Provenance | None) -> dict[str, str]:
    """Return the header Capture-Provenance, or nothing.

    Raises:
        UsageError: The provenance is too long to travel.
    """
    if provenance is None:
        return {}
    text = urlsafe_b64encode(msgspec.json.encode(provenance)).decode().rstrip("=")
    if len(text) > LARGEST_PROVENANCE_BYTES:
        raise UsageError(f"The provenance has {len(text)} bytes; at most {LARGEST_PROVENANCE_BYTES} can travel.")
    return {"Capture-Provenance": text}
