"""What can go wrong in the client. Each message says what happened, what was kept and what to do."""

from enum import IntEnum
from typing import ClassVar

from phone_client.model import Problem


class ExitCode(IntEnum):
    """What the command line's exit codes mean."""

    FINE = 0
    FAILED = 1
    USAGE = 2
    NO_NETWORK = 3
    REFUSED = 4
    LOGIN_NEEDED = 5
    WRONG_ANSWER = 6
    STILL_PENDING = 7
    INTERRUPTED = 130


class ClientError(Exception):
    """Anything the client cannot do; its message is one line for a person.

    Attributes:
        exit_code: The command line's exit code for it.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED


class UsageError(ClientError):
    """An argument or a setting is missing or makes no sense; nothing was sent."""

    exit_code = ExitCode.USAGE


class TokenStoreError(ClientError):
    """The tokens of the login cannot be read or kept."""


class NetworkError(ClientError):
    """The server was not reached, or its answer did not arrive."""

    exit_code = ExitCode.NO_NETWORK


class NotSentError(NetworkError):
    """No connection was made, so the server knows nothing of the request."""


class UntrustedServerError(NotSentError):
    """The server could not prove that it is the one of this address, so nothing was sent to it."""


class ReplyLostError(NetworkError):
    """The connection broke after the request began to leave: the server may have done what it asked."""


class LoginNeededError(ClientError):
    """Nobody is logged in, or the login has ended: the username and the password are needed again."""

    exit_code = ExitCode.LOGIN_NEEDED


class WrongAnswerError(ClientError):
    """The answer is not one that the API gives: another server answers here, or one of a later version."""

    exit_code = ExitCode.WRONG_ANSWER


class CaptureChangedError(WrongAnswerError):
    """The bytes that arrived do not hash to the capture's id; they were thrown away."""


class ArchiveChangedError(WrongAnswerError):
    """The bytes that arrived are not the export's archive, whole; they were thrown away."""


class ExportFailedError(ClientError):
    """The server could not make an export; another one may be asked for."""


class StillPendingError(ClientError):
    """What was waited for, metrics or an export, was not ready in the time given; the server goes on with it."""

    exit_code = ExitCode.STILL_PENDING


class ProblemError(ClientError):
    """The server answered that it cannot or will not do what was asked (RFC 9457).

    Attributes:
        problem: What the server said.
        retry_after_s: How long the server asks to wait before the next try; None when it does not say.
        advice: What to do, where the server's words do not say it.
    """

    exit_code = ExitCode.REFUSED
    advice: ClassVar[str] = ""

    def __init__(self, problem: Problem, retry_after_s: float | None = None) -> None:
        super().__init__(f"{problem.sentence()} {self.advice}".strip())
        self.problem = problem
        self.retry_after_s = retry_after_s


class NotFoundError(ProblemError):
    """There is nothing under this id in one's own account."""


class UsernameTakenError(ProblemError):
    """Someone has this username already, in whatever capitals."""


class WrongPasswordError(ProblemError):
    """The username or the password is wrong."""

    exit_code = ExitCode.LOGIN_NEEDED


class LoginTooOldError(ProblemError):
    """This is done with a login of the last 10 minutes only, whose password was typed just now."""

    exit_code = ExitCode.LOGIN_NEEDED
    advice = "Nothing was changed. Log in again with your password (log-in), and do this again within 10 minutes."


class ChangedMeanwhileError(ProblemError):
    """What was to be changed has changed since it was read (412), perhaps by oneself on another phone."""

    advice = "Nothing was changed now. Read it again, and make your change to what you find there."


class CodeInvalidError(ProblemError):
    """A code that was sent by mail is wrong, used, replaced by a newer one, or too old."""

    advice = "It comes by verify-email, or for a forgotten password by request-password-reset."


class ServerTroubleError(ProblemError):
    """The server is too busy or has a fault of its own (429 and from 500 on); later it may do what was asked."""
