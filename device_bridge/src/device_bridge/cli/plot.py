"""`plot`: a capture's samples as curves, in the terminal or as a picture."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from device_bridge.cli.arguments import Commands, add_command, add_spool, seconds
from device_bridge.cli.console import Output
from device_bridge.cli.existing_spool import opened_spool
from device_bridge.cli.export import add_choice, choice_of
from device_bridge.errors import ExitCode, UsageError
from device_bridge.export.choice import Choice
from device_bridge.export.files import check_is_new, new_file
from device_bridge.export.samples import NoSamplesError, Survey, survey_capture
from device_bridge.plot import picture, terminal
from device_bridge.plot.curves import Window, read_curves
from device_bridge.settings import resolve
from device_bridge.spool import CaptureRow, Spool

_WIDEST, _NARROWEST = 200, 40


def add_plot(commands: Commands) -> None:
    """Register `plot`."""
    examples = (
        "  device_bridge plot                                     # the capture that was read last\n"
        "  device_bridge plot --record 3 --sensor gyro --from 1.5 --to 2.5\n"
        "  device_bridge plot --id 12 --output shot.png           # needs revmetrix-device-bridge[plot]; or .svg\n"
    )
    parser = add_command(commands, "plot", "draw a capture's samples, in the terminal or as a picture", examples, plot)
    add_spool(parser)
    add_choice(parser)
    parser.add_argument(
        "--sensor", dest="sensors", action="append", metavar="NAME", help="accel, gyro, mag, light (default: all)"
    )
    parser.add_argument("--from", dest="from_s", type=seconds, metavar="S", help="from S seconds after its beginning")
    parser.add_argument("--to", dest="to_s", type=seconds, metavar="S", help="until S seconds after its beginning")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write a picture, .png or .svg")
    parser.add_argument("--force", action="store_true", help="overwrite a file that is there")


def plot(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Draw one capture."""
    kind = ""
    if chosen.output is not None:
        kind = picture.kind_of(chosen.output)
        picture.require_extra()
        check_is_new(chosen.output, force=chosen.force)
    with opened_spool(resolve(vars(chosen)).spool) as spool:
        row = _one(choice_of(chosen), spool)
        survey = survey_capture(lambda: spool.stream(row))
        screen = _screen()
        window = _window(chosen, survey, picture.POINTS if chosen.output else screen.columns)
        places = _places(survey, chosen.sensors)
        sensors = read_curves(survey, lambda: spool.stream(row), places, window)
    title = f"{row.device} record {row.record}"
    if chosen.output is not None:
        with new_file(chosen.output, force=chosen.force) as unfinished:
            picture.write_picture(unfinished, kind, title, sensors, window)
        output.result(str(chosen.output))
    else:
        for panel in terminal.draw(title, sensors, window, screen):
            sys.stdout.write(f"{panel}\n\n")
    if survey.problem_count:
        output.message(
            f"device_bridge: {title}: {survey.problem_count} pages are damaged, their samples are left out of the plot"
        )
    return ExitCode.FINE


def _one(choice: Choice, spool: Spool) -> CaptureRow:
    """Return the capture that is meant: the one that was read last when nothing was said."""
    rows = choice.find(spool)
    if choice.is_empty:
        return max(rows, key=lambda row: row.id)
    if len(rows) > 1:
        ids = ", ".join(str(row.id) for row in rows)
        raise UsageError(f"{len(rows)} captures are chosen, and one is drawn: choose with --id ({ids})")
    return rows[0]


def _places(survey: Survey, wanted: Sequence[str] | None) -> list[int]:
    names = survey.sensor_names()
    strangers = [name for name in wanted or () if name not in names]
    if strangers:
        raise UsageError(f"the record has no sensor {strangers[0]}: it has {', '.join(names)}")
    return [place for place, name in enumerate(names) if not wanted or name in wanted]


def _window(chosen: argparse.Namespace, survey: Survey, points: int) -> Window:
    end_s = survey.last_ticks / survey.header.tick_hz
    from_s = 0.0 if chosen.from_s is None else chosen.from_s
    to_s = end_s if chosen.to_s is None else chosen.to_s
    if from_s > to_s or (from_s == to_s and chosen.to_s is not None):
        raise UsageError(f"--from {from_s:g} is not before the end at {to_s:g} s")
    if not any(survey.sample_counts):
        raise NoSamplesError("the record holds no samples, so there is nothing to draw")
    return Window(from_s, to_s, points)


def _screen() -> terminal.Screen:
    try:
        columns = os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        columns = 100
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    try:
        "⢕┌".encode(encoding)
        has_unicode = True
    except (UnicodeEncodeError, LookupError):
        has_unicode = False
    has_colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return terminal.Screen(max(_NARROWEST, min(_WIDEST, columns)), has_colours, has_unicode)
