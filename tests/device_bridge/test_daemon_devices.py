import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from device_bridge.daemon.reading import ReadingLoop
from device_bridge.daemon.reports import MOST_REPORTS
from device_bridge.device import LinkedSmartDot
from device_bridge.emulator.firmware import Firmware
from device_bridge.reader import RecordReader
from device_bridge.spool import CaptureState, LowDiskError, Spool
from device_bridge.transport import Transport, open_transport

from .conftest import ServedFlash, ServeFlash, StartEmulator, simulated_flash
from .running_daemon import FIRST_CREDENTIAL, Cloud, make_settings, make_shared, running, wait_until

if TYPE_CHECKING:
    from device_bridge.daemon.journal import Event


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """Give the API's stand-in, and a credential file that it takes."""
    (tmp_path / "credential").write_text(FIRST_CREDENTIAL)
    server = Cloud()
    yield server
    server.close()


class DeafFirmware(Firmware):
    """Answers hello and the first page, then nothing more."""

    left = 2

    def receive(self, data: bytes) -> list[bytes]:
        """Answer the first two requests only."""
        replies = super().receive(data)
        kept, self.left = replies[: self.left], max(0, self.left - len(replies))
        return kept


def captures_of(*devices: ServedFlash) -> list[bytes]:
    """Return the captures in the devices' memories."""
    return sorted(device.flash.image.capture(slot.record) for device in devices for slot in device.flash.image.slots())


def serve(serve_flash: ServeFlash, serial: str, records: int = 1, **options: Any) -> ServedFlash:
    """Serve a device with simulated shots."""
    return serve_flash(simulated_flash(records, serial=serial), **options)


def test_several_devices_are_read_at_once_and_none_holds_up_another(
    serve_flash: ServeFlash, cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a device that hangs and a port that is missing, two devices are read and delivered, each record once."""
    monkeypatch.setattr("device_bridge.daemon.supervisor.JOIN_S", 0.1)
    good = [serve(serve_flash, "SD-1", 2), serve(serve_flash, "SD-2")]
    deaf = serve(serve_flash, "SD-3", firmware=DeafFirmware)
    # The hanging one comes first.
    ports = [deaf.path, "/dev/ttyNOWHERE", *(device.path for device in good)]
    with running(make_settings(tmp_path, api=cloud.url, ports=ports)) as daemon:
        wait_until(lambda: len(cloud.stored) == 3)
        (missing,) = [event for event in daemon.wait_for("device-away") if event.facts["place"] == "/dev/ttyNOWHERE"]
        assert "there is no port" in missing.message
    assert sorted(cloud.stored.values()) == captures_of(*good)
    assert len(cloud.arrivals) == 3
    assert daemon.failure is None


def test_a_device_plugged_in_later_is_found_and_one_that_comes_back_is_the_same(
    serve_flash: ServeFlash, cloud: Cloud, tmp_path: Path
) -> None:
    """Without any port named, what appears is read; unplugged in between, its next records join the first."""
    link = tmp_path / "dot"

    def find_places() -> list[str]:
        return [str(link)] if link.exists() else []

    with running(make_settings(tmp_path, api=cloud.url), find_places=find_places) as daemon:
        daemon.wait_for("no-device")
        first = serve(serve_flash, "SD-1", 1)
        link.symlink_to(first.path)
        wait_until(lambda: len(cloud.stored) == 1)
        link.unlink()
        first.unplug()
        daemon.wait_for("device-away")
        # The port that is missing meanwhile is no second thing to say.
        wait_until(lambda: all(pulse.name != f"reading {link}" for pulse in daemon.shared.pulses.all()))
        assert len(daemon.said("device-away")) == 1
        second = serve(serve_flash, "SD-1", 2)
        link.symlink_to(second.path)
        wait_until(lambda: len(cloud.stored) == 2)
        assert [event.facts["device"] for event in daemon.wait_for("device-connected", 2)] == ["SD-1", "SD-1"]
        # Trouble that lasts is said once.
        assert len(daemon.said("no-device")) == 1
    assert len(cloud.arrivals) == 2


def test_one_device_at_two_places_is_read_once(serve_flash: ServeFlash, cloud: Cloud, tmp_path: Path) -> None:
    """Two names of one port, and a second port where the same serial answers, give each record once and one line."""
    device, twin = serve(serve_flash, "SD-1", 2), serve(serve_flash, "SD-1", 2)
    (tmp_path / "link").symlink_to(device.path)
    ports = [device.path, str(tmp_path / "link"), twin.path]
    with running(make_settings(tmp_path, api=cloud.url, ports=ports)) as daemon:
        told = daemon.wait_for("device-read-elsewhere", 2)
        wait_until(lambda: len(cloud.stored) == 2)
        assert {event.facts["device"] for event in told} == {"SD-1"}
        (reader,) = daemon.shared.claims.held().values()
        assert {event.facts["read_at"] for event in told} == {reader}
        assert len(daemon.said("device-connected")) == 1
        assert daemon.said("device-refused") == []
    assert len(cloud.arrivals) == 2


def test_a_port_that_another_program_holds_is_said_once(
    serve_flash: ServeFlash, cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that another bridge reads is one message however often it is tried, and is read when it is free."""
    monkeypatch.setattr("device_bridge.daemon.reading.RECONNECT_S", 0.02)
    device = serve(serve_flash, "SD-1", 1)
    other = open_transport(device.path)
    tries = []

    def counted(place: str) -> Transport:
        tries.append(place)
        return open_transport(place)

    settings = make_settings(tmp_path, api=cloud.url, ports=[device.path])
    with running(settings, open_transport=counted) as daemon:
        (refused,) = daemon.wait_for("device-refused")
        assert "in use by another program" in refused.message
        wait_until(lambda: len(tries) >= 3)
        assert len(daemon.said("device-refused")) == 1
        other.close()
        wait_until(lambda: len(cloud.stored) == 1)


def test_a_device_that_fails_unforeseen_stops_no_other(serve_flash: ServeFlash, cloud: Cloud, tmp_path: Path) -> None:
    """A fault of the bridge's own with one device is told with its traceback; the other devices are read."""
    device = serve(serve_flash, "SD-1", 1)

    def faulty(place: str) -> Transport:
        if place == "tcp://faulty:1":
            raise RuntimeError("nobody foresaw this")
        return open_transport(place)

    settings = make_settings(tmp_path, api=cloud.url, ports=["tcp://faulty:1", device.path])
    with running(settings, open_transport=faulty) as daemon:
        (failed,) = daemon.wait_for("device-failed")
        assert "RuntimeError: nobody foresaw this" in failed.message
        wait_until(lambda: len(cloud.stored) == 1)
    assert daemon.failure is None


def test_what_a_device_reports_is_a_reason_to_look(start_emulator: StartEmulator, cloud: Cloud, tmp_path: Path) -> None:
    """With an hour between looks, the `record ready` events of a device that records on have each record read."""
    emulator = start_emulator("--every", 0.1)
    with running(make_settings(tmp_path, api=cloud.url, ports=[emulator.path], poll_s=3600.0)):
        wait_until(lambda: len(cloud.stored) >= 4)


class TalkingFirmware(Firmware):
    """Reports what it is told to with its next reply."""

    reports: ClassVar[list[str]] = []

    def receive(self, data: bytes) -> list[bytes]:
        """Answer, and report."""
        return [*super().receive(data), *(self.event(self.reports.pop()) for _ in self.reports[:])]


def test_what_a_device_reports_of_itself_is_told(serve_flash: ServeFlash, cloud: Cloud, tmp_path: Path) -> None:
    """A low battery and a full memory are warnings that name the device."""
    device = serve(serve_flash, "SD-1", firmware=TalkingFirmware)
    with running(make_settings(tmp_path, api=cloud.url, ports=[device.path])) as daemon:
        wait_until(lambda: len(cloud.stored) == 1)
        TalkingFirmware.reports[:] = ["battery low 9", "memory full"]
        told = daemon.wait_for("device-reports", 2)
    assert {event.message for event in told} == {"SD-1 reports: battery low 9", "SD-1 reports: memory full"}
    assert {(event.level, event.facts["device"]) for event in told} == {("warning", "SD-1")}


def test_the_clocks_are_noted_again_and_again(
    serve_flash: ServeFlash, cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once in a while a device's clock is noted beside the host's, and that it was seen, so that drift can be told."""
    monkeypatch.setattr("device_bridge.reader.NOTE_EVERY_S", 0.1)
    device = serve(serve_flash, "SD-1", 1)
    settings = make_settings(tmp_path, api=cloud.url, ports=[device.path])
    with running(settings), closing(Spool(settings.spool)) as spool:
        wait_until(lambda: len(spool.clock_notes("SD-1")) >= 4)
        (seen,) = spool.devices()
        wait_until(lambda: spool.devices()[0].seen_at > seen.seen_at)
        assert (seen.serial, seen.place, seen.records_held) == ("SD-1", device.path, 1)


def test_low_disk_stops_reading_and_nothing_else(
    serve_flash: ServeFlash, cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With too little room nothing more is read, which is said once; uploads go on; with room again reading does."""
    monkeypatch.setattr("device_bridge.daemon.reading.DISK_RETRY_S", 0.02)
    first = serve(serve_flash, "SD-1", 1)
    cloud.answers = [(503, {})]
    settings = make_settings(tmp_path, api=cloud.url, ports=[first.path])
    with running(settings) as daemon:
        daemon.wait_for("record-read")
    # It is never quite the same figure.
    free_bytes, less = 100 << 20, itertools.count(0, 1 << 20)
    monkeypatch.setattr(
        "device_bridge.spool.disk.shutil.disk_usage", lambda _: SimpleNamespace(free=free_bytes - next(less))
    )
    second = serve(serve_flash, "SD-2", 1)
    ports = [second.path]
    with running(make_settings(tmp_path, api=cloud.url, ports=ports, min_free_mib=200)) as daemon:
        (low,) = daemon.wait_for("disk-low")
        assert "reading stops, uploading goes on, nothing is deleted" in low.message
        with closing(Spool(settings.spool)) as spool:
            wait_until(lambda: spool.counts()[CaptureState.DELIVERED] == 1)
            assert spool.find("SD-2", 1) is None
        free_bytes = 1000 << 20
        daemon.wait_for("disk-has-room")
        wait_until(lambda: len(cloud.stored) == 2)
        assert len(daemon.said("disk-low")) == 1


def test_a_stop_tells_nothing_of_the_disk(tmp_path: Path, serve_flash: ServeFlash, cloud: Cloud) -> None:
    """A look that was cut short by the stop does not say that a disk which is still low has room again."""
    device = serve(serve_flash, "SD-1", 1)
    events: list[Event] = []
    shared = make_shared(make_settings(tmp_path, api=cloud.url, ports=[device.path]), events)
    loop = ReadingLoop(device.path, shared, is_fixed=True)
    loop._note_low_disk(LowDiskError("full"))
    linked = LinkedSmartDot()
    linked.open(device.path)
    with closing(Spool(tmp_path / "spool.db", 0)) as spool:
        loop._pull(RecordReader(linked, spool, should_stop=lambda: True))
        assert [event.name for event in events] == ["disk-low"]
        loop._pull(RecordReader(linked, spool))
    linked.close()
    assert [event.name for event in events] == ["disk-low", "disk-has-room"]


class RestlessFirmware(Firmware):
    """Reports something with each answer, and notes when it was asked how it is."""

    asked_at_s: ClassVar[list[float]] = []

    def receive(self, data: bytes) -> list[bytes]:
        """Answer, and report."""
        replies = super().receive(data)
        return [self.event("record ready 1"), self.event("something"), *replies] if replies else []

    def _status(self) -> str:
        self.asked_at_s.append(time.monotonic())
        return super()._status()


def test_a_device_that_never_stops_reporting_is_looked_at_now_and_then(
    serve_flash: ServeFlash, cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two looks at it there is a pause, however much it reports; and what it reports does not fill the log."""
    monkeypatch.setattr("device_bridge.daemon.reading._SHORTEST_GAP_S", 0.1)
    RestlessFirmware.asked_at_s.clear()
    device = serve(serve_flash, "SD-1", 1, firmware=RestlessFirmware)
    with running(make_settings(tmp_path, api=cloud.url, ports=[device.path], poll_s=1000)) as daemon:
        wait_until(lambda: len(RestlessFirmware.asked_at_s) >= 4)
        assert len(daemon.said("device-reports")) <= MOST_REPORTS
    times_s = RestlessFirmware.asked_at_s
    assert min(after - before for before, after in itertools.pairwise(times_s)) >= 0.1


def test_a_stop_waits_for_no_device(serve_flash: ServeFlash, cloud: Cloud, tmp_path: Path) -> None:
    """A stop in the middle of a record keeps every page that was committed, and the next start reads the rest only."""
    device = serve(serve_flash, "SD-1", 1, baud=921_600)
    settings = make_settings(tmp_path, api=cloud.url, ports=[device.path])

    def pages_read() -> int:
        row = spool.find("SD-1", 1)
        return 0 if row is None else row.pages_read

    with closing(Spool(settings.spool)) as spool:
        with running(settings):
            wait_until(pages_read)
        kept = pages_read()
        row = spool.find("SD-1", 1)
        assert row is not None
        assert 0 < kept < row.page_count
        with running(settings):
            wait_until(lambda: len(cloud.stored) == 1)
    assert list(cloud.stored.values()) == captures_of(device)


def test_a_reading_loop_shows_that_it_is_alive(serve_flash: ServeFlash, cloud: Cloud, tmp_path: Path) -> None:
    """While it waits for an event the loop beats all the time, and when it has ended it is no longer watched."""
    device = serve(serve_flash, "SD-1", 1)
    settings = make_settings(tmp_path, api=cloud.url, ports=[device.path], poll_s=3600.0)
    with running(settings) as daemon:
        wait_until(lambda: len(cloud.stored) == 1)
        loop = ReadingLoop("/dev/ttyNOWHERE", daemon.shared, is_fixed=False)
        thread = threading.Thread(target=loop.run)
        thread.start()
        thread.join()
        pulses = {pulse.name: pulse for pulse in daemon.shared.pulses.all()}
        assert f"reading {device.path}" in pulses
        assert "reading /dev/ttyNOWHERE" not in pulses
        pulse = pulses[f"reading {device.path}"]
        pulse._beat_at_s = -1e9
        assert pulse.is_stuck()
        wait_until(lambda: not pulse.is_stuck())
