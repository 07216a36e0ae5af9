import contextlib
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from device_bridge.cli import main
from device_bridge.errors import ExitCode
from device_bridge.spool import Spool, SpoolError

from .conftest import ServeFlash
from .filled_spool import keep, small_capture, small_flash

pytestmark = pytest.mark.usefixtures("clean_environment")
COMMAND = [sys.executable, "-m", "device_bridge"]


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Give a spool with a capture of more than a pipe holds."""
    path = tmp_path / "spool.db"
    keep(path, small_capture(1, length_s=2))
    return path


def in_shell(words: str, **environ: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a shell line in which $B is the bridge's command."""
    environment = {**os.environ, **environ, "B": " ".join(COMMAND)}
    return subprocess.run(["bash", "-c", words], env=environment, capture_output=True, check=False)


def test_a_reader_that_leaves_early(spool: Path) -> None:
    """`| head -1` gets its line, and the command ends with 141 and no word on stderr."""
    done = in_shell(f"$B export --record 1 --output - --layout long --spool {spool} | head -1; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stdout.count(b"\n"), done.stderr) == (141, 1, b"")
    for command in ("--help", f"plot --record 1 --spool {spool}"):
        done = in_shell(f"$B {command} | true; exit ${{PIPESTATUS[0]}}")
        assert (done.returncode in (0, 141), done.stderr) == (True, b"")


@pytest.mark.parametrize("command", ["status --json", "config show", "export --all --output . --dry-run", "plot"])
def test_a_full_disk_behind_stdout(spool: Path, command: str) -> None:
    """When stdout cannot take the result, there is one line and exit code 1, never a traceback."""
    done = in_shell(f"$B {command} > /dev/full", DEVICE_BRIDGE_SPOOL=str(spool))
    assert done.returncode == ExitCode.FAILED, done.stderr
    assert done.stderr.splitlines()[-1] == b"device_bridge: the output cannot be written: No space left on device"
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams(spool: Path, redirection: str) -> None:
    """With closed standard streams a command works, and no file of its own becomes its stdout."""
    before = spool.read_bytes()
    done = in_shell(f"$B status --json {redirection}", DEVICE_BRIDGE_SPOOL=str(spool))
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    assert spool.read_bytes() == before


def test_a_terminal_without_unicode(tmp_path: Path, spool: Path) -> None:
    """Where only ASCII can be shown, names are written with escapes and plots with ASCII."""
    folder = tmp_path / "Bahn-ö-\udce9"
    environ = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "DEVICE_BRIDGE_SPOOL": str(spool)}
    done = in_shell('$B export --record 1 --format raw --output "$FOLDER"', FOLDER=os.fsdecode(folder), **environ)
    assert done.returncode == 0, done.stderr
    assert b"Bahn-" in done.stdout
    assert done.stdout.isascii()
    done = in_shell("$B plot --record 1 --sensor accel", **environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert b"time (s)" in done.stdout
    assert b"\\u" not in done.stdout


def test_nothing_is_coloured_into_a_pipe(spool: Path) -> None:
    """Results in a pipe hold no escape sequences, with or without NO_COLOR."""
    for command, environ in (("status", {}), ("plot --record 1", {}), ("plot --record 1", {"NO_COLOR": "1"})):
        done = in_shell(f"$B {command}", DEVICE_BRIDGE_SPOOL=str(spool), **environ)
        assert (done.returncode, b"\x1b" in done.stdout + done.stderr) == (0, False)


def test_a_folder_that_may_not_be_looked_into(
    spool: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that the system refuses, wherever that happens, is one line that names it and exit code 1."""

    def refuse(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", refuse)
    code = main(["status", "--spool", str(spool)])
    monkeypatch.undo()
    err = capsys.readouterr().err
    assert (code, err.count("\n"), err.endswith("cannot be used: Permission denied\n")) == (ExitCode.FAILED, 1, True)


def test_ctrl_c_in_a_pull(serve_flash: ServeFlash, tmp_path: Path) -> None:
    """Ctrl-C while a device is read ends with 130 and one line, and what was read is kept for the next pull."""
    served = serve_flash(small_flash(), baud=20_000)
    spool = tmp_path / "spool.db"
    command = [*COMMAND, "pull", "--port", served.path, "--spool", str(spool)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not pages_in(spool):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out, err.count(b"\n")) == (130, b"", 1)
    assert b"everything committed so far is kept" in err
    assert pages_in(spool)


def pages_in(path: Path) -> int:
    """Return how many pages of records are in a spool."""
    if not path.exists():
        return 0
    try:
        with contextlib.closing(Spool(path)) as spool:
            return sum(row.pages_read for row in spool.captures())
    except SpoolError:
        # The other process is making it at this moment.
        return 0
