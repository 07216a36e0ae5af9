"""Two enrolments of one place, and what an enrolment says when it cannot go on."""

import errno
import io
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from device_bridge.cli import main
from device_bridge.errors import BridgeError, ExitCode
from device_bridge.settings import EnrolmentLock

from .bridge_api_server import as_usual
from .conftest import BridgeApiServer, BridgeReply

pytestmark = pytest.mark.usefixtures("clean_environment")
COMMAND = [sys.executable, "-m", "device_bridge", "enrol", "--json", "--api"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder that the bridge's settings are in."""
    return tmp_path / "config" / "device_bridge"


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody at stdin."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))


def test_two_at_once(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    bridge_api: BridgeApiServer,
    folder: Path,
) -> None:
    """The second names the first and changes nothing, by a code or a credential; the first's code still works."""
    command = [*COMMAND, bridge_api.url]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        code = json.loads(first.stdout.readline())["code"]
        pending = (folder / "credential.pending").read_bytes()
        assert stat.S_IMODE((folder / "credential.lock").stat().st_mode) == 0o600
        assert main(["enrol", "--api", bridge_api.url]) == ExitCode.FAILED
        assert f"another `device_bridge enrol` (process {first.pid}) is at work" in capsys.readouterr().err
        monkeypatch.setattr(sys, "stdin", io.StringIO("issued\n"))
        assert main(["enrol", "--api", bridge_api.url, "--no-check", "--force"]) == ExitCode.FAILED
        assert (folder / "credential.pending").read_bytes() == pending
        assert not (folder / "credential").exists()
        bridge_api.approve(code)
        assert first.wait() == ExitCode.FINE
    assert (folder / "credential").read_text().strip() == json.loads(pending)["secret"]
    assert sorted(path.name for path in folder.iterdir()) == ["config.toml", "credential"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_goes_with_its_process(bridge_api: BridgeApiServer, folder: Path, number: signal.Signals) -> None:
    """However the first ends, the next call is not kept away by the lock that it left."""
    command = [*COMMAND, bridge_api.url]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline()
        first.send_signal(number)
    bridge_api.asks_until_approval = 1
    assert main(["enrol", "--api", bridge_api.url]) == ExitCode.FINE
    assert not (folder / "credential.lock").exists()


def test_only_one_of_many_holds_the_lock(tmp_path: Path) -> None:
    """Although each removes the lock's file at its end, never do two of eight threads hold it at once."""
    inside, most, taken = 0, 0, 0
    counting = threading.Lock()

    def work() -> None:
        nonlocal inside, most, taken
        for _ in range(200):
            try:
                with EnrolmentLock(tmp_path / "credential"):
                    with counting:
                        inside, taken = inside + 1, taken + 1
                        most = max(most, inside)
                    os.sched_yield()
                    with counting:
                        inside -= 1
            except BridgeError:
                continue

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, inside) == (1, 0)
    assert taken > 0


def test_two_names_of_one_file_have_one_lock(tmp_path: Path) -> None:
    """A link to the credential's file is the same place."""
    (tmp_path / "link").symlink_to(tmp_path / "credential")
    with EnrolmentLock(tmp_path / "credential"), pytest.raises(BridgeError, match="is at work"):
        EnrolmentLock(tmp_path / "link").__enter__()


@pytest.mark.parametrize("is_first_killed", [False, True])
def test_what_came_meanwhile_is_left(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    bridge_api: BridgeApiServer,
    folder: Path,
    *,
    is_first_killed: bool,
) -> None:
    """A credential that another call has written, or finished, after the first look at it is not replaced."""
    folder.mkdir(parents=True)
    secret = f"rmb_{'A' * 43}"
    if is_first_killed:
        (folder / "credential").write_text(f"{secret}\n")
        (folder / "credential.pending").write_text(json.dumps({"api": bridge_api.url, "secret": secret}))
        (folder / "credential.pending").chmod(0o600)

    class Meanwhile(io.StringIO):
        def read(self, size: int | None = -1, /) -> str:
            (folder / "credential").write_text(f"{secret}\n")
            (folder / "credential.pending").unlink(missing_ok=True)
            return super().read(size)

    monkeypatch.setattr(sys, "stdin", Meanwhile(""))
    assert main(["enrol", "--api", bridge_api.url]) == ExitCode.USAGE
    assert "has changed" in capsys.readouterr().err
    assert (folder / "credential").read_text() == f"{secret}\n"
    assert bridge_api.requests == []


def test_a_bridge_that_is_not_let_in(
    capsys: pytest.CaptureFixture[str], bridge_api: BridgeApiServer, folder: Path
) -> None:
    """The API's own 403 is told as what it means, and it goes on once the API lets the bridge in."""
    not_permitted = b'{"type": "urn:problem-type:revmetrix:not-permitted", "title": "Not permitted"}'
    bridge_api.ask_script = [as_usual, BridgeReply(403, not_permitted), as_usual]
    bridge_api.asks_until_approval = 1
    assert main(["enrol", "--api", bridge_api.url]) == ExitCode.FINE
    assert "the API knows this bridge's secret and does not let it in (403 Not permitted)" in capsys.readouterr().err
    assert (folder / "credential").exists()


def test_an_answer_that_repeats_the_secret(
    capsys: pytest.CaptureFixture[str], bridge_api: BridgeApiServer, folder: Path
) -> None:
    """What a proxy repeats of the request is shown without the secret in it."""

    def repeat(handler: object) -> None:
        said = bridge_api.requests[-1]["authorization"]
        bridge_api.reply(handler, BridgeReply(503, json.dumps({"title": f"it was {said}"}).encode()))  # type: ignore[arg-type]

    bridge_api.ask_script = [repeat]
    bridge_api.asks_until_approval = 1
    assert main(["enrol", "--api", bridge_api.url]) == ExitCode.FINE
    printed = capsys.readouterr()
    assert "it was Bearer (secret)" in printed.err
    assert (folder / "credential").read_text().strip() not in printed.err + printed.out


def test_an_approved_secret_that_cannot_be_written(
    capsys: pytest.CaptureFixture[str], bridge_api: BridgeApiServer, folder: Path
) -> None:
    """When the credential's file cannot be written after the approval, the next call needs no new one."""
    (folder / "credential").mkdir(parents=True)
    bridge_api.asks_until_approval = 1
    assert main(["enrol", "--api", bridge_api.url, "--force"]) == ExitCode.USAGE
    err = capsys.readouterr().err
    assert f"The code was approved; the bridge's own secret is kept in {folder / 'credential.pending'}" in err
    (folder / "credential").rmdir()
    assert main(["enrol", "--api", bridge_api.url]) == ExitCode.FINE
    assert len(bridge_api.codes) == 1


def test_the_next_call_needs_no_address(
    capsys: pytest.CaptureFixture[str], bridge_api: BridgeApiServer, folder: Path
) -> None:
    """As the first call said when it was stopped, a plain `enrol` goes on with it, at the same API."""
    command = [*COMMAND, bridge_api.url]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline()
        first.send_signal(signal.SIGINT)
    secret = json.loads((folder / "credential.pending").read_text())["secret"]
    bridge_api.asks_until_approval = 1
    assert main(["enrol"]) == ExitCode.FINE
    assert f"at {bridge_api.url}" in capsys.readouterr().out
    assert (folder / "credential").read_text().strip() == secret
    assert (folder / "config.toml").read_text() == f'api = "{bridge_api.url}"\n'


def test_no_address_and_nothing_to_go_on_with(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Without an address the call says how to give it, also when what waits can be no address or no secret."""
    folder.mkdir(parents=True)
    secret = f"rmb_{'A' * 43}"
    for found, told in (
        (None, "give --api"),
        ({"api": 5, "secret": secret}, "give --api"),
        ({"api": "https://example.org", "secret": "short"}, "give --api"),
        ({"api": "not-an-address", "secret": secret}, "is no address"),
    ):
        (folder / "credential.pending").write_text(json.dumps(found))
        (folder / "credential.pending").chmod(0o600)
        assert main(["enrol"]) == ExitCode.USAGE
        assert told in capsys.readouterr().err


def test_a_full_disk_is_told_before_anybody_hears_of_the_secret(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, bridge_api: BridgeApiServer, folder: Path
) -> None:
    """Without room for the secret nothing is sent, and the message says to make room; then a plain call works."""
    written = os.fsync

    def is_full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", is_full)
    assert main(["enrol", "--api", bridge_api.url]) == ExitCode.USAGE
    assert "No space left on device; what was there before is kept. Make room" in capsys.readouterr().err
    assert bridge_api.requests == []
    assert list(folder.iterdir()) == []
    monkeypatch.setattr(os, "fsync", written)
    bridge_api.asks_until_approval = 1
    assert main(["enrol", "--api", bridge_api.url]) == ExitCode.FINE
