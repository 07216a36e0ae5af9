import os
import subprocess
import sys
import tty
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from device_bridge.device import LinkedSmartDot
from device_bridge.errors import DisconnectedError, PortError, PortMissingError
from device_bridge.transport import SerialTransport, find_places, list_serial_ports, open_transport

from .conftest import ServeFlash

PlugIn = Callable[..., None]


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> PlugIn:
    """Give a function that says which USB serial ports the system lists: path, serial, and numbers."""

    def list_as(*ports: tuple[str, str | None], vid: int = 0x1915, pid: int = 0xD978) -> None:
        found = [
            SimpleNamespace(device=path, vid=vid, pid=pid, serial_number=serial, description="")
            for path, serial in ports
        ]
        monkeypatch.setattr("device_bridge.transport.serial.list_ports.comports", lambda: found)

    list_as()
    return list_as


def test_places_are_stable_names(plug_in: PlugIn) -> None:
    """A SmartDot's place is its USB numbers and serial; without a serial, or with a doubled one, its path."""
    plug_in(("/dev/ttyACM1", "SD-2"), ("/dev/ttyACM0", "SD-1"), ("/dev/ttyACM2", None))
    assert find_places() == ["1915:D978:SD-1", "1915:D978:SD-2", "/dev/ttyACM2"]
    plug_in(("/dev/ttyACM1", "SD-1"), ("/dev/ttyACM0", "SD-1"))
    assert find_places() == ["/dev/ttyACM0", "/dev/ttyACM1"]


def test_other_devices_are_listed_and_are_no_places(plug_in: PlugIn) -> None:
    """A serial port that is no SmartDot is listed, but is never opened unasked."""
    plug_in(("/dev/ttyUSB0", "X"), vid=0x0403, pid=0x6001)
    assert find_places() == []
    assert [(port.path, port.is_smartdot) for port in list_serial_ports()] == [("/dev/ttyUSB0", False)]


@pytest.mark.parametrize("place", ["1915:D978:SD-1", "1915:d978:SD-1", "1915:D978"])
def test_renamed_port_is_found_again(plug_in: PlugIn, serve_flash: ServeFlash, place: str) -> None:
    """A device that is replugged under another port while the old one is still open is found by its place."""
    served = serve_flash()
    plug_in((served.path, "SD-1"))
    device = LinkedSmartDot(open_transport)
    device.open(place)
    renamed = serve_flash(served.flash)
    plug_in((renamed.path, "SD-1"))
    served.unplug()
    with pytest.raises(DisconnectedError):
        device.command("status")
    assert device.connect(place) is not None
    assert device.first.serial == "TEST-1"
    device.close()


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("1915:D978:SD-9", r"no device 1915:D978:SD-9 is plugged in \(there are: 1915:D978:SD-1, 1915:D978:SD-2\)"),
        ("1915:D978", r"several devices are 1915:D978: .*1915:D978:SD-1, 1915:D978:SD-2"),
        ("0403:6001", "no device 0403:6001 is plugged in: plug it in"),
    ],
)
def test_device_that_cannot_be_told(plug_in: PlugIn, place: str, message: str) -> None:
    """A device that is not there, or one of several, is told with what there is to choose from."""
    plug_in(("/dev/ttyACM0", "SD-1"), ("/dev/ttyACM1", "SD-2"))
    with pytest.raises(PortMissingError, match=message):
        open_transport(place)


@pytest.mark.parametrize(
    "place",
    [
        "tcp://",
        "tcp://host",
        "tcp://:4000",
        "tcp://host:0",
        "tcp://host:70000",
        "tcp://host:4000/path",
        "tcp://user@host:1",
        "tcp://host:1?x",
        "tcp://2001:db8::1:4000",
    ],
)
def test_place_that_names_no_host_and_port(place: str) -> None:
    """What begins as TCP and is no host and port is told with the right form, before anything is opened."""
    with pytest.raises(PortError, match=r"write it as tcp://host:port"):
        open_transport(place)


@pytest.mark.parametrize("place", ["", "\0", "tcp:/host:1", "1915:D978:", "relative/path", "COM3"])
def test_anything_else_is_a_path(place: str) -> None:
    """What is neither TCP nor USB numbers is taken for a port's path, and is one clear error when it is none."""
    with pytest.raises(PortError, match=r"no port|cannot be opened"):
        open_transport(place)


def test_path_is_opened_as_it_is() -> None:
    """A port's path is opened as it is given."""
    master, slave = os.openpty()
    tty.setraw(slave)
    transport = open_transport(os.ttyname(slave))
    assert isinstance(transport, SerialTransport)
    transport.close()
    os.close(master)
    os.close(slave)


def test_transports_import_where_terminals_are_unknown(tmp_path: Path) -> None:
    """On Windows, without fcntl and termios, TCP and places import, and claiming a port does nothing."""
    for name in ("fcntl", "termios"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not on this system')")
    # pyserial chooses its own backend by os.name; it is not what is tested here.
    (tmp_path / "serial").mkdir()
    (tmp_path / "serial" / "__init__.py").write_text("class SerialException(OSError): pass\nclass Serial: pass\n")
    (tmp_path / "serial" / "tools").mkdir()
    (tmp_path / "serial" / "tools" / "__init__.py").write_text("")
    (tmp_path / "serial" / "tools" / "list_ports.py").write_text("def comports(): return []\n")
    program = (
        "import sys, rich.console, smartdot.clocks\n"
        "sys.platform = 'win32'\n"
        "from device_bridge.transport import find_places, exclusive, open_transport\n"
        "from device_bridge.device import LinkedSmartDot\n"
        "exclusive.claim(None); exclusive.release(None)\n"
        "print(find_places(), exclusive.LOST_ERRORS)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    finished = subprocess.run(
        [sys.executable, "-c", program], env=environment, text=True, capture_output=True, check=False
    )
    assert finished.stdout == "[] (<class 'OSError'>,)\n", finished.stderr
