"""What the processing function needs of memory, measured in processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.metrics.service import LARGEST_COMPUTED_BYTES
from local_cloud.cloud import LocalCloud
from smartdot import FirstPage, MemoryImage, RecordHeader, RecordWriter, SampleType, Sensor, SensorKind, Version
from tests.chalicelib.tickets import Account, new_capture, sha256_of, without_events

PROJECT = Path(__file__).parents[2]
MIB = 1024 * 1024
# Not ru_maxrss, which a process takes over from the one that started it.
PEAK = "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
COMPUTE = """from chalicelib.metrics.computation import compute
compute(decode_capture(open(sys.argv[1], 'rb').read()))"""
VERIFY = """from chalicelib.captures import arrival
assert arrival.verify(*sys.argv[1:]).state == 'damaged'"""
pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a process's peak in this way"),
]


def _peak_bytes(script: str, *arguments: str) -> int:
    """Run a script in a process of its own, as the function's, and return the most memory that it held."""
    code = f"import sys, app, numpy\nfrom smartdot import decode_capture\n{script}\n{PEAK}"
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=PROJECT, env=os.environ.copy(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout) * 1024


def _densest(size_bytes: int) -> bytes:
    """Return a capture of one axis, which has the most samples to the byte."""
    sensor = Sensor(SensorKind.GYRO, 1, SampleType.INT16, 1_000_000, 16.4, 2000.0, -32768, 32767)
    writer = RecordWriter(RecordHeader(1, 0, 1_000_000, (sensor,)))
    for index in range(size_bytes * 4 // 10):
        writer.add(0, index * 1_000, (index % 1000,))
    pages = writer.finish()
    memory = MemoryImage.blank(FirstPage("SD-1", Version(1, 0, 0), Version(1, 0, 0), len(pages) + 8, 2))
    memory.store_record(pages)
    return memory.capture(1)


def test_the_largest_capture_with_metrics_fits_the_function(tmp_path: Path) -> None:
    """Decoding the densest capture of the largest size that has metrics takes less than two thirds of the memory."""
    sizes, peaks = [], []
    for name, size_bytes in (("small", 2 * MIB), ("large", 6 * MIB)):
        path = tmp_path / name
        path.write_bytes(_densest(size_bytes))
        sizes.append(path.stat().st_size)
        peaks.append(_peak_bytes(COMPUTE, str(path)))
    each = (peaks[1] - peaks[0]) / (sizes[1] - sizes[0])
    needed = peaks[0] + each * (LARGEST_COMPUTED_BYTES - sizes[0])
    config = json.loads((PROJECT / ".chalice" / "config.json").read_text())
    function = config["stages"]["prod"]["lambda_functions"]["process_capture"]
    assert needed < function["lambda_memory_size"] * MIB * 2 / 3, f"{each:.1f} times its size, {needed / MIB:.0f} MiB"


def test_looking_at_an_object_takes_the_same_memory_whatever_its_size(cloud: LocalCloud) -> None:
    """64 MiB are hashed and inspected in the memory that 8 MiB take: piece by piece, page by page."""
    cloud.pump.drain(30)
    peaks = []
    for size_bytes in (8 * MIB, 64 * MIB):
        capture = new_capture()
        data = (capture[:-256] + capture[512:768] * (size_bytes // 256))[:size_bytes]
        account = Account()
        with without_events():
            account.arrive(data)
        peaks.append(_peak_bytes(VERIFY, account.user_id, sha256_of(data)))
        assert account.rows()[0].bad_page_count > size_bytes // 256 // 2
    assert peaks[1] - peaks[0] < 8 * MIB, [peak / MIB for peak in peaks]
