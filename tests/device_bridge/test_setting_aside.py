import contextlib
import io
import json
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from device_bridge.cli import main
from device_bridge.doctor.findings import Level
from device_bridge.doctor.storage import check_spool
from device_bridge.errors import ExitCode
from device_bridge.spool import Spool, not_taken_over

from .filled_spool import keep, small_capture

CAPTURES = 5


class Usage(NamedTuple):
    """What the system says of a disk."""

    total: int
    used: int
    free: int


@pytest.fixture
def damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a spool with five captures of which the third lost a time, and is none that the check can pass."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    spool = tmp_path / "spool.db"
    keep(spool, *(small_capture(record) for record in range(1, CAPTURES + 1)))
    with contextlib.closing(sqlite3.connect(spool)) as db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute("UPDATE captures SET sha256 = 'x' WHERE record = 3")
        db.commit()
    return spool


def set_aside(spool: Path) -> int:
    """Call the command."""
    return main(["doctor", "--set-aside-spool", "--spool", str(spool), "--json"])


def records(spool: Path) -> list[int]:
    """Return the records that a spool holds."""
    with contextlib.closing(Spool(spool)) as opened:
        return [row.record for row in opened.captures()]


def test_one_rotten_row_is_damage_enough(damaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A row that cannot be used is told as damage, all captures are taken over, and a second call finds all whole."""
    assert set_aside(damaged) == ExitCode.LOOK_AT_IT
    printed = capsys.readouterr()
    assert "its row in the spool is damaged (sha256)" in printed.err
    facts = json.loads(printed.out)
    assert (facts["captures"], facts["incomplete"]) == (CAPTURES - 1, 1)
    assert records(damaged) == [1, 2, 3, 4, 5]
    assert not_taken_over(damaged) == []
    assert Path(facts["set_aside"] + ".taken-over").exists()


def test_cut_off_taking_over_is_warned_of_and_goes_on(damaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Until the taking over came to its end doctor warns; called again the rest comes, and what is there stays."""
    set_aside(damaged)
    (mark,) = damaged.parent.glob("*.taken-over")
    mark.unlink()
    with contextlib.closing(sqlite3.connect(damaged)) as db:
        db.execute("DELETE FROM pages WHERE capture > 2")
        db.execute("DELETE FROM captures WHERE id > 2")
        db.commit()
    assert Level.WARN in [finding.level for finding in check_spool(damaged)]
    capsys.readouterr()
    set_aside(damaged)
    assert json.loads(capsys.readouterr().out)["captures"] == CAPTURES - 3
    assert records(damaged) == [1, 2, 3, 4, 5]
    assert Level.WARN not in [finding.level for finding in check_spool(damaged) if finding.check == "spool"]
    set_aside(damaged)
    assert json.loads(capsys.readouterr().out)["set_aside"] is None
    shutil.move(damaged, damaged.with_name("elsewhere"))
    assert set_aside(damaged) == ExitCode.USAGE


def test_without_room_nothing_is_begun(
    damaged: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A disk that cannot hold the copy as well is told before anything is moved, without a promise to go on."""
    before = damaged.read_bytes()
    with monkeypatch.context() as low:
        low.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, len(before)))
        assert set_aside(damaged) == ExitCode.FAILED
    errors = capsys.readouterr().err
    assert "may need 1 MiB more on its disk" in errors
    assert "by itself" not in errors
    assert damaged.read_bytes() == before
    assert not_taken_over(damaged) == []
    assert set_aside(damaged) == ExitCode.LOOK_AT_IT


def test_only_a_log_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A log without its file is damage for every command, and one command makes room."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    spool = tmp_path / "spool.db"
    spool.with_name("spool.db-wal").write_bytes(b"x" * 5000)
    for command in ("status", "push --dry-run"):
        assert main([*command.split(), "--spool", str(spool)]) == ExitCode.FAILED
        assert "cut off or emptied" in capsys.readouterr().err
    assert [finding.level for finding in check_spool(spool)] == [Level.FAIL]
    set_aside(spool)
    assert records(spool) == []
    assert [name.read_bytes() for name in tmp_path.glob("*.corrupt-*-wal")] == [b"x" * 5000]


def test_log_that_a_kill_left_behind_joins_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the renames of file and log, the next call brings both together again, and its commits count."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    spool = tmp_path / "spool.db"
    keep(spool, small_capture(1))
    with contextlib.closing(Spool(spool, 0)) as held:
        keep(spool, small_capture(2), first_record=2)
        assert held.captures() != []
        for ending in ("", "-wal"):
            shutil.copy(f"{spool}{ending}", tmp_path / f"copy{ending}")
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(tmp_path / "copy", other / "spool.db.corrupt-20261124T080000.000000Z")
    shutil.copy(tmp_path / "copy-wal", other / "spool.db-wal")
    set_aside(other / "spool.db")
    assert records(other / "spool.db") == [1, 2]
