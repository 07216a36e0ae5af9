import contextlib
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from device_bridge.spool import CaptureState, Spool
from smartdot import MemoryImage

from .conftest import BridgeApiServer, BridgeReply, StartEmulator

RECORDS = 6


@pytest.fixture
def start_run(tmp_path: Path, bridge_api: BridgeApiServer) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Give a function that starts `device_bridge run` on one port, spool and API."""
    environment = {
        **os.environ,
        "DEVICE_BRIDGE_PORT": str(tmp_path / "dot"),
        "DEVICE_BRIDGE_SPOOL": str(tmp_path / "spool.db"),
        "DEVICE_BRIDGE_API": bridge_api.url,
        "DEVICE_BRIDGE_CREDENTIAL": "s3cret",
    }

    with contextlib.ExitStack() as stack:

        def start() -> subprocess.Popen[str]:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "device_bridge", "run", "--poll", "0.2"],
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(process.kill)
            return process

        yield start


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait as long as it takes; pytest's own timeout ends a test that waits for ever."""
    while not condition():
        time.sleep(0.01)


def captures_of(flash: Path) -> list[bytes]:
    """Return the captures in a device's flash."""
    image = MemoryImage(bytearray(flash.read_bytes()))
    return sorted(image.capture(slot.record) for slot in image.slots())


def end(process: subprocess.Popen[str], number: signal.Signals) -> int:
    """Send a signal and return the exit code."""
    process.send_signal(number)
    return process.wait()


def test_killed_at_any_moment_every_record_arrives_once(
    start_emulator: StartEmulator,
    start_run: Callable[[], subprocess.Popen[str]],
    bridge_api: BridgeApiServer,
    tmp_path: Path,
) -> None:
    """However often run is killed, in the end the API holds every record of the device once, byte for byte."""
    # A line of this speed takes some four seconds for all records, so the kills fall everywhere in the work.
    start_emulator(
        *("--records", 2 * RECORDS, "--memory", tmp_path / "flash.bin"),
        *("--link", tmp_path / "dot", "--baud", 1_500_000),
    )
    chance = random.Random(20_261_124)  # noqa: S311 - moments, no secrets
    for _ in range(10):
        process = start_run()
        time.sleep(chance.uniform(0.2, 1.0))
        process.kill()
        process.wait()
    last = start_run()
    assert last.stderr is not None
    assert "is connected" in last.stderr.readline()
    wait_until(lambda: len(bridge_api.stored) == 2 * RECORDS)
    assert end(last, signal.SIGTERM) == 0
    assert sorted(bridge_api.stored.values()) == captures_of(tmp_path / "flash.bin")
    # What was acknowledged is never sent again: each kill can cost one capture's acknowledgement, and no more.
    assert len(bridge_api.arrivals) <= 2 * RECORDS + 10
    with contextlib.closing(Spool(tmp_path / "spool.db")) as spool:
        assert [row.state for row in spool.captures()] == [CaptureState.DELIVERED] * 2 * RECORDS


def test_unplugged_device_is_found_again(
    start_emulator: StartEmulator,
    start_run: Callable[[], subprocess.Popen[str]],
    bridge_api: BridgeApiServer,
    tmp_path: Path,
) -> None:
    """When the device goes away in the middle and comes back at another pty, run goes on by itself to the end."""
    arguments = ("--records", RECORDS, "--memory", tmp_path / "flash.bin", "--link", tmp_path / "dot")
    first = start_emulator(*arguments, "--baud", 921_600)
    process = start_run()
    wait_until(lambda: len(bridge_api.stored) >= 2)
    first.kill()
    second = start_emulator(*arguments)
    wait_until(lambda: len(bridge_api.stored) == RECORDS)
    assert sorted(bridge_api.stored.values()) == captures_of(tmp_path / "flash.bin")
    assert end(process, signal.SIGINT) == 0
    second.kill()


def test_run_outlives_an_api_in_trouble(
    start_emulator: StartEmulator,
    start_run: Callable[[], subprocess.Popen[str]],
    bridge_api: BridgeApiServer,
    tmp_path: Path,
) -> None:
    """Errors, a refused credential and a wrong reply in between end with every record delivered once."""
    start_emulator("--records", 3, "--memory", tmp_path / "flash.bin", "--link", tmp_path / "dot")
    bridge_api.script = [BridgeReply(500), BridgeReply(401), BridgeReply(201, b"{}")]
    process = start_run()
    wait_until(lambda: len(bridge_api.stored) == 3)
    assert end(process, signal.SIGTERM) == 0
    assert sorted(bridge_api.stored.values()) == captures_of(tmp_path / "flash.bin")


def test_new_records_arrive_while_run_is_running(
    start_emulator: StartEmulator,
    start_run: Callable[[], subprocess.Popen[str]],
    bridge_api: BridgeApiServer,
    tmp_path: Path,
) -> None:
    """A device that records shot after shot is read shot after shot, and reports each by an event."""
    emulator = start_emulator("--every", 0.3, "--memory", tmp_path / "flash.bin", "--link", tmp_path / "dot")
    process = start_run()
    wait_until(lambda: len(bridge_api.stored) >= 3)
    assert end(process, signal.SIGTERM) == 0
    emulator.process.terminate()
    assert emulator.process.wait() == 0
    assert set(bridge_api.stored.values()) <= set(captures_of(tmp_path / "flash.bin"))


def test_run_outlives_a_full_disk(
    start_emulator: StartEmulator,
    start_run: Callable[[], subprocess.Popen[str]],
    bridge_api: BridgeApiServer,
    tmp_path: Path,
) -> None:
    """While the spool cannot grow, run says so and waits; with room again it reads and delivers by itself."""
    process = start_run()
    assert process.stderr is not None
    assert "Trying again" in process.stderr.readline()
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))
    start_emulator("--records", 2, "--memory", tmp_path / "flash.bin", "--link", tmp_path / "dot")
    assert "is connected" in process.stderr.readline()
    assert "check the disk and its free space" in process.stderr.readline()
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_until(lambda: len(bridge_api.stored) == 2)
    assert end(process, signal.SIGTERM) == 0
    assert sorted(bridge_api.stored.values()) == captures_of(tmp_path / "flash.bin")
