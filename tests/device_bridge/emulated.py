"""Emulated devices for tests of the emulator itself: small memories, and devices served by a thread."""

import socket
import threading
from pathlib import Path
from typing import Self

from device_bridge.emulator.device import EmulatedDevice
from device_bridge.emulator.flash import Flash
from device_bridge.emulator.recorder import Recorder
from device_bridge.emulator.recording import Recording, SensorRecording, write_record
from device_bridge.emulator.recording_csv import COLUMNS
from device_bridge.emulator.wire import Message, PacketSplitter, build, parse
from smartdot import FirstPage, MemoryImage, SensorKind, Version

HELLO, READ, WRITE, COMMAND = 1, 2, 3, 4


def small_recording(samples: int = 200) -> Recording:
    """Return a recording of some pages."""
    times_s = [place / 100 for place in range(samples)]
    values: list[tuple[float, ...]] = [(place % 7 / 10, place % 11 / 20, 1.0) for place in range(samples)]
    return Recording((SensorRecording(SensorKind.ACCEL, times_s, values, 100.0),))


def small_csv(path: Path, samples: int = 100) -> Path:
    """Write a small recording CSV."""
    rows = [f"{place / 100},{place % 7 / 10},0,1,,,,,,," for place in range(samples)]
    path.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")
    return path


def blank_image(serial: str = "SMALL", ring_pages: int = 200, directory_pages: int = 8) -> MemoryImage:
    """Return an empty memory."""
    version = Version(1, 0, 0)
    return MemoryImage.blank(FirstPage(serial, version, version, 1 + directory_pages + ring_pages, directory_pages))


def small_flash(records: int = 1, serial: str = "SMALL") -> Flash:
    """Return a memory of some small records."""
    image = blank_image(serial)
    for number in range(1, records + 1):
        image.store_record(write_record(small_recording(), number, number * 10_000_000, 1))
    return Flash(image)


class ServedDevice:
    """A device that a thread serves until it is stopped, as a context manager."""

    def __init__(self, device: EmulatedDevice, recorder: Recorder | None = None) -> None:
        self.device = device
        self._stop, self._stopped = socket.socketpair()
        self._thread = threading.Thread(target=device.serve, args=(self._stopped.fileno(), recorder))

    def __enter__(self) -> EmulatedDevice:
        self._thread.start()
        return self.device

    def __exit__(self, *_: object) -> None:
        self._stop.send(b"x")
        self._thread.join()
        self.device.close()
        self._stop.close()
        self._stopped.close()


class RawHost:
    """A host that speaks to a device on TCP without any of the bridge's link."""

    def __init__(self, place: str) -> None:
        host, _, port = place.removeprefix("tcp://").rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=10)
        self._splitter = PacketSplitter()
        self.heard = b""
        self._waiting: list[Message | None] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self, kind: int, seq: int, payload: bytes = b"", *, address: int = 0, length: int | None = None) -> None:
        """Send a request."""
        size = len(payload) if length is None else length
        self.socket.sendall(build(Message(1, kind, seq, 0, address, size, payload)))

    def read_pages(self, *pages: int) -> None:
        """Ask for pages, each with its own number as sequence number, in one write."""
        requests = [build(Message(1, READ, page, 0, page * 256, 256, b"")) for page in pages]
        self.socket.sendall(b"".join(requests))

    def hear(self) -> Message | None:
        """Return the next packet; None for one that is damaged, EOFError when the device hung up."""
        while not self._waiting:
            data = self.socket.recv(65_536)
            if not data:
                raise EOFError
            self.heard += data
            self._waiting += map(parse, self._splitter.split(data))
        return self._waiting.pop(0)

    def hear_seqs(self, count: int) -> list[int | None]:
        """Return the sequence numbers of the next packets."""
        heard = [self.hear() for _ in range(count)]
        return [None if packet is None else packet.seq for packet in heard]

    def hear_bytes(self, count: int) -> bytes:
        """Return the next bytes as they come."""
        while len(self.heard) < count:
            data = self.socket.recv(65_536)
            if not data:
                raise EOFError
            self.heard += data
        return self.heard
