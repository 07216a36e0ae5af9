"""The uploading loop: what is sealed is sent until the cloud has it, or a person is needed."""

import contextlib

from device_bridge.backoff import Backoff
from device_bridge.daemon.access import Grant
from device_bridge.daemon.journal import Event
from device_bridge.daemon.shared import Shared
from device_bridge.daemon.wording import capture_name, delivered_event, problem_event, sent_event
from device_bridge.spool import CaptureRow, Spool, SpoolError
from device_bridge.uploader import PushResult, Uploader

# One request with 4 MiB over the slowest line that still gets through, and the API's patience.
_LONGEST_SILENCE_S = 900.0
_LOOK_FOR_CREDENTIAL_S = 1.0
_DISK_TOPIC = "uploads disk"


class UploadingLoop:
    """Uploads until the daemon ends.

    Args:
        shared: What the loops share.
        backoff: How long to wait after a failure.

    Attributes:
        failure: What ended the whole loop, None while nothing did.
        waiting: Captures that the last pass left.
    """

    def __init__(self, shared: Shared, backoff: Backoff | None = None) -> None:
        self.failure: BaseException | None = None
        self.waiting = 0
        self._shared = shared
        self._backoff = backoff or Backoff()
        self._uploader: Uploader | None = None
        self._is_in_trouble = False
        self._pulse = shared.pulses.add("uploading", _LONGEST_SILENCE_S)

    def run(self) -> None:
        """Upload until the daemon ends; what ends it earlier is left in `failure`."""
        try:
            while not self._shared.stop.is_set():
                self._open_and_upload()
        except BaseException as error:  # noqa: BLE001 - carried to the main thread, which ends with it
            self.failure = error

    def _open_and_upload(self) -> None:
        try:
            with contextlib.closing(Spool(self._shared.settings.spool)) as spool:
                self._uploader = None
                while not self._shared.stop.is_set():
                    self._upload(spool)
        except (SpoolError, OSError) as error:
            self._shared.wait_for_disk(self._pulse, _DISK_TOPIC, error)

    def _upload(self, spool: Spool) -> None:
        """Send once what is sealed, and wait as long as what came of it asks for."""
        self._pulse.beat()
        grant = self._shared.access.grant()
        if grant is None:
            self._shared.wait(self._pulse, _LOOK_FOR_CREDENTIAL_S)
            return
        if self._uploader is None:
            # One for all passes: it remembers which capture has to wait for how long.
            self._uploader = Uploader(spool, grant.api, self._note_delivered, self._is_to_stop)
        self._shared.sealed.clear()
        result = self._uploader.push()
        self._shared.journal.forget(_DISK_TOPIC)
        self._note(grant, result)
        self._wait(result)

    def _is_to_stop(self) -> bool:
        self._pulse.beat()
        return self._shared.stop.is_set()

    def _note_delivered(self, row: CaptureRow) -> None:
        self._pulse.beat()
        self._shared.journal.forget(_topic(capture_name(row)))
        self._shared.journal.say(delivered_event(row))
        self._shared.changed.set()

    def _note(self, grant: Grant, result: PushResult) -> None:
        if len(result.waiting) != self.waiting or result.quarantined:
            self._shared.changed.set()
        self.waiting = len(result.waiting)
        if result.credential_problem:
            self._shared.access.refuse(grant, result.credential_problem)
            return
        if result.delivered:
            self._shared.access.accept(grant)
        for row in result.sent:
            self._shared.journal.say_once(_topic(capture_name(row)), sent_event(row))
        for problem in result.problems:
            self._shared.journal.say_once(_topic(problem), problem_event(problem))
        if result.problems and not result.quarantined:
            self._is_in_trouble = True
        elif self._is_in_trouble and not result.waiting:
            self._is_in_trouble = False
            self._shared.journal.say(Event("uploads-go-on", "everything that waited is delivered"))

    def _wait(self, result: PushResult) -> None:
        if result.delivered or not result.is_cut_short:
            self._backoff.reset()
        if result.credential_problem:
            return
        if result.is_cut_short:
            self._shared.wait(self._pulse, self._backoff.delay_s(result.retry_after_s))
            return
        # A single capture that has to wait does not hold up one that is sealed meanwhile.
        delay_s = self._shared.settings.poll_s if result.next_try_s is None else result.next_try_s
        self._shared.wait(self._pulse, delay_s, self._shared.sealed)


def _topic(problem: str) -> str:
    """Return the topic of a problem, which begins with its capture's name."""
    return f"upload {problem.partition(':')[0]}"
