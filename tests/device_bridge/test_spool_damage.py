import contextlib
import hashlib
import shutil
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from device_bridge.spool import (
    CaptureState,
    NewCapture,
    Spool,
    SpoolCorruptError,
    SpoolDamagedError,
    SpooledPage,
    SpoolGoneError,
    salvage,
    set_aside,
)
from device_bridge.spool.log import check_log
from smartdot import PageKind
from smartdot.page import build_page

FIRST = b"f" * 256
PAGES = 40


def page(record: int, number: int) -> SpooledPage:
    """Return a page whose checksum is right."""
    body = hashlib.sha256(b"%d %d" % (record, number)).digest() * 7 + bytes(16)
    return SpooledPage(number, build_page(PageKind.DATA, record, number, body), None)


def fill(spool: Spool, record: int) -> int:
    """Put a sealed capture into a spool, in two batches of pages; return its number."""
    row = spool.begin(NewCapture("DOT-1", record, FIRST, PAGES))
    for begin in (0, PAGES // 2):
        spool.add_pages(row.id, [page(record, number) for number in range(begin, begin + PAGES // 2)])
    spool.seal(row.id, {"record": record})
    return row.id


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a closed spool: one capture sealed, one delivered, one half read."""
    path = tmp_path / "spool.db"
    spool = Spool(path)
    fill(spool, 1)
    spool.mark_delivered(fill(spool, 2), "verified")
    row = spool.begin(NewCapture("DOT-1", 3, FIRST, PAGES))
    spool.add_pages(row.id, [page(3, number) for number in range(10)])
    spool.close()
    return path


def flip(path: Path, needle: bytes, *, times: int = 1) -> None:
    """Turn a bit where these bytes stand in a file."""
    data = bytearray(path.read_bytes())
    places = [place for place in range(len(data)) if data.startswith(needle, place)]
    assert len(places) >= times
    for place in places[:times]:
        data[place] ^= 1
    path.write_bytes(data)


def damage_leaf(path: Path, needle: bytes) -> None:
    """Overwrite the head of the SQLite page that holds these bytes, as a bad sector would."""
    data = bytearray(path.read_bytes())
    place = data.index(needle) // 4096 * 4096
    data[place : place + 16] = b"\xff" * 16
    path.write_bytes(data)


def test_whole_spool_has_no_findings(path: Path) -> None:
    """A spool in order is checked without a finding."""
    spool = Spool(path)
    assert spool.check() == []
    spool.close()


def test_flipped_bit_in_a_capture_is_found_and_the_record_wanted_again(path: Path) -> None:
    """A flipped bit is found by the check and before sending; the rotten bytes stay, and a second reading is sent."""
    flip(path, page(1, 7).data[100:130])
    spool = Spool(path)
    (finding,) = spool.check()
    assert "record 1 of DOT-1 has changed" in finding
    row = spool.captures(CaptureState.SEALED)[0]
    with pytest.raises(SpoolDamagedError):
        spool.verify(row)
    spool.mark_quarantined(row.id, finding, was_sent=False, is_rotten=True)
    rotten = spool.find("DOT-1", 1)
    assert rotten is not None
    assert (rotten.wants_reread, rotten.attempts) == (True, 0)
    again = spool.begin_another(NewCapture("DOT-1", 1, FIRST, PAGES))
    assert (again.generation, spool.begin_another(NewCapture("DOT-1", 1, FIRST, PAGES)).id) == (2, again.id)
    spool.add_pages(again.id, [page(1, number) for number in range(PAGES)])
    spool.seal(again.id, {})
    spool.verify(spool.captures(CaptureState.SEALED)[0])
    spool.mark_delivered(again.id, "verified")
    # The cloud has what the first reading was, too: nothing of it is left to be looked after.
    assert [row.state for row in spool.captures() if row.record == 1] == [CaptureState.DELIVERED] * 2
    assert spool.captures()[0].pages_read == PAGES
    spool.close()


@pytest.mark.parametrize("record", [1, 2])
def test_damaged_page_of_the_file_is_found(path: Path, record: int) -> None:
    """A damaged part of SQLite's own structure is found by the check, and reading from it says so."""
    damage_leaf(path, page(record, 7).data)
    spool = Spool(path)
    assert any("is damaged" in finding for finding in spool.check())
    with pytest.raises(SpoolDamagedError, match="cannot be read from the spool"):
        spool.verify(spool.captures()[record - 1])
    spool.close()


def test_spool_that_cannot_be_opened_is_left_as_it_is(path: Path) -> None:
    """A damaged head, a cut and an emptied file are each refused as corrupt, with no byte changed."""
    whole = path.read_bytes()
    for broken in (b"\0" * 100 + whole[100:], whole[:300], whole[:4096], whole[:100] + b"\xff" * 4000 + whole[4100:]):
        path.write_bytes(broken)
        with pytest.raises(SpoolCorruptError, match="Nothing was changed"):
            Spool(path)
        assert path.read_bytes() == broken


def test_file_that_was_cut_in_its_middle_is_found_on_use(path: Path) -> None:
    """A file that lost its end opens no better than it can, and the check names the damage."""
    path.write_bytes(path.read_bytes()[:-20_000])
    with contextlib.ExitStack() as stack:
        try:
            spool = stack.enter_context(contextlib.closing(Spool(path)))
        except SpoolCorruptError:
            return
        assert spool.check() != []


KILLED = """
import os, sys
from pathlib import Path
from device_bridge.spool import NewCapture, Spool, SpooledPage
spool = Spool(Path(sys.argv[1]))
for record in range(1, 6):
    row = spool.begin(NewCapture("DOT-1", record, bytes(256), 4))
    spool.add_pages(row.id, [SpooledPage(number, bytes([record]) * 256, None) for number in range(4)])
    spool.seal(row.id, {})
os._exit(9)
"""


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """Give a spool whose commits are still in its log, as a kill leaves it."""
    path = tmp_path / "spool.db"
    subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert path.with_name("spool.db-wal").stat().st_size > 100_000
    return path


def frames(path: Path) -> Iterator[tuple[int, bool]]:
    """Give where each frame of a log begins, and whether it ends a commit."""
    data = path.read_bytes()
    for place in range(32, len(data), 24 + 4096):
        yield place, struct.unpack_from(">I", data, place + 4)[0] > 0


@pytest.mark.parametrize("where", ["salt", "checksum", "page", "size", "header"])
def test_damaged_log_is_not_taken_for_a_torn_one(killed: Path, where: str) -> None:
    """A flipped bit in the log, which SQLite would take as the end of all commits, is refused with no byte changed."""
    log = killed.with_name("spool.db-wal")
    data = bytearray(log.read_bytes())
    place = list(frames(log))[8][0]
    data[{"salt": place + 9, "checksum": place + 17, "page": place + 500, "size": place + 3, "header": 17}[where]] ^= 4
    log.write_bytes(data)
    for _ in range(2):
        with pytest.raises(SpoolCorruptError, match="log of the spool"):
            Spool(killed)
        assert log.read_bytes() == data


def test_log_that_a_power_cut_tore_is_in_order(killed: Path) -> None:
    """A log that ends in the middle of a commit, or lacks some of its frames, opens with all that came before."""
    log = killed.with_name("spool.db-wal")
    whole = log.read_bytes()
    commits = [place for place, ends in frames(log) if ends]
    torn = [whole[: commits[-1] + 1000], whole[: commits[-1]]]
    begin = commits[-2] + 24 + 4096
    torn += [whole[:begin] + bytes(24 + 4096) + whole[begin + 24 + 4096 :]]
    # A commit of several frames, of which the first lacks its content.
    frame = 24 + 4096
    end = max(after for before, after in pairwise(commits) if after - before > frame) + frame
    begin = commits[commits.index(end - frame) - 1] + frame
    torn += [whole[: begin + 24] + bytes(4096) + whole[begin + frame : end]]
    for number, data in enumerate(torn):
        copy = killed.with_name(f"copy-{number}.db")
        shutil.copyfile(killed, copy)
        copy.with_name(copy.name + "-wal").write_bytes(data)
        spool = Spool(copy)
        assert [row.state.value for row in spool.captures()][:4] == ["sealed"] * 4
        assert spool.check() == []
        spool.close()


def test_a_log_is_read_whole_once_while_the_file_is_open(killed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who opens a spool first in a process reads its log whole, those after it do not; after all are closed again."""
    looks: list[Path] = []

    def look(path: Path) -> None:
        looks.append(path)
        check_log(path)

    monkeypatch.setattr("device_bridge.spool.database.check_log", look)
    first = Spool(killed)
    second = Spool(killed)
    link = killed.with_name("link.db")
    link.symlink_to(killed)
    Spool(link).close()
    first.close()
    first.close()
    Spool(killed).close()
    assert len(looks) == 1
    second.close()
    Spool(killed).close()
    assert len(looks) == 2
    kept = Spool(killed)
    replaced = killed.with_name("other.db")
    shutil.copy(killed, replaced)
    replaced.replace(killed)
    Spool(killed).close()
    kept.close()
    assert len(looks) == 4


def test_log_without_its_file_is_not_thrown_away(killed: Path) -> None:
    """A log whose file was deleted holds commits that SQLite would delete: it is refused and can be set aside."""
    killed.unlink()
    log = killed.with_name("spool.db-wal")
    data = log.read_bytes()
    with pytest.raises(SpoolCorruptError):
        Spool(killed)
    assert log.read_bytes() == data
    aside = set_aside(killed)
    assert aside.with_name(aside.name + "-wal").read_bytes() == data
    Spool(killed).close()


def test_spool_deleted_or_replaced_in_use_is_noticed(path: Path) -> None:
    """No page is committed into a file that is no longer under its name, and what is there can still be read."""
    spool = Spool(path)
    path.rename(path.with_name("elsewhere"))
    with pytest.raises(SpoolGoneError, match="deleted or replaced"):
        spool.add_pages(3, [page(3, 11)])
    shutil.copyfile(path.with_name("elsewhere"), path)
    with pytest.raises(SpoolGoneError):
        spool.mark_delivered(1, "verified")
    assert spool.load(spool.captures()[0])[:256] == FIRST
    path.with_name("elsewhere").replace(path)
    spool.add_pages(3, [page(3, 11)])
    assert spool.captures()[2].pages_read == 11
    spool.close()


def test_set_aside_moves_everything_and_deletes_nothing(killed: Path) -> None:
    """The file and its log get a new name together, and open under it as they were; the old name is free."""
    aside = set_aside(killed)
    assert aside.name.startswith("spool.db.corrupt-20")
    assert [name.name for name in killed.parent.iterdir() if not name.name.startswith(aside.name)] == []
    moved = Spool(aside)
    assert len(moved.captures()) == 5
    moved.close()
    new = Spool(killed)
    assert new.captures() == []
    new.close()


def states(spool: Spool) -> list[tuple[int, str, int]]:
    """Return record, state and pages of all captures."""
    return [(row.record, row.state.value, row.pages_read) for row in spool.captures()]


def test_salvage_of_a_whole_spool_loses_nothing(path: Path) -> None:
    """What can be read is taken over with its state, and doing it again changes nothing."""
    old = Spool(path)
    before = old.captures()
    old.close()
    aside = set_aside(path)
    data = aside.read_bytes()
    spool = Spool(path)
    assert salvage(aside, spool) == salvage(aside, Spool(path.with_name("third.db")))
    again = salvage(aside, spool)
    assert (again.captures, again.incomplete, again.lost) == (0, 0, ())
    assert spool.captures() == before
    assert spool.load(spool.captures()[0]) == FIRST + b"".join(page(1, number).data for number in range(PAGES))
    assert aside.read_bytes() == data
    spool.close()


def test_salvage_leaves_out_what_rotted_and_keeps_the_rest(path: Path) -> None:
    """A page that rotted is wanted from the device again, of its capture alone; a delivered one stays delivered."""
    flip(path, page(1, 7).data[100:130])
    damage_leaf(path, page(2, 7).data)
    aside = set_aside(path)
    spool = Spool(path)
    found = salvage(aside, spool)
    assert (found.captures, found.incomplete) == (1, 2)
    assert list(spool.wanted_ranges(1)) == [range(7, 8)]
    first, second, third = states(spool)
    assert (first, third) == ((1, "reading", PAGES - 1), (3, "reading", 10))
    assert second[:2] == (2, "delivered")
    assert 0 < second[2] < PAGES
    spool.add_pages(1, [page(1, 7)])
    spool.seal(1, {})
    spool.verify(spool.captures()[0])
    spool.close()


def test_salvage_of_bytes_that_no_page_explains_wants_the_record_again(path: Path) -> None:
    """A capture whose hash is wrong though each page is right is kept aside with all its bytes, and wanted anew."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE captures SET first_bytes = zeroblob(256) WHERE record = 1")
        db.commit()
    aside = set_aside(path)
    spool = Spool(path)
    found = salvage(aside, spool)
    assert (found.captures, found.incomplete) == (2, 1)
    assert [(row.record, row.pages_read) for row in spool.captures() if row.wants_reread] == [(1, PAGES)]
    spool.close()


def test_salvage_from_what_is_no_database(tmp_path: Path) -> None:
    """Where nothing can be read that is said, and the file stays."""
    path = tmp_path / "spool.db"
    path.write_bytes(b"no database" * 1000)
    aside = set_aside(path)
    spool = Spool(path)
    found = salvage(aside, spool)
    assert (found.captures, found.incomplete) == (0, 0)
    assert "nothing of" in found.lost[0]
    assert aside.read_bytes() == b"no database" * 1000
    spool.close()


def test_salvage_of_an_older_spool(tmp_path: Path) -> None:
    """A damaged spool of version 1 is taken over as well."""
    path = tmp_path / "spool.db"
    data = FIRST + b"".join(page(9, number).data for number in range(2))
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(
            "CREATE TABLE captures (id INTEGER PRIMARY KEY, device, record, state, first_bytes, page_count, sha256, "
            "size_bytes, provenance, cloud_state, attempts, last_problem)"
        )
        db.execute("CREATE TABLE pages (capture, number, data, problem, PRIMARY KEY (capture, number)) WITHOUT ROWID")
        sha256 = hashlib.sha256(data).hexdigest()
        row = (1, "DOT-1", 9, "sealed", FIRST, 2, sha256, len(data), "{}", None, 3, "no")
        db.execute(f"INSERT INTO captures VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608 - question marks
        db.executemany("INSERT INTO pages VALUES (1, ?, ?, NULL)", [(n, page(9, n).data) for n in range(2)])
        db.commit()
    spool = Spool(tmp_path / "new.db")
    assert salvage(path, spool).captures == 1
    assert (spool.captures()[0].attempts, spool.captures()[0].generation) == (3, 1)
    spool.verify(spool.captures()[0])
    spool.close()
