"""Recording CSV: a header, one row per instant, an empty cell where a sensor had no sample. Plain Python, no numpy."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path

from device_bridge.emulator.recording import Recording, SensorRecording
from device_bridge.errors import RecordingError
from smartdot import SensorKind

COLUMNS = (
    "time_s",
    *("accel_x_g", "accel_y_g", "accel_z_g"),
    *("gyro_x_dps", "gyro_y_dps", "gyro_z_dps"),
    *("mag_x_ut", "mag_y_ut", "mag_z_ut"),
    "light_lx",
)
_CELLS_BY_KIND = {
    SensorKind.ACCEL: slice(1, 4),
    SensorKind.GYRO: slice(4, 7),
    SensorKind.MAG: slice(7, 10),
    SensorKind.LIGHT: slice(10, 11),
}
# Over a year: no sensor records that long, so the column holds something else.
_LONGEST_S = 4e7


class _Rows:
    """The rows of a file, and where we are in it for messages."""

    def __init__(self, lines: Iterator[str], name: str) -> None:
        self._reader = csv.reader(lines, strict=True)
        self._name = name

    def __iter__(self) -> Iterator[list[str]]:
        try:
            for row in self._reader:
                if row:
                    yield row
        except csv.Error as error:
            raise self.error(f"not a CSV: {error}") from error
        except UnicodeDecodeError as error:
            raise RecordingError(f"{self._name}: not a CSV: the file is not text") from error

    def error(self, what: str) -> RecordingError:
        """Return the error that names the file and the line."""
        return RecordingError(f"{self._name}, line {max(self._reader.line_num, 1)}: {what}")


def read_recording(path: Path) -> Recording:
    """Return the recording in a CSV file.

    Raises:
        RecordingError: The file cannot be read, or a line of it is not as it should be; the message names the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return parse_recording(file, str(path))
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}") from error


def parse_recording(lines: Iterator[str], name: str) -> Recording:
    """Return the recording in the lines of a CSV.

    Args:
        lines: The lines, the header first.
        name: The file's name, for messages.

    Raises:
        RecordingError: A line is not as it should be.
    """
    rows = _Rows(lines, name)
    iterator = iter(rows)
    _check_header(rows, next(iterator, None))
    times: dict[SensorKind, list[float]] = {kind: [] for kind in _CELLS_BY_KIND}
    values: dict[SensorKind, list[tuple[float, ...]]] = {kind: [] for kind in _CELLS_BY_KIND}
    first_s: float | None = None
    last_s = -math.inf
    for row in iterator:
        last_s = _read_time(rows, row, last_s)
        first_s = last_s if first_s is None else first_s
        if last_s - first_s > _LONGEST_S:
            raise rows.error(f"time_s is {row[0]}, more than a year after the first row")
        for kind, cells in _CELLS_BY_KIND.items():
            sample = _read_sample(rows, row, kind, cells)
            if sample:
                times[kind].append(last_s - first_s)
                values[kind].append(sample)
    sensors = tuple(SensorRecording(kind, times[kind], values[kind]) for kind in _CELLS_BY_KIND if times[kind])
    if not sensors:
        raise rows.error("the recording is empty: no row holds a sample")
    return Recording(sensors)


def _check_header(rows: _Rows, header: list[str] | None) -> None:
    if header is None:
        raise rows.error("the file is empty: the header is missing")
    if tuple(header) != COLUMNS:
        raise rows.error(f"bad header: expected `{','.join(COLUMNS)}`, found `{','.join(header)[:200]}`")


def _read_time(rows: _Rows, row: list[str], last_s: float) -> float:
    if len(row) != len(COLUMNS):
        raise rows.error(f"{len(row)} cells, not {len(COLUMNS)}")
    time_s = _read_number(rows, "time_s", row[0])
    if time_s < last_s:
        raise rows.error(f"time runs backwards: {row[0]} after {last_s:g}")
    return time_s


def _read_sample(rows: _Rows, row: list[str], kind: SensorKind, cells: slice) -> tuple[float, ...]:
    filled = [cell for cell in row[cells] if cell]
    if not filled:
        return ()
    names = COLUMNS[cells]
    if len(filled) != len(names):
        raise rows.error(f"{kind.name.lower()} has {len(filled)} of its {len(names)} cells: fill all or none")
    sample = tuple(_read_number(rows, name, cell) for name, cell in zip(names, row[cells], strict=True))
    if kind is SensorKind.LIGHT and sample[0] < 0:
        raise rows.error(f"light_lx is {row[cells][0]}: light is never negative")
    return sample


def _read_number(rows: _Rows, name: str, cell: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    # Neither nan nor inf is a measurement, though Python reads them as numbers; nor does it mean 1_000 as one.
    if not math.isfinite(number) or "_" in cell:
        raise rows.error(f"{name} is {cell[:40]!r}: not a number")
    return number
