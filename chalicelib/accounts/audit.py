"""The audit: what admins did and what was denied, added to and never changed. Users stand in it by pseudonym."""

import re
import uuid
from datetime import UTC, datetime
from typing import Literal

from chalicelib.accounts import audit_store, store, throttling
from chalicelib.accounts.audit_model import AuditList, AuditRecord
from chalicelib.accounts.items import AuditItem, UserItem
from chalicelib.dynamodb import ConditionFailedError
from chalicelib.errors import InvalidQuery, NotFound
from chalicelib.lists import decode_position, encode_position

DONE = "done"
DENIED = "denied"
MORE_DENIALS = "further denials of this hour are not on record"
_SORT_KEY = re.compile(r"[0-9T:.+-]{32}#[0-9a-f-]{36}")


def pseudonym_of(user: UserItem) -> str:
    """Return what the audit calls a user, drawn when it is first needed.

    Raises:
        NotFound: The user is gone.
    """
    if user.pseudonym:
        return str(user.pseudonym)
    drawn = UserItem.pseudonym.set(UserItem.pseudonym | str(uuid.uuid4()))
    try:
        store.update_user(str(user.pk).removeprefix("U#"), [drawn])
    except ConditionFailedError as error:
        raise NotFound("There is no such user.") from error
    found = store.find_user(str(user.pk).removeprefix("U#"))
    if found is None:
        raise NotFound("There is no such user.")
    user.pseudonym = found.pseudonym
    return str(found.pseudonym)


def record(
    actor: UserItem, action: str, outcome: str, target: UserItem | None = None, detail: str | None = None
) -> AuditItem:
    """Return a record of now, to be added alone or together with what it tells.

    Args:
        actor: Who did it, or tried to.
        action: The operation.
        outcome: DONE or DENIED.
        target: Whom it was done to.
        detail: What else is known; nothing that says who anyone is.
    """
    now = datetime.now(UTC)
    return AuditItem(
        f"A#{now.date().isoformat()}",
        f"{now.isoformat(timespec='microseconds')}#{uuid.uuid4()}",
        actor=pseudonym_of(actor),
        action=action,
        outcome=outcome,
        target=None if target is None else pseudonym_of(target),
        detail=detail,
    )


def add(item: AuditItem) -> None:
    """Add a record."""
    audit_store.add(item)


def add_denial(actor: UserItem, action: str) -> None:
    """Add a denial, at most so many of a user in an hour; the first one beyond says that there are more.

    Args:
        actor: Who was denied.
        action: The operation.
    """
    user_id = str(actor.pk).removeprefix("U#")
    detail = None
    try:
        throttling.take(throttling.denials_of_user(), user_id)
    except throttling.TooManyTries:
        try:
            throttling.take(throttling.denials_beyond(), user_id)
        except throttling.TooManyTries:
            return
        detail = MORE_DENIALS
    add(record(actor, action, DENIED, detail=detail))


def of_day(day: str | None, limit: int, cursor: str | None) -> AuditList:
    """Return a part of a day's records, newest first; of today when no day is named.

    Raises:
        InvalidQuery: The cursor is none of ours.
    """
    day = day or datetime.now(UTC).date().isoformat()
    before = None if cursor is None else decode_position(cursor, (_SORT_KEY,))[0]
    if before is not None and not before.startswith(day):
        raise InvalidQuery("The cursor is of another day; name that day as `date`, or begin without a cursor.")
    items, last = audit_store.records_of(day, limit, before)
    return AuditList(tuple(map(_shown, items)), encode_position(None if last is None else (last,)))


def _shown(item: AuditItem) -> AuditRecord:
    at = datetime.fromisoformat(str(item.sk).partition("#")[0])
    outcome: Literal["done", "denied"] = "done" if item.outcome == DONE else "denied"
    return AuditRecord(at, item.actor, item.action, outcome, item.target, item.detail)
