"""What the demo does, step by step."""

import hashlib
import secrets
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from local_cloud.cloud import LocalCloud
from local_cloud.connections import PortTakenError
from local_cloud.demo.programs import ProgramError, run_bridge_once, smartdot
from phone_client.client import ApiClient
from phone_client.errors import ClientError
from phone_client.model import Capture, Metrics
from smartdot import FormatError, MemoryImage

METRICS_TIMEOUT_S = 60.0
SHOT_WAS_AT_MOST_AGO = timedelta(hours=1)
_USERNAME = "demo"
_MEMORY = "smartdot.bin"


class DemoError(Exception):
    """The demo could not be played to its end."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a shot's way through the system left behind.

    Attributes:
        username: Whose account it is in.
        user_id: The same by id.
        capture: The capture as the API shows it.
        metrics: What the algorithm unit computed.
        source: What the device recorded, for a person.
        device_sha256: Of the capture in the emulator's memory, in hex.
        stored_sha256: Of the bytes that the API gave back.
        identical: Whether both are the same bytes.
        elapsed_s: From the start of the demo.
    """

    username: str
    user_id: str
    capture: Capture
    metrics: Metrics
    source: str
    device_sha256: str
    stored_sha256: str
    identical: bool
    elapsed_s: float


def play(recording: Path | None, seed: int) -> Outcome:
    """Play a shot and return what came of it.

    Args:
        recording: A recording CSV, None for a simulated shot.
        seed: Which shot is simulated.

    Raises:
        DemoError: A step failed; the message says which.
    """
    began_s = time.monotonic()
    source = f"a simulated shot (seed {seed})" if recording is None else f"the recording {recording.name}"
    try:
        with tempfile.TemporaryDirectory(prefix="revmetrix-demo-") as name:
            folder = Path(name)
            # The device comes first: a recording that cannot be used is told at once, before anything else starts.
            with smartdot(folder / _MEMORY, recording, seed) as port:
                _say(f"a SmartDot with {source} is plugged in at {port}")
                _say("a local cloud starts: DynamoDB, S3 and SQS in this process, the API on a free port")
                with LocalCloud(access_log=False) as cloud:
                    return _Play(folder, cloud, port, source, began_s).run()
    except (ProgramError, ClientError, FormatError, PortTakenError, OSError) as error:
        raise DemoError(str(error)) from error


@dataclass(frozen=True, slots=True)
class _Play:
    folder: Path
    cloud: LocalCloud
    port: str
    source: str
    began_s: float

    def run(self) -> Outcome:
        if self.cloud.api_url is None:
            raise DemoError("the local cloud serves no API")
        with ApiClient(self.cloud.api_url) as client:
            user_id, credential = self._make_account(client)
            self._claim_device(client)
            _say("the bridge reads the device and uploads")
            run_bridge_once(self.port, self.folder / "spool.db", self.cloud.api_url, credential)
            return self._outcome(client, user_id)

    def _make_account(self, client: ApiClient) -> tuple[str, str]:
        password = secrets.token_urlsafe(16)
        user = client.register(_USERNAME, "demo@example.org", password)
        client.log_in(_USERNAME, password)
        _say(f"the account {_USERNAME} is registered and logged in, and has a bridge with a credential of its own")
        return user.id, client.add_bridge("the demo's bridge").credential

    def _claim_device(self, client: ApiClient) -> None:
        serial = MemoryImage(bytearray((self.folder / _MEMORY).read_bytes())).first.serial
        # The shot was thrown before anybody was there to claim the device.
        client.lane.claim(serial, "the demo's ball", since=datetime.now(UTC) - SHOT_WAS_AT_MOST_AGO)
        _say(f"the account claims the device {serial}, so what the bridge brings of it is the account's")

    def _outcome(self, client: ApiClient, user_id: str) -> Outcome:
        capture = next(client.captures(), None)
        if capture is None or capture.record is None:
            raise DemoError("the API lists no capture")
        _say("the algorithm unit computes")
        metrics = client.wait_for_metrics(capture.id, METRICS_TIMEOUT_S)
        if metrics.state != "ready":
            raise DemoError(f"there are no metrics: {metrics.reason}")
        _say("the client reads the raw bytes back and compares them with the device's memory")
        stored = client.raw(capture.id)
        in_device = MemoryImage(bytearray((self.folder / _MEMORY).read_bytes())).capture(capture.record)
        return Outcome(
            username=_USERNAME,
            user_id=user_id,
            capture=capture,
            metrics=metrics,
            source=self.source,
            device_sha256=hashlib.sha256(in_device).hexdigest(),
            stored_sha256=hashlib.sha256(stored).hexdigest(),
            identical=in_device == stored,
            elapsed_s=time.monotonic() - self.began_s,
        )


def _say(text: str) -> None:
    sys.stderr.write(f"* {text}\n")
    sys.stderr.flush()
