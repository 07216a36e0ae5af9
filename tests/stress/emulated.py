"""Devices that are processes of `device_bridge emulate`, with faults of their own, on ptys and on TCP."""

import os
import random
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

from smartdot import MemoryImage
from tests.stress.zygote import Zygote

_HEADER = "time_s,accel_x_g,accel_y_g,accel_z_g,gyro_x_dps,gyro_y_dps,gyro_z_dps,mag_x_ut,mag_y_ut,mag_z_ut,light_lx"
_SAMPLES, _SAMPLE_HZ = 300, 400
# Of packets on their way, of requests, and of writes into the memory.
_FAULTS = (
    "flip:0.01",
    "drop:0.005",
    "duplicate:0.01",
    "reorder:0.01",
    "flip:0.00002:unit=byte",
    "hang:0.0005:s=0.3",
    "unplug:0.0005:s=0.1",
    "power:0.003:s=0.1",
)


def write_recording(path: Path, chance: random.Random) -> None:
    """Write a short recording, so that a record is made in no time."""
    rows = [_HEADER]
    for sample in range(_SAMPLES):
        axes = ",".join(f"{chance.uniform(-8, 8):.4f}" for _ in range(3))
        rows.append(f"{sample / _SAMPLE_HZ:.6f},{axes},,,,,,,")
    path.write_text("\n".join(rows) + "\n")


class EmulatedDevice:
    """An emulator in a process of its own, whose memory is a file.

    Args:
        zygote: Starts it.
        folder: Where its files are.
        number: Which it is; an odd one is on TCP, another on a pty.
        recording: What it records, again and again.
        record_every_s: How often it records a shot.
    """

    def __init__(self, zygote: Zygote, folder: Path, number: int, recording: Path, record_every_s: float) -> None:
        self._zygote = zygote
        self._number = number
        self._memory = folder / f"flash-{number}.bin"
        self._log = folder / f"emulator-{number}.log"
        self._recording = recording
        self._is_resting = False
        self._process: int | None = None
        self._record_every_s = record_every_s
        self._tcp_port = _free_port() if number % 2 else None
        self.place = f"tcp://127.0.0.1:{self._tcp_port}" if self._tcp_port else str(folder / f"dot-{number}")
        self.plug()

    @property
    def made(self) -> Mapping[int, bytes]:
        """The captures in its memory, which is never erased."""
        if not self._memory.exists():
            return {}
        image = MemoryImage(bytearray(self._memory.read_bytes()))
        return {slot.record: image.capture(slot.record) for slot in image.slots()}

    def holds(self) -> list[bytes]:
        """Return the captures of the records that are in its memory now."""
        return list(self.made.values())

    def plug(self) -> None:
        """Start it, from where its memory is."""
        words = ["emulate", "--serial", f"EMU-{self._number}", "--memory", str(self._memory)]
        words += ["--recording", str(self._recording)]
        words += ["--link", self.place] if self._tcp_port is None else ["--tcp", f"127.0.0.1:{self._tcp_port}"]
        if not self._is_resting:
            words += ["--every", str(self._record_every_s), "--fault-seed", str(self._number)]
            words += [word for fault in _FAULTS for word in ("--fault", fault)]
        self._process = self._zygote.start_bridge(words, {}, self._log)

    def unplug(self) -> None:
        """Kill it, as a loss of power would."""
        if self._process is not None:
            os.kill(self._process, signal.SIGKILL)
            self._zygote.wait(self._process)
            self._process = None
        if self._tcp_port is None:
            # As the system does with the name of a port that is gone: another program's pty may get its number.
            Path(self.place).unlink(missing_ok=True)

    def record(self, _chance: random.Random, _data_pages: int) -> bool:
        """Do nothing: it records by itself."""
        return False

    def rest(self) -> None:
        """Start it anew without faults, as one that records nothing more."""
        self._is_resting = True
        self.unplug()
        self.plug()

    def faults_told(self) -> int:
        """Return how many faults it told of."""
        return self._log.read_text(errors="replace").count("fault: ")

    def wait_until_free(self) -> None:
        """Do nothing: the bridge tries again by itself."""


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
