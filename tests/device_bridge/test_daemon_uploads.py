import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from device_bridge.api import CredentialRefusedError, UnreachableError
from device_bridge.backoff import Backoff, Waits
from device_bridge.daemon.access import CloudAccess
from device_bridge.daemon.heartbeat import HeartbeatLoop, heartbeat_failed
from device_bridge.daemon.journal import Event, Journal
from device_bridge.daemon.pulse import Pulse
from device_bridge.daemon.shared import Shared
from device_bridge.daemon.uploading import UploadingLoop
from device_bridge.settings import Settings
from device_bridge.spool import CaptureState, NewCapture, Spool, SpooledPage
from device_bridge.transport import open_transport

from .running_daemon import FIRST_CREDENTIAL, SECOND_CREDENTIAL, Cloud, make_settings, running, wait_until


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """Give the API's stand-in, and a credential file that it takes."""
    (tmp_path / "credential").write_text(FIRST_CREDENTIAL)
    server = Cloud()
    yield server
    server.close()


def put_capture(spool: Spool, record: int, device: str = "SD-1") -> None:
    """Put a sealed capture into a spool; for the uploads any bytes will do."""
    row = spool.begin(NewCapture(device, record, bytes(256), 2))
    spool.add_pages(row.id, [SpooledPage(number, bytes([record, number] * 128), None) for number in range(2)])
    spool.seal(row.id, {"device": device, "record": record})


def wait_for_beat(pulse: Pulse) -> None:
    """Wait until a loop has beaten once more."""
    before_s = pulse._beat_at_s
    wait_until(lambda: pulse._beat_at_s > before_s)


@dataclass
class CountedShared(Shared):
    """Notes how long the loops want to wait, and does not wait; stops them after as many waits as a test has plans."""

    waits_s: list[float] = field(default_factory=list)
    plans: list[object] = field(default_factory=list)

    def wait(self, pulse: Pulse, seconds: float, until: threading.Event | None = None) -> None:  # noqa: ARG002 - theirs
        """Note the wait, and do what the test planned for it."""
        self.waits_s.append(seconds)
        pulse.beat()
        plan = self.plans.pop(0) if self.plans else None
        if callable(plan):
            plan()
        if not self.plans:
            self.wake_everyone()


def counted(settings: Settings, plans: list[object]) -> tuple[CountedShared, list[Event]]:
    """Return what the loops share, with plans for each of their waits."""
    events: list[Event] = []
    journal = Journal(events.append)
    access = CloudAccess(settings, journal)
    return CountedShared(settings, journal, access, open_transport, plans=plans), events


def test_waits_grow_are_never_shorter_than_asked_and_begin_anew(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full waits of 1, 2 and 4 s while the API is away, its own Retry-After of 77 s, and 1 s again after a delivery."""
    # No time passes here: the single capture's own wait after the 429 would not be over when the 77 s are.
    monkeypatch.setattr(Waits, "is_due", lambda *_: True)
    settings = make_settings(tmp_path, api=cloud.url, poll_s=5.0)
    away: tuple[int, dict[str, str]] = (503, {})
    cloud.answers = [away, away, away, (429, {"Retry-After": "77"})]
    with closing(Spool(settings.spool)) as spool:
        put_capture(spool, 1)
        # The bridge asks the API itself whether it is the API or this capture: three times now, once more later.
        cloud.me_answers = [503] * 4

        def fail_again() -> None:
            put_capture(spool, 2)
            cloud.answers = [away]

        shared, _ = counted(settings, [None, None, None, None, fail_again, None])
        UploadingLoop(shared, Backoff(draw=lambda: 1.0)).run()
    assert shared.waits_s == [1.0, 2.0, 4.0, 77.0, 5.0, 1.0]
    assert len(cloud.stored) == 1


def test_a_refused_credential_pauses_and_a_new_file_goes_on(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a 401 nothing is asked any more, once it is said how to enrol; writing the file anew is all it takes."""
    monkeypatch.setattr("device_bridge.daemon.uploading._LOOK_FOR_CREDENTIAL_S", 0.01)
    settings = make_settings(tmp_path, api=cloud.url)
    cloud.credential = SECOND_CREDENTIAL
    with closing(Spool(settings.spool)) as spool:
        put_capture(spool, 1)
        with running(settings) as daemon:
            (refused,) = daemon.wait_for("credential-refused")
            assert "device_bridge enrol" in refused.message
            asked = len(cloud.requests)
            (pulse,) = [pulse for pulse in daemon.shared.pulses.all() if pulse.name == "uploading"]
            for _ in range(20):
                wait_for_beat(pulse)
            # The heartbeat loop may have had a request under way.
            assert len(cloud.requests) <= asked + 1
            (tmp_path / "credential").write_text(SECOND_CREDENTIAL)
            daemon.wait_for("credential-accepted")
            wait_until(lambda: spool.counts()[CaptureState.DELIVERED] == 1)
        assert len(daemon.said("credential-refused")) == 1
    said = " ".join(event.message for event in daemon.events)
    assert FIRST_CREDENTIAL not in said
    assert SECOND_CREDENTIAL not in said


@pytest.mark.parametrize("make_loop", [UploadingLoop, HeartbeatLoop])
def test_each_loop_asks_a_refusing_api_once(
    cloud: Cloud, tmp_path: Path, make_loop: Callable[[Shared], UploadingLoop | HeartbeatLoop]
) -> None:
    """A refused credential costs one request, of whichever loop; what it was about still waits in the spool."""
    settings = make_settings(tmp_path, api=cloud.url)
    cloud.credential = SECOND_CREDENTIAL
    with closing(Spool(settings.spool)) as spool:
        for record in (1, 2):
            put_capture(spool, record)
        shared, events = counted(settings, [None] * 5)
        make_loop(shared).run()
        assert spool.counts()[CaptureState.SEALED] == 2
    assert len(cloud.requests) == 1
    assert [event.name for event in events] == ["credential-refused"]


def test_without_a_credential_the_bridge_reads_and_waits_for_one(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bridge that is started before it is enrolled says so once, and uploads as soon as there is a credential."""
    monkeypatch.setattr("device_bridge.daemon.uploading._LOOK_FOR_CREDENTIAL_S", 0.01)
    (tmp_path / "credential").unlink()
    settings = make_settings(tmp_path, api=cloud.url)
    with closing(Spool(settings.spool)) as spool, running(settings) as daemon:
        put_capture(spool, 1)
        (missing,) = daemon.wait_for("credential-missing")
        assert "uploading begins by itself" in missing.message
        assert cloud.requests == []
        (tmp_path / "credential").write_text(FIRST_CREDENTIAL)
        wait_until(lambda: len(cloud.stored) == 1)
        assert len(daemon.said("credential-missing")) == 1


def test_a_refused_credential_is_tried_again_now_and_then(cloud: Cloud, tmp_path: Path) -> None:
    """A refusal that was a passing fault ends by itself: after the probe's time the same credential is used once."""
    settings = make_settings(tmp_path, api=cloud.url)
    now_s = 0.0
    events: list[Event] = []
    access = CloudAccess(settings, Journal(events.append), 900.0, lambda: now_s)
    first = access.grant()
    assert first is not None
    access.refuse(first, "no")
    now_s = 899.0
    assert access.grant() is None
    now_s = 900.0
    assert access.grant() == first
    access.refuse(first, "no")
    assert access.grant() is None
    (tmp_path / "credential").write_text(FIRST_CREDENTIAL)
    second = access.grant()
    assert second is not None
    # What is said of the first has no meaning for the second.
    access.refuse(first, "no")
    assert access.grant() == second
    access.accept(second)
    assert [event.name for event in events] == ["credential-refused", "credential-accepted"]
    access.close()


def test_trouble_with_uploads_is_said_once_and_its_end_too(cloud: Cloud, tmp_path: Path) -> None:
    """However often the API is away, there is one line for it, and one when everything is delivered after all."""
    settings = make_settings(tmp_path, api=cloud.url)
    cloud.answers, cloud.me_answers = [(503, {})] * 3, [503] * 3
    with closing(Spool(settings.spool)) as spool:
        put_capture(spool, 1)
    shared, events = counted(settings, [None] * 5)
    loop = UploadingLoop(shared)
    loop.run()
    assert loop.failure is None
    names = [event.name for event in events]
    assert names == ["capture-not-delivered", "capture-delivered", "uploads-go-on"]


def test_a_capture_whose_verdict_is_pending_is_said_once(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the cloud looks at what was sent there is one line, then the delivery."""
    monkeypatch.setattr("device_bridge.backoff.FIRST_DELAY_S", 0.01)
    settings = make_settings(tmp_path, api=cloud.url)
    with closing(Spool(settings.spool)) as spool:
        put_capture(spool, 1)
        cloud.state = "pending"
        with running(settings) as daemon:
            daemon.wait_for("capture-sent")
            wait_until(lambda: cloud.requests.count(("GET", f"/v1/captures/{next(iter(cloud.stored))}")) >= 2)
            cloud.state = "verified"
            daemon.wait_for("capture-delivered")
        assert len(daemon.said("capture-sent")) == 1


def test_one_bad_capture_holds_up_no_other(cloud: Cloud, tmp_path: Path) -> None:
    """A capture that the API refuses is set aside and told once; the ones after it are delivered."""
    settings = make_settings(tmp_path, api=cloud.url)
    cloud.answers = [(422, {})]
    with closing(Spool(settings.spool)) as spool:
        for record in (1, 2, 3):
            put_capture(spool, record)
        with running(settings) as daemon:
            wait_until(lambda: len(cloud.stored) == 2)
            (problem,) = daemon.wait_for("capture-not-delivered")
        assert "record 1 of SD-1" in problem.message
        assert spool.counts()[CaptureState.QUARANTINED] == 1


def test_the_api_hears_what_the_bridge_holds(cloud: Cloud, tmp_path: Path) -> None:
    """A heartbeat tells version, what waits, what is set aside and the device seen last with its battery."""
    settings = make_settings(tmp_path, api=cloud.url)
    with closing(Spool(settings.spool)) as spool:
        for record in (1, 2):
            put_capture(spool, record)
        spool.mark_quarantined(1, "refused")
        spool.note_device("SD-0", "/dev/a", 90, 0)
        spool.note_device("SD-1", "/dev/b", 17, 3)
        (seen_at,) = [device.seen_at for device in spool.devices() if device.serial == "SD-1"]
    shared, _ = counted(settings, [None, None])
    HeartbeatLoop(shared).run()
    (told,) = cloud.heartbeats
    assert (told["captures_waiting"], told["bytes_waiting"], told["captures_quarantined"]) == (1, 768, 1)
    assert (told["device"]["serial"], told["device"]["battery_percent"]) == ("SD-1", 17)
    assert told["device"]["seen_at"] == seen_at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert told["version"]
    # At most one a minute; without a change every five minutes, whatever was asked for is not less.
    assert shared.waits_s == [60.0, 240.0]


def test_a_heartbeat_that_fails_is_said_once_and_stops_nothing(cloud: Cloud, tmp_path: Path) -> None:
    """While the API does not hear the heartbeats there is one line, and one when it does again."""
    settings = make_settings(tmp_path, api=cloud.url)
    cloud.is_deaf_to_heartbeats = True

    def hear() -> None:
        cloud.is_deaf_to_heartbeats = False

    shared, events = counted(settings, [None, None, None, hear, None, None])
    loop = HeartbeatLoop(shared)
    loop.run()
    assert loop.failure is None
    assert [event.name for event in events] == ["heartbeat-failed", "heartbeat-again"]
    assert len(cloud.heartbeats) == 1


def test_with_a_new_credential_the_api_hears_of_the_bridge_at_once(cloud: Cloud, tmp_path: Path) -> None:
    """A bridge that was refused is not silent for longer than its new credential takes to be seen."""
    settings = make_settings(tmp_path, api=cloud.url)
    cloud.credential = SECOND_CREDENTIAL

    def enrol() -> None:
        (tmp_path / "credential").write_text(SECOND_CREDENTIAL)

    shared, events = counted(settings, [None, None, None, enrol, None, None])
    HeartbeatLoop(shared).run()
    assert shared.waits_s == [0.0, 0.0, 1.0, 1.0, 60.0, 240.0]
    assert len(cloud.heartbeats) == 1
    assert [event.name for event in events] == ["credential-refused", "credential-accepted"]


def test_a_refusal_that_is_not_the_apis_own_pauses_nothing(cloud: Cloud, tmp_path: Path) -> None:
    """A 403 of a proxy on a heartbeat's way is a heartbeat that failed; the credential stays good for uploads."""
    settings = make_settings(tmp_path, api=cloud.url)
    cloud.is_deaf_to_heartbeats, cloud.answers = True, [(403, {"Content-Type": "text/html"})]
    shared, events = counted(settings, [None, None])
    HeartbeatLoop(shared).run()
    assert [event.name for event in events] == ["heartbeat-failed"]
    assert shared.access.grant() is not None


def test_a_refused_credential_concerns_captures_too() -> None:
    """A heartbeat that failed says that captures are not concerned, except when the credential is what failed."""
    refusal = CredentialRefusedError("401 Not authenticated")
    assert heartbeat_failed(refusal).message.endswith(str(refusal).rstrip("."))
    for other in (UnreachableError("away."), CredentialRefusedError("a proxy refuses it", is_apis_own=False)):
        assert heartbeat_failed(other).message.endswith(f"{str(other).rstrip('.')}. Captures are not concerned")


def test_a_change_is_told_before_the_five_minutes_are_over(cloud: Cloud, tmp_path: Path) -> None:
    """After the shortest gap a delivery brings the next heartbeat, which tells that nothing waits any more."""
    settings = make_settings(tmp_path, api=cloud.url, heartbeat_s=3600.0)
    shared, _ = counted(settings, [])
    calm = Shared(settings, shared.journal, shared.access, open_transport)
    with closing(Spool(settings.spool)) as spool:
        put_capture(spool, 1)
        heartbeat = threading.Thread(target=HeartbeatLoop(calm, 0.02).run)
        uploads = threading.Thread(target=UploadingLoop(calm).run)
        try:
            heartbeat.start()
            wait_until(lambda: cloud.heartbeats)
            uploads.start()
            wait_until(lambda: [told["captures_waiting"] for told in cloud.heartbeats][-1] == 0)
        finally:
            calm.wake_everyone()
            heartbeat.join()
            uploads.join()
    calm.access.close()
