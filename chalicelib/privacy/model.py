"""What privacy answers."""

from datetime import datetime

import msgspec


class ExportLink(msgspec.Struct, frozen=True):
    """Where the archive can be fetched with a plain GET, without any credential.

    Attributes:
        url: It carries the leave, so it is as secret as a credential.
        expires_at: The request must have begun by then; asking again gives another link.
    """

    url: str
    expires_at: datetime


class ExportView(msgspec.Struct, frozen=True):
    """An export of everything that is held about a user.

    Attributes:
        id: The export.
        state: `queued`, `running`, `ready`, or `failed`: then ask for another one.
        requested_at: When it was asked for.
        ready_at: When the archive was whole; null before.
        expires_at: When the archive is removed; null before it is ready.
        size_bytes: How large the archive is; null before it is ready.
        archive: Where the archive is; null before it is ready.
    """

    id: str
    state: str
    requested_at: datetime
    ready_at: datetime | None = None
    expires_at: datetime | None = None
    size_bytes: int | None = None
    archive: ExportLink | None = None


class ErasureView(msgspec.Struct, frozen=True):
    """An account on its way out.

    Attributes:
        state: `closing`: no login, no bridge and no upload works any more.
        gone_by: About when nothing is left.
    """

    state: str
    gone_by: datetime
