import contextlib
import hashlib
import os
import random
import re
import shutil
import sqlite3
from pathlib import Path

import pytest

from device_bridge.api import Api
from device_bridge.spool import (
    CaptureState,
    NewCapture,
    Spool,
    SpooledPage,
    SpoolError,
    salvage,
    set_aside,
)
from device_bridge.uploader import PushResult, Uploader
from smartdot import PageKind
from smartdot.clocks import ClockNote
from smartdot.page import build_page

from .bridge_api_server import BridgeApiServer

FIRST = b"f" * 256
PAGES = 6
CAPTURES = 12


def page(record: int, number: int) -> SpooledPage:
    """Return a page whose checksum is right."""
    body = hashlib.sha256(b"%d %d" % (record, number)).digest() * 7 + bytes(16)
    return SpooledPage(number, build_page(PageKind.DATA, record, number, body), None)


def bytes_of(record: int) -> bytes:
    """Return a whole capture."""
    return FIRST + b"".join(page(record, number).data for number in range(PAGES))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a closed spool with twelve captures: sealed ones, one delivered, one half read."""
    path = tmp_path_factory.mktemp("rot") / "spool.db"
    with contextlib.closing(Spool(path, 0)) as spool:
        for record in range(1, CAPTURES + 1):
            row = spool.begin(NewCapture("DOT-1", record, FIRST, PAGES))
            count = PAGES if record < CAPTURES else 3
            spool.add_pages(row.id, [page(record, number) for number in range(count)])
            if record < CAPTURES:
                spool.seal(row.id, {"device": "DOT-1", "record": record, "started_at": None})
        spool.mark_delivered(1, "verified")
    return path


@pytest.fixture
def path(filled: Path, tmp_path: Path) -> Path:
    """Give a spool of a test's own."""
    return Path(shutil.copy(filled, tmp_path / "spool.db"))


def rot(path: Path, column: str, old: str, new: bytes, record: int = 2) -> None:
    """Put other bytes of the same length where a column of a row begins, as the disk would; no rule is asked."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        (value,) = db.execute(f"SELECT {column} FROM captures WHERE record = ?", (record,)).fetchone()  # noqa: S608
        db.execute(f"SELECT {column} FROM captures").fetchall()  # noqa: S608 - columns of this test
    assert value.startswith(old)
    whole = value.encode()
    data = path.read_bytes()
    assert data.count(whole) == 1, "the value stands in the file once"
    path.write_bytes(data.replace(whole, new + whole[len(new) :]))


def push(spool: Spool, server: BridgeApiServer) -> PushResult:
    """Make one pass over a spool."""
    with contextlib.closing(Api(server.url, "credential")) as api:
        return Uploader(spool, api).push()


@pytest.mark.parametrize("new", [b"\xff", b"X", b"2026-13-40T"])
def test_a_time_that_rotted_stops_nothing(path: Path, bridge_api: BridgeApiServer, new: bytes) -> None:
    """Bytes in `sealed_at` that are no text, or no time, cost that time alone: every capture is delivered."""
    rot(path, "sealed_at", "20", new)
    with contextlib.closing(Spool(path)) as spool:
        assert spool.captures()[1].sealed_at is None
        assert len(push(spool, bridge_api).delivered) == CAPTURES - 2
        assert [row.state.value for row in spool.captures()][1] == "delivered"


def test_provenance_that_rotted_is_left_out(path: Path, bridge_api: BridgeApiServer) -> None:
    """A provenance that is no JSON any more is none; the capture goes without it."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE captures SET provenance = CAST(x'7bff' AS TEXT) WHERE record = 2")
        db.commit()
    with contextlib.closing(Spool(path)) as spool:
        assert spool.captures()[1].provenance is None
        assert push(spool, bridge_api).problems == []


def test_a_hash_that_rotted_sets_one_capture_apart(path: Path, bridge_api: BridgeApiServer) -> None:
    """A capture whose hash is none is set apart and said once, wanted again, and found by the check; others go on."""
    with contextlib.closing(Spool(path)) as spool:
        sha256 = str(spool.captures()[1].sha256)
    rot(path, "sha256", sha256[:1], b"\xff")
    with contextlib.closing(Spool(path)) as spool:
        row = spool.captures()[1]
        assert (row.is_unusable, row.wants_reread, row.state) == (True, True, CaptureState.QUARANTINED)
        assert [row.record for row in spool.captures(CaptureState.QUARANTINED)] == [2]
        assert "its row in the spool is damaged (sha256)" in spool.check()[0]
        with contextlib.closing(Api(bridge_api.url, "credential")) as api:
            uploader = Uploader(spool, api)
            result = uploader.push()
            assert (len(result.delivered), [row.record for row in result.quarantined]) == (CAPTURES - 3, [2])
            assert "its row in the spool is damaged" in result.problems[0]
            again = uploader.push()
            assert (again.problems, again.quarantined, again.waiting) == ([], [], [])
        found = spool.find("DOT-1", 2)
        assert found is not None
        assert found.wants_reread
        assert spool.begin_another(NewCapture("DOT-1", 2, FIRST, PAGES)).generation == 2


def test_a_state_that_rotted_is_found_by_the_check(path: Path, bridge_api: BridgeApiServer) -> None:
    """A state that is none sets that capture apart, and nothing stops the others."""
    data = path.read_bytes()
    place = next(
        at.start() for at in re.finditer(b"DOT-1", data) if data[at.end() + 1 : at.end() + 8].find(b"sealed") >= 0
    )
    at = data.index(b"sealed", place)
    path.write_bytes(data[:at] + b"zealed" + data[at + 6 :])
    with contextlib.closing(Spool(path)) as spool:
        assert spool.check() != []
        assert len(push(spool, bridge_api).delivered) >= CAPTURES - 3
        assert [row.state for row in spool.captures() if row.is_unusable] == [CaptureState.QUARANTINED]


def test_a_row_that_cannot_be_marked_holds_up_no_other(path: Path, bridge_api: BridgeApiServer) -> None:
    """Where a row no longer fits its index, so that SQLite refuses to change it, the others are delivered and noted."""
    data = path.read_bytes()
    at = next(at.start() for at in re.finditer(b"DOT-1", data) if b"sealed" in data[at.end() : at.end() + 8])
    path.write_bytes(data[:at] + b"DOT-9" + data[at + 5 :])
    with contextlib.closing(Spool(path)) as spool, contextlib.closing(Api(bridge_api.url, "credential")) as api:
        uploader = Uploader(spool, api)
        result = uploader.push()
        assert (len(result.delivered), len(result.problems)) == (CAPTURES - 3, 1)
        assert "set the spool aside" in result.problems[0]
        assert uploader.push().problems == []
        assert spool.check() != []


def test_devices_and_clocks_that_rotted_are_left_out(path: Path) -> None:
    """A device's row, and a note of its clock, that make no sense any more do not hide the others."""
    with contextlib.closing(Spool(path)) as spool:
        note = ClockNote(5, 1_000_000, 1, 1.0, spool.captures()[1].sealed_at, 0.1)  # type: ignore[arg-type]
        for serial in ("DOT-1", "DOT-2"):
            spool.note_device(serial, "/dev/ttyACM0", 90, 0, note)
            spool.note_clock(serial, note)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE devices SET seen_at = CAST(x'ff41' AS TEXT) WHERE serial = 'DOT-1'")
        db.execute("UPDATE clock_notes SET host_utc = 'noon' WHERE id = 1")
        db.execute("UPDATE clock_notes SET device_ticks = '?' WHERE id = 3")
        db.commit()
    with contextlib.closing(Spool(path)) as spool:
        assert [row.serial for row in spool.devices()] == ["DOT-2"]
        assert [len(spool.clock_notes(serial)) for serial in ("DOT-1", "DOT-2")] == [1, 1]


@pytest.mark.parametrize(
    "change",
    [
        "sealed_at = CAST(x'ff' AS TEXT)",
        "provenance = 'no'",
        "attempts = -5",
        "cloud_state = CAST(x'ff' AS TEXT)",
        "page_count = 2",
        "page_count = 2000000000",
        "state = 'sealt'",
    ],
)
def test_salvage_takes_over_what_hashes_right(path: Path, change: str) -> None:
    """Whatever rotted in a row beside its name and its hash, a capture whose bytes have its hash comes back whole."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute(f"UPDATE captures SET {change} WHERE record = 2")  # noqa: S608 - this test's
        db.commit()
    aside = set_aside(path)
    with contextlib.closing(Spool(path, 0)) as spool:
        assert salvage(aside, spool).captures == CAPTURES
        row = spool.captures()[1]
        assert (row.state, spool.load(row), row.page_count) == (CaptureState.SEALED, bytes_of(2), PAGES)


@pytest.mark.parametrize(
    ("change", "is_lost"),
    [
        ("device = CAST(x'' AS BLOB)", True),
        ("record = -1", True),
        ("sha256 = 'abc'", False),
        ("sha256 = NULL", False),
        ("first_bytes = 5", False),
    ],
)
def test_salvage_tells_what_one_row_lost(path: Path, change: str, *, is_lost: bool) -> None:
    """A row that does not say what it is, or no hash, costs that capture alone, and it is told."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA writable_schema = ON")
        without_rules = "replace(replace(sql, ' STRICT', ''), 'CHECK (state =', 'CHECK (1 OR state =')"
        db.execute(f"UPDATE sqlite_schema SET sql = {without_rules}")  # noqa: S608 - a constant
        db.commit()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute(f"UPDATE captures SET {change} WHERE record = 2")  # noqa: S608 - this test's
        db.commit()
    aside = set_aside(path)
    with contextlib.closing(Spool(path, 0)) as spool:
        found = salvage(aside, spool)
        assert (found.captures, len(found.lost)) == (CAPTURES - 1, 1)
        assert [row.record for row in spool.captures() if row.record == 2] == ([] if is_lost else [2])
        if not is_lost:
            assert spool.captures()[1].state in (CaptureState.QUARANTINED, CaptureState.READING)


def test_salvage_keeps_two_captures_of_one_place(path: Path) -> None:
    """A number that rotted into another's does not cost a whole capture: it is kept beside that one, also twice."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = replace(sql, 'UNIQUE (device, record, generation)', 'UNIQUE (id)')")
        db.execute("DELETE FROM sqlite_schema WHERE name LIKE 'sqlite_autoindex_captures%'")
        db.commit()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE captures SET record = 3 WHERE record = 2")
        db.commit()
    aside = set_aside(path)
    with contextlib.closing(Spool(path, 0)) as spool:
        assert salvage(aside, spool).captures == CAPTURES
        assert sorted(spool.load(row) for row in spool.generations("DOT-1", 3)) == sorted(map(bytes_of, (2, 3)))
        again = salvage(aside, spool)
        assert (again.captures, again.incomplete) == (0, 0)
        assert len(spool.captures()) == CAPTURES


@pytest.mark.parametrize("seeds", [range(16), pytest.param(range(16, 256), marks=pytest.mark.long)])
def test_no_rotten_byte_ends_in_a_traceback(
    filled: Path, tmp_path: Path, bridge_api: BridgeApiServer, capsys: pytest.CaptureFixture[str], seeds: range
) -> None:
    """Bytes rotten anywhere in the file: open, list, push, set aside and salvage end in nothing but spool errors.

    What comes back sealed has the bytes of one of the captures, and no more captures are missing than bytes rotted.
    """
    whole = filled.read_bytes()
    rows_begin, rows_end = whole.index(b"f" * 256) - 600, whole.rindex(b"f" * 256) + 1200
    known = {hashlib.sha256(bytes_of(record)).hexdigest() for record in range(1, CAPTURES)}
    for seed in seeds:
        draw = random.Random(seed)  # noqa: S311 - repeatable, no secret
        data = bytearray(whole)
        for _ in range(draw.choice((1, 1, 4))):
            # Half of them where the rows are: that is where text and numbers stand.
            at = draw.randrange(len(data)) if seed % 2 else draw.randrange(rows_begin, min(rows_end, len(data)))
            data[at] = draw.randrange(256)
        path = tmp_path / f"{seed}.db"
        path.write_bytes(data)
        with contextlib.suppress(SpoolError), contextlib.closing(Spool(path, 0)) as spool:
            with contextlib.suppress(SpoolError):
                spool.captures()
                spool.devices()
            with contextlib.suppress(SpoolError):
                spool.check()
            push(spool, bridge_api)
        assert set(bridge_api.stored) <= known
        aside = set_aside(path)
        with contextlib.closing(Spool(path, 0)) as spool:
            found = salvage(aside, spool)
            salvage(aside, spool)
            sealed = [row for row in spool.captures() if row.state is CaptureState.SEALED]
            assert {hashlib.sha256(spool.load(row)).hexdigest() for row in sealed} <= known
            assert len(found.lost) >= found.incomplete
            assert spool.check() == [] or found.incomplete
    assert capsys.readouterr().err == ""


def test_only_this_user_can_read_a_new_spool(tmp_path: Path) -> None:
    """Under the usual umask a new spool, its log and its folder are this user's alone; one that is there stays."""
    before = os.umask(0o022)
    try:
        path = tmp_path / "state" / "device_bridge" / "spool.db"
        with contextlib.closing(Spool(path)) as spool:
            spool.begin(NewCapture("DOT-1", 1, FIRST, 1))
            names = sorted(path.parent.iterdir())
            assert [(name.name, oct(name.stat().st_mode & 0o777)) for name in names] == [
                (name, "0o600") for name in ("spool.db", "spool.db-shm", "spool.db-wal")
            ]
        assert [oct(folder.stat().st_mode & 0o777) for folder in path.parents[:2]] == ["0o700", "0o700"]
        path.chmod(0o640)
        path.parent.chmod(0o750)
        Spool(path).close()
        assert [oct(name.stat().st_mode & 0o777) for name in (path, path.parent)] == ["0o640", "0o750"]
    finally:
        os.umask(before)
