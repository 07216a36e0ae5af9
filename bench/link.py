"""The link: pages from an emulated device on a pty into the spool, and its receive path beside others'.

The device is a process of its own with one record in memory. Over a limited line it answers no faster than 921,600
baud, 92,160 bytes a second, of which a page takes 276. Unlimited, two processes share the machine, and the disk is
synced at every commit.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.environment import ROOT, bench_python
from bench.full_device import started, write_memory
from bench.measure import progress, ratio, ratio_quartiles
from bench.report import Figure, Options, Result
from device_bridge.device import LinkedSmartDot
from device_bridge.reader import RecordReader
from device_bridge.spool import Spool
from smartdot import PAGE_SIZE_BYTES

BAUD = 921_600
_PAGE_ON_WIRE_BYTES = 276
# At least 95 % of what the line carries, so at most 1 / 0.95 of the time.
_AT_MOST_LINE = 1 / 0.95
_WANTED_BYTES_PER_S = 3e6
_AT_MOST_FLOOR = 2.0


def run(options: Options) -> Result:
    """Measure both lines and all receive paths."""
    rounds, pages = (1, 400) if options.quick else (5, 20_000)
    limited = [_pull_seconds_per_page(min(pages, 2_000), BAUD) for _ in range(rounds)]
    unlimited = [_pull_seconds_per_page(pages, None) for _ in range(rounds)]
    paths = _receive_paths(options)
    figures = [*_line_figures(limited, unlimited), *_path_figures(paths["us"])]
    details = {"limited_s_per_page": limited, "unlimited_s_per_page": unlimited, "paths": paths}
    return Result("link", figures, details, [", ".join(f"{n} {v}" for n, v in paths["versions"].items())])


def _line_figures(limited: list[float], unlimited: list[float]) -> list[Figure]:
    line_s = [_PAGE_ON_WIRE_BYTES * 10 / BAUD] * len(limited)
    wanted_s = [PAGE_SIZE_BYTES / _WANTED_BYTES_PER_S] * len(unlimited)
    speed = PAGE_SIZE_BYTES / statistics.median(unlimited) / 1e6
    return [
        Figure(
            f"into the spool over {BAUD:,} baud: time over the line's own",
            ratio(limited, line_s),
            "x",
            _AT_MOST_LINE,
            ratio_quartiles(limited, line_s),
        ),
        Figure(
            "into the spool over a pty: time over that of 3 MB/s",
            ratio(unlimited, wanted_s),
            "x",
            1.0,
            ratio_quartiles(unlimited, wanted_s),
        ),
        Figure("into the spool over a pty", speed, "MB/s"),
    ]


def _path_figures(us: dict[str, list[float]]) -> list[Figure]:
    names = {
        "floor": ("framing and checking over COBS and CRC-32 alone", _AT_MOST_FLOOR),
        "smpclient": ("framing and checking over smpclient's receive path", 1.0),
        "esptool": ("framing and checking over esptool's receive path", 1.0),
    }
    ratios = [
        Figure(text, ratio(us["link"], us[name]), "x", wanted, ratio_quartiles(us["link"], us[name]))
        for name, (text, wanted) in names.items()
        if name in us
    ]
    return ratios + [Figure(f"{name}, a page", statistics.median(costs), "us") for name, costs in us.items()]


def _receive_paths(options: Options) -> dict[str, Any]:
    python = Path(sys.executable) if options.here else bench_python()
    sources = [ROOT, *(ROOT / package / "src" for package in ("device_bridge", "smartdot"))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sources))}
    command = [str(python), "-m", "bench.link_paths", "3" if options.quick else "100"]
    finished = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
    measured: dict[str, Any] = json.loads(finished.stdout)
    return measured


def _pull_seconds_per_page(pages: int, baud: int | None) -> float:
    progress(f"link: {pages:,} pages, {'unlimited' if baud is None else f'{baud:,} baud'}")
    with tempfile.TemporaryDirectory(prefix="bench-link-") as folder:
        memory = Path(folder) / "device.mem"
        write_memory(memory, pages)
        spool = Spool(Path(folder) / "spool.db", min_free_bytes=0)
        speed = [] if baud is None else ["--baud", str(baud)]
        emulator = started("device_bridge", "emulate", "--memory", str(memory), *speed)
        with emulator as place, contextlib.closing(spool):
            return _time_pull(place, spool, pages) / pages


def _time_pull(place: str, spool: Spool, pages: int) -> float:
    device = LinkedSmartDot()
    device.open(place)
    try:
        started_s = time.perf_counter()
        result = RecordReader(device, spool).pull()
        took_s = time.perf_counter() - started_s
    finally:
        device.close()
    if [row.pages_read for row in result.sealed] != [pages]:
        raise RuntimeError(f"{pages} pages were on the device, and the spool got {result}")
    return took_s
