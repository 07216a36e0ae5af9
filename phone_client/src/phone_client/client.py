"""The Web API client: every operation of the API as a method with types."""

import hashlib
import io
from base64 import b64encode
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import BinaryIO, Self, TypeVar

import msgspec

from phone_client.account import Account
from phone_client.answers import read_json
from phone_client.bridges import Bridge, BridgeList, BridgeStatus
from phone_client.capture_id import capture_path
from phone_client.download import BINARY, Download
from phone_client.errors import (
    LoginNeededError,
    NetworkError,
    ProblemError,
    StillPendingError,
    TokenStoreError,
    WrongAnswerError,
)
from phone_client.lane import Lane
from phone_client.lists import walk
from phone_client.login import Login
from phone_client.model import Capture, CaptureList, Health, Metrics, Provenance, Uploaded
from phone_client.provenance import provenance_header
from phone_client.request import ALWAYS, JSON, Request, posting, reading
from phone_client.sync.http import HttpSync
from phone_client.timing import Timing
from phone_client.tokens import MemoryTokenStore, TokenStore
from phone_client.transport import Connection, Transport
from phone_client.users import PersonalDetails, User

_CREATED = 201
_UNSAID_WAIT_S = 1.0
_SHORTEST_WAIT_S = 0.2

_LOG_OUT = Request("DELETE", "/v1/tokens", "Nothing is kept here.", ALWAYS, headers={"Accept": JSON})

Value = TypeVar("Value")


class ApiClient:
    """One user's view of the API, for any number of threads.

    Every method may raise NetworkError, ProblemError and WrongAnswerError; those that need a login, LoginNeededError
    as well. An access token is refreshed before it expires and when it is refused.

    Attributes:
        account: The operations of one's own account.
        lane: The operations of devices, pairings and inboxes.

    Args:
        api_url: The API's address, such as `https://api.example.org/prod`.
        tokens: Where the login is kept; by default in memory.
        connection: How the server is reached.
        timing: The clocks and the waiting.

    Raises:
        UsageError: The address is none, or would send passwords unencrypted to another machine.
    """

    def __init__(
        self,
        api_url: str,
        tokens: TokenStore | None = None,
        connection: Connection | None = None,
        timing: Timing | None = None,
    ) -> None:
        self._timing = timing or Timing()
        self._transport = Transport(api_url, connection or Connection(), self._timing)
        self._login = Login(self._transport, tokens or MemoryTokenStore(), self._timing)
        self._send = self._login.send
        self.account = Account(self._send, self._transport, self._login, self._timing)
        self.lane = Lane(self._send)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the login stays in its store."""
        self._transport.close()

    @property
    def api_url(self) -> str:
        """The API's address, in one form."""
        return self._transport.api_url

    @property
    def username(self) -> str | None:
        """Who is logged in; None for nobody."""
        return self._login.username

    @property
    def sync(self) -> HttpSync:
        """What `SyncEngine` pushes and pulls by, for the user who is logged in now, and never for one who is later."""
        return HttpSync(self._login.of_one_user().send)

    def health(self) -> Health:
        """Return whether the API answers."""
        return read_json(self._transport.send(reading("/v1/health")), Health)

    def register(self, username: str, email: str, password: str, details: PersonalDetails | None = None) -> User:
        """Register a user, usable at once; it is not logged in by this.

        Args:
            username: Unique, however it is capitalised.
            email: The address; a code is sent there by which it is confirmed.
            password: At least 8 characters.
            details: The names, the phone number and the handedness, as far as they are to be known.

        Raises:
            UsernameTakenError: Someone has this username.
        """
        personal = {} if details is None else msgspec.to_builtins(details)
        fields = {"username": username, "email": email, "password": password, **personal}
        # Sent twice, a lost reply would turn into "taken", by oneself.
        if_lost = "The account may have been made: try to log in before you register again."
        return read_json(self._transport.send(posting("/v1/users", fields, if_lost=if_lost)), User)

    def log_in(self, username: str, password: str) -> None:
        """Log in; the tokens are kept in the store.

        Raises:
            WrongPasswordError: The username or the password is wrong; a login that was there before stays.
        """
        self._login.open(username, password)

    def log_out(self) -> bool:
        """End the login and forget the tokens here, also when the server is not reached.

        Returns:
            Whether the server has ended the login; if not, it ends there when it expires.
        """
        try:
            return self._login.username is None or self._send(_LOG_OUT).is_fine
        except (NetworkError, ProblemError, TokenStoreError, WrongAnswerError):
            return False
        except LoginNeededError:
            # It has ended there already.
            return True
        finally:
            self._login.forget()

    def add_bridge(self, name: str) -> Bridge:
        """Make a bridge; its credential, which only uploads captures, is shown this once."""
        if_lost = "A bridge may have been made whose credential nobody has seen; add another."
        return read_json(self._send(posting("/v1/bridges", {"name": name}, if_lost=if_lost)), Bridge)

    def bridges(self) -> Iterator[BridgeStatus]:
        """Return all bridges with their last heartbeats; the list is fetched in parts, as far as it is read."""
        return walk(lambda query: self._get("/v1/bridges", BridgeList, query))

    def captures(self) -> Iterator[Capture]:
        """Return all captures, newest first; the list is fetched in parts, as far as it is read."""
        return walk(lambda query: self._get("/v1/captures", CaptureList, query))

    def capture(self, capture_id: str) -> Capture:
        """Return a capture, without its bytes.

        Raises:
            NotFoundError: There is none of this id in one's account.
            UsageError: This is no capture's id.
        """
        return self._get(capture_path(capture_id), Capture)

    def raw(self, capture_id: str) -> bytes:
        """Return a capture's bytes, bit for bit as they were uploaded; errors as of `save_raw`."""
        sink = io.BytesIO()
        self.save_raw(capture_id, sink)
        return sink.getvalue()

    def save_raw(self, capture_id: str, file: BinaryIO) -> int:
        """Write a capture's bytes into an empty file that can be sought in, and return how many there are.

        A large capture comes straight from the store behind the API, piece by piece and without any credential. What is
        in the file after an error is of no use.

        Raises:
            NotFoundError: There is none of this id in one's account, or none of its bytes.
            CaptureChangedError: What arrived does not hash to the id.
            UsageError: This is no capture's id.
        """
        return Download(self._send, self._transport, self._timing).save(capture_id, file)

    def upload(self, data: bytes, provenance: Provenance | None = None) -> Uploaded:
        """Upload a capture. The same bytes again are the same capture, so this may be repeated at will.

        Args:
            data: The bytes, as read from the device.
            provenance: What is known beside them.

        Raises:
            UsageError: The provenance is too long to travel.
        """
        digest = hashlib.sha256(data)
        headers = {
            "Accept": JSON,
            "Content-Type": BINARY,
            "Content-Digest": f"sha-256=:{b64encode(digest.digest()).decode()}:",
            **provenance_header(provenance),
        }
        if_lost = "The capture may have arrived; upload the same bytes again, which never makes two of them."
        answer = self._send(Request("POST", "/v1/captures", if_lost, ALWAYS, headers=headers, body=data))
        capture = read_json(answer, Capture)
        if capture.id != digest.hexdigest():
            raise WrongAnswerError(f"The server keeps the capture as {capture.id}, which is not its SHA-256.")
        return Uploaded(capture, is_new=answer.status == _CREATED)

    def metrics(self, capture_id: str) -> Metrics:
        """Return what was computed from a capture, as far as it is.

        Raises:
            NotFoundError: There is no capture of this id in one's account.
            UsageError: This is no capture's id.
        """
        return self._get(_metrics_path(capture_id), Metrics)

    def wait_for_metrics(self, capture_id: str, timeout_s: float = 30.0) -> Metrics:
        """Return a capture's metrics once they are there, or have failed, asking as seldom as the server wants.

        Raises:
            StillPendingError: They are not there, and the next time to ask is after the timeout.
            NotFoundError: There is no capture of this id in one's account.
            UsageError: This is no capture's id.
        """
        give_up_at_s = self._timing.monotonic_s() + timeout_s
        while True:
            answer = self._send(reading(_metrics_path(capture_id)))
            metrics = read_json(answer, Metrics)
            if metrics.state != "pending":
                return metrics
            asked_s = answer.retry_after_s()
            wait_s = max(_SHORTEST_WAIT_S, _UNSAID_WAIT_S if asked_s is None else asked_s)
            if self._timing.monotonic_s() + wait_s > give_up_at_s:
                raise StillPendingError(
                    f"The metrics are not ready after {timeout_s:g} s. The capture is kept; ask again later."
                )
            self._timing.sleep(wait_s)

    def _get(self, path: str, kind: type[Value], query: Mapping[str, str] | None = None) -> Value:
        return read_json(self._send(reading(path, query)), kind)


def _metrics_path(capture_id: str) -> str:
    return f"{capture_path(capture_id)}/metrics"
