"""What a route declares about itself, once: the source of its checks, its errors and its description."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any

import msgspec

from chalicelib.errors import Problem

LARGEST_JSON_BYTES = 64 * 1024
LARGEST_LIMIT = 100
DEFAULT_LIMIT = 50


class Scope(Enum):
    """Who may call an operation."""

    PUBLIC = "public"
    USER = "user"
    BRIDGE = "bridge"
    USER_OR_BRIDGE = "user or bridge"
    ADMIN = "admin"


class ListQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of every list.

    Attributes:
        limit: The most items of a page.
        cursor: Where the page begins: the `next` of the page before.
    """

    limit: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[str, msgspec.Meta(max_length=1024)] | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """The declaration of a route.

    Attributes:
        method: The HTTP method.
        path: The path, parameters in braces.
        name: The view's name, unique over all routes.
        tag: The domain that it belongs to.
        scope: Who may call it.
        summary: What it does, in a sentence.
        description: What else a caller must know.
        request: The type of the JSON body, `bytes` for a raw one, None for none.
        answers: What is answered when all went well: a msgspec type, `bytes`, or None for no body, by status. The first
            one is what a view's value is answered with. A tuple names several that one status may have.
        largest_bytes: The largest body.
        query: The type of the query parameters, a msgspec struct; None when there are none.
        parameters: The types of the path's parameters; a value that does not fit is answered like a missing thing.
        headers: Request headers that the operation reads when they are there, with what they hold.
        required_headers: Request headers that the operation refuses to do without, with what they hold.
        problems: What it refuses for reasons of its own, beside what follows from the rest of the declaration.
        if_match: Whether a change names the version that it changes, in If-Match (RFC 9110 section 13.1.1).
        answer_headers: Headers that good answers may carry beside those of all answers, with what they hold.
        etag: Whether the answer carries the version of what it shows.
        login_checked: Whether the login of an access token is looked up, so that one that has ended is refused at once.
        example: A request body as an example, a value of the request's type.
        answer_example: An answer as an example.
    """

    method: str
    path: str
    name: str
    tag: str
    scope: Scope
    summary: str
    description: str
    request: Any
    answers: Mapping[int, Any]
    largest_bytes: int = LARGEST_JSON_BYTES
    query: type[msgspec.Struct] | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    required_headers: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[type[Problem], ...] = ()
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    if_match: bool = False
    etag: bool = False
    login_checked: bool = False
    example: Any = None
    answer_example: Any = None

    @property
    def status(self) -> int:
        """The status of the usual answer."""
        status: int = next(iter(self.answers))
        return status

    @property
    def response(self) -> Any:
        """The type of the usual answer."""
        return self.answers[self.status]

    @property
    def is_binary(self) -> bool:
        """Whether the usual answer is raw bytes."""
        return bytes in _alternatives(self.response)

    def answer_types(self, status: int) -> tuple[Any, ...]:
        """Return the types that an answer of a status may have."""
        return _alternatives(self.answers[status])


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return kind if isinstance(kind, tuple) else (kind,)


OPERATIONS: list[Operation] = []
"""Every route's declaration, in the order of their declaration."""
