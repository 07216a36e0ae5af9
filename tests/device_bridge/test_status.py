import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from device_bridge.cli import main
from device_bridge.cli.spool_facts import find_holder
from device_bridge.errors import ExitCode
from device_bridge.spool import NewCapture, Spool, SpooledPage, SpoolLock
from smartdot.clocks import ClockNote

from .running_daemon import FIRST_CREDENTIAL, Cloud

pytestmark = pytest.mark.usefixtures("clean_environment")
MORNING = datetime(2026, 11, 24, 7, tzinfo=UTC)


@pytest.fixture
def spool_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the place of the spool that the commands use; the disk is never too full for a test."""
    monkeypatch.setenv("DEVICE_BRIDGE_SPOOL", str(tmp_path / "spool.db"))
    monkeypatch.setenv("DEVICE_BRIDGE_MIN_FREE_MIB", "0")
    return tmp_path / "spool.db"


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """Give the API's stand-in."""
    server = Cloud()
    yield server
    server.close()


def run_cli(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Run a command in this process and return its exit code, stdout and stderr."""
    code = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def put_capture(spool: Spool, record: int, problems: tuple[int, ...] = ()) -> int:
    """Put a sealed capture of three pages into a spool, some of them damaged; return its number."""
    row = spool.begin(NewCapture("SD-1", record, bytes(256), 3))
    spool.add_pages(
        row.id, [SpooledPage(n, bytes([record, n] * 128), "checksum" if n in problems else None) for n in range(3)]
    )
    spool.seal(row.id, {"device": "SD-1", "record": record})
    return row.id


def fill(path: Path) -> None:
    """Make a spool with a capture in each state, a device, and four hours of a clock that is 20 ppm too fast."""
    with closing(Spool(path, 0)) as spool:
        spool.mark_delivered(put_capture(spool, 1), "verified")
        spool.mark_delivered(put_capture(spool, 2, (1, 2)), "damaged")
        spool.note_attempt(put_capture(spool, 3), "the API cannot be reached")
        spool.mark_quarantined(put_capture(spool, 4), "the API refuses this capture (422)")
        row = spool.begin(NewCapture("SD-1", 5, bytes(256), 9))
        spool.add_pages(row.id, [SpooledPage(0, bytes(256), None)])
        spool.note_device("SD-1", "1915:D978:SD-1", 17, 3)
        for minute in range(0, 240, 10):
            ticks = int(minute * 60 * 1_000_020)
            at = MORNING + timedelta(minutes=minute)
            spool.note_clock("SD-1", ClockNote(ticks, 1_000_000, 1, 5000.0 + minute * 60, at, 0.001))


def test_status_tells_a_program_everything(capsys: pytest.CaptureFixture[str], spool_path: Path) -> None:
    """The JSON holds each capture with its damaged pages and why it waits, each device, its drift, disk and spool."""
    fill(spool_path)
    code, out, _ = run_cli(capsys, "status", "--json")
    facts = json.loads(out)
    # Something is in quarantine: a person is needed.
    assert code == ExitCode.NOT_DELIVERED
    assert facts["counts"] == {"reading": 1, "sealed": 1, "sent": 0, "delivered": 2, "quarantined": 1}
    assert (facts["spool"], facts["bytes_waiting"], facts["is_running"]) == (str(spool_path), 1024, False)
    captures = {capture["record"]: capture for capture in facts["captures"]}
    assert (captures[2]["damaged_pages"], captures[2]["cloud_state"]) == ([2, 3], "damaged")
    assert captures[3]["last_problem"] == "the API cannot be reached"
    assert (captures[5]["pages_read"], captures[5]["page_count"], captures[5]["sha256"]) == (1, 9, None)
    assert captures[1]["delivered_at"].endswith("Z")
    with closing(Spool(spool_path, 0)) as spool:
        assert {number: row["id"] for number, row in captures.items()} == {
            row.record: row.id for row in spool.captures()
        }
    (device,) = facts["devices"]
    assert (device["serial"], device["place"], device["battery_percent"]) == ("SD-1", "1915:D978:SD-1", 17)
    assert (device["link_errors"], device["records_held"]) == (3, 5)
    assert device["clock_drift_ppm"] == pytest.approx(20, abs=1)
    assert facts["free_bytes"] > 0


def test_status_tells_a_person_the_same(capsys: pytest.CaptureFixture[str], spool_path: Path) -> None:
    """The tables name the damaged pages, the battery, the drift, what waits and why, and where a person is needed."""
    fill(spool_path)
    _, out, err = run_cli(capsys, "status")
    devices, captures = out.split("device", 2)[1:]
    # The first column is the number by which other commands know a capture.
    assert out.splitlines()[2].split()[:2] == ["id", "device"]
    assert [line.split()[:3] for line in out.splitlines()[3:]] == [[str(n), "SD-1", str(n)] for n in range(1, 6)]
    assert all(word in devices for word in ("SD-1", "1915:D978:SD-1", "17 %", "ppm"))
    assert all(word in captures for word in ("2, 3", "the API cannot be reached", "(422)", "1/9", "verified"))
    assert "1 captures in quarantine need a person: device_bridge quarantine" in err
    assert "no `device_bridge run` is at work" in err
    assert "1024 bytes wait for the cloud" in err


def test_of_very_many_damaged_pages_the_first_are_named(capsys: pytest.CaptureFixture[str], spool_path: Path) -> None:
    """A capture whose every page is damaged fills no screen, and its number of damaged pages is told."""
    with closing(Spool(spool_path, 0)) as spool:
        row = spool.begin(NewCapture("SD-1", 1, bytes(256), 2000))
        spool.add_pages(row.id, [SpooledPage(number, bytes(256), "checksum") for number in range(2000)])
    _, out, _ = run_cli(capsys, "status")
    assert "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, ... (2000 in all)" in " ".join(out.split())


def test_status_knows_whether_a_bridge_is_at_work(capsys: pytest.CaptureFixture[str], spool_path: Path) -> None:
    """The process that holds the spool's lock is named while it does, and a number left in the file is not taken."""
    assert find_holder(spool_path) is None
    with SpoolLock(spool_path):
        assert find_holder(spool_path) == os.getpid()
        assert f"at work (process {os.getpid()})" in run_cli(capsys, "status")[2]
        # Looking must not have taken the lock away.
        assert find_holder(spool_path) == os.getpid()
    assert (spool_path.parent / "spool.db.lock").read_text().strip() == str(os.getpid())
    assert find_holder(spool_path) is None


def test_status_warns_of_a_disk_that_is_too_full(
    capsys: pytest.CaptureFixture[str], spool_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With less free disk than reading needs it ends with 8 and says so; an empty spool that is fine ends with 0."""
    assert run_cli(capsys, "status")[0] == ExitCode.FINE
    monkeypatch.setenv("DEVICE_BRIDGE_MIN_FREE_MIB", str(1 << 30))
    code, _, err = run_cli(capsys, "status")
    assert (code, "too little to read on" in err) == (ExitCode.LOOK_AT_IT, True)
    assert not spool_path.exists()


@pytest.mark.parametrize("arguments", [("--json",), ()])
def test_status_can_be_watched(spool_path: Path, arguments: tuple[str, ...]) -> None:
    """With --watch it is printed again and again, with what has changed, until Ctrl-C."""
    command = [sys.executable, "-m", "device_bridge", "status", "--watch", "0.05", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        wanted = '"delivered": 2' if arguments else "2 delivered"
        assert "delivered" in process.stdout.readline()
        fill(spool_path)
        while wanted not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait() == 130


@pytest.mark.parametrize("command", ["status", "push", "run"])
def test_a_damaged_spool_is_told_with_what_to_do(
    capsys: pytest.CaptureFixture[str], spool_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command that meets a damaged spool names the command that sets it aside, and leaves it as it is."""
    monkeypatch.setenv("DEVICE_BRIDGE_CREDENTIAL", "any")
    spool_path.write_bytes(b"no database at all " * 300)
    arguments = () if command == "status" else ("--api", "http://127.0.0.1:9")
    code, out, err = run_cli(capsys, command, *arguments)
    assert (code, out, err.count("\n")) == (ExitCode.FAILED, "", 1)
    assert "Run: device_bridge doctor --set-aside-spool" in err
    assert spool_path.read_bytes() == b"no database at all " * 300


def test_a_dry_push_tells_what_it_would_send_and_changes_nothing(
    capsys: pytest.CaptureFixture[str], spool_path: Path
) -> None:
    """Without any API or credential it lists what waits, in JSON too, and makes no spool where there is none."""
    assert run_cli(capsys, "push", "--dry-run") == (0, "nothing to deliver\n", "")
    assert not spool_path.exists()
    fill(spool_path)
    before = spool_path.read_bytes()
    code, out, _ = run_cli(capsys, "push", "--dry-run", "--api", "https://example.org")
    assert (code, out) == (0, "SD-1 record 3: 1024 bytes would be sent to https://example.org\n")
    facts = json.loads(run_cli(capsys, "push", "--dry-run", "--retry-quarantined", "--json")[1])
    assert [capture["record"] for capture in facts["would_send"]] == [3, 4]
    assert spool_path.read_bytes() == before


def test_push_tells_what_it_delivered(
    capsys: pytest.CaptureFixture[str], spool_path: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each delivery is a line, or part of the one JSON object; a credential file that others can read is told."""
    fill(spool_path)
    credential = spool_path.parent / "credential"
    credential.write_text(FIRST_CREDENTIAL)
    credential.chmod(0o644)
    monkeypatch.setenv("DEVICE_BRIDGE_CREDENTIAL_FILE", str(credential))
    monkeypatch.setenv("DEVICE_BRIDGE_API", cloud.url)
    code, out, err = run_cli(capsys, "push")
    assert (code, out.count("\n")) == (ExitCode.NOT_DELIVERED, 1)
    assert out.startswith("SD-1 record 3: delivered as ")
    assert "other users of this computer can read the credential file" in err
    code, out, _ = run_cli(capsys, "push", "--retry-quarantined", "--json")
    (delivered,) = json.loads(out)["delivered"]
    assert (code, delivered["record"]) == (0, 4)
    assert len(cloud.arrivals) == 2


def test_push_waits_for_the_verdict_of_what_was_sent(
    capsys: pytest.CaptureFixture[str], spool_path: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A capture that the cloud still looks at is asked after until there is a verdict, or told as pending."""
    monkeypatch.setattr("device_bridge.backoff.FIRST_DELAY_S", 0.01)
    monkeypatch.setenv("DEVICE_BRIDGE_CREDENTIAL", FIRST_CREDENTIAL)
    monkeypatch.setenv("DEVICE_BRIDGE_API", cloud.url)
    with closing(Spool(spool_path, 0)) as spool:
        put_capture(spool, 1)
    cloud.pending_looks = 3
    code, out, _ = run_cli(capsys, "push")
    assert (code, out.startswith("SD-1 record 1: delivered as ")) == (0, True)
    monkeypatch.setattr("device_bridge.cli.delivery._VERDICT_S", 0.0)
    with closing(Spool(spool_path, 0)) as spool:
        put_capture(spool, 2)
    cloud.pending_looks = 1000
    code, _, err = run_cli(capsys, "push")
    assert (code, "record 2 of SD-1: its bytes are in the cloud" in err) == (ExitCode.NOT_DELIVERED, True)


def test_push_speaks_json_lines_where_the_log_format_says_so(
    capsys: pytest.CaptureFixture[str], spool_path: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With DEVICE_BRIDGE_LOG_FORMAT=json each line of both streams is an object, errors included."""
    fill(spool_path)
    monkeypatch.setenv("DEVICE_BRIDGE_LOG_FORMAT", "json")
    monkeypatch.setenv("DEVICE_BRIDGE_API", cloud.url)
    monkeypatch.setenv("DEVICE_BRIDGE_CREDENTIAL", "wrong")
    code, out, err = run_cli(capsys, "push")
    lines = [json.loads(line) for line in (out + err).splitlines()]
    assert code == ExitCode.CREDENTIAL_REFUSED
    assert [line["event"] for line in lines] == ["result", "capture-not-delivered"]
    assert "wrong" not in json.dumps(lines)
