"""What accounts is asked about users, their logins and codes, and what it answers."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from chalicelib.accounts.model import Email, NewPassword, SentPassword, Username
from chalicelib.forms import UUID, WITHOUT_CONTROLS, of_form

Name = Annotated[str, of_form(*WITHOUT_CONTROLS, min_length=1, max_length=100)]
Phone = Annotated[
    str,
    of_form(
        r"^\+?[0-9][0-9 ()./-]{2,30}\Z",
        "a telephone number: 3 to 31 digits, spaces, and ( ) . / -, the first a digit, with or without + before it",
        max_length=32,
    ),
]
Handedness = Literal["left", "right", "both"]
Role = Literal["bowler", "researcher", "admin"]
SentCode = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
Id = Annotated[str, of_form(*UUID)]


class Registration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/users`.

    Attributes:
        username: 1 to 64 characters, none of them invisible, no space at either end; unique however it is capitalised.
        email: An address in ASCII, its domain with xn-- where it has other letters; a code is sent to it.
        password: 8 to 1,024 characters, any of Unicode; none of the common ones, and not the username or the address.
        first_name: The first name.
        last_name: The last name.
        phone: A phone number.
        handedness: The hand that the user bowls with.
    """

    username: Username
    email: Email
    password: NewPassword
    first_name: Name | None = None
    last_name: Name | None = None
    phone: Phone | None = None
    handedness: Handedness | None = None


class UserView(msgspec.Struct, frozen=True):
    """A user as the user sees it.

    Attributes:
        id: The user.
        username: As it was chosen.
        email: The address.
        email_verified_at: When the address was confirmed by its code; null while it is not.
        first_name: The first name.
        last_name: The last name.
        phone: A phone number.
        handedness: The hand that the user bowls with.
        role: What the user may do.
        accepts_lane_bridges: Whether bridges of a lane may bring captures into the account.
        created_at: When the user registered.
        updated_at: When the profile was changed last.
    """

    id: str
    username: str
    email: str
    email_verified_at: datetime | None
    first_name: str | None
    last_name: str | None
    phone: str | None
    handedness: Handedness | None
    role: Role
    accepts_lane_bridges: bool
    created_at: datetime
    updated_at: datetime


class ProfileChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PATCH /v1/users/me`: what is left out stays, null clears.

    Attributes:
        username: Another username.
        email: Another address; it has to be confirmed, and until then a forgotten password goes to the one before.
        first_name: The first name.
        last_name: The last name.
        phone: A phone number.
        handedness: The hand that the user bowls with.
        accepts_lane_bridges: Whether bridges of a lane may bring captures into the account.
    """

    username: Username | UnsetType = UNSET
    email: Email | UnsetType = UNSET
    first_name: Name | UnsetType | None = UNSET
    last_name: Name | UnsetType | None = UNSET
    phone: Phone | UnsetType | None = UNSET
    handedness: Handedness | UnsetType | None = UNSET
    accepts_lane_bridges: bool | UnsetType = UNSET


class PasswordChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PUT /v1/users/me/password`.

    Attributes:
        current_password: The password until now.
        new_password: The password from now on, by the rules of a registration.
    """

    current_password: Annotated[SentPassword, msgspec.Meta(description="The one until now.")]
    new_password: Annotated[
        NewPassword, msgspec.Meta(description="8 to 1,024 characters, any of Unicode; none of the common ones.")
    ]


class ResetRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/password-resets`.

    Attributes:
        email: An address that a user has confirmed.
    """

    email: Annotated[Email, msgspec.Meta(description="The confirmed address of the account.")]


class ResetConfirmation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/password-resets/confirmation`.

    Attributes:
        email: The address that the code was sent to.
        code: The code.
        password: The new password.
    """

    email: Email
    code: SentCode
    password: NewPassword


class EmailConfirmation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/email-verifications/confirmation`.

    Attributes:
        code: The code that was sent to the address.
    """

    code: Annotated[SentCode, msgspec.Meta(description="The code that was sent to the address.")]


class LoginView(msgspec.Struct, frozen=True):
    """A signed-in client.

    Attributes:
        id: The login.
        client: What the client called itself, its User-Agent; null when it said nothing.
        created_at: When it logged in.
        last_used_at: When it was refreshed last; null before the first time.
        expires_at: When it ends by itself.
        is_current: Whether it is the one that asks.
    """

    id: str
    client: str | None
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime
    is_current: bool


class LoginList(msgspec.Struct, frozen=True):
    """A part of a list.

    Attributes:
        items: In the order of their ids; a page may hold fewer than asked for, also none.
        next: The cursor of the next part; null on the last one.
    """

    items: tuple[LoginView, ...]
    next: str | None
