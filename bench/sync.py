"""The synchronisation by HTTP, against an emulated AWS in the same process, with histories of three lengths behind it.

What is consumed is counted by the sizes of items, as AWS counts it, and must be the same whatever lies behind. Time is
told with and without DynamoDB's: the emulator's queries take as long as its table is, which DynamoDB's do not.
"""

import json
import subprocess
import sys

from bench.environment import ROOT
from bench.report import Figure, Options, Result
from bench.sync_cost import POLL, PULL_10, PULL_1000, PUSH, UNITS, Found, Row

SIZES = (1_000, 10_000, 100_000)
QUICK_SIZES = (1_000, 2_000)
ROUNDS, QUICK_ROUNDS = 7, 2
WANTED: dict[str, tuple[float, float, float]] = {
    PUSH: (364 + 4, 544 + 4, 1),
    POLL: (0, 0, 1),
    PULL_10: (0, 0, 3),
    PULL_1000: (0, 0, 105),
}
"""Write units with each index counted once, and twice, and strong read units (decision 0022).

Session and game of the shots are no part of the push, and making sure that they are live takes 2 each.
"""


def run(options: Options) -> Result:
    """Measure in a process of its own, which holds the emulated cloud."""
    sizes, rounds = (QUICK_SIZES, QUICK_ROUNDS) if options.quick else (SIZES, ROUNDS)
    command = [sys.executable, "-m", "bench.sync_cost", str(rounds), *map(str, sizes)]
    finished = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    found: Found = json.loads(finished.stdout)
    figures = [figure for what, by_size in found.items() for figure in _figures(what, by_size)]
    return Result("sync", figures, {"rounds": rounds, "by_entries": found}, [_NOTE])


_NOTE = (
    "units by the sizes of items, as AWS counts; 'indexes twice' counts them as a transaction's items, which AWS leaves"
    " open. A client is served on 127.0.0.1 by the same process; 'without DynamoDB' leaves out the emulator."
)


def _figures(what: str, by_size: dict[str, Row]) -> list[Figure]:
    figures = []
    for name, label, wanted in zip(UNITS, ("WRU", "WRU, indexes twice", "RRU"), WANTED[what], strict=True):
        if wanted:
            figures += [
                Figure(f"{what}, {int(size):,} entries behind it: {label}", row[name], "units", wanted)
                for size, row in by_size.items()
            ]
    small, *_, large = by_size
    figures += [
        Figure(f"{what}: units with {int(large):,} entries over {int(small):,}", _growth(by_size), "x", 1.0),
        *(
            Figure(f"{what}, {int(size):,} entries: {label}", row[name], "ms")
            for name, label in (("ms", "whole"), ("own_ms", "without DynamoDB"))
            for size, row in by_size.items()
        ),
    ]
    return figures


def _growth(by_size: dict[str, Row]) -> float:
    first, *_, last = by_size.values()
    return max(last[name] / first[name] for name in UNITS if first[name])
