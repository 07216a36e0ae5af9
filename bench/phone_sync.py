"""A phone's first sync of 100,000 entries, from a recorded server in process, beside SQLite's own batch inserts.

The sync reads each reply's JSON, checks and stores its entries and moves the cursor, a transaction a page. Bare SQLite
writes the same rows into the same tables with the same settings and transactions, by `executemany`, from tuples that
are there already. Memory is measured in processes of their own, with pages that are made as they are asked for.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from bench.history import PAGE_ENTRIES, pages
from bench.measure import interleave, progress, ratio, ratio_quartiles
from bench.report import Figure, Options, Result
from phone_client.database import ENTRY_TYPES, Database
from phone_client.database.typed_rows import insert_rows, to_columns
from phone_client.sync import PullReply, PushBatch, PushReply, SyncEngine

_ENTRIES = 100_000
_SMALL, _LARGE = 10_000, 100_000
# At least half as many entries in the same time.
_AT_MOST = 2.0
_AT_MOST_GROWTH = 1.1

Page = list[tuple[str, str, tuple[Any, ...]]]

_PHONE = """
import json, sys
from pathlib import Path
from bench.history import pages
from bench.phone_sync import Recording, peak_mib
from phone_client.database import Database
from phone_client.sync import SyncEngine
count, path = int(sys.argv[1]), Path(sys.argv[2])
start_mib = peak_mib()
with Database(path) as database:
    outcome = SyncEngine(database, Recording(pages(count)), "bench").sync()
print(json.dumps({"start_mib": start_mib, "peak_mib": peak_mib(), "pulled": outcome.pulled}))
"""


class Recording:
    """A server that says what it was recorded to say."""

    def __init__(self, replies: Iterable[bytes]) -> None:
        self._replies: Iterator[bytes] = iter(replies)

    def pull(self, _cursor: str | None, _limit: int) -> PullReply:
        """Return the next reply, read from its JSON as one from the network is."""
        return msgspec.json.decode(next(self._replies), type=PullReply)

    def push(self, batch: PushBatch) -> PushReply:
        """Refuse: a first sync pushes nothing."""
        raise AssertionError(batch)


def run(options: Options) -> Result:
    """Measure the time of both, and the memory with a short and a long history."""
    rounds, count = (2, 5000) if options.quick else (7, _ENTRIES)
    recorded = list(pages(count))
    rows = [_rows(page) for page in recorded]
    with tempfile.TemporaryDirectory(prefix="bench-phone-") as folder:
        batches = {
            "sync": partial(_sync, Path(folder), recorded),
            "bare": partial(_insert, Path(folder), rows),
        }
        costs = interleave(batches, rounds=rounds, what=f"phone_sync, {count} entries")
        sizes = (2000, 5000) if options.quick else (_SMALL, _LARGE)
        memory = {size: _memory(Path(folder), size) for size in sizes}
    small, large = (memory[size]["peak_mib"] for size in sizes)
    sync, bare = costs["sync"], costs["bare"]
    figures = [
        Figure(
            f"time of a first sync of {count} entries over bare SQLite's",
            ratio(sync, bare),
            "x",
            _AT_MOST,
            ratio_quartiles(sync, bare),
        ),
        Figure("entries of a first sync", count / statistics.median(sync), "1/s"),
        Figure("entries by bare SQLite", count / statistics.median(bare), "1/s"),
        Figure(f"peak memory with {sizes[1]} entries over {sizes[0]}", large / small, "x", _AT_MOST_GROWTH),
        Figure(f"peak memory with {sizes[1]} entries", large, "MiB"),
    ]
    return Result("phone_sync", figures, {"rounds": rounds, "entries": count, "s_by_round": costs, "memory": memory})


def _sync(folder: Path, recorded: list[bytes]) -> float:
    with Database(_fresh(folder)) as database:
        engine = SyncEngine(database, Recording(recorded), "bench", page_entries=PAGE_ENTRIES)
        started_s = time.perf_counter()
        outcome = engine.sync()
        took_s = time.perf_counter() - started_s
    if not outcome.is_same:
        raise RuntimeError(f"the phone does not have what was recorded: {outcome}")
    return took_s


def _rows(page: bytes) -> Page:
    reply = msgspec.json.decode(page, type=PullReply)
    return [
        (entry.type, entry.id, to_columns(ENTRY_TYPES[entry.type], entry.fields or {}).row) for entry in reply.changes
    ]


def _insert(folder: Path, recorded: list[Page]) -> float:
    with Database(_fresh(folder)) as database:
        started_s = time.perf_counter()
        number = 1
        for page in recorded:
            with database.transaction() as db:
                numbered = list(enumerate(sorted(page, key=lambda row: row[0]), number))
                number += len(page)
                db.executemany(
                    "INSERT INTO entry (entry, type, id, ver, extra, run) VALUES (?, ?, ?, ?, ?, ?)",
                    [(at, kind, entry_id, 1, None, 1) for at, (kind, entry_id, _) in numbered],
                )
                for kind, group in groupby(numbered, key=lambda row: row[1][0]):
                    insert_rows(db, ENTRY_TYPES[kind], [(at, *columns) for at, (_, _, columns) in group])
        return time.perf_counter() - started_s


def _memory(folder: Path, count: int) -> dict[str, float]:
    command = [sys.executable, "-c", _PHONE, str(count), str(_fresh(folder))]
    facts: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    progress(f"phone_sync: {count} entries, {facts}")
    return facts


def peak_mib() -> float:
    """Return the most memory that this process has had."""
    # Not ru_maxrss, which a process takes over from the one that started it.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _fresh(folder: Path) -> Path:
    for file in folder.glob("phone.db*"):
        file.unlink()
    return folder / "phone.db"
