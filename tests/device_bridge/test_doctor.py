import io
import json
import os
import pty
import shutil
import subprocess
import sys
import tty
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from device_bridge.api import UnreachableError
from device_bridge.cli import main, setting_aside
from device_bridge.doctor import cloud, devices, storage
from device_bridge.doctor.findings import Finding, Level, worst_exit_code
from device_bridge.doctor.holders import find_holders
from device_bridge.emulator.firmware import Firmware
from device_bridge.errors import ExitCode
from device_bridge.settings import resolve
from device_bridge.spool import CaptureState, Spool

from .conftest import BridgeApiServer, BridgeReply, ServeFlash, StartEmulator
from .filled_spool import keep, rows_in, small_capture, small_flash
from .running_daemon import wait_until

pytestmark = pytest.mark.usefixtures("clean_environment")
SECRET = "s3cret-credential"


def findings_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """Run `doctor` and return its exit code, and level and text by check."""
    capsys.readouterr()
    code = main(["doctor", *arguments, "--json"])
    printed = capsys.readouterr()
    assert SECRET not in printed.out + printed.err
    found = json.loads(printed.out)["findings"]
    return code, {finding["check"]: (finding["level"], f"{finding['text']} | {finding['advice']}") for finding in found}


@pytest.fixture
def enrolled(
    request: pytest.FixtureRequest, bridge_api: BridgeApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> BridgeApiServer:
    """Give the API, with a credential that it takes in the settings."""
    request.getfixturevalue("clean_environment")
    bridge_api.credential = SECRET
    path = tmp_path / "credential"
    path.write_text(SECRET)
    path.chmod(0o600)
    monkeypatch.setenv("DEVICE_BRIDGE_API", bridge_api.url)
    monkeypatch.setenv("DEVICE_BRIDGE_CREDENTIAL_FILE", str(path))
    return bridge_api


def test_all_is_well(
    capsys: pytest.CaptureFixture[str], enrolled: BridgeApiServer, serve_flash: ServeFlash, tmp_path: Path
) -> None:
    """With everything in order each check says ok and the code is 0; account, device and spool are as before."""
    served = serve_flash(small_flash())
    memory = [served.flash.image.capture(record) for record in (1, 2)]
    spool = tmp_path / "spool.db"
    keep(spool, small_capture(1))
    code, found = findings_of(capsys, "--port", served.path, "--spool", str(spool))
    assert {level for level, _ in found.values()} == {"ok"}, found
    assert code == ExitCode.FINE
    assert list(found) == [
        *("settings", "port", "holder", "link", "battery"),
        *("spool", "disk", "credential", "api", "clock"),
    ]
    assert "TEST-1, 0 errors in 100 reads" in found["link"][1]
    assert "1 sealed" in found["spool"][1]
    assert "knows this bridge as Lane 1" in found["api"][1]
    assert [(request["method"], request["path"]) for request in enrolled.requests] == [("GET", "/v1/bridges/me")]
    assert [served.flash.image.capture(record) for record in (1, 2)] == memory
    assert [row.state for row in rows_in(spool)] == [CaptureState.SEALED]


def test_a_line_for_each_check(capsys: pytest.CaptureFixture[str], enrolled: BridgeApiServer, tmp_path: Path) -> None:
    """As text each check is a line that begins with its level and says what to do; no spool is made."""
    assert enrolled.url
    code = main(["doctor", "--port", "/dev/ttyNOWHERE", "--spool", str(tmp_path / "spool.db")])
    printed = capsys.readouterr()
    assert code == ExitCode.NO_DEVICE
    lines = printed.out.splitlines()
    assert lines[1] == "fail    port        /dev/ttyNOWHERE: there is no such port. What to do: plug the device in"
    assert all(line.split()[0] in tuple(Level) for line in lines)
    assert not (tmp_path / "spool.db").exists()


@pytest.fixture
def held_port() -> Iterator[tuple[str, int]]:
    """Give a port that another process has open, and that process' number; the other end is this process."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    path = os.ttyname(slave)
    with (
        open(path, "rb", buffering=0) as port,  # noqa: PTH123 - a device
        subprocess.Popen(["sleep", "600"], stdin=port) as process,
    ):
        # For a moment after exec a process has no command line yet.
        wait_until(Path(f"/proc/{process.pid}/cmdline").read_bytes)
        yield path, process.pid
        process.kill()
    os.close(master)
    os.close(slave)


def test_who_holds_the_port(held_port: tuple[str, int]) -> None:
    """A process that has the port open is named with its number, and makes the check fail before the link is tried."""
    path, pid = held_port
    assert [(holder.pid, holder.command) for holder in find_holders(path).found] == [(pid, "sleep 600")]
    findings = devices.check_devices((path,))
    assert next(findings).level is Level.OK
    holder = next(findings)
    assert (holder.level, holder.exit_code) == (Level.FAIL, ExitCode.NO_DEVICE)
    assert f"sleep 600 (process {pid}) has it open" in holder.text
    assert f"kill {pid}" in holder.advice
    assert find_holders("/nowhere").found == ()


def test_the_other_end_of_a_pty_is_no_holder(start_emulator: StartEmulator) -> None:
    """An emulator of another process, which has both ends of its pty open, is the device and not a rival."""
    path = start_emulator().path
    assert find_holders(path).found == ()


def test_a_bridge_at_work_is_no_fault(capsys: pytest.CaptureFixture[str], serve_flash: ServeFlash) -> None:
    """A port that a device_bridge reads is fine, and its link is left alone."""
    path = serve_flash(small_flash()).path
    holding = "import sys, time; port = open(sys.argv[1], 'rb', 0); print('open', flush=True); time.sleep(600)"
    command = [sys.executable, "-c", holding, path, "device_bridge", "run"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        _, found = findings_of(capsys, "--port", path)
        process.kill()
    assert found["holder"][0] == "ok"
    assert f"(process {process.pid})" in found["holder"][1]
    assert found["link"][0] == "skipped"


class NoisyFirmware(Firmware):
    """A device whose every 40th page is damaged on the line."""

    answers = 0

    def receive(self, data: bytes) -> list[bytes]:
        """Answer, and flip bits of every 40th page."""
        return [self._spoilt(packet) if len(packet) > 250 else packet for packet in super().receive(data)]

    def _spoilt(self, packet: bytes) -> bytes:
        self.answers += 1
        return packet if self.answers % 40 else packet[:50] + bytes([packet[50] ^ 0x55]) + packet[51:]


def test_a_bad_link_is_counted(serve_flash: ServeFlash) -> None:
    """Damaged answers are counted over the 100 reads, and the check warns of the cable."""
    served = serve_flash(small_flash(), firmware=NoisyFirmware)
    (link,) = [finding for finding in devices.check_devices((served.path,)) if finding.check == "link"]
    assert link.level is Level.WARN
    count = int(link.text.split(" errors in 100 reads")[0].rsplit(", ", 1)[1])
    assert 2 <= count <= 5
    assert "cable" in link.advice


def test_a_port_that_this_user_may_not_open(serve_flash: ServeFlash, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port without permission is named with the group to join, and is not opened."""
    # Root, as in a container, may open everything.
    monkeypatch.setattr(os, "access", lambda *_: False)
    path = serve_flash(small_flash()).path
    (finding,) = devices.check_devices((path,))
    assert finding.level is Level.FAIL
    assert f"usermod -aG {Path(path).group()} " in finding.advice
    assert finding.exit_code is ExitCode.NO_DEVICE


def test_no_device_at_all(capsys: pytest.CaptureFixture[str], enrolled: BridgeApiServer) -> None:
    """Without any device plugged in or named there is a warning, and the code says to look at it."""
    assert enrolled.url
    code, found = findings_of(capsys)
    assert found["port"][0] == "warn"
    assert code == ExitCode.LOOK_AT_IT


def test_what_is_wrong_with_the_cloud(
    capsys: pytest.CaptureFixture[str], enrolled: BridgeApiServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A missing, refused or readable credential, an API that is away and a missing address each have a line."""
    enrolled.ask_script = [BridgeReply(503)]
    code, found = findings_of(capsys)
    assert (found["api"][0], found["clock"][0], code) == ("fail", "skipped", ExitCode.NOT_DELIVERED)
    enrolled.credential = "another"
    code, found = findings_of(capsys)
    assert (found["api"][0], found["credential"][0], code) == ("ok", "fail", ExitCode.CREDENTIAL_REFUSED)
    assert found["credential"][1].count("enrol --force") == 1
    enrolled.credential = SECRET
    (tmp_path / "credential").chmod(0o644)
    code, found = findings_of(capsys)
    assert (found["credential"][0], "chmod 600" in found["credential"][1]) == ("warn", True)
    monkeypatch.delenv("DEVICE_BRIDGE_CREDENTIAL_FILE")
    code, found = findings_of(capsys)
    assert (found["credential"][0], found["api"][0], code) == ("fail", "ok", ExitCode.CREDENTIAL_REFUSED)
    monkeypatch.setenv("DEVICE_BRIDGE_API", "http://127.0.0.1:9")
    assert findings_of(capsys)[1]["api"][0] == "fail"
    monkeypatch.delenv("DEVICE_BRIDGE_API")
    _, found = findings_of(capsys)
    assert found["api"][0] == "fail"
    assert "clock" not in found


@pytest.mark.parametrize(
    ("ahead_s", "level", "words"), [(1.5, "ok", "ahead of"), (-30, "warn", "behind"), (30, "warn", "ahead of")]
)
def test_the_clock_against_the_server(
    capsys: pytest.CaptureFixture[str], enrolled: BridgeApiServer, ahead_s: float, level: str, words: str
) -> None:
    """More than two seconds between this computer and the API is a warning with the way it goes."""
    server_time = (datetime.now(UTC) - timedelta(seconds=ahead_s)).isoformat()
    answer = json.dumps({"id": "b", "name": "Lane 1", "server_time": server_time}).encode()
    enrolled.ask_script = [BridgeReply(200, answer)]
    _, found = findings_of(capsys)
    assert found["clock"][0] == level
    assert f"s {words} the API" in found["clock"][1]
    assert ("NTP" in found["clock"][1]) == (level == "warn")


def test_a_slow_answer_is_no_clock_error() -> None:
    """The clock is only called wrong by more than the round trip leaves open."""
    assert cloud._judge_clock(2.5, 2.0).level is Level.OK
    assert cloud._judge_clock(3.1, 2.0).level is Level.WARN


def test_a_disk_without_room(tmp_path: Path) -> None:
    """Less room than reading leaves free fails, little more warns; the spool's folder need not exist."""
    usage = shutil.disk_usage(tmp_path)
    spool = tmp_path / "a" / "b" / "spool.db"
    assert storage.check_disk(spool, usage.free * 2).level is Level.FAIL
    assert storage.check_disk(spool, usage.free // 2).level is Level.WARN
    assert storage.check_disk(spool, 1).level is Level.OK
    assert not spool.parent.exists()


def test_quarantine_is_told(capsys: pytest.CaptureFixture[str], enrolled: BridgeApiServer, tmp_path: Path) -> None:
    """What is in quarantine is a warning that names the command."""
    assert enrolled.url
    spool = tmp_path / "spool.db"
    (row,) = keep(spool, small_capture(1))
    opened = Spool(spool)
    opened.mark_quarantined(row.id, "no")
    opened.close()
    code, found = findings_of(capsys, "--spool", str(spool))
    assert (found["quarantine"][0], code) == ("warn", ExitCode.LOOK_AT_IT)


def damage_file(spool: Path) -> None:
    """Overwrite the middle of a spool's file."""
    data = bytearray(spool.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = b"\xa5" * 4096
    spool.write_bytes(data)


def test_a_damaged_spool_is_set_aside(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A damaged spool is found, and set aside only when asked: its bytes are kept, what can be read is taken over."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    spool = tmp_path / "spool.db"
    keep(spool, *(small_capture(record) for record in range(1, 9)))
    damage_file(spool)
    before = spool.read_bytes()
    _, found = findings_of(capsys, "--spool", str(spool))
    assert found["spool"][0] == "fail"
    assert "doctor --set-aside-spool" in found["spool"][1]
    assert spool.read_bytes() == before
    code = main(["doctor", "--set-aside-spool", "--spool", str(spool), "--json"])
    printed = capsys.readouterr()
    facts = json.loads(printed.out)
    assert "Nothing is deleted" in printed.err
    assert Path(facts["set_aside"]).read_bytes() == before
    assert facts["captures"] >= 6
    assert facts["captures"] + facts["incomplete"] >= 7
    assert code == (ExitCode.LOOK_AT_IT if facts["lost"] else ExitCode.FINE)
    with_hash = [row for row in rows_in(spool) if row.state is CaptureState.SEALED]
    assert len(with_hash) >= facts["captures"]
    assert findings_of(capsys, "--spool", str(spool))[1]["spool"][0] in ("ok", "fail")


@pytest.mark.parametrize("point", ["set_aside", "salvage"])
def test_setting_aside_that_was_cut_off_is_finished_later(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, point: str
) -> None:
    """Killed after the rename, before or within the taking over, the command does the rest when it is called again."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    spool = tmp_path / "spool.db"
    keep(spool, *(small_capture(record) for record in range(1, 9)))
    damage_file(spool)
    command = ["doctor", "--set-aside-spool", "--spool", str(spool), "--json"]
    verb = getattr(setting_aside, point)

    def cut_off(*arguments: Path) -> None:
        if point == "set_aside":
            verb(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(setting_aside, point, cut_off)
        assert main(command) == 130
    assert spool.exists() is (point == "salvage")
    capsys.readouterr()
    assert main(command) in (ExitCode.LOOK_AT_IT, ExitCode.FINE)
    facts = json.loads(capsys.readouterr().out)
    assert facts["captures"] >= 6
    assert len(rows_in(spool)) >= 6
    # Once more leaves what is there as it is.
    before = [(row.record, row.state) for row in rows_in(spool)]
    main(command)
    assert [(row.record, row.state) for row in rows_in(spool)] == before


def test_a_spool_of_which_nothing_can_be_read_holds_up_no_other(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """What was set aside and is no database at all is named, and the spool that is there stays as it is."""
    spool = tmp_path / "spool.db"
    keep(spool, small_capture(1))
    (tmp_path / "spool.db.corrupt-20261124T000000Z").write_bytes(b"no database" * 100)
    assert main(["doctor", "--set-aside-spool", "--spool", str(spool)]) == ExitCode.LOOK_AT_IT
    assert "can be read" in capsys.readouterr().err
    assert [row.record for row in rows_in(spool)] == [1]


def test_a_whole_spool_is_not_set_aside(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Asked to set a whole spool aside, or none, the command says so and changes nothing."""
    spool = tmp_path / "spool.db"
    assert main(["doctor", "--set-aside-spool", "--spool", str(spool)]) == ExitCode.USAGE
    keep(spool, small_capture(1))
    before = sorted(path.name for path in tmp_path.iterdir())
    assert main(["doctor", "--set-aside-spool", "--spool", str(spool)]) == ExitCode.FINE
    assert "nothing was set aside" in capsys.readouterr().out
    assert sorted({path.name for path in tmp_path.iterdir()} - {"spool.db.lock"}) == before


def test_the_worst_decides() -> None:
    """The first failure's kind is the exit code, whatever warns before it."""
    warn = Finding("a", Level.WARN, "")
    fail = Finding("b", Level.FAIL, "", exit_code=ExitCode.NO_DEVICE)
    later = Finding("c", Level.FAIL, "", exit_code=ExitCode.CREDENTIAL_REFUSED)
    assert worst_exit_code([warn, fail, later]) is ExitCode.NO_DEVICE
    assert worst_exit_code([warn]) is ExitCode.LOOK_AT_IT
    assert worst_exit_code([Finding("d", Level.SKIPPED, "")]) is ExitCode.FINE


def test_tls_trouble_is_told_as_such() -> None:
    """An address that speaks no TLS, or an untrusted certificate, comes with advice about certificates and dates."""
    settings = resolve({"api": "https://127.0.0.1:9"}, {"DEVICE_BRIDGE_CREDENTIAL": SECRET})
    (api,) = [finding for finding in cloud.check_cloud(settings) if finding.check == "api"]
    assert api.level is Level.FAIL
    certificate = UnreachableError("the API cannot be reached (certificate verify failed: self-signed)")
    assert "SSL_CERT_FILE" in cloud._advice("https://x", certificate)
