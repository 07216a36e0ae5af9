"""Engines compared: the figures behind docs/decisions/0001-engines.md.

Four questions, each with its contenders in the same rounds: what a commit of pages costs the spool, what storing and
reading a capture costs, how large a capture becomes in each form, and what a client costs before its first query.
PostgreSQL takes part where it is installed. What the emulated S3 costs says something of a development machine and
nothing of AWS.
"""

import contextlib
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import boto3

from bench.capture_sizes import index_figures, size_figures
from bench.measure import Batch, interleave, progress, ratio, ratio_quartiles
from bench.postgres import Connection, PostgresMissingError, private_server
from bench.report import Figure, Options, Result
from local_cloud.connections import listen, url_of
from local_cloud.emulator import REGION, Emulator
from local_cloud.endpoint import AwsServer
from local_cloud.journal import Journal

PAGE_BYTES = 256
BATCH_PAGES = 8
COMMITS_A_ROUND = 16
CAPTURES_A_ROUND = {100_000: 8, 1024 * 1024: 2}
BUCKET = "bench-raw"
IMPORTS = {
    "boto3 and pynamodb.models": "import boto3, pynamodb.models",
    "psycopg": "import psycopg",
    "sqlite3": "import sqlite3",
}

Commit = Callable[[list[bytes]], None]


@dataclass(frozen=True, slots=True)
class Store:
    """An engine that keeps captures: a write is on disk when it returns.

    Attributes:
        put: Writes bytes under a key that was never used before.
        get: Returns them.
        kept: What was written so far.
    """

    put: Callable[[str, bytes], object]
    get: Callable[[str], bytes]
    kept: dict[str, bytes] = field(default_factory=dict)


def run(options: Options) -> Result:
    """Compare the engines, with PostgreSQL where there is one."""
    rounds = 2 if options.quick else 20
    with ExitStack() as stack:
        conninfo, notes = _postgres(stack)
        costs = {"spool": _spool_costs(rounds)}
        for size_bytes in CAPTURES_A_ROUND:
            costs |= _capture_costs(size_bytes, conninfo, rounds)
        figures = [figure for what, found in costs.items() for figure in _compared(what, found)]
        figures += [*size_figures(conninfo), *index_figures()]
        if conninfo is not None:
            figures += _connection_figures(conninfo, rounds)
    imports, missing = _import_figures(rounds)
    return Result("engines", [*figures, *imports], {"rounds": rounds, "ms_by_round": costs}, [*notes, *missing])


def _postgres(stack: ExitStack) -> tuple[str | None, list[str]]:
    try:
        conninfo = stack.enter_context(private_server())
    except PostgresMissingError as error:
        return None, [f"PostgreSQL was left out: {error}."]
    with Connection(conninfo) as connection:
        version = connection.run("SELECT current_setting('server_version')").decode()
        most = connection.run("SELECT current_setting('max_connections')").decode()
    return conninfo, [f"PostgreSQL {version} with its own defaults takes {most} connections at a time."]


def _compared(what: str, costs_ms: Mapping[str, list[float]]) -> list[Figure]:
    """Return the first contender's time and every other's as a ratio to it."""
    (first, base), *others = costs_ms.items()
    figures = [Figure(f"{what}: {first}", statistics.median(base), "ms")]
    for name, found in others:
        figures.append(Figure(f"{what}: {name}", ratio(found, base), "x", between=ratio_quartiles(found, base)))
    return figures


def _median_ms(actions: list[Callable[[], object]]) -> float:
    times_s = []
    for action in actions:
        began_s = time.perf_counter()
        action()
        times_s.append(time.perf_counter() - began_s)
    return statistics.median(times_s) * 1e3


def _spool_costs(rounds: int) -> dict[str, list[float]]:
    """Return what one commit took in each round, in ms, for each way to keep pages."""
    contenders: dict[str, tuple[int, Callable[[Path], AbstractContextManager[Commit]]]] = {
        "SQLite WAL FULL, 8 pages a commit": (BATCH_PAGES, lambda folder: _sqlite_spool(folder, "FULL")),
        "SQLite WAL FULL, 1 page a commit": (1, lambda folder: _sqlite_spool(folder, "FULL")),
        "SQLite WAL NORMAL, 8 pages": (BATCH_PAGES, lambda folder: _sqlite_spool(folder, "NORMAL")),
        "SQLite DELETE journal FULL, 8 pages": (BATCH_PAGES, lambda folder: _sqlite_spool(folder, "FULL", "DELETE")),
        "appended and fsynced, 8 pages": (BATCH_PAGES, _append_file),
    }
    with ExitStack() as stack:
        batches: dict[str, Batch] = {}
        for name, (pages, make) in contenders.items():
            commit = stack.enter_context(make(_folder(stack)))
            batches[name] = partial(_commit_round, commit, pages)
        return interleave(batches, rounds=rounds, what="spool")


def _folder(stack: ExitStack) -> Path:
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-engines-")))


def _commit_round(commit: Commit, pages: int) -> float:
    batches = [[os.urandom(PAGE_BYTES) for _ in range(pages)] for _ in range(COMMITS_A_ROUND)]
    return _median_ms([partial(commit, batch) for batch in batches])


@contextlib.contextmanager
def _append_file(folder: Path) -> Iterator[Commit]:
    with (folder / "pages").open("ab", buffering=0) as file:

        def commit(pages: list[bytes]) -> None:
            file.write(b"".join(pages))
            os.fsync(file.fileno())

        yield commit


@contextlib.contextmanager
def _sqlite(folder: Path, synchronous: str, journal_mode: str = "WAL") -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(folder / "database.sqlite3", isolation_level=None)) as database:
        database.execute(f"PRAGMA journal_mode = {journal_mode}")
        database.execute(f"PRAGMA synchronous = {synchronous}")
        yield database


@contextlib.contextmanager
def _sqlite_spool(folder: Path, synchronous: str, journal_mode: str = "WAL") -> Iterator[Commit]:
    with _sqlite(folder, synchronous, journal_mode) as database:
        database.execute("CREATE TABLE pages (number INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT")

        def commit(pages: list[bytes]) -> None:
            database.execute("BEGIN IMMEDIATE")
            database.executemany("INSERT INTO pages (data) VALUES (?)", [(page,) for page in pages])
            database.execute("COMMIT")

        yield commit


def _capture_costs(size_bytes: int, conninfo: str | None, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return what storing and reading a capture took in each round, in ms; every byte is compared."""
    with ExitStack() as stack:
        stores = {
            "file, fsync, rename": stack.enter_context(_files(_folder(stack))),
            "SQLite blob": stack.enter_context(_sqlite_blobs(_folder(stack))),
            "emulated S3 over HTTP": stack.enter_context(_emulated_s3(_folder(stack))),
        }
        if conninfo is not None:
            stores["PostgreSQL bytea"] = stack.enter_context(_postgres_bytea(conninfo))
        count, what = CAPTURES_A_ROUND[size_bytes], f"capture of {size_bytes:,} bytes"
        puts: dict[str, Batch] = {name: partial(_put_round, store, size_bytes, count) for name, store in stores.items()}
        gets: dict[str, Batch] = {name: partial(_get_round, store, count) for name, store in stores.items()}
        stored = interleave(puts, rounds=rounds, what=f"store a {what}")
        read = interleave(gets, rounds=rounds, what=f"read a {what}")
        for name, store in stores.items():
            if any(store.get(key) != data for key, data in store.kept.items()):
                raise ValueError(f"{name} changed a capture")
        return {f"store a {what}": stored, f"read a {what}": read}


def _put_round(store: Store, size_bytes: int, count: int) -> float:
    captures = {f"c{len(store.kept) + place}": os.urandom(size_bytes) for place in range(count)}
    store.kept.update(captures)
    return _median_ms([partial(store.put, key, data) for key, data in captures.items()])


def _get_round(store: Store, count: int) -> float:
    return _median_ms([partial(store.get, key) for key in list(store.kept)[:count]])


@contextlib.contextmanager
def _files(folder: Path) -> Iterator[Store]:
    directory = os.open(folder, os.O_RDONLY)

    def put(key: str, data: bytes) -> None:
        part = folder / f"{key}.part"
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.rename(folder / key)
        os.fsync(directory)

    try:
        yield Store(put, lambda key: (folder / key).read_bytes())
    finally:
        os.close(directory)


@contextlib.contextmanager
def _sqlite_blobs(folder: Path) -> Iterator[Store]:
    with _sqlite(folder, "FULL") as database:
        database.execute("CREATE TABLE captures (key TEXT PRIMARY KEY, data BLOB NOT NULL) STRICT")
        yield Store(
            lambda key, data: database.execute("INSERT INTO captures VALUES (?, ?)", (key, data)),
            lambda key: bytes(database.execute("SELECT data FROM captures WHERE key = ?", (key,)).fetchone()[0]),
        )


@contextlib.contextmanager
def _emulated_s3(folder: Path) -> Iterator[Store]:
    """Give the local cloud's S3 on a port of 127.0.0.1; each object is in its journal before the reply."""
    with contextlib.closing(Journal.open(folder)) as journal, Emulator(journal) as emulator:
        emulator.client("s3").create_bucket(Bucket=BUCKET)
        emulator.restore()
        listener = listen("127.0.0.1", 0)
        server = AwsServer(listener, emulator.handle)
        client = boto3.client(
            "s3",
            endpoint_url=url_of(listener),
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - the emulator asks for a key and checks none
        )
        server.start()
        try:
            yield Store(
                lambda key, data: client.put_object(Bucket=BUCKET, Key=key, Body=data, IfNoneMatch="*"),
                lambda key: client.get_object(Bucket=BUCKET, Key=key)["Body"].read(),
            )
        finally:
            client.close()
            server.stop()


@contextlib.contextmanager
def _postgres_bytea(conninfo: str) -> Iterator[Store]:
    with Connection(conninfo) as connection:
        connection.run("CREATE TABLE captures (key text PRIMARY KEY, data bytea NOT NULL)")
        yield Store(
            lambda key, data: connection.run("INSERT INTO captures VALUES ($1::text, $2::bytea)", key.encode(), data),
            lambda key: connection.run("SELECT data FROM captures WHERE key = $1::text", key.encode()),
        )
        connection.run("DROP TABLE captures")


def _connection_figures(conninfo: str, rounds: int) -> list[Figure]:
    """Return a query's time on an open connection, and a new connection's as a ratio to it: no TLS, no password."""
    with Connection(conninfo) as connection:
        batches: dict[str, Batch] = {
            "query on an open connection": partial(_median_ms, [partial(connection.run, "SELECT 1")] * 20),
            "new connection on a unix socket": partial(_median_ms, [lambda: Connection(conninfo).close()] * 5),
        }
        return _compared("PostgreSQL", interleave(batches, rounds=rounds, what="connections"))


def _import_figures(rounds: int) -> tuple[list[Figure], list[str]]:
    """Return what importing each client costs over a bare interpreter, and a sentence for each that is missing."""
    progress("engines: imports")
    installed = {name: statement for name, statement in IMPORTS.items() if _start(statement)}
    starts: dict[str, Batch] = {
        name: partial(_median_ms, [partial(_start, statement)])
        for name, statement in {"bare": "pass", **installed}.items()
    }
    costs_ms = interleave(starts, rounds=max(2, rounds // 4), what="import of a client")
    bare_ms = statistics.median(costs_ms.pop("bare"))
    figures = [Figure(f"import of {name}", statistics.median(ms) - bare_ms, "ms") for name, ms in costs_ms.items()]
    return figures, [
        f"{name} is not installed, so its import was left out." for name in IMPORTS if name not in installed
    ]


def _start(statement: str) -> bool:
    return subprocess.run([sys.executable, "-c", statement], check=False, capture_output=True).returncode == 0
