"""Curves drawn with characters: one panel for each axis, so that they can be told apart without colours."""

import importlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from device_bridge.plot.curves import Curve, SensorCurves, Window

_PANEL_ROWS = 12
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_ASCII = str.maketrans("┌┐└┘├┤┬┴┼─│", "+++++++++-|")
_CLIPPED = "X"


@dataclass(frozen=True, slots=True)
class Screen:
    """What a terminal can show.

    Attributes:
        columns: Its width.
        has_colours: Whether it shows colours.
        has_unicode: Whether it shows more than ASCII.
    """

    columns: int
    has_colours: bool
    has_unicode: bool


def draw(title: str, sensors: Sequence[SensorCurves], window: Window, screen: Screen) -> Iterator[str]:
    """Yield a panel for each axis of each sensor, as lines in one text."""
    for sensor in sensors:
        for curve in sensor.curves:
            yield _draw_panel(title, sensor, curve, window, screen)


def _draw_panel(title: str, sensor: SensorCurves, curve: Curve, window: Window, screen: Screen) -> str:
    heading = f"{title}: {sensor.name} {curve.axis}".rstrip() + f" ({sensor.unit}){_notes(sensor, curve)}"
    if not curve.pieces:
        return f"{heading}\nno samples between {window.from_s:g} and {window.to_s:g} s"
    # Without types of its own, and 150 ms that only a plot spends.
    figure: Any = importlib.import_module("plotext").figure
    figure.clear()
    figure.plot_size(screen.columns, _PANEL_ROWS)
    figure.theme("default" if screen.has_colours else "colorless")
    for piece in curve.pieces:
        line = figure.signal(
            [x for x, _ in piece], [y for _, y in piece], marker="braille" if screen.has_unicode else "."
        )
        figure.draw(line.lines())
    if curve.clipped:
        figure.draw(figure.signal([x for x, _ in curve.clipped], [y for _, y in curve.clipped], marker=_CLIPPED))
    figure.ruler("x").lim(window.from_s, window.to_s)
    figure.title(heading)
    figure.label("time (s)", axis="x")
    figure.label(sensor.unit, axis="y")
    return _plain(str(figure.build()), screen).rstrip("\n")


def _notes(sensor: SensorCurves, curve: Curve) -> str:
    notes = []
    if curve.clipped_count:
        notes.append(f"{curve.clipped_count} clipped, marked {_CLIPPED}")
    if sensor.gaps:
        notes.append(f"{len(sensor.gaps)} gap{'s' if len(sensor.gaps) > 1 else ''}")
    return f", {', '.join(notes)}" if notes else ""


def _plain(text: str, screen: Screen) -> str:
    if not screen.has_colours:
        text = "\n".join(line.rstrip() for line in _COLOURS.sub("", text).split("\n"))
    return text if screen.has_unicode else text.translate(_ASCII)
