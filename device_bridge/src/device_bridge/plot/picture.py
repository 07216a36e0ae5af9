"""Curves as a PNG or SVG file, by the extra `[plot]`."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from device_bridge.errors import UsageError
from device_bridge.plot.curves import SensorCurves, Window

KINDS: Final = (".png", ".svg")
POINTS: Final = 2000
_INCHES_WIDE = 11.0
_INCHES_A_PANEL = 2.6


def require_extra() -> None:
    """Return when the extra is installed. Raises `UsageError` with what to install when it is not."""
    try:
        importlib.import_module("matplotlib")
    except ModuleNotFoundError as error:
        raise UsageError(
            "a picture needs matplotlib, which is not installed: pip install 'revmetrix-device-bridge[plot]'. "
            "Without --output the plot is drawn in the terminal"
        ) from error


def kind_of(path: Path) -> str:
    """Return which kind of picture a name asks for. Raises `UsageError` when it is none."""
    if path.suffix.lower() not in KINDS:
        raise UsageError(f"{path}: a plot is written as {' or '.join(KINDS)}")
    return path.suffix.lower().removeprefix(".")


def write_picture(path: Path, kind: str, title: str, sensors: Sequence[SensorCurves], window: Window) -> None:
    """Write a panel for each sensor, with its axes as lines, gaps shaded and clipped readings marked.

    Args:
        path: The file; an existing one is overwritten.
        kind: `png` or `svg`.
        title: What it is of.
        sensors: What is drawn.
        window: From when to when.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, and half a second to load

    figure = Figure(figsize=(_INCHES_WIDE, _INCHES_A_PANEL * len(sensors) + 1), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(len(sensors), 1, sharex=True, squeeze=False)
    for panel, sensor in zip(panels[:, 0], sensors, strict=True):
        _draw_panel(panel, sensor)
        panel.set_xlim(window.from_s, window.to_s)
    panels[-1, 0].set_xlabel("time (s)")
    # Without a date the same capture gives the same file.
    figure.savefig(path, format=kind, metadata={"Date": None} if kind == "svg" else None)


def _draw_panel(panel: Any, sensor: SensorCurves) -> None:
    panel.set_ylabel(f"{sensor.name} ({sensor.unit})")
    for place, curve in enumerate(sensor.curves):
        label = curve.axis or sensor.name
        for piece in curve.pieces:
            panel.plot([x for x, _ in piece], [y for _, y in piece], color=f"C{place}", linewidth=0.8, label=label)
            label = "_nolegend_"
    marks = [point for curve in sensor.curves for point in curve.clipped]
    if marks:
        count = sum(curve.clipped_count for curve in sensor.curves)
        panel.plot([x for x, _ in marks], [y for _, y in marks], "x", color="red", label=f"clipped ({count})")
    label = f"missing ({len(sensor.gaps)})"
    for begin_s, end_s in sensor.gaps:
        panel.axvspan(begin_s, end_s, color="0.85", label=label)
        label = "_nolegend_"
    panel.grid(visible=True, alpha=0.3)
    if any(curve.pieces for curve in sensor.curves):
        panel.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
