"""What the server answered, and what it means: the value that was asked for, or an error with a type."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TypeVar

import msgspec

from phone_client.errors import (
    ChangedMeanwhileError,
    ClientError,
    CodeInvalidError,
    LoginTooOldError,
    NotFoundError,
    ProblemError,
    ServerTroubleError,
    UsernameTakenError,
    WrongAnswerError,
    WrongPasswordError,
)
from phone_client.model import Problem

PROBLEM_MEDIA_TYPE = "application/problem+json"
_SECONDS = re.compile(r"[0-9]{1,9}")
_ERRORS: dict[str, type[ProblemError]] = {
    "code-invalid": CodeInvalidError,
    "current-password-wrong": WrongPasswordError,
    "login-too-old": LoginTooOldError,
    "not-found": NotFoundError,
    "precondition-failed": ChangedMeanwhileError,
    "username-taken": UsernameTakenError,
    "wrong-password": WrongPasswordError,
}

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response, read whole.

    Attributes:
        status: The HTTP status.
        headers: By name, in whatever capitals.
        body: The bytes.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_fine(self) -> bool:
        """Whether the server did what was asked."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_trouble(self) -> bool:
        """Whether the server could not answer now and may later: too many requests, or a fault of its own."""
        return self.status == HTTPStatus.TOO_MANY_REQUESTS or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR

    @property
    def refuses_credential(self) -> bool:
        """Whether the API refuses the token. A 401 without a problem document is a gateway's on the way, not ours."""
        return self.status == HTTPStatus.UNAUTHORIZED and self.problem() is not None

    def problem(self) -> Problem | None:
        """Return the problem document, None when the body is none."""
        if self.headers.get("content-type", "").split(";")[0].strip().lower() != PROBLEM_MEDIA_TYPE:
            return None
        try:
            return msgspec.json.decode(self.body, type=Problem)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    def retry_after_s(self) -> float | None:
        """Return how long the server asks to wait (RFC 9110 section 10.2.3), None when it does not say."""
        text = self.headers.get("retry-after", "").strip()
        if _SECONDS.fullmatch(text):
            return float(text)
        try:
            # The wait is told by the server's own two times, for this machine's clock may be a day off.
            wait = parsedate_to_datetime(text) - parsedate_to_datetime(self.headers.get("date", ""))
        except (ValueError, TypeError):
            return None
        return max(0.0, wait.total_seconds())


def read_json(answer: Answer, kind: type[Value]) -> Value:
    """Return the value of an answer.

    Raises:
        ProblemError: The server did not do what was asked; a subclass where a caller acts differently.
        WrongAnswerError: This is no answer of the API.
    """
    try:
        return msgspec.json.decode(read_bytes(answer), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WrongAnswerError(
            f"The server's answer could not be read as {kind.__name__}: {error}. Check the API's address; "
            "if it is right, this client may be too old for the server."
        ) from error


def read_bytes(answer: Answer) -> bytes:
    """Return the body of an answer.

    Raises:
        ProblemError: The server did not do what was asked; a subclass where a caller acts differently.
        WrongAnswerError: This is no answer of the API.
    """
    if not answer.is_fine:
        raise error_in(answer)
    return answer.body


def error_in(answer: Answer) -> ClientError:
    """Return what an answer that is not fine means."""
    problem = answer.problem()
    if answer.is_trouble:
        return ServerTroubleError(problem or _trouble(answer), answer.retry_after_s())
    if problem is None:
        return WrongAnswerError(
            f"The server answered {answer.status} and not as the API does. Nothing was changed here; check the API's "
            "address, and whether this network asks for a sign-in page first."
        )
    return _ERRORS.get(problem.name, ProblemError)(problem, answer.retry_after_s())


def _trouble(answer: Answer) -> Problem:
    # A gateway in front of the API has no problem documents.
    wait_s = answer.retry_after_s()
    when = "later" if wait_s is None else f"in {wait_s:g} s"
    return Problem(f"The server cannot answer now ({answer.status}).", answer.status, detail=f"Try again {when}.")
