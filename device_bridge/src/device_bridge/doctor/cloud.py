"""Does the API answer, does it take the credential, and do the clocks agree? Asking leaves nothing in the account."""

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from device_bridge.api import Api, ApiError, CredentialRefusedError, UnreachableError, check_api_url
from device_bridge.doctor.findings import Finding, Level, failed
from device_bridge.errors import BridgeError, ExitCode
from device_bridge.settings import Settings

MOST_CLOCK_ERROR_S = 2.0
_NEW_CREDENTIAL = "get a new one with `device_bridge enrol --force`; the account's owner approves it"


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
        try:
            identity = api.who_am_i()
        except CredentialRefusedError as error:
            yield Finding("api", Level.OK, f"{url} answers{_how(url)}")
            if credential:
                yield Finding("credential", Level.FAIL, str(error), _NEW_CREDENTIAL, ExitCode.CREDENTIAL_REFUSED)
            yield Finding("clock", Level.SKIPPED, "not compared: the API tells its time only to a bridge it knows")
            return
        except ApiError as error:
            yield Finding("api", Level.FAIL, str(error), _advice(url, error), error.exit_code)
            yield Finding("clock", Level.SKIPPED, "not compared: the API did not answer")
            return
        round_trip_s = time.monotonic() - began_s
    yield Finding("api", Level.OK, f"{url} answers{_how(url)}, and knows this bridge as {identity.name}")
    # The API looked at its clock at some moment of the round trip.
    error_s = (asked_at + timedelta(seconds=round_trip_s / 2) - identity.server_time).total_seconds()
    yield _judge_clock(error_s, round_trip_s)


def _how(url: str) -> str:
    return ", its certificate is trusted" if url.startswith("https:") else ", without TLS on this computer"


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
