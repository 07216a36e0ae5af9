import ast
import errno
import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import device_bridge
from device_bridge.cli import main
from device_bridge.emulator.device_state import DeviceClock
from device_bridge.emulator.faults import Fault, Faults
from device_bridge.emulator.firmware import Firmware
from device_bridge.emulator.pty_device import PtyDevice
from device_bridge.emulator.pty_port import PtyPort
from device_bridge.emulator.tcp_port import TcpPort
from device_bridge.errors import UsageError
from smartdot import MemoryImage

from .emulated import RawHost, ServedDevice, small_csv, small_flash

pytestmark = pytest.mark.usefixtures("clean_environment")


def eventually(is_so: Callable[[], bool]) -> bool:
    """Wait until something is so."""
    deadline_s = time.monotonic() + 20
    while not is_so():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.01)
    return True


def slave_is_exclusive(port: PtyPort) -> bool:
    """Tell whether the pty is locked, without opening it."""
    assert port._ends is not None
    return fcntl.ioctl(port._ends[1], 0x80045440, b"\0" * 4) != b"\0" * 4


def settle(port: PtyPort) -> None:
    """Let a port take in whatever its descriptors tell."""
    while readable := select.select(port.readers(), [], [], 0.05)[0]:
        port.receive(readable)


def test_exclusive_mode_lasts_as_long_as_its_user() -> None:
    """A quiet host keeps its lock however long it is quiet; the lock ends when the last user is gone."""
    port = PtyPort()
    first = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(first, termios.TIOCEXCL)
    settle(port)
    for _ in range(3):
        port.idle()
        settle(port)
    assert slave_is_exclusive(port)
    os.close(first)
    settle(port)
    assert not slave_is_exclusive(port)
    port.unplug()


def test_lock_stays_while_another_user_is_there() -> None:
    """The lock does not end with a user who is not the last one."""
    port = PtyPort()
    first = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
    settle(port)
    second = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
    settle(port)
    fcntl.ioctl(first, termios.TIOCEXCL)
    os.close(second)
    settle(port)
    assert slave_is_exclusive(port)
    os.close(first)
    settle(port)
    assert not slave_is_exclusive(port)
    port.unplug()


def test_killed_host_locks_nobody_out() -> None:
    """A host that was killed while it held the port exclusively keeps no later one out."""
    program = (
        "import fcntl, os, sys, termios, time\n"
        "line = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)\n"
        "fcntl.ioctl(line, termios.TIOCEXCL)\n"
        "print('locked', flush=True)\n"
        "time.sleep(60)\n"
    )
    port = PtyPort()
    with subprocess.Popen([sys.executable, "-c", program, port.path], stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == "locked\n"
        settle(port)
        assert slave_is_exclusive(port)
        host.kill()
        host.wait()
    settle(port)
    assert not slave_is_exclusive(port)
    port.unplug()


def test_without_inotify_a_quiet_line_is_unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody can tell whether a host is there, a quiet line is unlocked, as the guide says."""

    def refuse(_: str) -> None:
        raise OSError(errno.ENOSYS, "no inotify")

    monkeypatch.setattr("device_bridge.emulator.pty_port.TtyUsers", refuse)
    port = PtyPort()
    host = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(host, termios.TIOCEXCL)
    assert slave_is_exclusive(port)
    port.idle()
    assert not slave_is_exclusive(port)
    os.close(host)
    port.unplug()


def test_unplugged_pty_comes_back_as_another() -> None:
    """An unplug hangs the pty up; the device comes back as another pty, and tells its new path."""
    told: list[str] = []
    faults = Faults([Fault("unplug", 1, 0.05, most=1)])
    device = PtyDevice(Firmware(small_flash(), DeviceClock()), faults=faults)
    device.tell_path = told.append
    before = device.path
    host = os.open(before, os.O_RDWR | os.O_NOCTTY)
    with ServedDevice(device):
        os.write(host, b"\0anything\0")
        assert eventually(lambda: bool(told))
        # A hang-up is an end of file to whoever holds the old pty.
        assert os.read(host, 1) == b""
        # The old number is free for others as soon as the host has let go; until then the new pty has another.
        assert told == [device.path] != [before]
    os.close(host)


def test_address_in_use_is_one_clear_message() -> None:
    """An address that cannot be listened on is named."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"--tcp 127.0.0.1:{port} cannot be listened on"):
            TcpPort("127.0.0.1", port)


def emulate(*arguments: object) -> "subprocess.Popen[str]":
    """Start an emulator."""
    command = [sys.executable, "-m", "device_bridge", "emulate", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_emulate_on_tcp(tmp_path: Path) -> None:
    """The first line names the place on TCP, the device answers there, and SIGTERM ends it."""
    recording = small_csv(tmp_path / "shot.csv")
    with emulate("--tcp", "127.0.0.1:0", "--recording", recording, "--fault", "duplicate:1:way=host") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("SmartDot on tcp://127.0.0.1:")
        with RawHost(line.split()[-1]) as host:
            host.read_pages(1)
            assert host.hear_seqs(2) == [1, 1]
        process.send_signal(signal.SIGTERM)
        _, messages = process.communicate()
        assert process.returncode == 0
        assert "fault: duplicate of a packet" in messages


def test_emulate_keeps_its_link_over_an_unplug(tmp_path: Path) -> None:
    """After an unplug the same link leads to the new pty."""
    recording, link = small_csv(tmp_path / "shot.csv"), tmp_path / "dot"
    with emulate("--recording", recording, "--link", link, "--fault", "unplug:1:s=0.05:most=1") as process:
        assert process.stdout is not None
        before = process.stdout.readline().split()[-1]
        assert str(link.readlink()) == before
        host = os.open(link, os.O_RDWR | os.O_NOCTTY)
        os.write(host, b"\0anything\0")
        assert eventually(lambda: str(link.readlink()) != before)
        os.close(host)
        os.close(os.open(link, os.O_RDWR | os.O_NOCTTY))
        process.terminate()
        process.communicate()
        assert process.returncode == 0
    assert not link.is_symlink()


def test_emulate_repairs_and_counts_its_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A memory file that was torn is repaired at the start, and the start is counted beside it."""
    memory = tmp_path / "dot.bin"
    image = small_flash(2).image
    capture = image.capture(2)
    image.write_page(3, image.page(3)[:100] + b"\xff" * 156)
    memory.write_bytes(image.data)
    for power_up in (1, 2):
        with emulate("--memory", memory) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.terminate()
            _, messages = process.communicate()
        assert ("page 3 of the directory was damaged and is repaired" in messages) == (power_up == 1)
        assert f'"power_up": {power_up}' in (tmp_path / "dot.bin.state.json").read_text()
    assert MemoryImage(bytearray(memory.read_bytes())).capture(2) == capture
    assert main(["emulate", "--memory", str(memory), "--truth", str(tmp_path / "truth.json"), "--dump", "x"]) == 2
    assert "not known any more" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tcp", "nowhere"), "--tcp nowhere: it is HOST:PORT"),
        (("--tcp", "127.0.0.1:99999"), "it is HOST:PORT"),
        (("--tcp", "127.0.0.1:0", "--link", "dot"), "--link makes a link to a pty"),
        (("--speed-mph", "3"), "--speed-mph is 3; it lies between 5 and 40"),
        (("--gyro-hz", "33"), "--gyro-hz is 33; the part can be set to 25, 50"),
        (("--hand", "left", "--recording", "shot.csv"), "--hand is of simulated shots"),
        (("--truth", "t.json", "--recording", "shot.csv"), "--truth is of simulated shots"),
        (("--fault", "melt:1"), "KIND is one of drop"),
        (("--oil", "none"), "--oil is 'none'"),
        (("--truth", "/nowhere/t.json", "--dump", "x"), "--truth /nowhere/t.json cannot be written"),
    ],
)
def test_emulate_refuses_what_makes_no_sense(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Flags that make no sense are one clear message, and nothing is started."""
    assert main(["emulate", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_help_names_every_range(capsys: pytest.CaptureFixture[str]) -> None:
    """Each parameter's help names its unit and its range."""
    with pytest.raises(SystemExit):
        main(["emulate", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "ball speed at the release, 5 to 40 mph" in shown
    assert "0 to 0.06 in" in shown


def test_device_on_tcp_needs_no_pty() -> None:
    """A device on TCP loads nothing of Unix's ptys, which other systems do not have."""
    program = (
        "import sys\n"
        "from device_bridge.cli import main\n"
        "assert main(['emulate', '--tcp', 'nowhere']) == 2\n"
        "print([name for name in sys.modules if 'pty' in name or 'tty' in name])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not [name for name in ast.literal_eval(done.stdout) if name.startswith("device_bridge")]


def test_no_part_of_the_emulator_reaches_the_hosts_end() -> None:
    """Nothing in the emulator, its physics included, imports the host's link, numpy, or anything but the format."""
    folder = Path(device_bridge.__file__).parent / "emulator"
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                root = name.split(".")[0]
                assert root in {"smartdot"} | sys.stdlib_module_names | {"device_bridge"}, (path, name)
                allowed = ("device_bridge.emulator", "device_bridge.errors")
                assert root != "device_bridge" or name.startswith(allowed), (path, name)
