"""How much memory the bridge needs to pull a full device and push it: by a device of 16 and one of 64 MiB.

The device, the cloud and the bridge are three processes. The device holds one record that fills it, the largest capture
that there is; the bridge reads it over TCP with its own reader into its own spool, and sends it by ticket.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.full_device import started, write_memory
from bench.measure import progress
from bench.report import Figure, Options, Result
from smartdot import PAGE_SIZE_BYTES

_SMALL_MIB, _LARGE_MIB = 16, 64
_AT_MOST_MIB = 100.0
_AT_MOST_RATIO = 1.1

# The bridge's own parts as `run` puts them together, in a process of their own, so that nothing else is counted.
_BRIDGE = """
import json, sys, time
from pathlib import Path
from device_bridge.api import Api
from device_bridge.device import LinkedSmartDot
from device_bridge.reader import RecordReader
from device_bridge.spool import Spool
from device_bridge.transport import open_transport
from device_bridge.uploader import Uploader, push_until_done
def peak_mib():
    # Not ru_maxrss, which a process takes over from the one that started it.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
place, url, path = sys.argv[1:]
facts = {"start_mib": peak_mib()}
spool = Spool(Path(path), min_free_bytes=0)
device = LinkedSmartDot(open_transport)
device.open(place)
begun_s = time.monotonic()
RecordReader(device, spool).pull()
device.close()
facts |= {"pulled_mib": peak_mib(), "pull_s": time.monotonic() - begun_s}
begun_s = time.monotonic()
result = push_until_done(Uploader(spool, Api(url, "credential")), 60)
facts |= {"pushed_mib": peak_mib(), "push_s": time.monotonic() - begun_s}
facts |= {"delivered_bytes": sum(row.size_bytes or 0 for row in result.delivered), "problems": result.problems}
print(json.dumps(facts))
"""


def run(options: Options) -> Result:
    """Measure the peak of resident memory with both devices; a quick run takes small ones."""
    sizes_mib = (1, 5) if options.quick else (_SMALL_MIB, _LARGE_MIB)
    found = {size_mib: _measure(size_mib) for size_mib in sizes_mib}
    small, large = (found[size_mib]["pushed_mib"] for size_mib in sizes_mib)
    figures = [
        Figure(f"resident memory, a device of {sizes_mib[1]} MiB pulled and pushed", large, "MiB", _AT_MOST_MIB),
        Figure(f"the same with {sizes_mib[0]} MiB", small, "MiB", _AT_MOST_MIB),
        Figure(f"{sizes_mib[1]} MiB over {sizes_mib[0]} MiB", large / small, "x", _AT_MOST_RATIO),
    ]
    return Result("bridge_memory", figures, {str(size_mib): facts for size_mib, facts in found.items()})


def _measure(size_mib: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as folder:
        image = Path(folder) / "device.mem"
        # The first page and the directory stand beside the record.
        capture_bytes = write_memory(image, size_mib * 2**20 // PAGE_SIZE_BYTES - 2)
        emulator = ["device_bridge", "emulate", "--tcp", "127.0.0.1:0", "--memory", str(image)]
        with started(*emulator) as place, started("bench.stand_in_cloud") as url:
            progress(f"bridge_memory: {size_mib} MiB from {place}")
            command = [sys.executable, "-c", _BRIDGE, place, url, str(Path(folder) / "spool.db")]
            facts: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    if facts["delivered_bytes"] != capture_bytes:
        raise RuntimeError(f"{capture_bytes} bytes were on the device: {facts}")
    return facts
