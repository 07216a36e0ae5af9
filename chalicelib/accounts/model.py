"""What accounts is asked and what it answers."""

from datetime import datetime
from typing import Annotated

import msgspec

Username = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Email = Annotated[
    str, msgspec.Meta(min_length=3, max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f-\x9f]+@[^@\s\x00-\x1f\x7f-\x9f]+\Z")
]
NewPassword = Annotated[str, msgspec.Meta(min_length=8, max_length=1024)]
SentPassword = Annotated[str, msgspec.Meta(max_length=1024)]


class Registration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/users`.

    Attributes:
        username: 1 to 64 characters, no control characters, no space at either end; unique however it is capitalised.
        email: An address.
        password: 8 to 1,024 characters, any of Unicode.
    """

    username: Username
    email: Email
    password: NewPassword


class UserView(msgspec.Struct, frozen=True):
    """A user as the API shows it."""

    id: str
    username: str
    email: str
    created_at: datetime


class PasswordGrant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/tokens`."""

    username: Annotated[str, msgspec.Meta(max_length=256)]
    password: SentPassword


class RefreshGrant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/tokens/refresh`."""

    refresh_token: Annotated[str, msgspec.Meta(max_length=256)]


class TokenView(msgspec.Struct, frozen=True):
    """A login's tokens.

    Attributes:
        access_token: A JWT, sent as Bearer with every request.
        refresh_token: Gives new tokens once, after which it is void.
        token_type: `Bearer`.
        expires_in: Seconds until the access token expires.
    """

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int


class NewBridge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/bridges`.

    Attributes:
        name: What its owner calls it.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f-\x9f]+\Z")] = "bridge"


class BridgeView(msgspec.Struct, frozen=True):
    """A new bridge; its credential is shown this once and kept as a hash only."""

    id: str
    name: str
    created_at: datetime
    credential: str
