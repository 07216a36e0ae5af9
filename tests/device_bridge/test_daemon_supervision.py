from collections.abc import Iterator
from pathlib import Path

import pytest

from device_bridge.errors import BridgeError
from device_bridge.spool import SpoolCorruptError

from .conftest import ServeFlash
from .running_daemon import FIRST_CREDENTIAL, Cloud, make_settings, running, wait_until


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """Give the API's stand-in, and a credential file that it takes."""
    (tmp_path / "credential").write_text(FIRST_CREDENTIAL)
    server = Cloud()
    yield server
    server.close()


@pytest.mark.parametrize("loop", ["uploading.Uploader.push", "heartbeat.HeartbeatLoop._beat"])
def test_a_fault_in_a_loop_that_there_is_one_of_ends_the_daemon(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loop: str
) -> None:
    """A daemon that could no longer upload or be heard of does not pretend to work: it ends with what went wrong."""

    def fail(*_: object) -> None:
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr(f"device_bridge.daemon.{loop}", fail)
    with running(make_settings(tmp_path, api=cloud.url)) as daemon:
        wait_until(lambda: daemon.failure is not None)
    assert isinstance(daemon.failure, RuntimeError)
    assert daemon.shared.stop.is_set()


def test_a_spool_that_is_found_damaged_ends_the_daemon(
    serve_flash: ServeFlash, cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damage does not pass by itself: nothing is tried again and nothing replaced, whoever finds it."""

    def fail(*_: object) -> None:
        raise SpoolCorruptError("the spool is damaged")

    monkeypatch.setattr("device_bridge.spool.Spool.note_device", fail)
    settings = make_settings(tmp_path, api=cloud.url, ports=[serve_flash().path])
    with running(settings) as daemon:
        wait_until(lambda: daemon.failure is not None)
    assert isinstance(daemon.failure, SpoolCorruptError)
    assert isinstance(daemon.failure, BridgeError)


def test_ports_that_cannot_be_listed_are_listed_again(serve_flash: ServeFlash, cloud: Cloud, tmp_path: Path) -> None:
    """An error of the system while devices are looked for is said once, and ends when it does."""
    device = serve_flash()
    answers = [OSError(5, "Input/output error")] * 3

    def find_places() -> list[str]:
        if answers:
            raise answers.pop()
        return [device.path]

    with running(make_settings(tmp_path, api=cloud.url), find_places=find_places) as daemon:
        wait_until(lambda: len(cloud.stored) == 2)
        assert len(daemon.said("ports-not-listed")) == 1
