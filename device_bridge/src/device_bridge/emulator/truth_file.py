"""The file beside an emulated device that says what is true of its simulated shots (docs/emulator.md)."""

import hashlib
import json
from pathlib import Path

from device_bridge.emulator.device_state import TICK_HZ
from device_bridge.emulator.simulation import Simulation
from device_bridge.emulator.whole_file import write_whole
from device_bridge.errors import UsageError
from smartdot import MemoryImage

SCHEMA = "smartdot-truth/1"


class TruthFile:
    """Collects what is true of records and writes it as one JSON document, whole or not at all.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._records: dict[int, dict[str, object]] = {}

    def note(self, number: int, start_ticks: int, power_up: int, simulation: Simulation) -> None:
        """Note a record's truth; it is in the file after the next `write` at which the memory holds the record."""
        self._records[number] = {
            "record": number,
            "power_up": power_up,
            "start_ticks": start_ticks,
            "tick_hz": TICK_HZ,
            **simulation.truth(),
        }

    def write(self, image: MemoryImage) -> None:
        """Write the file.

        Args:
            image: The memory that holds the records; their captures' hashes are written as well.

        Raises:
            UsageError: It cannot be written.
        """
        held = {slot.record for slot in image.slots()}
        for number, record in self._records.items():
            if number in held and "capture_sha256" not in record:
                record["capture_sha256"] = hashlib.sha256(image.capture(number)).hexdigest()
        stored = [record for record in self._records.values() if "capture_sha256" in record]
        document = {"schema": SCHEMA, "serial": image.first.serial, "records": stored}
        try:
            write_whole(self._path, f"{json.dumps(document)}\n".encode())
        except OSError as error:
            raise UsageError(f"--truth {self._path} cannot be written: {error.strerror}") from error
