"""Preconditions of a change: the entity tag of what is shown, and the If-Match that a change must carry."""

import re

from chalicelib.errors import Problem

_TAG = re.compile(r'"([0-9]{1,15})"')


class PreconditionRequired(Problem):
    """A change must say which version it changes."""

    status = 428
    name = "precondition-required"


class PreconditionFailed(Problem):
    """What is to be changed has changed since it was read."""

    status = 412
    name = "precondition-failed"


def entity_tag(version: int) -> str:
    """Return the strong entity tag of a version (RFC 9110 section 8.8.3)."""
    return f'"{version}"'


def read_if_match(header: str | None) -> frozenset[int] | None:
    """Return the versions that a change may find; None when any will do.

    Args:
        header: The If-Match header: entity tags as they were given, or `*`.

    Raises:
        PreconditionRequired: There is none.
        PreconditionFailed: It holds no tag that this API gives; weak tags never match (RFC 9110 section 13.1.1).
    """
    if header is None or not header.strip():
        raise PreconditionRequired("Read it first, then send its ETag as If-Match.")
    if header.strip() == "*":
        return None
    tags = [_TAG.fullmatch(part.strip()) for part in header.split(",")]
    versions = frozenset(int(tag[1]) for tag in tags if tag is not None)
    if not versions:
        raise PreconditionFailed(
            "If-Match holds no ETag of this API. Read it again, and send the ETag as it was given."
        )
    return versions


def require_version(found: int, wanted: frozenset[int] | None) -> None:
    """Hold a change to the version that it expects.

    Args:
        found: The version that is there.
        wanted: What `read_if_match` returned.

    Raises:
        PreconditionFailed: It is another one.
    """
    if wanted is not None and found not in wanted:
        raise PreconditionFailed("Read it again, and decide anew: nothing was changed.")
