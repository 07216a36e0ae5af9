"""`make demo`'s program: a shot's whole way through the system, in processes of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.recordings import recording

pytestmark = pytest.mark.timeout(180)
PROJECT = Path(__file__).parents[2]


def _start(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "local_cloud", "demo", *arguments]
    return subprocess.Popen(
        command,
        cwd=PROJECT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A group of its own, as a shell gives it: Ctrl-C reaches every process of the group.
        start_new_session=True,
    )


def _play(*arguments: str) -> tuple[int, str, str]:
    process = _start(*arguments)
    out, err = process.communicate(timeout=170)
    return process.returncode, out, err


def _result(out: str) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(out.splitlines()[-1])
    return whole


def _processes_of_session(session: int) -> list[str]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        # Field 6 of proc(5), counted from 1, is the session; the state Z is a process that has ended.
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(stat.parent.name)
    return found


def _left_of_session(session: int) -> list[str]:
    deadline_s = time.monotonic() + 20
    while (left := _processes_of_session(session)) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    return left


def test_a_simulated_shot_comes_back_bit_for_bit() -> None:
    """The bytes read back through the API equal the device's, and both a person and a program can read the result."""
    code, out, err = _play()
    assert code == 0, err
    result = _result(out)
    assert result["identical"] is True
    assert result["device_sha256"] == result["stored_sha256"] == result["capture_id"]
    assert set(result["sensors"]) == {"accel", "gyro", "mag", "light"}
    assert result["sensors"]["gyro"]["clipped"] > 0
    assert result["metrics"]["shot_detected"]["value"] is True
    assert result["metrics"]["rate_peak_rpm"]["quality"] == "lower_bound"
    assert {"size_bytes", "elapsed_s"} <= set(result)
    assert "Metrics" in out
    assert "bridge" in err
    assert "Ctrl-C" not in err


@pytest.mark.parametrize(
    ("name", "samples"),
    [
        ("rest_100hz.csv", {"accel": 4270, "gyro": 4266, "mag": 416, "light": 21}),
        ("hand_swing_70hz.csv", {"accel": 454, "gyro": 477, "mag": 13, "light": 14}),
        ("hand_rotations_100hz.csv", {"accel": 13514, "gyro": 13514, "mag": 13514}),
    ],
)
def test_a_real_recording_comes_back_with_every_sample(name: str, samples: dict[str, int]) -> None:
    """A real recording arrives bit for bit, with exactly its number of samples for each sensor, and is no shot."""
    code, out, err = _play("--recording", str(recording(name)))
    assert code == 0, err
    result = _result(out)
    assert result["identical"] is True
    assert {kind: sensor["samples"] for kind, sensor in result["sensors"].items()} == samples
    assert result["metrics"]["shot_detected"]["value"] is False


@pytest.mark.parametrize(
    "content",
    [
        "time,value\n0,1\n",
        (
            "time_s,accel_x_g,accel_y_g,accel_z_g,gyro_x_dps,gyro_y_dps,gyro_z_dps,mag_x_ut,mag_y_ut,mag_z_ut,light_lx\n"
            "1,0,0,1,,,,,,,\n0,0,0,1,,,,,,,\n"
        ),
        "",
    ],
    ids=["another header", "time running backwards", "empty"],
)
def test_a_recording_that_cannot_be_used_is_told_in_a_line(tmp_path: Path, content: str) -> None:
    """A bad recording ends the demo with an error that names it, and no traceback."""
    path = tmp_path / "bad.csv"
    path.write_text(content)
    code, out, err = _play("--recording", str(path))
    assert code != 0
    assert out == ""
    assert "bad.csv" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["plugged in", "a local cloud starts", "the bridge reads"])
def test_an_interrupted_demo_leaves_nothing_behind(moment: str, number: signal.Signals, tmp_path: Path) -> None:
    """Stopped at any step, by Ctrl-C or from outside, every process and every file of the demo is gone."""
    process = _start(TMPDIR=str(tmp_path))
    assert process.stderr is not None
    for line in process.stderr:
        if moment in line:
            break
    if number is signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert _left_of_session(process.pid) == []
    assert list(tmp_path.glob("revmetrix-demo-*")) == []


@pytest.mark.parametrize("moment", ["plugged in", "the bridge reads"])
def test_a_killed_demo_leaves_no_process_behind(moment: str, tmp_path: Path) -> None:
    """What the demo has started ends even when the demo itself is killed and can stop nothing."""
    process = _start(TMPDIR=str(tmp_path))
    assert process.stderr is not None
    for line in process.stderr:
        if moment in line:
            break
    process.kill()
    process.communicate(timeout=60)
    assert _left_of_session(process.pid) == []


def test_a_result_that_cannot_be_written_is_told_in_a_line() -> None:
    """A full disk behind stdout gives an error of one line and exit code 1, and no traceback."""
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "local_cloud", "demo"]
        result = subprocess.run(
            command, cwd=PROJECT, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=170
        )
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "demo: the result cannot be written: No space left on device"
    assert "Traceback" not in result.stderr
