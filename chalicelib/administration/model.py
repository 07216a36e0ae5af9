"""What admins ask of accounts, and what they are answered."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from chalicelib.accounts.user_model import Role
from chalicelib.operation import ListQuery


class UsersQuery(ListQuery, frozen=True, forbid_unknown_fields=True):
    """The query of the admins' list of users.

    Attributes:
        username: How the usernames begin, in whatever capitals.
    """

    username: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None


class ManagedUser(msgspec.Struct, frozen=True):
    """A user as an admin sees it.

    Attributes:
        id: The user.
        username: As it was chosen.
        email: The address.
        email_verified_at: When the address was confirmed; null while it is not.
        first_name: The first name.
        last_name: The last name.
        role: What the user may do.
        state: `closing` while the account is being erased.
        locked_at: When an admin locked the account; null when it is not.
        pseudonym: What the audit table calls the user.
        created_at: When the user registered.
    """

    id: str
    username: str
    email: str
    email_verified_at: datetime | None
    first_name: str | None
    last_name: str | None
    role: Role
    state: Literal["open", "closing"]
    locked_at: datetime | None
    pseudonym: str
    created_at: datetime


class ManagedUserList(msgspec.Struct, frozen=True):
    """A part of a list.

    Attributes:
        items: In the order of their folded usernames; a page may hold fewer than asked for.
        next: The cursor of the next part; null on the last one.
    """

    items: tuple[ManagedUser, ...]
    next: str | None


class RoleChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PUT /v1/admin/users/{user_id}/role`.

    Attributes:
        role: The role from now on.
    """

    role: Annotated[Role, msgspec.Meta(description="`bowler`, `researcher` or `admin`.")]


class ManagedDevice(msgspec.Struct, frozen=True):
    """The last claim on a device as an admin sees it.

    Attributes:
        serial: The device.
        user_id: Who has it, or had it last; null when that account was erased.
        begins: As `from`: since when it is, or was, that user's.
        until: Until when it was; null while it is claimed.
    """

    serial: str
    user_id: str | None
    begins: datetime = msgspec.field(name="from")
    until: datetime | None
