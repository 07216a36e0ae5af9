"""What the synchronisation asks for and answers."""

from typing import Annotated, Any

import msgspec

from chalicelib.errors import FieldError
from chalicelib.scorebook.entry_fields import EntryId

MOST_CHANGES = 1000
LARGEST_PUSH_BYTES = 4 * 1024 * 1024
"""A Lambda request holds 6 MB with the body as JSON text, in which every quotation mark takes two bytes."""
LARGEST_REPLY_BYTES = 1_750_000
"""Of the fields in a reply: as Lambda's JSON text they take at most three times as much, of 6 MB."""
_CHANGE = {
    "title": "Change",
    "description": (
        "`id`, `type`, `op` (`put`, `patch`, `delete`), `base_ver`, `fields`, `edited_at`; each is judged by itself,"
        " and what does not fit is answered in its result."
    ),
}


class PushRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Changes that a client made.

    Attributes:
        batch_id: The client's name for this push; the same once more answers the same and changes nothing.
        changes: At most 1,000.
    """

    batch_id: EntryId
    changes: Annotated[list[msgspec.Raw], msgspec.Meta(extra_json_schema={"items": _CHANGE})]


class EntryView(msgspec.Struct, frozen=True):
    """An entry as the feed shows it.

    Attributes:
        id: Its id.
        type: Its type, in the singular.
        ver: Its version.
        deleted: Whether it was deleted; then it has no fields.
        fields: Its fields, as they were sent.
    """

    id: str
    type: str
    ver: int
    deleted: bool
    fields: dict[str, Any]


class ChangeProblem(msgspec.Struct, frozen=True):
    """Why a change was rejected.

    Attributes:
        type: A stable name of the kind of problem, a URN.
        title: The kind of problem in a sentence.
        detail: What happened, and what to do.
        errors: The fields that do not fit.
    """

    type: str
    title: str
    detail: str
    errors: tuple[FieldError, ...] = ()


class ChangeResult(msgspec.Struct, frozen=True):
    """What became of a change.

    Attributes:
        id: The entry's id, as it was sent.
        type: The entry's type, as it was sent.
        status: `applied`, `duplicate`, `merged`, `conflict` or `rejected`.
        ver: The entry's version afterwards; 0 when there is none.
        server: The entry as it is afterwards, for `merged` and `conflict`; null where the reply would be too large:
            then the feed has it.
        problem: Why it was rejected.
    """

    id: str
    type: str
    status: str
    ver: int
    server: EntryView | None = None
    problem: ChangeProblem | None = None


class PushReply(msgspec.Struct, frozen=True):
    """What became of a push.

    Attributes:
        results: One for each change, in their order.
        count: How many live entries there are now; null when it is not known.
        checksum: Their checksum; null when it is not known.
    """

    results: tuple[ChangeResult, ...]
    count: int | None
    checksum: str | None


class PullQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of a pull.

    Attributes:
        cursor: The cursor of the last reply; absent to begin at the beginning.
        limit: The most changes of a reply.
    """

    cursor: Annotated[str, msgspec.Meta(max_length=1024)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 500


class PullReply(msgspec.Struct, frozen=True):
    """What changed since a cursor.

    Attributes:
        changes: The entries that changed, in the order of their last changes; an entry may come twice.
        cursor: Where the next pull goes on.
        more: Whether there is more to pull at once.
        reset: Whether this is the beginning of everything, though the cursor was of somewhere else: what the client
            has from before is no longer known to be right.
        count: How many live entries there are, when this reply is the last one; null when that is not known.
        checksum: The first 16 hex digits of the SHA-256 of the lines `id:ver` of live entries, sorted by id and joined
            by newlines; null when it is not known.
    """

    changes: tuple[EntryView, ...]
    cursor: str
    more: bool
    reset: bool
    count: int | None
    checksum: str | None
