"""Migrating a table: every item that has an older version of its schema is written once in today's.

Readers upgrade old items by themselves, so nothing waits for this; it lets upgrades be dropped some day. It may be
stopped at any moment and run again: an item that is migrated already is left alone.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chalicelib.partition import Kind
from chalicelib.versions import RawItem, upgraded, version_of
from maintenance import position as positions
from maintenance.position import Position
from maintenance.table import ItemChangedError, Table

UNKNOWN = "unknown"
CURRENT = "current"
OLD = "old"
MIGRATED = "migrated"
GONE = "gone"
CHANGED = "changed meanwhile"
_TRIES = 10
Told = Callable[[int], None]


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


class Migration:
    """A walk through a table.

    Args:
        table: Which one.
        kinds: The classes of items that there are.
        pace: How fast it may go.
        position: Where it begins; it is kept up to date.
        path: Where the position is kept; None for a dry run, which writes nothing anywhere.
    """

    def __init__(self, table: Table, kinds: Sequence[Kind], pace: Pace, position: Position, path: Path | None) -> None:
        self._table, self._kinds, self._pace = table, kinds, pace
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
            counts = Counter(self._do(item) for item in page.items)
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

    def _do(self, item: RawItem) -> str:
        """Migrate an item and return what it was and what became of it."""
        kind = next((kind for kind in self._kinds if kind.has(item)), None)
        if kind is None:
            return f"{UNKNOWN} {item['sk']['S'].partition('#')[0]}, version {version_of(item)}: left as it is"
        name = f"{kind.item.__name__}, version {version_of(item)}"
        if version_of(item) >= kind.item.schema_version():
            return f"{name}: {CURRENT}"
        return f"{name}: {OLD if self._path is None else self._migrate(kind, item)}"

    def _migrate(self, kind: Kind, item: RawItem) -> str:
        found: RawItem | None = item
        for _ in range(_TRIES):
            if found is None:
                return GONE
            if version_of(found) >= kind.item.schema_version():
                return MIGRATED
            try:
                self._pace.spend(max(self._table.replace(found, upgraded(kind.item, found)), 1.0))
            except ItemChangedError:
                found = self._table.find(found)
            else:
                return MIGRATED
        return CHANGED
