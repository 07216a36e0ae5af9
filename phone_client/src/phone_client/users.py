"""What the API says of users and their accounts, as types. An answer may hold fields that are not known here."""

from datetime import datetime

import msgspec


class User(msgspec.Struct, frozen=True):
    """A user, as the user sees it.

    Attributes:
        id: What the server calls the user.
        username: As it was chosen.
        email: The address.
        created_at: When the user registered.
        email_verified_at: When the address was confirmed by its code; None while it is not.
        first_name: The first name.
        last_name: The last name.
        phone: A phone number.
        handedness: `left`, `right` or `both`.
        role: `bowler`, `researcher` or `admin`.
        accepts_lane_bridges: Whether bridges of a lane may bring captures into the account.
        updated_at: When the profile was changed last.
        etag: Which version of the profile this is; None when the server does not say.
    """

    id: str
    username: str
    email: str
    created_at: datetime
    email_verified_at: datetime | None = None
    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None
    handedness: str | None = None
    role: str = "bowler"
    accepts_lane_bridges: bool = True
    updated_at: datetime | None = None
    etag: str | None = None


class PersonalDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a user may say of oneself while registering.

    Attributes:
        first_name: The first name.
        last_name: The last name.
        phone: A phone number.
        handedness: `left`, `right` or `both`.
    """

    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None
    handedness: str | None = None


class ProfileChange(msgspec.Struct, frozen=True):
    """What is to change in a profile: what is left out stays, None clears.

    Attributes:
        username: Another username.
        email: Another address, which has to be confirmed.
        first_name: The first name.
        last_name: The last name.
        phone: A phone number.
        handedness: `left`, `right` or `both`.
        accepts_lane_bridges: Whether bridges of a lane may bring captures into the account.
    """

    username: str | msgspec.UnsetType = msgspec.UNSET
    email: str | msgspec.UnsetType = msgspec.UNSET
    first_name: str | msgspec.UnsetType | None = msgspec.UNSET
    last_name: str | msgspec.UnsetType | None = msgspec.UNSET
    phone: str | msgspec.UnsetType | None = msgspec.UNSET
    handedness: str | msgspec.UnsetType | None = msgspec.UNSET
    accepts_lane_bridges: bool | msgspec.UnsetType = msgspec.UNSET


class OpenLogin(msgspec.Struct, frozen=True):
    """A signed-in client.

    Attributes:
        id: The login.
        created_at: When it logged in.
        expires_at: When it ends by itself.
        client: What the client calls itself; None when it said nothing.
        last_used_at: When it was refreshed last; None before the first time.
        is_current: Whether it is the login of this client.
    """

    id: str
    created_at: datetime
    expires_at: datetime
    client: str | None = None
    last_used_at: datetime | None = None
    is_current: bool = False


class LoginList(msgspec.Struct, frozen=True):
    """A part of the list of logins.

    Attributes:
        items: The logins.
        next: Where the next part begins; None on the last one.
    """

    items: tuple[OpenLogin, ...]
    next: str | None = None


class ArchiveLink(msgspec.Struct, frozen=True):
    """Where an archive is, to be fetched without any credential.

    Attributes:
        url: As secret as a credential while it lasts.
        expires_at: Until when a request may begin.
    """

    url: str
    expires_at: datetime


class Export(msgspec.Struct, frozen=True):
    """An export of everything that is held about the user.

    Attributes:
        id: The export.
        state: `queued`, `running`, `ready`, or `failed`: then ask for another one.
        requested_at: When it was asked for.
        ready_at: When the archive was whole; None before.
        expires_at: When the archive is removed; None before it is ready.
        size_bytes: How large the archive is; None before it is ready.
        archive: Where the archive is; None before it is ready.
    """

    id: str
    state: str
    requested_at: datetime
    ready_at: datetime | None = None
    expires_at: datetime | None = None
    size_bytes: int | None = None
    archive: ArchiveLink | None = None


class Closing(msgspec.Struct, frozen=True):
    """An account on its way out.

    Attributes:
        state: `closing`: nothing of it works any more.
        gone_by: About when nothing is left.
    """

    state: str
    gone_by: datetime
