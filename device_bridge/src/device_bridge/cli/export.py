"""`export`: captures of the spool as files that others read."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from device_bridge.cli.arguments import Commands, add_command, add_dry_run, add_json, add_spool, positive
from device_bridge.cli.console import Output
from device_bridge.cli.existing_spool import opened_spool
from device_bridge.errors import ExitCode, UsageError
from device_bridge.export.choice import FORMATS, Choice, Order
from device_bridge.export.csv_layouts import LAYOUTS
from device_bridge.export.files import check_is_new
from device_bridge.export.samples import NoSamplesError, Survey
from device_bridge.export.writing import Export, prepare, prepare_changed, prepare_unfinished
from device_bridge.settings import resolve
from device_bridge.spool import CaptureRow, CaptureState, Spool, SpoolDamagedError

if TYPE_CHECKING:
    from rich.progress import Progress

_MOST_NAMED = 5


def add_export(commands: Commands) -> None:
    """Register `export`."""
    examples = (
        "  device_bridge export --record 3                        # SD-0042_3.csv, as the emulator plays it\n"
        "  device_bridge export --all --format raw --output raw/  # the exact bytes of each capture\n"
        "  device_bridge export --device SD-0042 --layout long --output lane7/\n"
        "  device_bridge export --id 12 --output - | head         # to stdout\n"
        "  device_bridge export --id 12 --format raw --as-is      # the bytes also when they changed on this disk\n"
        "  device_bridge export --all --format parquet            # needs revmetrix-device-bridge[parquet]\n"
    )
    parser = add_command(commands, "export", "write captures of the spool to files", examples, export)
    add_spool(parser)
    add_choice(parser)
    parser.add_argument("--all", action="store_true", help="every capture")
    parser.add_argument("--format", choices=FORMATS, default="csv", help="default: csv")
    parser.add_argument(
        "--layout",
        choices=LAYOUTS,
        default="recording",
        help="of CSV: a row per instant (default), a row per reading, or a file for each sensor",
    )
    parser.add_argument(
        "--as-is",
        action="store_true",
        help="raw bytes also of a capture that changed on this disk, into a file that ends with .changed",
    )
    parser.add_argument("--output", default=".", metavar="FOLDER", help="where to; - is stdout (default: here)")
    parser.add_argument("--force", action="store_true", help="overwrite files that are there")
    add_dry_run(parser)
    add_json(parser)


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Let a command take `--id`, `--device` and `--record`."""
    parser.add_argument(
        "--id",
        dest="ids",
        type=positive,
        action="append",
        metavar="ID",
        help="a capture by its number in the spool (`status` shows it)",
    )
    parser.add_argument("--device", metavar="SERIAL", help="captures of this device")
    parser.add_argument("--record", dest="records", type=positive, action="append", metavar="N", help="of this record")


def choice_of(chosen: argparse.Namespace, *, everything: bool = False) -> Choice:
    """Return which captures the command line means."""
    return Choice(chosen.ids or (), chosen.device, chosen.records or (), everything)


def export(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Write the chosen captures."""
    choice = choice_of(chosen, everything=chosen.all)
    if choice.is_empty:
        raise UsageError("which captures? Choose with --device, --record, --id, or --all (`device_bridge status`)")
    folder = None if chosen.output == "-" else Path(chosen.output).expanduser()
    order = Order(chosen.format, chosen.layout, folder, chosen.force, chosen.dry_run, chosen.as_is)
    with opened_spool(resolve(vars(chosen)).spool) as spool:
        return write_captures(spool, choice.find(spool, unfinished=order.as_held), order, output, as_json=chosen.json)


def write_captures(
    spool: Spool, rows: Sequence[CaptureRow], order: Order, output: Output, *, as_json: bool
) -> ExitCode:
    """Write captures as an order says; one that cannot be read holds up no other.

    Returns:
        `FAILED` when there is such a one, `LOOK_AT_IT` when bytes were written that are not those that were read.
    """
    order.check(rows)
    if order.folder is not None and not order.dry_run:
        _make_folder(order.folder)
    with output.progress() as bars:
        meter = _Meter(spool, bars)
        exports, problems = _prepare_all(rows, order, meter)
        # All names are looked at before the first file is written.
        for path in _paths(exports, order):
            check_is_new(path, force=order.force)
        written = _write_all(exports, order, meter, problems)
    for prepared, files in written:
        if not as_json:
            for path in files:
                output.result(str(path))
        _say_what_is_missing(prepared, output)
    for problem in problems:
        output.message(f"device_bridge: {problem}")
    if as_json and order.folder is not None:
        facts = [{**_facts(prepared), "files": [str(path) for path in files]} for prepared, files in written]
        output.json({"dry_run": order.dry_run, "captures": facts})
    if problems:
        return ExitCode.FAILED
    return ExitCode.LOOK_AT_IT if any(prepared.is_changed for prepared, _ in written) else ExitCode.FINE


class _Meter:
    """Reads captures from a spool, and shows on a bar how far that is."""

    def __init__(self, spool: Spool, bars: "Progress") -> None:
        self._spool = spool
        self._bars = bars
        self._task = bars.add_task("", total=0)

    def begin(self, what: str, total_bytes: int) -> None:
        """Begin a bar anew."""
        self._bars.reset(self._task, description=what, total=total_bytes)

    def read(self, row: CaptureRow) -> Iterator[bytes]:
        """Give a capture's bytes."""
        return self._measured(self._spool.stream(row))

    def read_as_held(self, row: CaptureRow) -> Iterator[bytes]:
        """Give a capture's bytes, also when they are not those that were read."""
        return self._measured(self._spool.stream_as_held(row))

    def _measured(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._bars.advance(self._task, len(chunk))
            yield chunk

    def is_whole(self, row: CaptureRow) -> bool:
        """Return whether a capture's bytes are those that were read."""
        try:
            self._spool.verify(row)
        except SpoolDamagedError:
            return False
        return True


def _prepare_all(rows: Sequence[CaptureRow], order: Order, meter: _Meter) -> tuple[list[Export], list[str]]:
    """Look at the captures; return what they give, and a line for each of which nothing can be written."""
    exports, problems = [], []
    meter.begin("looking", sum(row.size_bytes or 0 for row in rows) if order.format != "raw" else 0)
    for row in rows:
        try:
            if row.state is CaptureState.READING:
                exports.append(prepare_unfinished(row, partial(meter.read_as_held, row)))
            elif order.as_held and not meter.is_whole(row):
                exports.append(prepare_changed(row, partial(meter.read_as_held, row)))
            else:
                exports.append(prepare(row, partial(meter.read, row), order))
        except (NoSamplesError, SpoolDamagedError) as error:
            problems.append(f"{row.device} record {row.record}: {error}")
    return exports, problems


def _write_all(
    exports: Sequence[Export], order: Order, meter: _Meter, problems: list[str]
) -> list[tuple[Export, list[Path]]]:
    """Write what captures give; add a line for each that could not be read to its end."""
    written = []
    meter.begin(
        "writing",
        sum((prepared.row.size_bytes or 0) * part.walks for prepared in exports for part in prepared.parts),
    )
    for prepared in exports:
        try:
            written.append((prepared, _write(prepared, order)))
        except SpoolDamagedError as error:
            problems.append(str(error))
    return written


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be made: {error.strerror}") from error


def _paths(exports: Sequence[Export], order: Order) -> Iterator[Path]:
    if order.folder is not None:
        for prepared in exports:
            yield from (order.folder / part.name for part in prepared.parts)


def _write(prepared: Export, order: Order) -> list[Path]:
    if order.folder is None:
        if not order.dry_run:
            for part in prepared.parts:
                for data in part.stream() if part.stream is not None else ():
                    sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        return []
    if order.dry_run:
        return [order.folder / part.name for part in prepared.parts]
    return [part.put(order.folder, force=order.force) for part in prepared.parts]


def _facts(prepared: Export) -> dict[str, object]:
    row, survey = prepared.row, prepared.survey
    facts: dict[str, object] = {"id": row.id, "device": row.device, "record": row.record, "sha256": row.sha256}
    if prepared.is_changed:
        facts["is_changed"] = True
    if survey is None:
        return facts
    names = survey.sensor_names()
    return {
        **facts,
        "samples": dict(zip(names, survey.sample_counts, strict=True)),
        "bad_pages": [{"page": problem.page, "problem": problem.problem} for problem in survey.problems],
        "gaps": [
            {"sensor": names[gap.sensor], "first_index": gap.first_index, "count": gap.count, "after_s": gap.after_s}
            for gap in survey.gaps
        ],
    }


def _say_what_is_missing(prepared: Export, output: Output) -> None:
    survey = prepared.survey
    name = f"{prepared.row.device} record {prepared.row.record}"
    if prepared.is_changed:
        output.message(f"device_bridge: {name}: {prepared.warning}")
    if survey is None:
        return
    lines = [
        f"page {problem.page} is damaged ({problem.problem}): its samples are left out" for problem in survey.problems
    ]
    for line in _shortened(lines, survey.problem_count):
        output.message(f"device_bridge: {name}: {line}")
    for line in _shortened([_gap_line(survey, number) for number in range(len(survey.gaps))], len(survey.gaps)):
        output.message(f"device_bridge: {name}: {line}")


def _gap_line(survey: Survey, number: int) -> str:
    gap = survey.gaps[number]
    name, rate_hz = survey.sensor_names()[gap.sensor], survey.header.sensors[gap.sensor].rate_hz
    return f"{name}: {gap.count} samples are missing after {gap.after_s:.3f} s (about {gap.count / rate_hz:.3f} s)"


def _shortened(lines: Sequence[str], count: int) -> list[str]:
    more = count - min(len(lines), _MOST_NAMED)
    return [*lines[:_MOST_NAMED], *([f"and {more} more (--json names them)"] if more else [])]
