"""Where an emulated device's memory comes from: a recording, simulated shots, or a file that held it before."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from device_bridge.emulator.flash import Flash
from device_bridge.emulator.recording import TICK_HZ, write_record
from device_bridge.emulator.recording_csv import read_recording
from device_bridge.emulator.simulation import simulate_shot, vary_shot
from device_bridge.errors import RecordingError
from smartdot import FirstPage, FormatError, MemoryImage, Version, decode_capture

HARDWARE = Version(1, 0, 0)
FIRMWARE = Version(0, 1, 0)
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
    """

    recording: Path | None = None
    seed: int = 1
    records: int = 1
    serial: str | None = None
    memory: Path | None = None


def make_flash(source: Source) -> Flash:
    """Return the emulated device's memory.

    Raises:
        RecordingError: The recording or the memory's file is not as it should be.
    """
    if source.memory is not None and source.memory.exists():
        return Flash.load(source.memory)
    image = _make_image(source)
    try:
        return Flash(image) if source.memory is None else Flash.create(image, source.memory)
    except OSError as error:
        raise RecordingError(f"{source.memory} cannot be written: {error.strerror}") from error


def _make_image(source: Source) -> MemoryImage:
    records = _write_records(source)
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
    return image


class ShotSource:
    """Gives the records that an emulated device makes, one after another.

    Args:
        source: What they are made from.

    Raises:
        RecordingError: The recording is not as it should be.
    """

    def __init__(self, source: Source) -> None:
        self._seed = source.seed
        self._recording = None if source.recording is None else read_recording(source.recording)

    def write(self, number: int, start_ticks: int) -> tuple[list[bytes], float]:
        """Return the pages of a record and how many seconds it lasts.

        Args:
            number: The record's number.
            start_ticks: The device's clock when it begins.
        """
        seed = self._seed * 1000 + number
        shot = self._recording or simulate_shot(vary_shot(seed), seed)
        # A device that waits for a shot is set to its largest range; a recording is stored as finely as it can be.
        pages = write_record(shot, number, start_ticks, largest_range=self._recording is None)
        return pages, max(sensor.times_s[-1] for sensor in shot.sensors)


def _write_records(source: Source) -> list[list[bytes]]:
    shots = ShotSource(source)
    records = []
    start_s = _BETWEEN_RECORDS_S
    for number in range(1, source.records + 1):
        pages, duration_s = shots.write(number, start_s * TICK_HZ)
        records.append(pages)
        start_s += int(duration_s) + _BETWEEN_RECORDS_S
    return records


def _fingerprint(records: list[list[bytes]]) -> str:
    return hashlib.sha256(b"".join(page for pages in records for page in pages)).hexdigest()[:8].upper()


def last_ticks(flash: Flash) -> int:
    """Return the device's clock at the end of its newest record, from where an emulated device's clock goes on."""
    slots = flash.image.slots()
    if not slots:
        return 0
    try:
        return decode_capture(flash.image.capture(slots[-1].record)).end.end_ticks
    except FormatError:
        # A damaged record's end cannot be told; the clock then begins anew, as after a change of battery.
        return 0
