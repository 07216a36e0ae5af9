import contextlib
import hashlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from device_bridge.spool import CaptureState, NewCapture, Spool, SpooledPage, SpoolError
from device_bridge.spool.schema import APPLICATION_ID, SCHEMA_VERSION

# The tables of version 1, as they were; never to be changed.
VERSION_1 = """
CREATE TABLE captures (
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    record INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('reading', 'sealed', 'delivered', 'quarantined')),
    first_bytes BLOB NOT NULL,
    page_count INTEGER NOT NULL,
    sha256 TEXT,
    size_bytes INTEGER,
    provenance TEXT,
    cloud_state TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_problem TEXT,
    UNIQUE (device, record),
    CHECK (state = 'reading' OR sha256 IS NOT NULL)
) STRICT;
CREATE TABLE pages (
    capture INTEGER NOT NULL REFERENCES captures (id),
    number INTEGER NOT NULL,
    data BLOB NOT NULL,
    problem TEXT,
    PRIMARY KEY (capture, number)
) STRICT, WITHOUT ROWID;
"""
OLD_COLUMNS = (
    "id, device, record, state, first_bytes, page_count, sha256, size_bytes, provenance, cloud_state, attempts, "
    "last_problem"
)
STATES = ("reading", "sealed", "delivered", "quarantined")


def bytes_of(capture: int, number: int) -> bytes:
    """Return the bytes of a page of the old spool."""
    return hashlib.sha256(b"%d %d" % (capture, number)).digest() * 8


def make_old_spool(path: Path, page_count: int = 20) -> None:
    """Make a spool of version 1 with a capture in every state; that in reading lacks pages and has a damaged one."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(VERSION_1)
        for number, state in enumerate(STATES, start=1):
            data = b"f" * 256 + b"".join(bytes_of(number, page) for page in range(page_count))
            sealed = (hashlib.sha256(data).hexdigest(), len(data), '{"record": 1}') if number > 1 else (None,) * 3
            cloud_state = "verified" if state == "delivered" else None
            row = (number, "DOT-1", number, state, b"f" * 256, page_count, *sealed, cloud_state, number, f"no {number}")
            db.execute(f"INSERT INTO captures ({OLD_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608 - own names
            held = [page for page in range(page_count) if number > 1 or page % 3]
            db.executemany(
                "INSERT INTO pages VALUES (?, ?, ?, ?)",
                [(number, page, bytes_of(number, page), "checksum" if page == 4 else None) for page in held],
            )
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("PRAGMA user_version = 1")
        db.commit()


def old_part(path: Path) -> tuple[list[object], list[object]]:
    """Return everything that version 1 knows, from a spool of any version."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        return (
            db.execute(f"SELECT {OLD_COLUMNS} FROM captures ORDER BY id").fetchall(),  # noqa: S608 - own names
            db.execute("SELECT * FROM pages ORDER BY capture, number").fetchall(),
        )


def version(path: Path) -> int:
    """Return a spool's schema version."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def tables(path: Path) -> list[tuple[str, str]]:
    """Return what a file defines, without white space, which a renamed table keeps otherwise."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").fetchall()
    return [(name, " ".join(sql.replace('"', "").split())) for name, sql in found]


def test_older_spool_keeps_every_byte(tmp_path: Path) -> None:
    """A spool of version 1 with a capture in every state opens as one of this version with all its rows and pages."""
    path = tmp_path / "spool.db"
    make_old_spool(path)
    before = old_part(path)
    spool = Spool(path)
    rows = spool.captures()
    assert [(row.record, row.state.value, row.generation, row.attempts) for row in rows] == [
        (number, state, 1, number) for number, state in enumerate(STATES, start=1)
    ]
    assert [row.pages_read for row in rows] == [13, 20, 20, 20]
    assert [row.damaged_pages for row in rows] == [(5,)] * 4
    assert rows[1].sealed_at is None
    for row in rows[1:]:
        spool.verify(row)
    assert spool.check() == []
    assert [row.record for row in spool.erasable("DOT-1")] == [3]
    spool.close()
    assert (old_part(path), version(path)) == (before, SCHEMA_VERSION)


def test_older_spool_goes_on_where_it_was(tmp_path: Path) -> None:
    """What was half read under version 1 is read to its end, sealed and sent under this one."""
    path = tmp_path / "spool.db"
    make_old_spool(path)
    spool = Spool(path)
    row = spool.begin(NewCapture("DOT-1", 1, b"f" * 256, 20))
    assert list(spool.wanted_ranges(row.id)) == [
        range(1),
        range(3, 5),
        *(range(n, n + 1) for n in (6, 9, 12, 15, 18)),
    ]
    wanted = [number for numbers in spool.wanted_ranges(row.id) for number in numbers]
    spool.add_pages(row.id, [SpooledPage(number, bytes_of(1, number), None) for number in wanted])
    spool.seal(row.id, {})
    spool.mark_sent(row.id)
    spool.mark_delivered(row.id, "verified")
    assert (
        spool.captures()[0].sha256
        == hashlib.sha256(b"f" * 256 + b"".join(bytes_of(1, n) for n in range(20))).hexdigest()
    )
    assert spool.retry_quarantined() == 1
    spool.close()


def test_migrated_spool_is_defined_as_a_new_one(tmp_path: Path) -> None:
    """A spool that grew up has the same tables and indexes as one that was made new."""
    make_old_spool(tmp_path / "old.db")
    for name in ("old.db", "new.db"):
        Spool(tmp_path / name).close()
    assert tables(tmp_path / "old.db") == tables(tmp_path / "new.db")


KILLED = """
import os, sys
from pathlib import Path
from device_bridge.spool import Spool, database
from device_bridge.spool.schema import MIGRATIONS
steps = [*MIGRATIONS[1]]
class Killing(tuple):
    def __iter__(self):
        for number, statement in enumerate(steps):
            if number == int(sys.argv[2]):
                os._exit(9)
            yield statement
database.MIGRATIONS = (MIGRATIONS[0], Killing(steps))
Spool(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("statement", [0, 1, 2, 3, 5, 8])
def test_interrupted_migration_leaves_the_old_spool_whole(tmp_path: Path, statement: int) -> None:
    """A kill before any statement of the migration leaves version 1 as it was, and the next start does it all."""
    path = tmp_path / "spool.db"
    make_old_spool(path)
    before = old_part(path)
    killed = subprocess.run([sys.executable, "-c", KILLED, path, str(statement)], check=False)
    assert killed.returncode == 9
    assert (old_part(path), version(path)) == (before, 1)
    spool = Spool(path)
    assert spool.counts() == dict.fromkeys(CaptureState, 1) | {CaptureState.SENT: 0}
    spool.close()
    assert (old_part(path), version(path)) == (before, SCHEMA_VERSION)


def test_failing_migration_changes_nothing(tmp_path: Path) -> None:
    """Where the disk has no room for the migration the spool stays of version 1, and that is one clear message."""
    path = tmp_path / "spool.db"
    make_old_spool(path)
    before = old_part(path)
    limited = (
        "import resource, sys; from pathlib import Path; from device_bridge.spool import Spool, SpoolError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))\n"
        "try: Spool(Path(sys.argv[1]))\nexcept SpoolError as error: print(type(error).__name__, error)"
    )
    said = subprocess.run([sys.executable, "-c", limited, path], check=True, capture_output=True, text=True).stdout
    assert "LowDiskError" in said
    assert (old_part(path), version(path)) == (before, 1)
    Spool(path).close()
    assert version(path) == SCHEMA_VERSION


def test_rows_that_break_the_new_rules_are_refused(tmp_path: Path) -> None:
    """The database itself refuses a second capture of one generation, and a state that there is not."""
    spool = Spool(tmp_path / "spool.db")
    spool.begin(NewCapture("DOT-1", 1, b"f" * 256, 2))
    again = (
        "INSERT INTO captures (device, record, generation, state, first_bytes, page_count) VALUES ('DOT-1', 1, 1, "
        "'reading', x'00', 2)"
    )
    for statement in (
        again,
        "UPDATE captures SET state = 'gone'",
        "UPDATE captures SET state = 'sent'",
        "INSERT INTO pages VALUES (99, 1, x'00', NULL)",
    ):
        with pytest.raises(SpoolError, match="constraint failed"), spool._database.transaction() as db:
            db.execute(statement)
    spool.close()
