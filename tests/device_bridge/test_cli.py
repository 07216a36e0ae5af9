import fcntl
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from device_bridge.cli import main
from device_bridge.cli.arguments import MEANINGS
from device_bridge.cli.parser import build_parser
from device_bridge.errors import ExitCode
from device_bridge.spool import SpoolLock
from smartdot import MemoryImage, inspect_capture

from .conftest import BridgeApiServer, BridgeReply, ServeFlash, StartEmulator

pytestmark = pytest.mark.usefixtures("clean_environment")
SECRET = "s3cret-credential"
COMMANDS = (
    *("list", "info", "enrol", "pull", "push", "run", "status", "quarantine", "quarantine retry", "quarantine show"),
    *("quarantine export", "export", "plot", "emulate", "doctor", "config", "config show"),
)


def run_cli(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Run a command in this process and return its exit code, stdout and stderr."""
    code = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_from_device_to_cloud(
    capsys: pytest.CaptureFixture[str],
    start_emulator: StartEmulator,
    bridge_api: BridgeApiServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The commands that a new user runs take a shot from an emulator of its own process to the API, byte for byte."""
    emulator = start_emulator("--records", 2, "--memory", tmp_path / "flash.bin", "--link", tmp_path / "dot")
    monkeypatch.setenv("DEVICE_BRIDGE_PORT", str(tmp_path / "dot"))
    monkeypatch.setenv("DEVICE_BRIDGE_API", bridge_api.url)
    (tmp_path / "credential").write_text(SECRET + "\n")
    code, out, _ = run_cli(capsys, "info", "--json")
    assert (code, [record["record"] for record in json.loads(out)["records"]]) == (0, [1, 2])
    code, out, _ = run_cli(capsys, "pull", "--json")
    assert (code, len(json.loads(out)["sealed"])) == (0, 2)
    code, out, _ = run_cli(capsys, "pull")
    assert (code, "no new records" in out) == (0, True)
    code, out, err = run_cli(capsys, "push", "--credential-file", tmp_path / "credential", "--json")
    assert (code, len(json.loads(out)["delivered"]), SECRET in out + err) == (0, 2, False)
    code, out, _ = run_cli(capsys, "status", "--json")
    facts = json.loads(out)
    assert facts["counts"] == {"reading": 0, "sealed": 0, "sent": 0, "delivered": 2, "quarantined": 0}
    image = MemoryImage(bytearray((tmp_path / "flash.bin").read_bytes()))
    assert sorted(bridge_api.stored.values()) == sorted(image.capture(number) for number in (1, 2))
    emulator.process.terminate()
    assert emulator.process.wait() == 0
    assert not (tmp_path / "dot").is_symlink()


def test_dump_is_what_is_delivered(
    capsys: pytest.CaptureFixture[str], start_emulator: StartEmulator, bridge_api: BridgeApiServer, tmp_path: Path
) -> None:
    """The file of emulate --dump holds exactly the bytes that a bridge delivers from the same emulator."""
    assert run_cli(capsys, "emulate", "--seed", 5, "--dump", tmp_path / "shot.bin")[0] == 0
    path = start_emulator("--seed", 5).path
    credential = tmp_path / "credential"
    credential.write_text(SECRET)
    code, _, _ = run_cli(
        capsys, "run", "--once", "--port", path, "--api", bridge_api.url, "--credential-file", credential
    )
    assert code == 0
    assert list(bridge_api.stored.values()) == [(tmp_path / "shot.bin").read_bytes()]


def test_emulator_ends_cleanly_on_ctrl_c(start_emulator: StartEmulator, tmp_path: Path) -> None:
    """Ctrl-C ends the emulator with exit code 0 and takes its link away, but not a link that is another's by now."""
    emulator = start_emulator("--link", tmp_path / "dot")
    assert (tmp_path / "dot").readlink() == Path(emulator.path)
    second = start_emulator("--link", tmp_path / "dot")
    emulator.process.send_signal(signal.SIGINT)
    assert emulator.process.wait() == 0
    assert (tmp_path / "dot").readlink() == Path(second.path)


def test_damaged_page_reaches_the_cloud_as_it_is(
    capsys: pytest.CaptureFixture[str], start_emulator: StartEmulator, bridge_api: BridgeApiServer, tmp_path: Path
) -> None:
    """A page damaged in the device's flash is uploaded as it is, named in the status, and delivered as damaged."""
    flash = tmp_path / "flash.bin"
    run_cli(capsys, "emulate", "--memory", flash, "--dump", tmp_path / "whole.bin")
    data = bytearray(flash.read_bytes())
    place = MemoryImage(data).slots()[0].first_page + 3
    data[place * 256 + 77] ^= 1
    flash.write_bytes(data)
    path = start_emulator("--memory", flash).path
    bridge_api.state = "damaged"
    (tmp_path / "credential").write_text(SECRET)
    common = ("--api", bridge_api.url, "--credential-file", tmp_path / "credential")
    code, out, _ = run_cli(capsys, "run", "--once", "--port", path, *common)
    assert (code, "1 damaged page" in out) == (0, True)
    (stored,) = bridge_api.stored.values()
    assert stored == MemoryImage(data).capture(1)
    assert [problem.page for problem in inspect_capture(stored).problems] == [4]
    (row,) = json.loads(run_cli(capsys, "status", "--json")[1])["captures"]
    assert (row["damaged_pages"], row["state"], row["cloud_state"]) == ([4], "delivered", "damaged")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("header.csv", "time,accel\n", "line 1: bad header"),
        ("backwards.csv", None, "line 3: time runs backwards"),
        ("empty.csv", "", "line 1: the file is empty"),
    ],
)
def test_bad_recording_is_one_clear_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, content: str | None, message: str
) -> None:
    """A bad recording CSV ends with one line on stderr, nothing on stdout, and exit code 7."""
    header = "time_s,accel_x_g,accel_y_g,accel_z_g,gyro_x_dps,gyro_y_dps,gyro_z_dps,mag_x_ut,mag_y_ut,mag_z_ut,light_lx"
    rows = "1,0,0,1,,,,,,,\n0.5,0,0,1,,,,,,,\n"
    (tmp_path / name).write_text(f"{header}\n{rows}" if content is None else content)
    code, out, err = run_cli(capsys, "emulate", "--recording", tmp_path / name, "--dump", tmp_path / "x")
    assert (code, out, err.count("\n")) == (ExitCode.BAD_RECORDING, "", 1)
    assert message in err
    assert not (tmp_path / "x").exists()


def test_port_errors_are_one_clear_line(
    capsys: pytest.CaptureFixture[str], serve_flash: ServeFlash, tmp_path: Path
) -> None:
    """A missing port, a busy one, a file and no device at all end with one line each and exit code 3."""
    busy = serve_flash().path
    descriptor = os.open(busy, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    (tmp_path / "file").write_text("x")
    for port, message in ((tmp_path / "no", "there is no port"), (busy, "in use"), (tmp_path / "file", "not a serial")):
        code, out, err = run_cli(capsys, "info", "--port", port)
        assert (code, out, err.count("\n")) == (ExitCode.NO_DEVICE, "", 1)
        assert message in err
    os.close(descriptor)
    assert run_cli(capsys, "info")[0] == ExitCode.NO_DEVICE


def test_port_without_a_smartdot(capsys: pytest.CaptureFixture[str]) -> None:
    """A port where nothing answers ends with one line and exit code 4."""
    master, slave = os.openpty()
    code, _, err = run_cli(capsys, "pull", "--port", os.ttyname(slave))
    assert (code, err.count("\n")) == (ExitCode.NOT_UNDERSTOOD, 1)
    assert "is not a SmartDot" in err
    os.close(master)
    os.close(slave)


def test_what_push_leaves_behind_is_its_exit_code(
    capsys: pytest.CaptureFixture[str],
    serve_flash: ServeFlash,
    bridge_api: BridgeApiServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Undelivered is 5, a refused credential 6, a quarantine 5 until it is sent again; a missing credential is 6."""
    run_cli(capsys, "pull", "--port", serve_flash().path)
    monkeypatch.setenv("DEVICE_BRIDGE_API", bridge_api.url)
    assert run_cli(capsys, "push")[0] == ExitCode.CREDENTIAL_REFUSED
    monkeypatch.setenv("DEVICE_BRIDGE_CREDENTIAL", SECRET)
    bridge_api.script = [BridgeReply(503, headers={"Retry-After": "1"})]
    assert run_cli(capsys, "push")[0] == ExitCode.NOT_DELIVERED
    bridge_api.script = [BridgeReply(401)]
    code, out, err = run_cli(capsys, "push")
    assert (code, SECRET in out + err) == (ExitCode.CREDENTIAL_REFUSED, False)
    bridge_api.script = [BridgeReply(422)]
    assert run_cli(capsys, "push")[0] == ExitCode.NOT_DELIVERED
    assert run_cli(capsys, "push")[0] == ExitCode.NOT_DELIVERED
    assert run_cli(capsys, "push", "--retry-quarantined")[0] == ExitCode.FINE
    assert len(bridge_api.stored) == 2


def test_push_waits_out_an_api_that_is_down(
    capsys: pytest.CaptureFixture[str],
    serve_flash: ServeFlash,
    bridge_api: BridgeApiServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With --wait a push keeps trying until everything is delivered."""
    run_cli(capsys, "pull", "--port", serve_flash().path)
    monkeypatch.setenv("DEVICE_BRIDGE_CREDENTIAL", SECRET)
    bridge_api.script = [BridgeReply(500)]
    assert run_cli(capsys, "push", "--api", bridge_api.url, "--wait", 60)[0] == ExitCode.FINE
    assert len(bridge_api.stored) == 2


def test_one_bridge_at_a_spool(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A second bridge on one spool is told whose it is; status works meanwhile and makes no file."""
    spool = tmp_path / "spool.db"
    with SpoolLock(spool):
        code, _, err = run_cli(capsys, "pull", "--spool", spool)
        assert (code, str(os.getpid()) in err) == (ExitCode.FAILED, True)
        assert run_cli(capsys, "status", "--spool", spool)[0] == ExitCode.FINE
    assert not spool.exists()


def test_files_that_cannot_be_used_are_one_clear_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A spool below a file, a memory that is a folder, a link or a dump that cannot be made: one line each."""
    file = tmp_path / "file"
    file.write_text("x")
    for code, arguments in (
        (ExitCode.FAILED, ("pull", "--spool", file / "spool.db")),
        (ExitCode.FAILED, ("status", "--spool", file)),
        (ExitCode.BAD_RECORDING, ("emulate", "--memory", tmp_path)),
        (ExitCode.BAD_RECORDING, ("emulate", "--memory", file)),
        (ExitCode.BAD_RECORDING, ("emulate", "--memory", file / "flash.bin")),
        (ExitCode.USAGE, ("emulate", "--dump", file / "dump")),
        (ExitCode.USAGE, ("emulate", "--link", file)),
        (ExitCode.USAGE, ("push", "--api", "https://x", "--credential-file", tmp_path / "no")),
    ):
        found, out, err = run_cli(capsys, *arguments)
        lines = [line for line in err.splitlines() if "is used as it is" not in line]
        assert (found, out, len(lines)) == (code, "", 1), arguments
    assert file.read_text() == "x"


def test_run_once_still_uploads_without_a_device(
    capsys: pytest.CaptureFixture[str],
    serve_flash: ServeFlash,
    bridge_api: BridgeApiServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A device that is away does not keep what is in the spool from the cloud, and is still reported."""
    run_cli(capsys, "pull", "--port", serve_flash().path)
    monkeypatch.setenv("DEVICE_BRIDGE_CREDENTIAL", SECRET)
    code, _, err = run_cli(capsys, "run", "--once", "--port", "/dev/ttyNOWHERE", "--api", bridge_api.url)
    assert (code, "there is no port" in err) == (ExitCode.NO_DEVICE, True)
    assert len(bridge_api.stored) == 2


@pytest.mark.parametrize("credential", ["two words", "line\nbreak", "ü"])
def test_credential_that_cannot_be_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, credential: str
) -> None:
    """A credential that would break the request's header is refused without being shown."""
    monkeypatch.setenv("DEVICE_BRIDGE_CREDENTIAL", credential)
    code, _, err = run_cli(capsys, "push", "--api", "http://127.0.0.1:9")
    assert (code, credential in err) == (ExitCode.USAGE, False)


def test_list_and_empty_status(capsys: pytest.CaptureFixture[str]) -> None:
    """Both list and status answer on a computer without devices and without a spool."""
    assert run_cli(capsys, "list")[0] == ExitCode.FINE
    assert isinstance(json.loads(run_cli(capsys, "list", "--json")[1])["ports"], list)
    code, _, err = run_cli(capsys, "status")
    assert (code, "0 sealed" in err) == (0, True)


def test_help_has_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    """Every command explains itself with examples and all exit codes; no credential is a command line value."""
    for command in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            build_parser(command.split()).parse_args([*command.split(), "--help"])
        text = capsys.readouterr().out
        assert ended.value.code == 0
        assert f"device_bridge {command}" in text
        assert "examples:" in text
        assert all(f"\n  {code:d}  {MEANINGS[code]}" in text for code in ExitCode)
        assert not re.search(r"--credential [A-Z]", text)
    for words in (["enrol", "--credential", SECRET], ["enrol", f"--credential={SECRET}"]):
        with pytest.raises(SystemExit) as ended:
            build_parser(words).parse_args(words)
        assert ended.value.code == ExitCode.USAGE


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The help without a command lists all of them, and a shortened option is not guessed at."""
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert all(re.search(rf"\n    {command.split()[0]}\s", text) for command in COMMANDS)
    with pytest.raises(SystemExit) as ended:
        main(["status", "--js"])
    assert ended.value.code == ExitCode.USAGE


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` prints the version of the installed package to stdout."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"device_bridge {version('revmetrix-device-bridge')}\n"


def test_module_and_wrong_usage() -> None:
    """`python -m device_bridge` runs, and a wrong word ends with exit code 2."""
    done = subprocess.run([sys.executable, "-m", "device_bridge", "fly"], check=False, capture_output=True, text=True)
    assert done.returncode == ExitCode.USAGE
    assert "invalid choice" in done.stderr


def test_emulator_ends_with_the_program_that_started_it(tmp_path: Path) -> None:
    """With --until-stdin-closes what is written to stdin means nothing, and its end is an orderly stop."""
    link = tmp_path / "dot"
    with subprocess.Popen(
        [sys.executable, "-m", "device_bridge", "emulate", "--until-stdin-closes", "--link", link],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"SmartDot on ")
        process.stdin.write(b"ignored\n")
        process.stdin.flush()
        assert link.is_symlink()
        assert process.poll() is None
        process.stdin.close()
        assert process.wait() == 0
    assert not link.is_symlink()


def test_dump_is_told_with_its_hash(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The dump's size and SHA-256 are printed."""
    code, out, _ = run_cli(capsys, "emulate", "--dump", tmp_path / "shot.bin")
    data = (tmp_path / "shot.bin").read_bytes()
    assert code == 0
    assert f"{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}" in out


def test_a_device_that_forgets_its_records_is_another_device_next_time() -> None:
    """Recording on without a memory file, each start has a serial of its own, so no spool hides the new shots."""
    command = [sys.executable, "-m", "device_bridge", "emulate", "--every", "60", "--until-stdin-closes"]
    told = [
        subprocess.run(command, input="", capture_output=True, text=True, timeout=60, check=True).stderr
        for _ in range(2)
    ]
    serials = [text.partition("serial ")[2].partition(",")[0] for text in told]
    assert all(serial.startswith("EMU-") for serial in serials)
    assert serials[0] != serials[1]
