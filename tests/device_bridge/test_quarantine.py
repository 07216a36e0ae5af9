import json
from contextlib import closing
from pathlib import Path

import pytest

from device_bridge.cli import main
from device_bridge.errors import ExitCode
from device_bridge.spool import CaptureState, Spool

from .conftest import BridgeApiServer
from .filled_spool import keep, small_capture

pytestmark = pytest.mark.usefixtures("clean_environment")
REASON = "the API refuses this capture (422 not a SmartDot)"


@pytest.fixture
def spool(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a spool with three captures, two of them in quarantine."""
    request.getfixturevalue("clean_environment")
    path = tmp_path / "spool.db"
    rows = keep(path, small_capture(1), small_capture(2), small_capture(3))
    opened = Spool(path)
    for row in rows[:2]:
        opened.mark_quarantined(row.id, REASON)
    opened.close()
    monkeypatch.setenv("DEVICE_BRIDGE_SPOOL", str(path))
    return path


def in_quarantine(path: Path) -> list[int]:
    """Return the records that are in quarantine."""
    opened = Spool(path)
    try:
        return [row.record for row in opened.captures(CaptureState.QUARANTINED)]
    finally:
        opened.close()


@pytest.mark.usefixtures("spool")
def test_the_list_gives_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    """The list names each capture with the reason it was set aside for, and what to do."""
    assert main(["quarantine"]) == ExitCode.FINE
    printed = capsys.readouterr()
    assert printed.out.count(REASON) == 2
    assert "quarantine retry" in printed.err
    assert main(["quarantine", "--json"]) == ExitCode.FINE
    facts = json.loads(capsys.readouterr().out)["captures"]
    assert [(row["id"], row["record"], row["problem"]) for row in facts] == [(1, 1, REASON), (2, 2, REASON)]


@pytest.mark.usefixtures("spool")
def test_one_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """`show` gives all that is known of one, and refuses one that is not in quarantine."""
    assert main(["quarantine", "show", "2", "--json"]) == ExitCode.FINE
    facts = json.loads(capsys.readouterr().out)
    assert (facts["record"], facts["provenance"]) == (2, {"bridge": "test"})
    assert main(["quarantine", "show", "2"]) == ExitCode.FINE
    assert "provenance.bridge: test\n" in capsys.readouterr().out
    assert main(["quarantine", "show", "3"]) == ExitCode.USAGE
    assert "not in quarantine: 3 (there is 1, 2)" in capsys.readouterr().err


def test_chosen_ones_are_sent_again(
    spool: Path, capsys: pytest.CaptureFixture[str], bridge_api: BridgeApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`retry` puts the named ones back, or all; a strange id changes nothing; a push then delivers them."""
    assert main(["quarantine", "retry", "2", "3"]) == ExitCode.USAGE
    assert in_quarantine(spool) == [1, 2]
    assert main(["quarantine", "retry", "2"]) == ExitCode.FINE
    assert in_quarantine(spool) == [1]
    capsys.readouterr()
    assert main(["quarantine", "retry", "--json"]) == ExitCode.FINE
    assert json.loads(capsys.readouterr().out) == {"retried": 1}
    monkeypatch.setenv("DEVICE_BRIDGE_API", bridge_api.url)
    monkeypatch.setenv("DEVICE_BRIDGE_CREDENTIAL", "s3cret")
    assert main(["push"]) == ExitCode.FINE
    assert len(bridge_api.stored) == 3


def test_raw_bytes_are_exported(spool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`export` writes the exact bytes of what is in quarantine and of nothing else."""
    assert main(["quarantine", "export", "--output", str(tmp_path / "out"), "--json"]) == ExitCode.FINE
    files = [name for row in json.loads(capsys.readouterr().out)["captures"] for name in row["files"]]
    assert [Path(name).read_bytes() for name in files] == [small_capture(1), small_capture(2)]
    assert main(["quarantine", "export", "2", "--output", str(tmp_path / "two")]) == ExitCode.FINE
    assert [path.name for path in (tmp_path / "two").iterdir()] == ["SD-1_2.smartdot"]
    assert in_quarantine(spool) == [1, 2]


def test_bytes_that_changed_on_the_disk_are_exported_as_they_are(
    spool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A capture that rotted in the spool is written as it is now, into a file that says so; the others as always."""
    rotten = bytearray(small_capture(2)[512:768])
    rotten[138] ^= 1
    with closing(Spool(spool)) as opened:
        opened._database._db.execute("UPDATE pages SET data = ? WHERE capture = 2 AND number = 1", (rotten,))
    folder = tmp_path / "out"
    assert main(["quarantine", "export", "--output", str(folder)]) == ExitCode.LOOK_AT_IT
    printed = capsys.readouterr()
    assert "SD-1 record 2: these are not the bytes that were read from the device" in printed.err
    assert "record 1" not in printed.err
    assert sorted(path.name for path in folder.iterdir()) == ["SD-1_1.smartdot", "SD-1_2.smartdot.changed"]
    written = (folder / "SD-1_2.smartdot.changed").read_bytes()
    assert [place for place, (a, b) in enumerate(zip(written, small_capture(2), strict=True)) if a != b] == [650]
    assert (folder / "SD-1_1.smartdot").read_bytes() == small_capture(1)


def test_an_empty_quarantine(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Without a spool, or with nothing in quarantine, each word says so and makes no file."""
    assert main(["quarantine"]) == ExitCode.FINE
    assert "nothing is in quarantine" in capsys.readouterr().err
    assert main(["quarantine", "--json"]) == ExitCode.FINE
    assert json.loads(capsys.readouterr().out) == {"captures": []}
    assert main(["quarantine", "retry"]) == ExitCode.FAILED
    assert not (tmp_path / "state").exists()
    keep(tmp_path / "spool.db", small_capture(1))
    assert main(["quarantine", "export", "--spool", str(tmp_path / "spool.db")]) == ExitCode.FINE
    assert "nothing was written" in capsys.readouterr().err
