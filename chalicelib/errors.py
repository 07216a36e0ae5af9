"""Problems: what goes wrong, as RFC 9457 problem documents.

An error class is declared beside the verb that raises it. Its docstring is the title, `name` makes the stable `type`,
and the detail of the one occurrence is the exception's message.
"""

from typing import ClassVar

import msgspec

PROBLEM_MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:problem-type:revmetrix:"


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field.

    Attributes:
        path: Where it stands, such as `$.email`.
        detail: What is wrong with it.
    """

    path: str
    detail: str


class ProblemDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every answer from 400 on (RFC 9457 section 3).

    Attributes:
        type: A stable name of the kind of problem, a URN.
        title: The kind of problem in a sentence, always the same for a type.
        status: The HTTP status.
        detail: What happened this time, and what to do.
        errors: For a body that did not fit: the first field that does not, with what is wrong.
    """

    type: str
    title: str
    status: int
    detail: str = ""
    errors: tuple[FieldError, ...] = ()


class Problem(Exception):
    """The request could not be answered."""

    status: ClassVar[int] = 500
    name: ClassVar[str] = "internal"

    def __init__(
        self, detail: str = "", *, errors: tuple[FieldError, ...] = (), headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}

    def document(self) -> ProblemDocument:
        """Return the problem as the answer's body."""
        title = (type(self).__doc__ or "").strip().splitlines()[0]
        return ProblemDocument(TYPE_PREFIX + self.name, title, self.status, self.detail, self.errors)


class InternalProblem(Problem):
    """Something went wrong on our side."""


class InvalidJson(Problem):
    """The body is not JSON."""

    status = 400
    name = "invalid-json"


class InvalidRequest(Problem):
    """The request does not have the fields, types or ranges that this operation asks for."""

    status = 422
    name = "invalid-request"


class InvalidQuery(Problem):
    """A query parameter is unknown or has a value that this operation does not take."""

    status = 400
    name = "invalid-query"


class NotAuthenticated(Problem):
    """The request carries no valid credential."""

    status = 401
    name = "not-authenticated"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, headers={"WWW-Authenticate": 'Bearer realm="revmetrix"'})


class NotPermitted(Problem):
    """This credential is not allowed to do that."""

    status = 403
    name = "not-permitted"


class NotFound(Problem):
    """There is nothing here, or nothing that you may see."""

    status = 404
    name = "not-found"


class NotAcceptable(Problem):
    """The answer has another media type than the Accept header takes."""

    status = 406
    name = "not-acceptable"


class TooLarge(Problem):
    """The body is larger than this operation takes."""

    status = 413
    name = "too-large"


class UnsupportedMediaType(Problem):
    """The body has another media type than this operation takes."""

    status = 415
    name = "unsupported-media-type"
