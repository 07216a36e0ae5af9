"""The heartbeat loop: tells the API that this bridge works, and what it holds."""

import contextlib
from datetime import UTC, datetime
from importlib.metadata import version

from device_bridge.api import ApiError, CredentialRefusedError, Heartbeat, HeartbeatDevice, TryLaterError
from device_bridge.daemon.access import Grant
from device_bridge.daemon.journal import Event, Level
from device_bridge.daemon.shared import Shared
from device_bridge.spool import CaptureState, Spool, SpoolError

# A change is told at once, but no more often than this.
SHORTEST_GAP_S = 60.0
_LONGEST_SILENCE_S = 300.0
_LOOK_FOR_CREDENTIAL_S = 1.0
_TOPIC = "heartbeat"
_DISK_TOPIC = "heartbeat disk"


def heartbeat_failed(error: ApiError) -> Event:
    """Return the event of a heartbeat that the API did not hear."""
    message = f"the API does not know that this bridge works: {str(error).rstrip('.')}"
    if not (isinstance(error, CredentialRefusedError) and error.is_apis_own):
        message += ". Captures are not concerned"
    return Event("heartbeat-failed", message, Level.WARNING)


class HeartbeatLoop:
    """Sends heartbeats until the daemon ends.

    Args:
        shared: What the loops share.
        shortest_gap_s: The shortest time between two heartbeats, whatever changes.

    Attributes:
        failure: What ended the whole loop, None while nothing did.
    """

    def __init__(self, shared: Shared, shortest_gap_s: float = SHORTEST_GAP_S) -> None:
        self.failure: BaseException | None = None
        self._shared = shared
        self._shortest_gap_s = shortest_gap_s
        self._pulse = shared.pulses.add("heartbeat", _LONGEST_SILENCE_S)

    def run(self) -> None:
        """Send heartbeats until the daemon ends; what ends it earlier is left in `failure`."""
        try:
            while not self._shared.stop.is_set():
                self._open_and_beat()
        except BaseException as error:  # noqa: BLE001 - carried to the main thread, which ends with it
            self.failure = error

    def _open_and_beat(self) -> None:
        try:
            with contextlib.closing(Spool(self._shared.settings.spool)) as spool:
                while not self._shared.stop.is_set():
                    self._beat(spool)
        except (SpoolError, OSError) as error:
            self._shared.wait_for_disk(self._pulse, _DISK_TOPIC, error)

    def _beat(self, spool: Spool) -> None:
        grant = self._shared.access.grant()
        if grant is None:
            self._shared.wait(self._pulse, _LOOK_FOR_CREDENTIAL_S)
            return
        self._pulse.beat()
        self._shared.changed.clear()
        leave_alone_s, next_s = self._send(grant, spool)
        self._shared.wait(self._pulse, leave_alone_s)
        self._shared.wait(self._pulse, max(next_s - leave_alone_s, 0.0), self._shared.changed)

    def _send(self, grant: Grant, spool: Spool) -> tuple[float, float]:
        """Send one heartbeat; return for how long none may follow, and when one must although nothing changed."""
        gap_s, regular_s = self._shortest_gap_s, self._shared.settings.heartbeat_s
        try:
            asked_s = grant.api.send_heartbeat(make_heartbeat(spool))
        except ApiError as error:
            if isinstance(error, CredentialRefusedError) and error.is_apis_own:
                self._shared.access.refuse(grant, str(error))
                # No further one before there is another credential, and then at once.
                return 0.0, 0.0
            self._shared.journal.say_once(_TOPIC, heartbeat_failed(error))
            asked_s = (error.retry_after_s or 0.0) if isinstance(error, TryLaterError) else 0.0
            return max(gap_s, asked_s), regular_s
        else:
            self._shared.access.accept(grant)
            if self._shared.journal.forget(_TOPIC):
                self._shared.journal.say(Event("heartbeat-again", "the API hears of this bridge again"))
            return gap_s, max(regular_s, asked_s)


def make_heartbeat(spool: Spool) -> Heartbeat:
    """Return what a bridge tells of itself now."""
    counts = spool.counts()
    seen = max(spool.devices(), key=lambda device: device.seen_at, default=None)
    return Heartbeat(
        version=version("revmetrix-device-bridge"),
        captures_waiting=counts.get(CaptureState.SEALED, 0) + counts.get(CaptureState.SENT, 0),
        bytes_waiting=spool.waiting_bytes(),
        captures_quarantined=counts.get(CaptureState.QUARANTINED, 0),
        device=None if seen is None else HeartbeatDevice(seen.serial, seen.seen_at, seen.battery_percent),
        sent_at=datetime.now(UTC),
    )
