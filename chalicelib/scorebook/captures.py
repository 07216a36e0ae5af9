"""Raw captures in the feed: a phone learns of a throw and its metrics by the synchronisation that it does anyway."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from chalicelib.scorebook import store
from chalicelib.scorebook.changes import Change
from chalicelib.scorebook.entry_types import CAPTURE
from chalicelib.scorebook.writing import write


class PublishedCapture(msgspec.Struct, frozen=True):
    """What the feed tells of a capture.

    Attributes:
        id: The capture's id, its SHA-256.
        serial: Its device.
        start_at: When the shot began.
        received_at: When it arrived.
        state: What was found when it was looked at.
        metrics: By name, each with `value`, `unit` and `quality`.
    """

    id: str
    serial: str | None
    start_at: datetime | None
    received_at: datetime
    state: str
    metrics: Mapping[str, Mapping[str, Any]]


def publish(user_id: str, capture: PublishedCapture) -> None:
    """Put a capture into its user's feed, or what is new of it; the same once more changes nothing.

    Raises:
        AccountClosing: The account is being deleted, or was; nothing was written.
        ScorebookBusy: Others wrote all the time; do it again.
    """
    told: dict[str, Any] = msgspec.to_builtins(capture)
    capture_id = told.pop("id")
    there = store.find_row(user_id, (CAPTURE, capture_id))
    base = 0 if there is None else there.ver
    known = () if there is None else (there,)
    write(user_id, [Change(capture_id, CAPTURE, "put", base, told)], known=known)
