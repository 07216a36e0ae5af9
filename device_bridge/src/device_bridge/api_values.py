"""What the bridge says to the Web API and what it may hear from it: values and errors, without any HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from device_bridge.errors import BridgeError, ExitCode
from device_bridge.moments import moment_text

# What the API may make of a capture. It has the bytes in the first three; docs/api.md says what each means.
DELIVERED_STATES = ("verified", "damaged", "unreadable")
PENDING = "pending"
REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Line:
    """What an answer showed of the line to the API.

    Attributes:
        tls: The version of TLS, such as `TLSv1.3`; None without TLS.
        certificate_ends_at: When the API's certificate expires, in UTC; None without TLS.
        date: The answer's `Date`, in UTC, which has whole seconds; None when it has none.
    """

    tls: str | None
    certificate_ends_at: datetime | None
    date: datetime | None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request may take.

    Attributes:
        connect_s: Until there is a connection, and until 64 KiB of a body are on their way.
        read_s: Until the next bytes of a reply come.
        total_s: For the whole exchange, whatever comes meanwhile, beside the time of a body.
        slowest_bytes_per_s: A body gets the time that a line of this speed needs for it.
    """

    connect_s: float = 10.0
    read_s: float = 60.0
    total_s: float = 120.0
    slowest_bytes_per_s: float = 16_384.0


class ApiError(BridgeError):
    """A capture was not delivered.

    Attributes:
        was_sent: Whether the request left this computer.
    """

    exit_code = ExitCode.NOT_DELIVERED

    def __init__(self, message: str, *, was_sent: bool = True) -> None:
        super().__init__(message)
        self.was_sent = was_sent


class UnreachableError(ApiError):
    """The API cannot be reached, or broke off."""


class TryLaterError(ApiError):
    """The API answered, but not yes or no.

    Attributes:
        retry_after_s: How long it asks to wait, None when it does not say.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class BusyError(TryLaterError):
    """The API, or something before it, asks to be left alone for a while: 429, or a Retry-After.

    Attributes:
        is_apis_own: Whether the API itself said so, not something on the way to it.
    """

    def __init__(self, message: str, retry_after_s: float | None = None, *, is_apis_own: bool = True) -> None:
        super().__init__(message, retry_after_s)
        self.is_apis_own = is_apis_own


class EndpointError(TryLaterError):
    """What answers at the address is not the API, or has no API behind it."""


class TicketExpiredError(TryLaterError):
    """The storage no longer takes a ticket: another one is needed."""


class RefusedError(ApiError):
    """The API will not take this capture as it is, however often it is sent."""


_NEW_CREDENTIAL = (
    "Check --api, or get a new credential with `device_bridge enrol --force`, which shows a code that the account's "
    "owner approves"
)
_WAIT_FOR_UNLOCK = (
    "The credential is right, and its owner's account is locked: the owner asks whoever runs the API. `run` tries "
    "again every 15 minutes and goes on by itself after the unlock"
)


class CredentialRefusedError(ApiError):
    """The API does not take this bridge's credential.

    Attributes:
        is_apis_own: Whether the API itself said so, not something on the way to it.
        is_known: Whether it was 403: it knows whose the credential is, and does not let its holder do this
            (RFC 9110 15.5.4).
        said: The refusal in a few printable words.
        advice: What to do.
    """

    exit_code = ExitCode.CREDENTIAL_REFUSED

    def __init__(self, said: str, *, is_apis_own: bool = True, is_known: bool = False, is_locked: bool = False) -> None:
        advice = _WAIT_FOR_UNLOCK if is_locked else _NEW_CREDENTIAL
        super().__init__(f"the API refuses this bridge's credential ({said}): every capture is kept. {advice}")
        self.is_apis_own = is_apis_own
        self.is_known = is_known
        self.said = said
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The API knows the capture by its hash.

    Attributes:
        state: What it made of it: one of `DELIVERED_STATES`, `pending` or `rejected`.
        reason: Why it was rejected, None when it was not.
    """

    state: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """Permission to put a capture's bytes into the storage, once.

    Attributes:
        sha256: The hash of the bytes it is for.
        size_bytes: How many they are.
        url: Where to put them. It is a secret while it lasts, and appears in no message.
        headers: What to send with them, exactly.
    """

    sha256: str
    size_bytes: int
    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BridgeIdentity:
    """Who the API takes this bridge for.

    Attributes:
        name: Its name.
        server_time: The API's clock, in UTC.
    """

    name: str
    server_time: datetime


@dataclass(frozen=True, slots=True)
class HeartbeatDevice:
    """The device that a bridge saw last.

    Attributes:
        serial: Its serial.
        seen_at: When it answered last, in UTC.
        battery_percent: Its battery then, None when it did not say.
    """

    serial: str
    seen_at: datetime
    battery_percent: int | None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How a bridge is.

    Attributes:
        version: Its version.
        captures_waiting: Captures that the cloud has not confirmed yet.
        bytes_waiting: Their bytes.
        captures_quarantined: Captures that were set aside.
        device: The device that it saw last, None when it saw none yet.
        sent_at: When this was said, in UTC.
    """

    version: str
    captures_waiting: int
    bytes_waiting: int
    captures_quarantined: int
    device: HeartbeatDevice | None
    sent_at: datetime

    def facts(self) -> dict[str, object]:
        """Return it as the API takes it."""
        device = None
        if self.device is not None:
            device = {
                "serial": self.device.serial,
                "seen_at": moment_text(self.device.seen_at),
                "battery_percent": self.device.battery_percent,
            }
        return {
            "version": self.version,
            "captures_waiting": self.captures_waiting,
            "bytes_waiting": self.bytes_waiting,
            "captures_quarantined": self.captures_quarantined,
            "device": device,
            "sent_at": moment_text(self.sent_at),
        }
