"""An account with something to show: a bowler, a bridge, a device, captures with metrics, and a season of games.

Everything goes through the API, as a bridge and a phone do it. What is there already stays: the bytes of a capture are
the same at every start, and the same bytes are the same capture.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from device_bridge.api import Api as BridgeApi
from device_bridge.emulator.source import Source, make_flash
from device_bridge.errors import BridgeError
from local_cloud.season import EVENINGS, GAMES_AN_EVENING, season
from phone_client.client import ApiClient
from phone_client.errors import ClientError, UsernameTakenError
from phone_client.model import Provenance
from phone_client.transport import Connection
from smartdot import FormatError

USERNAME = "demo-bowler"
PASSWORD = "strike after strike"  # noqa: S105 - everyone may know it; the data are a simulation's
SERIAL = "SD-SEED-0001"
BRIDGE = "lane 12"
DEVICE = "the blue one"
CAPTURES = 12
_SIMULATION = 300
_EVENINGS_AGO_DAYS = (8, 4, 1)
_BETWEEN_SHOTS = timedelta(minutes=3)
_CLAIMED_AGO = timedelta(days=30)
_METRICS_TIMEOUT_S = 60.0

Send = Callable[[bytes, Mapping[str, object]], object]


class SeedError(Exception):
    """The account could not be made whole; the message says where it stopped."""


def seed(api_url: str, ca_file: str | None, is_stopping: Callable[[], bool] = lambda: False) -> list[str]:
    """Make the account, or what is missing of it, and return what to tell about it.

    Args:
        api_url: The API.
        ca_file: What to trust, where the API is served with a certificate of the machine's own.
        is_stopping: Looked at between two steps: whether to give up.

    Raises:
        SeedError: It could not be done.
    """
    with _trusting(ca_file), ApiClient(api_url, connection=Connection(ca_file=ca_file)) as client:
        try:
            _log_in(client)
            client.lane.claim(SERIAL, DEVICE, ball_id="Phaze II 15 lb", since=datetime.now(UTC) - _CLAIMED_AGO)
            kept = {capture.record for capture in client.captures() if capture.device == SERIAL}
            if len(kept) < CAPTURES:
                _send_captures(client, api_url, kept, is_stopping)
            for capture in client.captures():
                _require_time(is_stopping)
                client.wait_for_metrics(capture.id, _METRICS_TIMEOUT_S)
            _require_time(is_stopping)
            _send_season(client)
        except (ClientError, BridgeError, FormatError) as error:
            raise SeedError(str(error)) from error
    return [
        f"seed   log in as {USERNAME} with the password: {PASSWORD}",
        f"       {EVENINGS} league evenings of {GAMES_AN_EVENING} games and a practice, whose shots name the captures",
        f"       {CAPTURES} captures with metrics, of the device {SERIAL}",
    ]


def _log_in(client: ApiClient) -> None:
    with contextlib.suppress(UsernameTakenError):
        client.register(USERNAME, f"{USERNAME}@example.org", PASSWORD)
    client.log_in(USERNAME, PASSWORD)


def _send_captures(client: ApiClient, api_url: str, kept: set[int | None], is_stopping: Callable[[], bool]) -> None:
    memory = make_flash(Source(seed=_SIMULATION, records=CAPTURES, serial=SERIAL)).image
    with _sender(client, api_url) as send:
        for record in range(1, CAPTURES + 1):
            _require_time(is_stopping)
            if record not in kept:
                send(memory.capture(record), _provenance(record))


def _send_season(client: ApiClient) -> None:
    """Send the games; sent before, they are there and nothing changes."""
    own = sorted((capture.record or 0, capture.id) for capture in client.captures() if capture.device == SERIAL)
    reply = client.sync.push(season([capture_id for _, capture_id in own]))
    refused = [result for result in reply.results if result.status == "rejected"]
    if refused:
        raise SeedError(f"the season was not taken: {refused[0].id}: {refused[0].problem}")


@contextlib.contextmanager
def _sender(client: ApiClient, api_url: str) -> Iterator[Send]:
    """Give what sends a capture: the account's bridge when it is new, else, its credential being gone, the user."""
    if any(bridge.name == BRIDGE for bridge in client.bridges()):
        yield lambda data, told: client.upload(data, Provenance(**told))  # type: ignore[arg-type] # see _provenance
        return
    bridge = BridgeApi(api_url, client.add_bridge(BRIDGE).credential)
    try:
        yield bridge.send_capture
    finally:
        bridge.close()


def _provenance(record: int) -> dict[str, object]:
    """Return what a bridge would tell: shots of three evenings, minutes apart."""
    per_evening = CAPTURES // len(_EVENINGS_AGO_DAYS)
    evening, shot = divmod(record - 1, per_evening)
    today = datetime.now(UTC).replace(hour=19, minute=0, second=0, microsecond=0)
    started_at = today - timedelta(days=_EVENINGS_AGO_DAYS[evening]) + shot * _BETWEEN_SHOTS
    read_at = started_at + timedelta(seconds=20)
    return {
        "device": SERIAL,
        "record": record,
        "started_at": started_at.isoformat().replace("+00:00", "Z"),
        "read_at": read_at.isoformat().replace("+00:00", "Z"),
    }


def _require_time(is_stopping: Callable[[], bool]) -> None:
    if is_stopping():
        raise SeedError("it was stopped")


@contextlib.contextmanager
def _trusting(ca_file: str | None) -> Iterator[None]:
    """Let the bridge's client trust a file: it reads SSL_CERT_FILE, as every program on OpenSSL does."""
    before = os.environ.get("SSL_CERT_FILE")
    if ca_file is not None:
        os.environ["SSL_CERT_FILE"] = ca_file
    try:
        yield
    finally:
        if ca_file is not None:
            del os.environ["SSL_CERT_FILE"]
            if before is not None:
                os.environ["SSL_CERT_FILE"] = before
