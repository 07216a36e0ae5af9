"""Does the API answer, does it take the credential, and do the clocks agree? Asking leaves nothing in the account."""

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from device_bridge.api import (
    Api,
    ApiError,
    BridgeIdentity,
    CredentialRefusedError,
    EndpointError,
    Line,
    UnreachableError,
    check_api_url,
)
from device_bridge.doctor.findings import Finding, Level, failed
from device_bridge.errors import BridgeError, ExitCode
from device_bridge.settings import Settings

MOST_CLOCK_ERROR_S = 2.0
FEWEST_CERTIFICATE_DAYS = 14


def check_cloud(settings: Settings) -> Iterator[Finding]:
    """Check the credential, the API and the clocks.

    Args:
        settings: Where the API and the credential are.
    """
    credential = ""
    try:
        credential = settings.required_credential()
    except BridgeError as error:
        yield failed("credential", error)
    warning = settings.credential_warning()
    if credential:
        origin = settings.credential_origin()
        yield (
            Finding("credential", Level.WARN, *_split(warning))
            if warning
            else Finding("credential", Level.OK, f"there is one, from {origin}")
        )
    try:
        url = check_api_url(settings.required_api())
    except BridgeError as error:
        yield failed("api", error)
        return
    # Without a credential the API is still asked: that it refuses shows that it is there.
    yield from _ask(url, credential)


def _split(warning: str | None) -> tuple[str, str]:
    text, _, advice = (warning or "").rpartition(": ")
    return text, f"`{advice}`"


def _ask(url: str, credential: str) -> Iterator[Finding]:
    with contextlib.closing(Api(url, credential or "none")) as api:
        asked_at, began_s = datetime.now(UTC), time.monotonic()
        identity, error = _who_am_i(api)
        round_trip_s = time.monotonic() - began_s
    # The API looked at its clock at some moment of the round trip.
    middle = asked_at + timedelta(seconds=round_trip_s / 2)
    line = api.line or Line(None, None, None)
    if identity is not None:
        yield _judge_line(url, line, f", and knows this bridge as {identity.name}", asked_at)
        yield _judge_clock((middle - identity.server_time).total_seconds(), round_trip_s)
        return
    if isinstance(error, CredentialRefusedError):
        yield _judge_line(url, line, "", asked_at)
        if credential:
            refused = f"the API refuses this bridge's credential ({error.said}); every capture is kept"
            yield Finding("credential", Level.FAIL, refused, error.advice, ExitCode.CREDENTIAL_REFUSED)
    elif error is not None:
        yield Finding("api", Level.FAIL, str(error), _advice(url, error), error.exit_code)
    yield _judge_clock_by_date(middle, line.date, round_trip_s, error)


def _who_am_i(api: Api) -> tuple[BridgeIdentity | None, ApiError | None]:
    try:
        return api.who_am_i(), None
    except ApiError as error:
        return None, error


def _judge_line(url: str, line: Line, what_else: str, now: datetime) -> Finding:
    if line.tls is None:
        return Finding("api", Level.OK, f"{url} answers, without TLS on this computer{what_else}")
    text = f"{url} answers over {line.tls}, its certificate is trusted"
    if line.certificate_ends_at is None:
        return Finding("api", Level.OK, text + what_else)
    left = (line.certificate_ends_at - now).days
    text = f"{text} until {line.certificate_ends_at:%Y-%m-%d} ({left} days left){what_else}"
    if left < FEWEST_CERTIFICATE_DAYS:
        return Finding("api", Level.WARN, text, "have it renewed by who runs the API: afterwards nothing is uploaded")
    return Finding("api", Level.OK, text)


def _judge_clock_by_date(
    middle: datetime, date: datetime | None, round_trip_s: float, error: ApiError | None
) -> Finding:
    """Judge by an answer's `Date`, which has whole seconds: the API tells its own time only to a bridge it knows."""
    if date is None or isinstance(error, (UnreachableError, EndpointError)):
        return Finding("clock", Level.SKIPPED, "not compared: the API did not answer")
    # Cut off to its second, it is as uncertain as an answer that took a second longer.
    return _judge_clock((middle - date).total_seconds() - 0.5, round_trip_s + 1.0)


def _advice(url: str, error: ApiError) -> str:
    if "certificate" in str(error).lower() or "ssl" in str(error).lower():
        return "check this computer's date and certificates (SSL_CERT_FILE names a CA of your own), and the address"
    if isinstance(error, UnreachableError):
        return f"check the network and the address {url}; captures are kept and sent later"
    return "try again later; captures are kept and sent later"


def _judge_clock(error_s: float, round_trip_s: float) -> Finding:
    way = "ahead of" if error_s > 0 else "behind"
    text = f"this computer is {abs(error_s):.1f} s {way} the API (known to {round_trip_s / 2:.1f} s)"
    if abs(error_s) - round_trip_s / 2 > MOST_CLOCK_ERROR_S:
        return Finding("clock", Level.WARN, text, "set it by NTP: `timedatectl set-ntp true`; captures carry its time")
    return Finding("clock", Level.OK, text)
