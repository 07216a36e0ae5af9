"""What accounts is asked about tokens, and what it answers."""

from datetime import datetime
from typing import Annotated

import msgspec

from chalicelib.forms import of_form

Username = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Email = Annotated[
    str,
    of_form(
        r"^[^@\s\x00-\x1f\x7f-\x9f]+@[^@\s\x00-\x1f\x7f-\x9f]+\Z",
        "an e-mail address: one @, and no spaces",
        min_length=3,
        max_length=254,
    ),
]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
NewPassword = Annotated[str, msgspec.Meta(min_length=8, max_length=1024)]
SentPassword = Annotated[str, msgspec.Meta(max_length=1024)]


class PasswordGrant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/tokens`.

    Attributes:
        username: The username, however it is capitalised.
        password: The password.
        refresh_token: A refresh token that this client had before, also an expired one or one of a login that has
            ended: while others try wrong passwords for this username, a client that is known by it is not held up.
    """

    username: Annotated[str, msgspec.Meta(max_length=256)]
    password: SentPassword
    refresh_token: Annotated[str, msgspec.Meta(max_length=256)] | None = None


class RefreshGrant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/tokens/refresh`.

    Attributes:
        refresh_token: The one that the login gave last.
    """

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
