import contextlib
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from device_bridge.daemon.notify import Notifier
from device_bridge.errors import ExitCode
from device_bridge.spool import CaptureState, Spool
from smartdot import MemoryImage

from .conftest import BridgeApiServer, BridgeReply, StartEmulator
from .running_daemon import FIRST_CREDENTIAL, SECOND_CREDENTIAL, Cloud, make_settings, running, wait_until

RECORDS = 6
StartRun = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """Give the API's stand-in that checks credentials and hears heartbeats."""
    server = Cloud()
    yield server
    server.close()


@pytest.fixture
def start_run(tmp_path: Path, bridge_api: BridgeApiServer) -> Iterator[StartRun]:
    """Give a function that starts `device_bridge run` on one port, spool and API."""
    (tmp_path / "credential").write_text("s3cret")
    (tmp_path / "credential").chmod(0o600)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DEVICE_BRIDGE_")},
        "DEVICE_BRIDGE_PORT": str(tmp_path / "dot"),
        "DEVICE_BRIDGE_SPOOL": str(tmp_path / "spool.db"),
        "DEVICE_BRIDGE_API": bridge_api.url,
        "DEVICE_BRIDGE_CREDENTIAL_FILE": str(tmp_path / "credential"),
        "DEVICE_BRIDGE_MIN_FREE_MIB": "0",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }

    with contextlib.ExitStack() as stack:

        def start(*arguments: str, **changes: str) -> "subprocess.Popen[str]":
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "device_bridge", "run", "--poll", "0.2", *arguments],
                    env={**environment, **changes},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(process.kill)
            return process

        yield start


def captures_of(*flashes: Path) -> list[bytes]:
    """Return the captures in the devices' flashes."""
    images = [MemoryImage(bytearray(flash.read_bytes())) for flash in flashes]
    return sorted(image.capture(slot.record) for image in images for slot in image.slots())


def end(process: "subprocess.Popen[str]", number: signal.Signals) -> int:
    """Send a signal and return the exit code."""
    process.send_signal(number)
    return process.wait()


def next_message(process: "subprocess.Popen[str]") -> str:
    """Return the next line of stderr; a heartbeat that the older stand-in does not hear is passed over."""
    assert process.stderr is not None
    while "does not know that this bridge works" in (line := process.stderr.readline()):
        pass
    return line


@pytest.mark.long
def test_killed_at_any_moment_every_record_arrives_once(
    start_emulator: StartEmulator, start_run: StartRun, bridge_api: BridgeApiServer, tmp_path: Path
) -> None:
    """However often run is killed beside two devices, in the end the API holds each record once, byte for byte."""
    # A line of this speed takes some two seconds for all records, so the kills fall everywhere in the work.
    flashes = [tmp_path / "flash-a.bin", tmp_path / "flash-b.bin"]
    for seed, flash in enumerate(flashes, 1):
        arguments = ("--records", RECORDS, "--seed", seed, "--serial", f"SD-{seed}", "--memory", flash)
        start_emulator(*arguments, "--link", tmp_path / f"dot-{seed}", "--baud", 1_500_000)
    ports = {"DEVICE_BRIDGE_PORT": f"{tmp_path / 'dot-1'},{tmp_path / 'dot-2'}"}
    chance = random.Random(20_261_124)  # noqa: S311 - moments, no secrets
    for _ in range(10):
        process = start_run(**ports)
        time.sleep(chance.uniform(0.2, 1.0))
        process.kill()
        process.wait()
    last = start_run(**ports)
    wait_until(lambda: len(bridge_api.stored) == 2 * RECORDS)
    assert end(last, signal.SIGTERM) == 0
    assert sorted(bridge_api.stored.values()) == captures_of(*flashes)
    # What was acknowledged is never sent again: each kill can cost one capture's acknowledgement, and no more.
    assert len(bridge_api.arrivals) <= 2 * RECORDS + 10
    with contextlib.closing(Spool(tmp_path / "spool.db")) as spool:
        assert [row.state for row in spool.captures()] == [CaptureState.DELIVERED] * 2 * RECORDS


@pytest.mark.long
def test_unplugged_device_is_found_again(
    start_emulator: StartEmulator, start_run: StartRun, bridge_api: BridgeApiServer, tmp_path: Path
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


@pytest.mark.long
def test_run_outlives_an_api_in_trouble(
    start_emulator: StartEmulator, start_run: StartRun, bridge_api: BridgeApiServer, tmp_path: Path
) -> None:
    """Errors, a wrong reply and a refused credential, until it is replaced, end with every record delivered once."""
    start_emulator("--records", 3, "--memory", tmp_path / "flash.bin", "--link", tmp_path / "dot")
    bridge_api.script = [BridgeReply(500), BridgeReply(201, b"{}"), BridgeReply(401)]
    process = start_run()
    while "Uploading pauses" not in next_message(process):
        pass
    (tmp_path / "credential").write_text("s3cret")
    wait_until(lambda: len(bridge_api.stored) == 3)
    assert end(process, signal.SIGTERM) == 0
    assert sorted(bridge_api.stored.values()) == captures_of(tmp_path / "flash.bin")
    assert len(bridge_api.arrivals) == 3


@pytest.mark.long
def test_new_records_arrive_while_run_is_running(
    start_emulator: StartEmulator, start_run: StartRun, bridge_api: BridgeApiServer, tmp_path: Path
) -> None:
    """A device that records shot after shot is read shot after shot."""
    emulator = start_emulator("--every", 0.3, "--memory", tmp_path / "flash.bin", "--link", tmp_path / "dot")
    process = start_run()
    wait_until(lambda: len(bridge_api.stored) >= 3)
    assert end(process, signal.SIGTERM) == 0
    emulator.process.terminate()
    assert emulator.process.wait() == 0
    assert set(bridge_api.stored.values()) <= set(captures_of(tmp_path / "flash.bin"))


@pytest.mark.long
def test_run_outlives_a_full_disk(
    start_emulator: StartEmulator, start_run: StartRun, bridge_api: BridgeApiServer, tmp_path: Path
) -> None:
    """While the spool cannot grow, run says so and waits; with room again it reads and delivers by itself."""
    process = start_run()
    assert "Trying again" in next_message(process)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (120_000, resource.RLIM_INFINITY))
    start_emulator("--records", 2, "--memory", tmp_path / "flash.bin", "--link", tmp_path / "dot")
    assert "is connected" in next_message(process)
    assert "cannot be written" in next_message(process)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_until(lambda: len(bridge_api.stored) == 2)
    assert end(process, signal.SIGTERM) == 0
    assert sorted(bridge_api.stored.values()) == captures_of(tmp_path / "flash.bin")


def test_one_bridge_at_a_spool(start_run: StartRun) -> None:
    """A second run on the same spool ends at once with the number of the one that works with it."""
    first = start_run()
    assert "Trying again" in next_message(first)
    second = start_run()
    assert second.wait() == ExitCode.FAILED
    message = next_message(second)
    assert f"process {first.pid}" in message
    assert second.stderr is not None
    assert second.stderr.read() == ""
    assert end(first, signal.SIGTERM) == 0


@pytest.mark.parametrize("once", [(), ("--once",)])
def test_a_damaged_spool_is_refused_and_left_as_it_is(start_run: StartRun, tmp_path: Path, once: tuple[str]) -> None:
    """At the start a spool that is no database ends run with the command that sets it aside; nothing is replaced."""
    spool = tmp_path / "spool.db"
    spool.write_bytes(b"no database at all " * 300)
    process = start_run(*once)
    assert process.wait() == ExitCode.FAILED
    assert "device_bridge doctor --set-aside-spool" in next_message(process)
    assert spool.read_bytes() == b"no database at all " * 300


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_spool_that_is_deleted_under_run_ends_it(start_run: StartRun, tmp_path: Path, *, is_replaced: bool) -> None:
    """Rather than write where nothing is kept, run says so and ends with an error, for systemd to start it anew."""
    process = start_run()
    assert "Trying again" in next_message(process)
    spool = tmp_path / "spool.db"
    if is_replaced:
        shutil.copy(spool, tmp_path / "copy.db")
        (tmp_path / "copy.db").replace(spool)
    else:
        spool.unlink()
    assert process.wait() == ExitCode.FAILED
    assert f"the spool {spool} was" in next_message(process)


def test_json_lines_and_no_secret(start_emulator: StartEmulator, start_run: StartRun, tmp_path: Path) -> None:
    """With --log-format json every line of both streams is an object, and none holds the credential."""
    start_emulator("--records", 1, "--memory", tmp_path / "flash.bin", "--link", tmp_path / "dot")
    process = start_run("--log-format", "json")
    assert process.stdout is not None
    assert process.stderr is not None
    results = [json.loads(process.stdout.readline()) for _ in range(2)]
    assert end(process, signal.SIGTERM) == 0
    messages = [json.loads(line) for line in process.stderr.read().splitlines()]
    assert [line["event"] for line in results] == ["record-read", "capture-delivered"]
    assert {"time", "level", "event", "message", "device", "record", "sha256"} <= set(results[0])
    names = [line["event"] for line in messages]
    assert "device-connected" in names
    assert names[-1] == "stopped"
    assert "s3cret" not in json.dumps([*results, *messages])
    failed = start_run("--log-format", "json", DEVICE_BRIDGE_API="gopher://x")
    assert failed.wait() == ExitCode.USAGE
    assert json.loads(next_message(failed))["level"] == "error"


@pytest.mark.long
def test_once_reads_every_port_and_returns_the_first_failure(
    start_emulator: StartEmulator, start_run: StartRun, bridge_api: BridgeApiServer, tmp_path: Path
) -> None:
    """A port that is missing keeps neither the other from being read nor anything from being sent."""
    start_emulator("--records", 1, "--link", tmp_path / "dot")
    process = start_run("--once", "--port", str(tmp_path / "missing"), "--port", str(tmp_path / "dot"))
    assert process.wait() == ExitCode.NO_DEVICE
    assert "there is no port" in next_message(process)
    assert len(bridge_api.stored) == 1


@pytest.mark.long
def test_a_dry_run_changes_nothing(
    start_emulator: StartEmulator, start_run: StartRun, bridge_api: BridgeApiServer, tmp_path: Path
) -> None:
    """It says what would be read and, from a spool, what would be sent, asks no API, and makes no spool."""
    start_emulator("--records", 2, "--serial", "SD-1", "--link", tmp_path / "dot")
    process = start_run("--dry-run")
    out, _ = process.communicate()
    assert process.returncode == 0
    assert [line.split(":")[0] for line in out.splitlines()] == ["SD-1 record 1", "SD-1 record 2"]
    assert not (tmp_path / "spool.db").exists()
    assert bridge_api.requests == []
    bridge_api.script = [BridgeReply(503)]
    assert start_run("--once").wait() == ExitCode.NOT_DELIVERED
    asked = len(bridge_api.requests)
    before = (tmp_path / "spool.db").read_bytes()
    out, _ = start_run("--dry-run").communicate()
    assert "SD-1: no new records" in out
    assert f"bytes would be sent to {bridge_api.url}" in out
    assert (tmp_path / "spool.db").read_bytes() == before
    assert len(bridge_api.requests) == asked


def hear(systemd: socket.socket) -> str:
    """Return what systemd hears next."""
    return systemd.recv(4096).decode()


def test_systemd_hears_that_run_is_ready_alive_and_stopping(start_run: StartRun, tmp_path: Path) -> None:
    """READY=1 comes first, WATCHDOG=1 again and again while the loops move, STOPPING=1 after SIGTERM."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        process = start_run(NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="400000")
        assert hear(systemd) == "READY=1"
        heard = [hear(systemd) for _ in range(4)]
        assert heard.count("WATCHDOG=1") == 3
        assert "STATUS=reading no device; 0 captures wait" in heard
        process.send_signal(signal.SIGTERM)
        while hear(systemd) != "STOPPING=1":
            pass
        assert process.wait() == 0


def test_a_loop_that_is_stuck_stops_the_watchdog(cloud: Cloud, tmp_path: Path) -> None:
    """While one loop does not move systemd hears no WATCHDOG=1, is told which it is, and hears again when it moves."""
    (tmp_path / "credential").write_text(FIRST_CREDENTIAL)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "20000"})
        with running(make_settings(tmp_path, api=cloud.url), notifier=notifier) as daemon:
            pulse = daemon.shared.pulses.add("a loop", 3600.0)
            while hear(systemd) != "WATCHDOG=1":
                pass
            pulse._beat_at_s -= 7200.0
            (stuck,) = daemon.wait_for("loop-stuck")
            assert "a loop" in stuck.message
            while "a loop has not moved for" not in hear(systemd):
                pass
            systemd.settimeout(0.3)
            with contextlib.suppress(TimeoutError):
                while True:
                    assert hear(systemd) != "WATCHDOG=1"
            systemd.settimeout(60)
            pulse.beat()
            while hear(systemd) != "WATCHDOG=1":
                pass
            daemon.wait_for("loop-moves")


def test_a_new_credential_in_the_file_ends_the_pause(
    start_emulator: StartEmulator, start_run: StartRun, cloud: Cloud, tmp_path: Path
) -> None:
    """Enrolling again while run is running is enough: its next request carries the new credential."""
    cloud.credential = SECOND_CREDENTIAL
    start_emulator("--records", 1, "--memory", tmp_path / "flash.bin", "--link", tmp_path / "dot")
    process = start_run(DEVICE_BRIDGE_API=cloud.url)
    while "device_bridge enrol" not in next_message(process):
        pass
    (tmp_path / "new").write_text(SECOND_CREDENTIAL)
    (tmp_path / "new").replace(tmp_path / "credential")
    wait_until(lambda: len(cloud.stored) == 1)
    assert end(process, signal.SIGTERM) == 0
    assert list(cloud.stored.values()) == captures_of(tmp_path / "flash.bin")


@pytest.mark.long
def test_a_terminal_that_takes_nothing_stops_no_loop(start_emulator: StartEmulator, tmp_path: Path) -> None:
    """With both streams full and read by nobody, records are read all the same, and SIGTERM ends it."""
    emulator = start_emulator("--records", "2", "--serial", "SD-9")
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(512))
    os.set_blocking(writing, True)
    spool = tmp_path / "spool.db"
    arguments = ["run", "--port", emulator.path, "--spool", str(spool), "--api", "http://127.0.0.1:9"]
    command = [sys.executable, "-m", "device_bridge", *arguments, "--min-free-mib", "0", "--poll", "0.1"]
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    with subprocess.Popen(command, stdout=writing, stderr=writing, env=environment) as run:
        try:
            wait_until(spool.exists)
            with contextlib.closing(Spool(spool, 0)) as looked_at:
                wait_until(lambda: looked_at.counts()[CaptureState.SEALED] == 2)
            run.send_signal(signal.SIGTERM)
            assert run.wait(60) == ExitCode.FINE
        finally:
            run.kill()
            os.close(reading)
            os.close(writing)
