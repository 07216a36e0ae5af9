"""What a view gets, and what it gives back."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec

from chalicelib.errors import NotAuthenticated

Body = TypeVar("Body")


class Caller(msgspec.Struct, frozen=True):
    """Who sent the request, as its credential proves.

    Attributes:
        user_id: The user, or the owner of the bridge.
        bridge_id: The bridge, when its credential was sent.
        login_id: The signed-in client, when a user's access token was sent.
    """

    user_id: str
    bridge_id: str | None = None
    login_id: str | None = None


class Call(msgspec.Struct, Generic[Body], frozen=True):
    """What a view gets.

    Attributes:
        body: The decoded JSON, the raw bytes, or None for an operation without a body.
        headers: The request's headers, case-insensitive.
        query: The query parameters, a value of the declared type; None when none are declared.
        if_match: The versions that a change may find, None for any (`preconditions.read_if_match`).
        address: The client's address.
        path: The path as it was asked for, on AWS with the stage's name before it.
    """

    body: Body
    headers: Mapping[str, str]
    query: Any
    if_match: frozenset[int] | None
    address: str
    path: str
    _caller: Caller | None

    @property
    def caller(self) -> Caller:
        """Who sent the request; an operation of scope PUBLIC has nobody here."""
        if self._caller is None:
            raise NotAuthenticated
        return self._caller


class Reply(msgspec.Struct, frozen=True):
    """An answer with another status than the usual one, with headers, or with raw bytes.

    Attributes:
        value: What the body is made of: a msgspec type for JSON, bytes or `Text` as they are, None for no body.
        status: The HTTP status; None for the usual one.
        headers: Further headers.
    """

    value: Any
    status: int | None = None
    headers: dict[str, str] = {}


class Text(str):
    """Text that is sent as it is, as an answer's value; its media type is a header of the reply."""

    __slots__ = ()


class Html(Text):
    """A page for people, as an answer's value."""

    __slots__ = ()
