"""A walk through all items of a table, at a pace, which may be stopped at any moment and gone on with."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chalicelib.versions import RawItem
from maintenance import position as positions
from maintenance.position import Position
from maintenance.table import ItemChangedError, Table

WRITTEN = "written"
GONE = "gone"
CHANGED = "changed meanwhile"
_TRIES = 10
Told = Callable[[int], None]
Deed = Callable[[RawItem], str]
"""Does with an item what the walk is for, and returns what it was and what became of it."""


class Pace:
    """Lets several threads together use so many units of capacity a second, and no more.

    Args:
        units_per_s: How many.
    """

    def __init__(self, units_per_s: float) -> None:
        self._units_per_s = units_per_s
        self._free_at_s = time.monotonic()
        self._lock = threading.Lock()

    def spend(self, units: float) -> None:
        """Wait until what was used before is paid for, and count these."""
        with self._lock:
            now_s = time.monotonic()
            wait_s = max(0.0, self._free_at_s - now_s)
            self._free_at_s = max(self._free_at_s, now_s) + units / self._units_per_s
        time.sleep(wait_s)


class Walk:
    """A walk through a table.

    Args:
        table: Which one.
        deed: What is done with each item.
        pace: How fast it may go.
        position: Where it begins; it is kept up to date.
        path: Where the position is kept; None for a dry run, which writes nothing anywhere.
    """

    def __init__(self, table: Table, deed: Deed, pace: Pace, position: Position, path: Path | None) -> None:
        self._table, self._deed, self._pace = table, deed, pace
        self._position, self._path = position, path
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def run(self, told: Told = lambda _: None) -> None:
        """Walk all segments beside each other to their ends.

        Args:
            told: Is told how many items were just done.
        """
        with ThreadPoolExecutor(len(self._position.segments)) as pool:
            walks = [pool.submit(self._walk, segment, told) for segment in range(len(self._position.segments))]
            try:
                for walk in walks:
                    walk.result()
            except BaseException:
                # What the others have in hand they finish and note; then the pool ends.
                self._stopping.set()
                raise

    def _walk(self, number: int, told: Told) -> None:
        segment = self._position.segments[number]
        while not segment.is_done and not self._stopping.is_set():
            page = self._table.page(number, segment.after)
            self._pace.spend(max(page.units, 1.0))
            counts = Counter(self._deed(item) for item in page.items)
            self._note(number, page.after, counts)
            told(len(page.items))

    def _note(self, number: int, after: positions.Key | None, counts: "Counter[str]") -> None:
        with self._lock:
            segment = self._position.segments[number]
            segment.after, segment.is_done = after, after is None
            for name, count in counts.items():
                self._position.counts[name] = self._position.counts.get(name, 0) + count
            if self._path is not None:
                positions.save(self._path, self._position)


def rewrite(table: Table, pace: Pace, item: RawItem, new_form: Callable[[RawItem], RawItem | None]) -> str:
    """Write an item anew, from what it is then when it changes meanwhile, and return what became of it.

    Args:
        table: Where it stands.
        pace: How fast it may go.
        item: The item as it was read.
        new_form: Returns what an item shall be; None when it is that already.
    """
    found: RawItem | None = item
    for _ in range(_TRIES):
        if found is None:
            return GONE
        if (new := new_form(found)) is None:
            return WRITTEN
        try:
            pace.spend(max(table.replace(found, new), 1.0))
        except ItemChangedError:
            found = table.find(found)
        else:
            return WRITTEN
    return CHANGED
