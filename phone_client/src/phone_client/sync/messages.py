"""What a phone and the server say to each other in a sync, as types, and who carries it."""

from typing import Any, Protocol

import msgspec


class PushChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change of an entry.

    Attributes:
        id: The entry.
        type: Its type, in the singular.
        op: `put`, `patch` or `delete`.
        edited_at: When the user did it, by the phone's clock, set right by the server's.
        base_ver: The version that it was made to; 0 for a new entry.
        fields: What the user wrote; a null takes a field away. Unset for a deletion.
    """

    id: str
    type: str
    op: str
    edited_at: str
    base_ver: int = 0
    fields: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class PushBatch(msgspec.Struct, frozen=True):
    """Changes that are sent together. Sent again under its id it is the same, and is carried out once.

    Attributes:
        batch_id: Made by the phone.
        changes: At most one for an entry, parents before their children.
    """

    batch_id: str
    changes: tuple[PushChange, ...]


class ServerEntry(msgspec.Struct, frozen=True):
    """An entry as the server has it.

    Attributes:
        id: The entry.
        type: Its type, perhaps one that this client does not know.
        ver: Its version.
        deleted: Whether it is deleted.
        fields: Its fields, as they were sent.
    """

    id: str
    type: str
    ver: int
    deleted: bool = False
    fields: dict[str, Any] | None = None


class PushResult(msgspec.Struct, frozen=True):
    """What became of a change.

    Attributes:
        id: The entry.
        type: Its type.
        status: `applied`, `duplicate`, `merged`, `conflict` or `rejected`.
        ver: The version after it.
        server: The server's entry, of a merged change and of a conflict.
        problem: Why it was rejected.
    """

    id: str
    type: str
    status: str
    ver: int | None = None
    server: ServerEntry | None = None
    problem: dict[str, Any] | None = None


class PushReply(msgspec.Struct, frozen=True):
    """The answer to a batch.

    Attributes:
        results: One for each change.
        count: How many live entries there are; not used, for others' entries are among them.
        checksum: Of the same.
    """

    results: tuple[PushResult, ...]
    count: int | None = None
    checksum: str | None = None


class PullReply(msgspec.Struct, frozen=True):
    """A page of the feed.

    Attributes:
        changes: Entries that changed.
        cursor: Where the next page begins; opaque.
        more: Whether there is one now.
        reset: Whether the cursor that was asked with is of no use: everything is to be pulled.
        count: How many live entries there are; None when the server does not say.
        checksum: The checksum of their ids and versions; None when the server does not say.
    """

    changes: tuple[ServerEntry, ...]
    cursor: str | None = None
    more: bool = False
    reset: bool = False
    count: int | None = None
    checksum: str | None = None


class SyncTransport(Protocol):
    """Carries a sync's messages: over HTTP, or in a test over whatever loses them.

    Both raise NetworkError when no reply came, ServerTroubleError when the server asks to wait, ProblemError when it
    refuses, LoginNeededError and WrongAnswerError.

    One that knows the server's time has an attribute `server_time_s` too, seconds since 1970 or None: what the last
    reply said. A phone whose clock is wrong then tells its edits by the server's.
    """

    def push(self, batch: PushBatch) -> PushReply:
        """Send a batch and return what became of it."""

    def pull(self, cursor: str | None, limit: int) -> PullReply:
        """Return the entries that changed after a cursor, at most so many; from the beginning without one."""
