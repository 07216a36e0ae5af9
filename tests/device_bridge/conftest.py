"""Real parts for the bridge's tests: emulated devices on real ptys, and a real HTTP server that stands for the API."""

import contextlib
import functools
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from device_bridge.emulator.firmware import Firmware
from device_bridge.emulator.flash import Flash
from device_bridge.emulator.pty_device import PtyDevice
from device_bridge.emulator.source import Source, make_flash
from smartdot import MemoryImage
from smartdot.layout import pack_first
from tests.recordings import recording

from .bridge_api_server import BridgeApiServer, BridgeReply

__all__ = ["BridgeApiServer", "BridgeReply"]

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def bridge_api() -> Iterator[BridgeApiServer]:
    """Give the API's stand-in on a free port."""
    server = BridgeApiServer()
    yield server
    server.close()


@dataclass
class EmulatorProcess:
    """An emulator of its own process."""

    process: subprocess.Popen[str]
    path: str

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()


StartEmulator = Callable[..., EmulatorProcess]


@pytest.fixture
def start_emulator() -> Iterator[StartEmulator]:
    """Give a function that starts `device_bridge emulate` with arguments and waits until its pty is there."""
    with contextlib.ExitStack() as stack:

        def start(*arguments: str | Path) -> EmulatorProcess:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "device_bridge", "emulate", *map(str, arguments)],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
            stack.callback(process.kill)
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("SmartDot on /dev/"), line
            return EmulatorProcess(process, line.split()[-1])

        yield start


@functools.cache
def _simulated_memory(records: int, seed: int) -> bytes:
    return bytes(make_flash(Source(serial="TEST-1", records=records, seed=seed)).image.data)


def simulated_flash(records: int = 2, *, serial: str = "TEST-1", seed: int = 1) -> Flash:
    """Return a device's memory with simulated shots, which are simulated only once for all tests."""
    image = MemoryImage(bytearray(_simulated_memory(records, seed)))
    # Nothing but the first page names the device.
    image.write_page(0, pack_first(replace(image.first, serial=serial)))
    return Flash(MemoryImage(image.data))


class ServedFlash:
    """A device on a real pty, served by a thread of the test's own process, so that its memory is at hand."""

    def __init__(self, flash: Flash, make_firmware: Callable[..., Firmware], baud: int | None) -> None:
        self.flash = flash
        self.firmware = make_firmware(flash, lambda: 90_000_000)
        self.device = PtyDevice(self.firmware, baud)
        self.path = self.device.path
        self._stop, self._stopped = socket.socketpair()
        self._thread = threading.Thread(target=self.device.serve, args=(self._stopped.fileno(),))
        self._thread.start()

    def unplug(self) -> None:
        """Stop answering and close the pty."""
        if self._thread.is_alive():
            self._stop.send(b"x")
            self._thread.join()
            self.device.close()
            self._stop.close()
            self._stopped.close()


ServeFlash = Callable[..., ServedFlash]


@pytest.fixture
def serve_flash() -> Iterator[ServeFlash]:
    """Give a function that serves a device's memory on a pty; simulated shots when none is given."""
    served: list[ServedFlash] = []

    def serve(
        flash: Flash | None = None, *, firmware: Callable[..., Firmware] = Firmware, baud: int | None = None
    ) -> ServedFlash:
        served.append(ServedFlash(flash or simulated_flash(), firmware, baud))
        return served[-1]

    yield serve
    for device in served:
        device.unplug()


@pytest.fixture
def recordings_folder() -> Path:
    """Give the folder with the real recordings, or skip."""
    return recording("rest_100hz.csv").parent


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take the user's own settings out of a test."""
    for name in list(os.environ):
        if name.startswith("DEVICE_BRIDGE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
