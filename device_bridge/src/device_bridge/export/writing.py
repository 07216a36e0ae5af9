"""A capture written as an order says: which files it gives, and what each holds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from device_bridge.export import csv_layouts, parquet
from device_bridge.export.choice import Order, base_name
from device_bridge.export.files import new_file, written
from device_bridge.export.samples import OpenChunks, Survey, survey_capture
from device_bridge.spool import CaptureRow


@dataclass(frozen=True, slots=True)
class Part:
    """One file that a capture gives.

    Attributes:
        name: Its name.
        stream: Its bytes; None for Parquet, which wants a path.
        write: Writes it to a path; None for what is streamed.
        walks: How often the capture's bytes are read for it.
    """

    name: str
    stream: Callable[[], Iterator[bytes]] | None = None
    write: Callable[[Path], None] | None = None
    walks: int = 1

    def put(self, folder: Path, *, force: bool) -> Path:
        """Write it into a folder and return its path (`export.files`)."""
        path = folder / self.name
        if self.write is not None:
            with new_file(path, force=force) as unfinished:
                self.write(unfinished)
        elif self.stream is not None:
            with written(path, force=force) as file:
                for data in self.stream():
                    file.write(data)
        return path


@dataclass(frozen=True, slots=True)
class Export:
    """What a capture gives.

    Attributes:
        row: The capture.
        parts: Its files.
        survey: What it holds; None for raw bytes, which are not looked at.
        is_changed: Whether its bytes are not a whole capture's as it was read.
        warning: What is to be said of such bytes.
    """

    row: CaptureRow
    parts: tuple[Part, ...]
    survey: Survey | None = None
    is_changed: bool = False
    warning: str = ""


def prepare(row: CaptureRow, open_chunks: OpenChunks, order: Order) -> Export:
    """Return what a capture gives; nothing is written yet.

    Raises:
        NoSamplesError: Its samples cannot be read.
        UsageError: A recording has no columns for its sensors, or an extra is missing.
    """
    base = base_name(row)
    if order.format == "raw":
        return Export(row, (Part(f"{base}.smartdot", lambda: iter(open_chunks())),))
    if order.format == "parquet":
        parquet.require_extra()
        survey = survey_capture(open_chunks)
        return Export(row, _parquet_parts(base, row, survey, open_chunks), survey)
    survey = survey_capture(open_chunks)
    return Export(row, _csv_parts(base, order.layout, survey, open_chunks), survey)


def prepare_changed(row: CaptureRow, open_chunks: OpenChunks) -> Export:
    """Return the file that a capture gives whose bytes changed in the spool: its name tells it from a whole one."""
    part = Part(f"{base_name(row)}.smartdot.changed", lambda: iter(open_chunks()))
    warning = (
        "these are not the bytes that were read from the device: they changed on this disk, and are given as they are "
        "now. The cloud does not take them as this capture"
    )
    return Export(row, (part,), is_changed=True, warning=warning)


def prepare_unfinished(row: CaptureRow, open_chunks: OpenChunks) -> Export:
    """Return the file of a record that was not read to its end: the first page, and the pages that came, in order."""
    part = Part(f"{base_name(row)}.smartdot.part", lambda: iter(open_chunks()))
    warning = f"{row.pages_read} of its {row.page_count} pages were read, and these are all that there are"
    return Export(row, (part,), is_changed=True, warning=warning)


def _csv_parts(base: str, layout: str, survey: Survey, open_chunks: OpenChunks) -> tuple[Part, ...]:
    if layout == "long":
        return (Part(f"{base}_long.csv", lambda: csv_layouts.encode(csv_layouts.long_lines(survey, open_chunks))),)
    if layout == "recording":
        csv_layouts.check_fits_recording(survey)
        lines = csv_layouts.recording_lines
        walks = len(survey.header.sensors)
        return (Part(f"{base}.csv", lambda: csv_layouts.encode(lines(survey, open_chunks)), walks=walks),)

    def stream(place: int) -> Callable[[], Iterator[bytes]]:
        return lambda: csv_layouts.encode(csv_layouts.sensor_lines(survey, open_chunks, place))

    return tuple(Part(f"{base}_{name}.csv", stream(place)) for place, name in enumerate(survey.sensor_names()))


def _parquet_parts(base: str, row: CaptureRow, survey: Survey, open_chunks: OpenChunks) -> tuple[Part, ...]:
    facts = {
        "device": row.device,
        "record": str(row.record),
        "sha256": row.sha256 or "",
        "start_ticks": str(survey.header.start_ticks),
        "tick_hz": str(survey.header.tick_hz),
    }

    def write(place: int) -> Callable[[Path], None]:
        return lambda path: parquet.write_sensor(path, survey, open_chunks, place, facts)

    names = enumerate(survey.sensor_names())
    return tuple(Part(f"{base}_{name}.parquet", write=write(place)) for place, name in names)
