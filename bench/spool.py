"""Commits of pages into the spool, beside bare SQLite with the same settings, table and batches.

Both write the same pages into a fresh file each round: WAL, synchronous=FULL, one transaction a batch. What the spool
does beside (a look at the disk's room and at the file, a capture's row kept up to date) is what is measured.
"""

import contextlib
import sqlite3
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

from bench.measure import interleave, ratio, ratio_quartiles
from bench.report import Figure, Options, Result
from device_bridge.spool import NewCapture, Spool, SpooledPage

# A reader's batches: what a slow line brings in 0.1 s, and as much as a fast one may gather.
_BATCHES_PAGES = (32, 256)
_PAGES = 8192
_PAGE = bytes(range(256))
# At least 80 % of the commits in the same time.
_AT_MOST = 1 / 0.8
_TABLE = """
CREATE TABLE pages (
    capture INTEGER NOT NULL, number INTEGER NOT NULL, data BLOB NOT NULL, problem TEXT, PRIMARY KEY (capture, number)
) STRICT, WITHOUT ROWID
"""


def run(options: Options) -> Result:
    """Measure both with each size of batch."""
    rounds = 2 if options.quick else 30
    pages = 1024 if options.quick else _PAGES
    figures = []
    details = {}
    with tempfile.TemporaryDirectory(prefix="bench-spool-") as folder:
        for size in _BATCHES_PAGES:
            batches = {
                "spool": partial(_into_spool, Path(folder), pages, size),
                "bare": partial(_into_bare, Path(folder), pages, size),
            }
            for batch in batches.values():
                batch()
            costs = interleave(batches, rounds=rounds, what=f"spool, {size} pages a commit")
            figures += _figures(costs, pages, size)
            details[f"s_by_round_{size}"] = costs
    return Result("spool", figures, {"rounds": rounds, "pages": pages, **details})


def _figures(costs: dict[str, list[float]], pages: int, size: int) -> list[Figure]:
    ours, bare = costs["spool"], costs["bare"]
    name = f"time of spool commits over bare SQLite's, {size} pages each"
    mb_per_s = pages * len(_PAGE) / statistics.median(ours) / 1e6
    return [
        Figure(name, ratio(ours, bare), "x", _AT_MOST, ratio_quartiles(ours, bare)),
        Figure(f"pages into the spool, {size} a commit", mb_per_s, "MB/s"),
    ]


def _into_spool(folder: Path, pages: int, size: int) -> float:
    path = _fresh(folder, "spool.db")
    with contextlib.closing(Spool(path, min_free_bytes=0)) as spool:
        row = spool.begin(NewCapture("BENCH-1", 1, _PAGE, pages))
        # As they come from the reader; making them is its work.
        all_pages = [SpooledPage(number, _PAGE, None) for number in range(pages)]
        started_s = time.perf_counter()
        for begin in range(0, pages, size):
            spool.add_pages(row.id, all_pages[begin : begin + size])
        return time.perf_counter() - started_s


def _into_bare(folder: Path, pages: int, size: int) -> float:
    path = _fresh(folder, "bare.db")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(_TABLE)
        rows = [(1, number, _PAGE, None) for number in range(pages)]
        started_s = time.perf_counter()
        for begin in range(0, pages, size):
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO pages VALUES (?, ?, ?, ?)", rows[begin : begin + size])
            db.execute("COMMIT")
        return time.perf_counter() - started_s


def _fresh(folder: Path, name: str) -> Path:
    for file in folder.glob(f"{name}*"):
        file.unlink()
    return folder / name
