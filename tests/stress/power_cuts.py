"""The power goes away at every write of the spool: nothing that was acknowledged is lost, nothing is half there."""

import contextlib
import functools
import hashlib
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeAlias

from device_bridge.spool import CaptureState, Spool
from device_bridge.spool.database import Database
from device_bridge.spool.schema import APPLICATION_ID, MIGRATIONS
from tests.stress.campaign import Outcome, Plan, seeded
from tests.stress.disk import Acknowledged, Disk
from tests.stress.journal import Watch, watched
from tests.stress.spool_verbs import use_every_verb

NAME = "power_cuts"
_SPOOL = "spool.db"
_DRAWN_CUTS_SMALL, _DRAWN_CUTS_FULL = 1, 12
_PAGES_SMALL, _PAGES_FULL = 12, 60
# With few pages SQLite moves its log into the file in the middle of things, which it else does every 4 MiB.
_CHECKPOINTS_SMALL, _CHECKPOINTS_FULL = (8,), (1000, 8, 3)
_PROCESSES = 2
_STATES_WITH_HASH = (CaptureState.SEALED, CaptureState.SENT, CaptureState.DELIVERED, CaptureState.QUARANTINED)


def run(plan: Plan) -> Outcome:
    """Cut the power at every write of every verb, on a new spool and while one of the first version is brought up."""
    outcome = Outcome(NAME, plan.seed)
    checkpoints = _CHECKPOINTS_FULL if plan.is_full else _CHECKPOINTS_SMALL
    tasks = [(plan.seed, plan.is_full, pages, begin) for pages in checkpoints for begin in ("new", "first_version")]
    for task, part in zip(tasks, _run_tasks(tasks), strict=True):
        outcome.merge(part)
        plan.say(f"{task[3]} spool, log of {task[2]} pages: {int(outcome.counts['cuts']):,} cuts until now")
    return outcome


_Task: TypeAlias = tuple[int, bool, int, str]


def _run_tasks(tasks: list[_Task]) -> Iterator[Outcome]:
    if not tasks[0][1]:
        yield from map(run_task, tasks)
        return
    with ProcessPoolExecutor(_PROCESSES, get_context("spawn")) as pool:
        yield from pool.map(run_task, tasks)


def run_task(task: _Task) -> Outcome:
    """Cut the power at every write of one history: with a seed, at full size or not, of a log size, of a begin."""
    seed, is_full, checkpoint_pages, begin = task
    plan = Plan(seed, is_full)
    history = record_history(plan.choose(_PAGES_SMALL, _PAGES_FULL), begin=begin, checkpoint_pages=checkpoint_pages)
    drawn = plan.choose(_DRAWN_CUTS_SMALL, _DRAWN_CUTS_FULL)
    return cut_everywhere(history, plan, drawn=drawn, where=f"{begin}, {checkpoint_pages} pages")


class History:
    """What a spool wrote while its verbs were used, and what it held after each transaction.

    Attributes:
        watch: The writes.
        states: A hash of every table after each acknowledged transaction; the first is that of the begin.
    """

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.states: list[str] = []

    def acknowledge(self, state: str) -> None:
        """Note that a transaction has returned."""
        self.states.append(state)
        self.watch.events.append(Acknowledged(len(self.states) - 1))


def record_history(
    pages: int,
    *,
    begin: str = "new",
    synchronous: str = "FULL",
    syncs_count: bool = True,
    checkpoint_pages: int = 8,
) -> History:
    """Use every verb of the spool on a watched disk.

    Args:
        pages: Pages of the largest record.
        begin: `new`, or `first_version`: a spool of the first schema with a capture in it.
        synchronous: What the spool's `PRAGMA synchronous = FULL` is turned into.
        syncs_count: False: the disk only says that it synced.
        checkpoint_pages: Pages in its log after which SQLite moves them into the file.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        watch = Watch(folder, syncs_count=syncs_count, checkpoint_pages=checkpoint_pages)
        history = History(watch)
        with watched(watch, synchronous):
            if begin == "first_version":
                _make_first_version(folder / _SPOOL)
            _note_begin(history, watch, folder)
            with _acknowledging(history):
                use_every_verb(folder / _SPOOL, pages)
    return history


def _note_begin(history: History, watch: Watch, folder: Path) -> None:
    """Note what a spool holds that is opened from what is on the disk now."""
    disk = Disk()
    for event in watch.events:
        disk.apply(event)
    with _restored(disk.cut(None, keep=True), folder / "begin") as spool:
        history.acknowledge(_state(spool))


def _make_first_version(path: Path) -> None:
    db: Any = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    for statement in MIGRATIONS[0]:
        db.execute(statement)
    db.execute(
        "INSERT INTO captures (device, record, state, first_bytes, page_count, sha256, size_bytes, provenance) "
        "VALUES ('OLD-1', 1, 'sealed', zeroblob(256), 1, ?, 512, '{}')",
        (hashlib.sha256(bytes(512)).hexdigest(),),
    )
    db.execute("INSERT INTO pages (capture, number, data) VALUES (1, 0, zeroblob(256))")
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute("PRAGMA user_version = 1")
    db.close()


@contextlib.contextmanager
def _acknowledging(history: History) -> Iterator[None]:
    """Note every transaction of every spool as it returns, whatever verb it is of."""
    real: Callable[..., Any] = Database.transaction

    @contextlib.contextmanager
    @functools.wraps(real)
    def transaction(self: Database) -> Iterator[Any]:
        with real(self) as db:
            yield db
        history.acknowledge(_tables(db))

    Database.transaction = transaction  # type: ignore[method-assign]
    try:
        yield
    finally:
        Database.transaction = real  # type: ignore[method-assign]


def _state(spool: Spool) -> str:
    with spool._database.reading() as db:
        return _tables(db)


def _tables(db: Any) -> str:
    """Return a hash of every row of every table."""
    found = hashlib.sha256()
    names = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").fetchall()
    for (name,) in names:
        rows = db.execute(f'SELECT * FROM "{name}"').fetchall()  # noqa: S608 - its own table
        found.update(repr((name, sorted(map(repr, rows)))).encode())
    return found.hexdigest()


def cut_everywhere(
    history: History, plan: Plan, *, drawn: int, where: str = "new", most_failures: int = 10**9
) -> Outcome:
    """Cut the power after each event, in several ways: all unsynced writes kept, all dropped, and some drawn.

    Args:
        history: What was written.
        plan: How it is run.
        drawn: Ways that are drawn, for each event.
        where: What the history is of, for messages.
        most_failures: After so many of them it ends.
    """
    outcome = Outcome(NAME, plan.seed)
    disk = Disk()
    seen: set[str] = set()
    events = history.watch.events
    with tempfile.TemporaryDirectory() as name:
        for place, event in enumerate(events):
            if outcome.failure_count > most_failures:
                break
            disk.apply(event)
            if place < events.index(Acknowledged(0)):
                continue
            ways = [(None, True), (None, False)] + [(draw, False) for draw in range(drawn)]
            for draw, keep in ways:
                chance = None if draw is None else seeded(plan.seed, NAME, where, place, draw)
                files = disk.cut(chance, keep=keep)
                digest = _digest(files, disk.acknowledged)
                if digest not in seen:
                    seen.add(digest)
                    what = f"{where}: cut after event {place} ({type(event).__name__}), way {draw}/{keep}"
                    _check(history, disk.acknowledged, files, Path(name) / str(len(seen)), outcome, what)
            if place % 500 == 0:
                plan.say(
                    f"{where}: {place} of {len(events)} events, {len(seen)} cuts, {outcome.failure_count} failures"
                )
    outcome.add("transactions", len(history.states) - 1)
    outcome.add("disk_events", len(events))
    return outcome


def _digest(files: dict[str, bytes], acknowledged: int) -> str:
    found = hashlib.sha256(str(acknowledged).encode())
    for name, data in sorted(files.items()):
        found.update(name.encode() + len(data).to_bytes(8) + data)
    return found.hexdigest()


@contextlib.contextmanager
def _restored(files: dict[str, bytes], folder: Path) -> Iterator[Spool]:
    """Give the spool that is opened, by the standard library's own SQLite, from the files that a cut left."""
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    spool = Spool(folder / _SPOOL, 0)
    try:
        yield spool
    finally:
        spool.close()
        for left in folder.iterdir():
            left.unlink()
        folder.rmdir()


def _check(
    history: History, acknowledged: int, files: dict[str, bytes], folder: Path, outcome: Outcome, what: str
) -> None:
    """Open what a cut left; it must hold what was acknowledged, or that and the transaction under way."""
    outcome.add("cuts")
    try:
        with _restored(files, folder) as spool:
            found = _state(spool)
            if found not in history.states[acknowledged : acknowledged + 2]:
                lost = found in history.states[:acknowledged]
                outcome.fail(f"{what}: {'an acknowledged transaction is lost' if lost else 'a state that never was'}")
            outcome.add("cuts_that_kept_the_transaction_under_way", found in history.states[acknowledged + 1 :][:1])
            for finding in spool.check():
                outcome.fail(f"{what}: {finding}")
            for state in _STATES_WITH_HASH:
                for row in spool.captures(state):
                    spool.load(row)
                    outcome.add("captures_hashed")
    except Exception as error:  # noqa: BLE001 - whatever is raised is what the campaign looks for
        outcome.fail(f"{what}: {type(error).__name__}: {error}")
