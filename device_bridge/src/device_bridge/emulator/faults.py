"""Faults on demand: what a bad cable, a bad hub or an empty battery does, by chance and repeatable by a seed."""

import random
from collections import Counter
from collections.abc import Callable, Sequence

from device_bridge.emulator.faulty_way import Fault, FaultyWay
from device_bridge.errors import UsageError
from smartdot import ERASED_PAGE, PAGE_SIZE_BYTES

__all__ = ["Fault", "Faults", "read_fault"]

WIRE_KINDS = ("drop", "duplicate", "flip", "delay", "reorder")
DEVICE_KINDS = ("hang", "unplug", "power")
WAYS = ("both", "host", "device")
UNITS = ("packet", "byte")
_SECONDS = {"delay": 0.2, "hang": 1.0, "unplug": 1.0, "power": 1.0}
_LONGEST_S = 3600


def read_fault(text: str) -> Fault:
    """Return the fault of a command line's `KIND:PROBABILITY[:NAME=VALUE...]`.

    Raises:
        UsageError: It is none.
    """
    kind, *rest = text.split(":")
    wanted = f"--fault {text}: it is KIND:PROBABILITY[:NAME=VALUE...], as drop:0.01 or unplug:0.001:s=2"
    if kind not in (*WIRE_KINDS, *DEVICE_KINDS):
        raise UsageError(f"{wanted}; KIND is one of {', '.join((*WIRE_KINDS, *DEVICE_KINDS))}")
    try:
        probability = float(rest[0])
        options = dict(option.split("=") for option in rest[1:])
        seconds = float(options.pop("s", _SECONDS.get(kind, 0.0)))
        most = int(options.pop("most")) if "most" in options else None
        way, unit = options.pop("way", "both"), options.pop("unit", "packet")
    except (ValueError, IndexError) as error:
        raise UsageError(wanted) from error
    if not 0 <= probability <= 1 or not 0 <= seconds <= _LONGEST_S:
        raise UsageError(f"{wanted}; PROBABILITY is 0 to 1, s is 0 to {_LONGEST_S}")
    if options or way not in WAYS or unit not in UNITS:
        raise UsageError(f"{wanted}; NAME is s, most, way ({', '.join(WAYS)}) or unit ({', '.join(UNITS)})")
    return Fault(kind, probability, seconds, way, unit, most)


def _say_nothing(_: str) -> None:
    """Tell nobody."""


class Faults:
    """Makes faults happen, and tells of each.

    Args:
        faults: Which ones.
        seed: Repeats them, as long as host and device do the same again.
        log: Is told of each in a line.

    Attributes:
        counts: How often each kind struck.
    """

    def __init__(self, faults: Sequence[Fault], seed: int = 1, log: Callable[[str], None] = _say_nothing) -> None:
        self.counts: Counter[str] = Counter()
        self._log = log
        self._faults = tuple(faults)
        self._rng = random.Random(f"faults {seed}")  # noqa: S311 - a fault must be repeatable
        self.to_host = FaultyWay(self, "host", *self._on_the_way("host"))
        self.to_device = FaultyWay(self, "device", *self._on_the_way("device"))

    def _on_the_way(self, way: str) -> tuple[list[Fault], list[Fault]]:
        """Return the faults of packets and those of bytes that go one way."""
        chosen = [fault for fault in self._faults if fault.kind in WIRE_KINDS and fault.way in ("both", way)]
        return [one for one in chosen if one.unit == "packet"], [one for one in chosen if one.unit == "byte"]

    def strikes(self, fault: Fault) -> bool:
        """Tell whether a fault happens now."""
        if fault.most is not None and self.counts[fault.kind] >= fault.most:
            return False
        if self._rng.random() >= fault.probability:
            return False
        self.counts[fault.kind] += 1
        return True

    def pick(self, below: int) -> int:
        """Return a number by chance: which bit, which byte."""
        return self._rng.randrange(below)

    def tell(self, text: str) -> None:
        """Take note of a fault that happened."""
        self._log(f"fault: {text}")

    def on_request(self) -> Fault | None:
        """Return what the device itself does now that a request came: hang or unplug, or nothing."""
        for fault in self._faults:
            if fault.kind in ("hang", "unplug") and self.strikes(fault):
                self.tell(f"{fault.kind} for {fault.seconds:g} s")
                return fault
        return None

    def cut_power(self, number: int, before: bytes, data: bytes) -> bytes | None:
        """Return what is left of a page when the power ends while it is written; None when it does not.

        As FORMAT.md 3.3 has it: what was written up to some byte, then what stood there, or 0xFF.
        """
        for fault in self._faults:
            if fault.kind == "power" and self.strikes(fault):
                written = self.pick(PAGE_SIZE_BYTES)
                rest = (before, ERASED_PAGE)[self.pick(2)]
                self.tell(f"power lost {written} bytes into page {number}, for {fault.seconds:g} s")
                return data[:written] + rest[written:]
        return None

    def power_is_back_in_s(self) -> float:
        """Return how long the device stays without power."""
        return max((fault.seconds for fault in self._faults if fault.kind == "power"), default=0.0)

    def next_due_s(self) -> float | None:
        """Return when something that is held back is due, by `time.monotonic`."""
        return min((due_s for way in (self.to_host, self.to_device) for due_s in way.due_times_s()), default=None)
