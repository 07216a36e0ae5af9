"""Where an emulated device's memory comes from: a recording, simulated shots, or a file that held it before."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from device_bridge.emulator.device_state import TICK_HZ
from device_bridge.emulator.flash import Flash
from device_bridge.emulator.physics.sensors import Rates
from device_bridge.emulator.physics.shot import vary_shot
from device_bridge.emulator.recording import Recording, write_record
from device_bridge.emulator.recording_csv import read_recording
from device_bridge.emulator.simulation import Simulation, simulate
from device_bridge.emulator.truth_file import TruthFile
from device_bridge.errors import RecordingError
from smartdot import FirstPage, FormatError, MemoryImage, Version, decode_capture

HARDWARE = Version(1, 0, 0)
FIRMWARE = Version(0, 2, 0)
FIRST_POWER_UP = 1
_DIRECTORY_PAGES = 64
_SMALLEST_RING_PAGES = 4096
_BETWEEN_RECORDS_S = 20


@dataclass(frozen=True, slots=True)
class Source:
    """What the emulated device's memory is made from.

    Attributes:
        recording: A recording CSV; None simulates shots.
        seed: Which shots are simulated.
        records: How many records the device holds, numbered from 1, at least 1.
        serial: The device's serial; None makes one from the records, so that other contents are another device.
        memory: The file that stands for its flash; used as it is when it exists.
        given: Fields of `Shot` that every simulated shot has exactly; the others vary with the seed.
        rates: How fast the simulated sensors sample.
    """

    recording: Path | None = None
    seed: int = 1
    records: int = 1
    serial: str | None = None
    memory: Path | None = None
    given: Mapping[str, object] = field(default_factory=dict)
    rates: Rates = field(default_factory=Rates)


@dataclass(frozen=True, slots=True)
class PreparedShot:
    """A shot that a device is about to record.

    Attributes:
        recording: What the sensors measure.
        simulation: How it was simulated; None when it comes from a file.
    """

    recording: Recording
    simulation: Simulation | None

    def write(self, number: int, start_ticks: int, power_up: int, most_pages: int | None = None) -> list[bytes]:
        """Return the pages of a record.

        Args:
            number: The record's number.
            start_ticks: The device's clock when it begins.
            power_up: How often the device was switched on.
            most_pages: Pages that are free; None for as many as it takes.
        """
        # A device that waits for a shot is set to its largest range; a recording is stored as finely as it can be.
        is_simulated = self.simulation is not None
        return write_record(
            self.recording, number, start_ticks, power_up, largest_range=is_simulated, most_pages=most_pages
        )

    @property
    def duration_s(self) -> float:
        """How long it lasts."""
        return max(sensor.times_s[-1] for sensor in self.recording.sensors)


class ShotSource:
    """Gives the shots that an emulated device records, one after another.

    Args:
        source: What they are made from.

    Raises:
        RecordingError: The recording is not as it should be.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._recording = None if source.recording is None else read_recording(source.recording)

    def prepare(self, number: int) -> PreparedShot:
        """Return the shot of a record's number."""
        if self._recording is not None:
            return PreparedShot(self._recording, None)
        seed = self._source.seed * 1000 + number
        shot = vary_shot(seed, self._source.given)
        simulation = simulate(shot, seed, self._source.seed, self._source.rates)
        return PreparedShot(simulation.recording, simulation)


def make_flash(source: Source, truth: TruthFile | None = None, report: Callable[[int], None] | None = None) -> Flash:
    """Return the emulated device's memory.

    Args:
        source: What it is made from.
        truth: Where what is true of the simulated shots is written.
        report: Is told the number of each record before it is made.

    Raises:
        RecordingError: The recording or the memory's file is not as it should be.
    """
    if source.memory is not None and source.memory.exists():
        return Flash.load(source.memory)
    image = _make_image(source, truth, report)
    try:
        return Flash(image) if source.memory is None else Flash.create(image, source.memory)
    except OSError as error:
        raise RecordingError(f"{source.memory} cannot be written: {error.strerror}") from error


def _make_image(source: Source, truth: TruthFile | None, report: Callable[[int], None] | None) -> MemoryImage:
    records = _write_records(source, truth, report)
    page_count = sum(map(len, records))
    directory_pages = max(_DIRECTORY_PAGES, len(records) + 1)
    serial = f"EMU-{_fingerprint(records)}" if source.serial is None else source.serial
    ring = max(_SMALLEST_RING_PAGES, page_count + 1)
    first = FirstPage(serial, HARDWARE, FIRMWARE, 1 + directory_pages + ring, directory_pages)
    try:
        image = MemoryImage.blank(first)
    except ValueError as error:
        raise RecordingError(f"--serial: {error}") from error
    for pages in records:
        image.store_record(pages)
    if truth is not None:
        truth.write(image)
    return image


def _write_records(source: Source, truth: TruthFile | None, report: Callable[[int], None] | None) -> list[list[bytes]]:
    shots = ShotSource(source)
    records = []
    start_s = _BETWEEN_RECORDS_S
    for number in range(1, source.records + 1):
        if report is not None:
            report(number)
        shot = shots.prepare(number)
        records.append(shot.write(number, start_s * TICK_HZ, FIRST_POWER_UP))
        if truth is not None and shot.simulation is not None:
            truth.note(number, start_s * TICK_HZ, FIRST_POWER_UP, shot.simulation)
        start_s += int(shot.duration_s) + _BETWEEN_RECORDS_S
    return records


def _fingerprint(records: list[list[bytes]]) -> str:
    return hashlib.sha256(b"".join(page for pages in records for page in pages)).hexdigest()[:8].upper()


def last_ticks(flash: Flash) -> int:
    """Return the device's clock at the end of its newest record, from where the clock of a device just made goes on."""
    slots = flash.image.slots()
    if not slots:
        return 0
    try:
        return decode_capture(flash.image.capture(slots[-1].record)).end.end_ticks
    except FormatError:
        # A damaged record's end cannot be told; the clock then begins anew, as after a change of battery.
        return 0
