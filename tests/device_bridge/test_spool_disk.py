import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from device_bridge.api import Api
from device_bridge.spool import LowDiskError, NewCapture, Spool, SpooledPage, SpoolError, check_free_space
from device_bridge.spool.disk import why_writing_fails
from device_bridge.uploader import Uploader

from .bridge_api_server import BridgeApiServer

NEW = NewCapture("DOT-1", 1, b"f" * 256, 2000)


class Usage(NamedTuple):
    """What the system says of a disk."""

    total: int
    used: int
    free: int


def pages(begin: int, count: int = 100) -> list[SpooledPage]:
    """Return pages."""
    return [SpooledPage(number, bytes(256), None) for number in range(begin, begin + count)]


def test_low_disk_stops_reading_and_nothing_else(
    bridge_api: BridgeApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below the limit no page is taken, with words on what to do; what is sealed is uploaded, nothing is deleted."""
    spool = Spool(tmp_path / "spool.db", min_free_bytes=50 * 2**20)
    sealed = spool.begin(NewCapture("DOT-1", 7, b"f" * 256, 100))
    spool.add_pages(sealed.id, pages(0))
    spool.seal(sealed.id, {})
    half_read = spool.begin(NEW)
    spool.add_pages(half_read.id, pages(0))
    with monkeypatch.context() as low:
        low.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 49 * 2**20))
        for verb in (
            spool.check_room,
            lambda: spool.begin(NEW),
            lambda: spool.begin_another(NEW),
            lambda: spool.add_pages(half_read.id, pages(100)),
        ):
            with pytest.raises(LowDiskError, match="only 49 MiB free and 50 MiB are wanted: reading stops, uploading"):
                verb()
        api = Api(bridge_api.url, "credential")
        assert [row.record for row in Uploader(spool, api).push().delivered] == [7]
        api.close()
    spool.add_pages(half_read.id, pages(100))
    assert [row.pages_read for row in spool.captures()] == [200, 100]
    spool.close()


def test_free_space_of_a_folder_that_is_gone(tmp_path: Path) -> None:
    """A folder that cannot be asked is one clear message, and enough room is none."""
    check_free_space(tmp_path / "spool.db", 1)
    with pytest.raises(SpoolError, match="cannot be read"):
        check_free_space(tmp_path / "none" / "spool.db", 1)


LIMITED = """
import json, resource, sys
from pathlib import Path
from device_bridge.spool import LowDiskError, NewCapture, Spool, SpooledPage
path = Path(sys.argv[1])
spool = Spool(path, min_free_bytes=0)
row = spool.begin(NewCapture("DOT-1", 1, b"f" * 256, 2000))
before = resource.getrlimit(resource.RLIMIT_FSIZE)
if sys.argv[2] == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
committed = 0
said = ""
try:
    for begin in range(0, 2000, 100):
        spool.add_pages(row.id, [SpooledPage(n, bytes(256), None) for n in range(begin, begin + 100)])
        committed += 100
except LowDiskError as error:
    said = str(error)
if sys.argv[2] == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
else:
    Path(sys.argv[3]).unlink()
found = spool.get(row.id).pages_read
for begin in range(committed, 2000, 100):
    spool.add_pages(row.id, [SpooledPage(n, bytes(256), None) for n in range(begin, begin + 100)])
spool.seal(row.id, {})
print(json.dumps([committed, found, said, spool.check()]))
"""


def test_file_that_may_not_grow_is_told_and_goes_on(tmp_path: Path) -> None:
    """Where a file may grow no further the batch is refused whole, the reason told, and later it goes on."""
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "spool.db"), "limit"]
    committed, found, said, findings = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert 0 < committed < 2000
    assert (found, findings) == (committed, [])
    assert "a file may not grow any further here" in said
    assert "nothing is deleted" in said


def small_disk(folder: Path) -> bool:
    """Mount a real file system of 2 MiB on a folder; return whether this machine lets us."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    return os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0


def test_full_disk_is_told_and_goes_on(tmp_path: Path) -> None:
    """On a real full file system the batch is refused whole with words on the disk, and goes on when there is room."""
    folder = tmp_path / "disk"
    if not small_disk(folder):
        pytest.skip("this machine lets nobody mount a file system")
    try:
        ballast = folder / "ballast"
        ballast.write_bytes(bytes(1_600_000))
        command = [sys.executable, "-c", LIMITED, str(folder / "spool.db"), "disk", str(ballast)]
        committed, found, said, findings = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        assert 0 < committed < 2000
        assert (found, findings) == (committed, [])
        assert "the disk is full" in said
    finally:
        subprocess.run(["umount", folder], check=True)


def test_run_waits_for_room_to_begin(tmp_path: Path) -> None:
    """Started on a disk without room for SQLite's own files, `run` says so once and waits, and begins when there is."""
    folder = tmp_path / "disk"
    if not small_disk(folder):
        pytest.skip("this machine lets nobody mount a file system")
    command = [
        sys.executable,
        "-m",
        "device_bridge",
        "run",
        "--spool",
        str(folder / "spool.db"),
        "--log-format",
        "json",
    ]
    command += ["--port", "tcp://127.0.0.1:1", "--api", "http://127.0.0.1:1", "--min-free-mib", "0"]
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config")}
    try:
        Spool(folder / "spool.db").close()
        (folder / "spool.db.lock").touch()
        with contextlib.suppress(OSError), (folder / "ballast").open("wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(4096))
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as running:
            assert running.stderr is not None
            said = json.loads(running.stderr.readline())
            assert (said["event"], "the disk is full" in said["message"]) == ("disk-low", True)
            (folder / "ballast").unlink()
            events = (json.loads(line)["event"] for line in running.stderr)
            assert next(events) in ("credential-missing", "device-away", "device-refused")
            running.terminate()
            assert running.wait(30) == 0
    finally:
        subprocess.run(["umount", folder], check=True)


def test_disk_that_takes_bytes_is_not_called_full(tmp_path: Path) -> None:
    """A failure of SQLite's that has another cause than room is not told as one, and the question leaves nothing."""
    assert why_writing_fails(tmp_path / "spool.db") is None
    assert list(tmp_path.iterdir()) == []
