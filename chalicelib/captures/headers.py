"""What comes beside raw bytes: Content-Digest (RFC 9530) and the claim, in Capture-Provenance or in JSON."""

import base64
import binascii
import hashlib
import re
from typing import Any

import msgspec

from chalicelib.captures.model import Provenance
from chalicelib.errors import Problem

LARGEST_PROVENANCE_BYTES = 4096
DEEPEST_CLOCK = 16
# A byte sequence, and parameters after it that say nothing to us (RFC 8941 sections 3.3.5 and 3.1.2).
_MEMBER = re.compile(r"sha-256=:([A-Za-z0-9+/]*={0,2}):(?:;.*)?")
_SHA256_BYTES = 32
_provenance_decoder = msgspec.json.Decoder(Provenance)


class DigestMissing(Problem):
    """The bytes came without their digest."""

    status = 400
    name = "digest-missing"


class DigestMalformed(Problem):
    """The Content-Digest header cannot be read."""

    status = 400
    name = "digest-malformed"


class DigestMismatch(Problem):
    """The bytes that arrived are not those of the digest."""

    status = 400
    name = "digest-mismatch"


class ProvenanceInvalid(Problem):
    """The claim that came beside the bytes cannot be read or kept."""

    status = 400
    name = "provenance-invalid"


def check_digest(header: str | None, data: bytes) -> str:
    """Return the SHA-256 of the bytes in hex, once the header agrees.

    Args:
        header: The Content-Digest header, a dictionary of RFC 8941 with a member `sha-256`; other algorithms may stand
            beside it and are not looked at.
        data: The bytes that arrived.

    Raises:
        DigestMissing: No header, or none with SHA-256.
        DigestMalformed: It is not in the form `sha-256=:<base64>:`.
        DigestMismatch: The bytes were changed on their way.
    """
    if not header:
        raise DigestMissing("Send Content-Digest: sha-256=:<base64 of the bytes' SHA-256>:.")
    sent = _sha256_member(header)
    found = hashlib.sha256(data)
    if found.digest() != sent:
        raise DigestMismatch(f"Nothing was stored: {len(data)} bytes arrived, with another SHA-256. Send them again.")
    return found.hexdigest()


def _sha256_member(header: str) -> bytes:
    members = [part.strip() for part in header.split(",")]
    ours = [part for part in members if part.partition("=")[0] == "sha-256"]
    if not ours:
        raise DigestMissing("The digest must be SHA-256: sha-256=:<base64>:.")
    # RFC 8941 section 3.2: of several members with one key the last counts.
    match = _MEMBER.fullmatch(ours[-1])
    if match is None:
        raise DigestMalformed("It must read sha-256=:<base64 of the bytes' SHA-256>:.")
    try:
        digest = base64.b64decode(match[1], validate=True)
    except binascii.Error as error:
        raise DigestMalformed("The digest is not base64.") from error
    if len(digest) != _SHA256_BYTES:
        raise DigestMalformed(f"A SHA-256 has {_SHA256_BYTES} bytes, not {len(digest)}.")
    return digest


def read_provenance(header: str | None) -> Provenance | None:
    """Return the claim that came with the bytes, None when there is no header.

    Args:
        header: JSON in base64url, padded or not, of at most 4 KiB.

    Raises:
        ProvenanceInvalid: It is too long, or not what `Provenance` says.
    """
    if not header:
        return None
    if len(header) > LARGEST_PROVENANCE_BYTES:
        raise ProvenanceInvalid(f"It has {len(header)} bytes; at most {LARGEST_PROVENANCE_BYTES} are kept.")
    try:
        text = base64.b64decode(
            header.rstrip("=") + "=" * (-len(header.rstrip("=")) % 4), altchars=b"-_", validate=True
        )
        provenance = _provenance_decoder.decode(text)
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise ProvenanceInvalid(f"It must be base64url of JSON: {error}") from error
    check_claim(provenance)
    return provenance


def check_claim(provenance: Provenance | None) -> None:
    """Hold a claim to what is kept of one.

    Raises:
        ProvenanceInvalid: As JSON it is longer than 4 KiB, or its `clock` is nested too deep.
    """
    if provenance is None:
        return
    if _depth(provenance.clock) > DEEPEST_CLOCK:
        raise ProvenanceInvalid(f"clock is nested more than {DEEPEST_CLOCK} levels deep.")
    size_bytes = len(msgspec.json.encode(provenance))
    if size_bytes > LARGEST_PROVENANCE_BYTES:
        raise ProvenanceInvalid(f"It has {size_bytes} bytes as JSON; at most {LARGEST_PROVENANCE_BYTES} are kept.")


def _depth(value: Any) -> int:
    """Return how deep a JSON value is nested, counted level by level, so that no depth exhausts the stack."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return depth
