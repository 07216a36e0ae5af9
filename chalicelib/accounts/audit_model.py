"""What is asked and answered of the audit."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from chalicelib.forms import of_form
from chalicelib.operation import ListQuery

Day = Annotated[str, of_form(r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\Z", "a day, such as 2026-11-24")]


class AuditQuery(ListQuery, frozen=True, forbid_unknown_fields=True):
    """The query of the audit.

    Attributes:
        date: The day, in UTC; today when it is left out.
    """

    date: Day | None = None


class AuditRecord(msgspec.Struct, frozen=True):
    """What an admin did, or what was denied.

    Attributes:
        at: When.
        actor: Who, by pseudonym.
        action: The operation.
        outcome: `done` or `denied`.
        target: Whom it was done to, by pseudonym; null for nobody in particular.
        detail: What else is known.
    """

    at: datetime
    actor: str
    action: str
    outcome: Literal["done", "denied"]
    target: str | None
    detail: str | None


class AuditList(msgspec.Struct, frozen=True):
    """A part of a day's audit.

    Attributes:
        items: Newest first.
        next: The cursor of the next part; null on the last one.
    """

    items: tuple[AuditRecord, ...]
    next: str | None
