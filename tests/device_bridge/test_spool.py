import hashlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from device_bridge.spool import (
    CaptureState,
    NewCapture,
    Spool,
    SpoolDamagedError,
    SpooledPage,
    SpoolError,
    SpoolLock,
    SpoolLockedError,
    files,
)

FIRST = b"f" * 256
NEW = NewCapture("DOT-1", 7, FIRST, 3)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """Give an empty spool."""
    opened = Spool(tmp_path / "folder" / "spool.db")
    yield opened
    opened.close()


def page(number: int, problem: str | None = None) -> SpooledPage:
    """Return a page that is full of its number."""
    return SpooledPage(number, bytes([number]) * 256, problem)


def wanted_pages(spool: Spool, capture: int) -> list[int]:
    """Return the numbers of the pages that are still to be read."""
    return [number for numbers in spool.wanted_ranges(capture) for number in numbers]


def test_capture_is_its_pages_in_their_order(spool: Spool) -> None:
    """Pages committed in any order are sealed as the first page and then the record's, with their SHA-256."""
    row = spool.begin(NEW)
    assert (row.state, wanted_pages(spool, row.id)) == (CaptureState.READING, [0, 1, 2])
    spool.add_pages(row.id, [page(2), page(0)])
    assert wanted_pages(spool, row.id) == [1]
    spool.add_pages(row.id, [page(1, "checksum")])
    spool.seal(row.id, {"device": "DOT-1"})
    (sealed,) = spool.captures(CaptureState.SEALED)
    data = FIRST + bytes(256) + b"\1" * 256 + b"\2" * 256
    assert spool.load(sealed) == data
    assert (sealed.sha256, sealed.size_bytes) == (hashlib.sha256(data).hexdigest(), 1024)
    assert sealed.damaged_pages == (2,)
    assert sealed.provenance == {"device": "DOT-1"}


def test_beginning_again_goes_on_where_it_was(spool: Spool, tmp_path: Path) -> None:
    """A record is in the spool once; a second opener finds the committed pages, and no page comes twice."""
    row = spool.begin(NEW)
    spool.add_pages(row.id, [page(0), page(1)])
    other = Spool(tmp_path / "folder" / "spool.db")
    again = other.begin(NEW)
    other.add_pages(again.id, [SpooledPage(1, b"z" * 256, None)])
    assert (again.id, again.pages_read, wanted_pages(other, again.id)) == (row.id, 2, [2])
    other.add_pages(again.id, [page(2)])
    other.seal(again.id, {})
    assert b"z" not in other.load(other.captures()[0])
    other.close()


def test_incomplete_record_is_not_sealed(spool: Spool) -> None:
    """A record that lacks a page stays in reading."""
    row = spool.begin(NEW)
    spool.add_pages(row.id, [page(0)])
    with pytest.raises(SpoolError, match="lacks 2 pages"):
        spool.seal(row.id, {})
    assert spool.captures()[0].state is CaptureState.READING


def test_sealed_capture_is_not_sealed_anew(spool: Spool) -> None:
    """Sealing twice changes nothing: hash and provenance are fixed by the first."""
    row = spool.begin(NEW)
    spool.add_pages(row.id, [page(0), page(1), page(2)])
    spool.seal(row.id, {"read_at": "first"})
    spool.mark_delivered(row.id, "verified")
    spool.seal(row.id, {"read_at": "second"})
    (found,) = spool.captures()
    assert (found.state, found.provenance) == (CaptureState.DELIVERED, {"read_at": "first"})


def test_changed_bytes_are_found_before_they_are_sent(spool: Spool, tmp_path: Path) -> None:
    """A capture whose bytes in the file changed since it was sealed is not given out."""
    row = spool.begin(NEW)
    spool.add_pages(row.id, [page(0), page(1), page(2)])
    spool.seal(row.id, {})
    with sqlite3.connect(tmp_path / "folder" / "spool.db") as outside:
        outside.execute("UPDATE pages SET data = zeroblob(256) WHERE number = 1")
    outside.close()
    with pytest.raises(SpoolDamagedError, match="record 7 of DOT-1 has changed in the spool"):
        spool.load(spool.captures()[0])


def test_writes_survive_power_cuts(spool: Spool) -> None:
    """The file is in WAL mode with synchronous=FULL."""
    with spool._database.reading() as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_file_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    """Neither a text, nor another program's database, nor a later spool is used or changed."""
    text = tmp_path / "text.db"
    text.write_bytes(b"no database" * 1000)
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE theirs (a)")
    db.close()
    later = tmp_path / "later.db"
    with sqlite3.connect(later) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    short = tmp_path / "short.db"
    short.write_bytes(b"SQLite format 3\0")
    for path, message in (
        (text, "no spool"),
        (short, "no spool"),
        (foreign, "another program's"),
        (later, "later device_bridge"),
    ):
        before = path.read_bytes()
        with pytest.raises(SpoolError, match=message):
            Spool(path)
        assert path.read_bytes() == before


def test_onlooker_leaves_the_log_of_a_running_process(tmp_path: Path) -> None:
    """While a process holds the spool twice, as `run` does, another that looks in and leaves takes no commit away."""
    path = tmp_path / "spool.db"
    code = (
        "import sys, pathlib; from device_bridge.spool import NewCapture, Spool\n"
        "one = Spool(pathlib.Path(sys.argv[1])); two = Spool(pathlib.Path(sys.argv[1]))\n"
        "one.begin(NewCapture('DOT-1', 1, bytes(256), 3)); print(flush=True); input()\n"
        "two.begin(NewCapture('DOT-1', 2, bytes(256), 3)); print(flush=True); input()"
    )
    look = "import sys, pathlib; from device_bridge.spool import Spool; s = Spool(pathlib.Path(sys.argv[1])); "
    log = tmp_path / "spool.db-wal"
    with subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdout.readline()
        inode = log.stat().st_ino
        subprocess.run([sys.executable, "-c", look + "s.captures(); s.close()", path], check=True)
        assert log.stat().st_ino == inode
        holder.stdin.write("\n")
        holder.stdin.flush()
        holder.stdout.readline()
        holder.kill()
    found = subprocess.run(
        [sys.executable, "-c", look + "print(len(s.captures()))", path], check=True, capture_output=True, text=True
    )
    assert found.stdout == "2\n"


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A path below a file is one clear message."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(SpoolError, match="cannot be opened"):
        Spool(tmp_path / "file" / "spool.db")


def test_one_process_at_a_time(tmp_path: Path) -> None:
    """While one process holds the lock another is refused with its number; a killed holder holds nothing."""
    path = tmp_path / "spool.db"
    code = (
        "import sys, time, pathlib; from device_bridge.spool import SpoolLock\n"
        "with SpoolLock(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(100)"
    )
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(SpoolLockedError, match=f"process {holder.pid}"), SpoolLock(path):
            pass
        holder.kill()
    with SpoolLock(path):
        pass


def test_quarantine_keeps_and_gives_back(spool: Spool) -> None:
    """A quarantined capture keeps its bytes and its reason, and can be put back."""
    row = spool.begin(NEW)
    spool.add_pages(row.id, [page(0), page(1), page(2)])
    spool.seal(row.id, {})
    spool.mark_quarantined(row.id, "422 no")
    (set_aside,) = spool.captures(CaptureState.QUARANTINED)
    assert (set_aside.last_problem, set_aside.attempts) == ("422 no", 1)
    assert json.dumps(set_aside.provenance) == "{}"
    assert spool.retry_quarantined() == 1
    assert len(spool.load(spool.captures(CaptureState.SEALED)[0])) == 1024


def test_good_read_replaces_a_damaged_one(spool: Spool) -> None:
    """A damaged page is wanted again until a good read of it came; a damaged read never replaces a good one."""
    row = spool.begin(NEW)
    spool.add_pages(row.id, [page(0), SpooledPage(1, b"z" * 256, "checksum"), page(2)])
    assert wanted_pages(spool, row.id) == [1]
    spool.add_pages(row.id, [page(1), SpooledPage(2, b"z" * 256, "checksum")])
    assert wanted_pages(spool, row.id) == []
    spool.seal(row.id, {})
    (sealed,) = spool.captures()
    assert b"z" not in spool.load(sealed)
    assert sealed.damaged_pages == ()


def test_two_names_of_a_spool_have_one_lock(tmp_path: Path) -> None:
    """A symbolic link to a spool is locked with it; a folder is no spool."""
    (tmp_path / "link.db").symlink_to(tmp_path / "spool.db")
    with SpoolLock(tmp_path / "spool.db"), pytest.raises(SpoolLockedError), SpoolLock(tmp_path / "link.db"):
        pass
    for folder in (tmp_path, Path("/"), Path()):
        with pytest.raises(SpoolError, match="is a folder"), SpoolLock(folder):
            pass


def test_a_spool_that_is_made_between_two_looks_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process makes the spool, and writes its log, after the first look at the sizes of its files."""
    path, made = tmp_path / "spool.db", list[Spool]()
    look = files._size_bytes

    def look_and_make(file: Path) -> int:
        size = look(file)
        if not made:
            monkeypatch.setattr(files, "_size_bytes", look)
            made.append(Spool(path))
        return size

    monkeypatch.setattr(files, "_size_bytes", look_and_make)
    files.check_is_database(path)
    assert path.with_name("spool.db-wal").stat().st_size > 0
    made[0].close()


def test_a_new_spool_may_be_opened_by_many_at_once(tmp_path: Path) -> None:
    """Processes that open a spool while another is just making it find a spool, never another program's database."""
    script = (
        "import sys; from pathlib import Path; from device_bridge.spool import Spool; "
        "sys.stdin.readline(); [Spool(Path(f'{sys.argv[1]}-{turn}.db')).close() for turn in range(25)]"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "spool")]
    openers = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write("go\n")
        opener.stdin.flush()
    outcomes = [opener.communicate(timeout=60)[1] for opener in openers]
    assert outcomes == ["", "", "", ""]
