"""What the emulated device has beside its memory: a count of power-ups, a way to record, a clock, a battery."""

import json
import time
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from device_bridge.emulator.whole_file import write_whole
from device_bridge.errors import RecordingError

TICK_HZ = 1_000_000
POWER_UPS = 2**16
LOW_BATTERY_PERCENT = 15
_FULL_PERCENT = 100.0
# A shift of eight hours on one charge.
_USUAL_DRAIN_PERCENT_PER_HOUR = 12.0
_S_PER_HOUR = 3600


class Sampling(Enum):
    """How the device records (docs/protocol.md 4.4)."""

    AUTO = "auto"
    SINGLE = "single"
    OFF = "off"


class DeviceClock:
    """Ticks since the device was switched on, in microseconds of this computer's monotonic clock.

    Args:
        begin_ticks: What it shows now.
        drift_ppm: By how much it runs faster than this computer's.
    """

    def __init__(self, begin_ticks: int = 0, drift_ppm: float = 0.0) -> None:
        self._begin_ticks = begin_ticks
        self._ticks_per_s = TICK_HZ * (1 + drift_ppm / 1e6)
        self._begin_s = time.monotonic()

    def __call__(self) -> int:
        """Return the ticks."""
        return self._begin_ticks + int((time.monotonic() - self._begin_s) * self._ticks_per_s)

    def restart(self) -> None:
        """Begin at 0 again, as after a loss of power."""
        self._begin_ticks, self._begin_s = 0, time.monotonic()


@dataclass(slots=True)
class Battery:
    """A battery that drains evenly and ends at 0 %; the device goes on all the same, on its cable.

    Attributes:
        begin_percent: When the device was switched on.
        drain_percent_per_hour: How fast it drains.
    """

    begin_percent: float = _FULL_PERCENT
    drain_percent_per_hour: float = _USUAL_DRAIN_PERCENT_PER_HOUR
    _begin_s: float = field(default_factory=time.monotonic)

    def percent(self) -> int:
        """Return what is left."""
        used = (time.monotonic() - self._begin_s) / _S_PER_HOUR * self.drain_percent_per_hour
        return max(0, int(self.begin_percent - used))


@dataclass(slots=True)
class DeviceState:
    """The device's settings and counts.

    Attributes:
        power_up: How often it was switched on, this time included, modulo 65,536.
        sampling: How it records.
        battery: Its battery.
        path: The file that keeps the first two; None keeps them in this process.
        utc: The time that a host set last, as it said it; nothing before that.
        utc_set_at_ticks: The device's clock at that moment.
    """

    power_up: int = 1
    sampling: Sampling = Sampling.AUTO
    battery: Battery = field(default_factory=Battery)
    path: Path | None = None
    utc: str | None = None
    utc_set_at_ticks: int = 0

    @classmethod
    def switch_on(cls, memory: Path | None) -> "DeviceState":
        """Return the state of a device that is switched on, counted in the file beside its memory.

        Args:
            memory: The memory's file; None for a device that lives in this process only.

        Raises:
            RecordingError: The file beside the memory is there and is not what was written, or cannot be written.
        """
        if memory is None:
            return cls()
        path = state_path(memory)
        state = cls(0, path=path) if not path.exists() else _read(path)
        state.count_power_up()
        return state

    def count_power_up(self) -> None:
        """Count that the device was switched on."""
        self.power_up = (self.power_up + 1) % POWER_UPS
        self.utc = None
        self.save()

    def set_sampling(self, mode: Sampling) -> None:
        """Record in another way from now on, also after a loss of power."""
        self.sampling = mode
        self.save()

    def save(self) -> None:
        """Write the file, whole or not at all.

        Raises:
            RecordingError: It cannot be written.
        """
        if self.path is None:
            return
        text = json.dumps({"power_up": self.power_up, "sampling": self.sampling.value})
        try:
            write_whole(self.path, f"{text}\n".encode())
        except OSError as error:
            raise RecordingError(f"{self.path} cannot be written: {error.strerror}") from error


def state_path(memory: Path) -> Path:
    """Return the file that stands beside a memory's file."""
    return memory.with_name(memory.name + ".state.json")


def _read(path: Path) -> DeviceState:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        power_up, sampling = int(stored["power_up"]), Sampling(stored["sampling"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordingError(
            f"{path} does not hold a device's state: {error}. It was left as it is; without it the device counts its "
            "power-ups from 1"
        ) from error
    return DeviceState(power_up % POWER_UPS, sampling, path=path)
