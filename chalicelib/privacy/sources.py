"""Everything that is held about a user, domain by domain, in an order in which one can go on where one stopped."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from chalicelib.accounts import audit_trail
from chalicelib.accounts import holdings as accounts
from chalicelib.captures import holdings as captures
from chalicelib.captures.places import inbox_of
from chalicelib.devices import holdings as devices
from chalicelib.metrics import holdings as metrics
from chalicelib.partition import Kind
from chalicelib.privacy.items import ExportItem
from chalicelib.scorebook import holdings as scorebook

KINDS = (
    Kind(
        ExportItem,
        "U#",
        ExportItem.SK,
        section="export",
        told=("v", "export_id", "state", "requested_at", "ready_at", "size_bytes", "expires_at"),
        withheld=("held_by", "held_until"),
    ),
)
Records = Iterator[list[tuple[str, str, dict[str, Any]]]]
_NEVER = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of what is held.

    Attributes:
        after: Where it ends in its source.
        section: The file that tells of it; for bytes, the file's whole name.
        records: What is told.
        size_bytes: For bytes, about how many there are.
        open_bytes: For bytes, gives them; None when they are gone.
    """

    after: str
    section: str
    records: tuple[dict[str, Any], ...] = ()
    size_bytes: int = 0
    open_bytes: Callable[[], Iterator[bytes] | None] | None = None


def _told(records: Records) -> Iterator[Piece]:
    for page in records:
        for section, group in groupby(page, itemgetter(1)):
            found = list(group)
            yield Piece(found[-1][0], section, tuple(record for _, _, record in found))


def _accounts(user_id: str, after: str | None) -> Iterator[Piece]:
    return _told(accounts.records(user_id, after, devices.KINDS + KINDS))


def _captures(user_id: str, after: str | None) -> Iterator[Piece]:
    return _told(captures.records(user_id, after))


def _inbox(user_id: str, after: str | None) -> Iterator[Piece]:
    return _told(captures.records(inbox_of(user_id), after))


def _metrics(user_id: str, after: str | None) -> Iterator[Piece]:
    return _told(metrics.records(user_id, after))


def _scorebook(user_id: str, after: str | None) -> Iterator[Piece]:
    return _told(scorebook.records(user_id, after))


def _audit(user_id: str, after: str | None) -> Iterator[Piece]:
    return _told(audit_trail.records(user_id, after))


def _objects(user_id: str, after: str | None) -> Iterator[Piece]:
    key, _, version_id = (after or _NEVER).partition("\n")
    for version in captures.objects(user_id, (key, version_id) if key else None):
        sha256 = version.key.rpartition("/")[2]
        # What was removed as rejected is still in the bucket, for its operator to look at.
        name = f"raw/{sha256}.smartdot" if version.is_latest else f"removed/{sha256}-{version.version_id}.bin"
        yield Piece(
            f"{version.key}\n{version.version_id}",
            name,
            size_bytes=version.size_bytes,
            open_bytes=lambda version=version: captures.open_version(version),  # type: ignore[misc]  # mypy types no default
        )


SOURCES: tuple[Callable[[str, str | None], Iterator[Piece]], ...] = (
    _accounts,
    _captures,
    _inbox,
    _metrics,
    _scorebook,
    _audit,
    _objects,
)
"""Each gives its pieces behind a place that one of them ended at."""


def pieces(user_id: str, source: int, after: str | None) -> Iterator[tuple[int, Piece]]:
    """Yield every piece from a place on, each with its source."""
    for index in range(source, len(SOURCES)):
        for piece in SOURCES[index](user_id, after):
            yield index, piece
        after = None
