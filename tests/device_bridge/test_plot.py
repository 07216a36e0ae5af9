import importlib
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from device_bridge.cli import main
from device_bridge.errors import ExitCode, UsageError
from device_bridge.export.samples import survey_capture
from device_bridge.plot import picture
from device_bridge.plot.curves import SensorCurves, Window, read_curves
from device_bridge.plot.terminal import Screen, draw

from .filled_spool import ACCEL, CLIPPED, LOST, LOST_AT, damaged, keep, small_capture

pytestmark = pytest.mark.usefixtures("clean_environment")
UNICODE = Screen(100, has_colours=False, has_unicode=True)


@pytest.fixture
def spool(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a spool with two captures, the second with a gap, and be in an empty folder."""
    request.getfixturevalue("clean_environment")
    path = tmp_path / "spool.db"
    keep(path, small_capture(1), small_capture(2, lose=LOST))
    monkeypatch.setenv("DEVICE_BRIDGE_SPOOL", str(path))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return path


def curves_of(capture: bytes, points: int, from_s: float = 0.0, to_s: float = 0.5) -> SensorCurves:
    """Return the accelerometer's curves."""
    (curves,) = read_curves(survey_capture(lambda: [capture]), lambda: [capture], [0], Window(from_s, to_s, points))
    return curves


def test_a_curve_keeps_the_extremes() -> None:
    """However few points there are, the lowest and the highest reading of each stretch are among them."""
    for points in (1, 7, 100, 5000):
        curves = curves_of(small_capture(1), points)
        for axis, curve in enumerate(curves.curves):
            values = [value for piece in curve.pieces for _, value in piece]
            everything = [
                value for piece in curves_of(small_capture(1), 5000).curves[axis].pieces for _, value in piece
            ]
            assert (min(values), max(values)) == (min(everything), max(everything))
            assert len(values) <= 2 * points + 2
            times = [time for piece in curve.pieces for time, _ in piece]
            assert times == sorted(times)


def test_gaps_stay_open_and_clipping_is_marked() -> None:
    """Lost samples part a curve in two with nothing between, and clipped ones are counted and marked on their axis."""
    curves = curves_of(small_capture(1, lose=LOST), 20)
    assert curves.gaps == (((LOST_AT - 1) / 800, (LOST_AT + LOST) / 800),)
    for curve in curves.curves:
        assert len(curve.pieces) == 2
        assert (curve.pieces[0][-1][0], curve.pieces[1][0][0]) == curves.gaps[0]
    assert [curve.clipped_count for curve in curves.curves] == [0, 0, len(CLIPPED)]
    assert [len(curve.clipped) for curve in curves.curves] == [0, 0, 1]


def test_a_window_cuts() -> None:
    """Only samples of the window are drawn, and a gap outside it is not told of."""
    curves = curves_of(small_capture(1, lose=LOST), 5000, 0.1, 0.2)
    assert curves.gaps == ()
    times = [time for piece in curves.curves[0].pieces for time, _ in piece]
    assert (len(times), times[0], times[-1]) == (81, 0.1, 0.2)


@pytest.mark.usefixtures("spool")
def test_in_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """The last capture is drawn with a panel for each axis, both axes labelled with units, gaps and clipping named."""
    assert main(["plot"]) == ExitCode.FINE
    out = capsys.readouterr().out
    titles = re.findall(r"SD-1 record 2: (\w+ ?\w?) \(([^)]+)\)", out)
    assert titles == [
        *((f"accel {axis}", "g") for axis in "xyz"),
        *((f"gyro {axis}", "deg/s") for axis in "xyz"),
        ("light", "lx"),
    ]
    assert out.count("time (s)") == 7
    assert "3 clipped, marked X, 1 gap" in out
    assert "\x1b" not in out


@pytest.mark.usefixtures("spool")
def test_choices(capsys: pytest.CaptureFixture[str]) -> None:
    """Record, sensor and window are chosen; what cannot be drawn is one line."""
    assert main(["plot", "--record", "1", "--sensor", "light", "--from", "0.1", "--to", "0.3"]) == ExitCode.FINE
    out = capsys.readouterr().out
    assert re.search(r"0\.100? .* 0\.300?\n", out)
    assert "record 1: light (lx)" in out
    assert "accel" not in out
    for arguments, message in (
        (["--sensor", "mag"], "it has accel, gyro, light"),
        (["--from", "3", "--to", "2"], "--from 3 is not before the end at 2 s"),
        (["--device", "SD-1"], "choose with --id (1, 2)"),
        (["--output", "shot.jpg"], ".png or .svg"),
    ):
        assert main(["plot", *arguments]) == ExitCode.USAGE
        assert message in capsys.readouterr().err
    assert main(["plot", "--from", "0.47", "--to", "0.49", "--sensor", "light"]) == ExitCode.FINE
    assert "no samples between 0.47 and 0.49 s" in capsys.readouterr().out


@pytest.mark.usefixtures("spool")
def test_as_a_picture(capsys: pytest.CaptureFixture[str]) -> None:
    """An SVG is written once, with units at the axes, and the clipped and the missing in the legend."""
    assert main(["plot", "--output", "shot.svg", "--sensor", "accel", "--to", "0.3"]) == ExitCode.FINE
    assert capsys.readouterr().out == "shot.svg\n"
    comments = re.findall(r"<!-- (.*?) -->", Path("shot.svg").read_text())
    assert {"time (s)", "accel (g)", "x", "y", "z", "clipped (3)", "missing (1)"} <= set(comments)
    assert ET.parse("shot.svg").getroot().tag.endswith("svg")  # noqa: S314 - our own file
    assert main(["plot", "--output", "shot.svg"]) == ExitCode.USAGE
    assert [path.name for path in Path().iterdir()] == ["shot.svg"]


@pytest.mark.long
@pytest.mark.usefixtures("spool")
def test_as_a_png() -> None:
    """A PNG of all sensors is written, and overwritten by --force."""
    Path("shot.png").write_text("mine")
    assert main(["plot", "--output", "shot.png", "--force"]) == ExitCode.FINE
    assert Path("shot.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_a_picture_without_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without matplotlib there is one line that says what to install."""

    def refuse(name: str) -> object:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(UsageError, match=r"pip install 'revmetrix-device-bridge\[plot\]'"):
        picture.require_extra()


def test_damaged_and_empty_captures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a damaged capture the good pages are drawn and the bad ones told; one without samples is one line."""
    keep(tmp_path / "spool.db", damaged(small_capture(1), 4), small_capture(2, length_s=0))
    common = ["plot", "--spool", str(tmp_path / "spool.db")]
    assert main([*common, "--record", "1", "--sensor", "accel"]) == ExitCode.FINE
    assert "1 pages are damaged" in capsys.readouterr().err
    assert main([*common, "--record", "2"]) == ExitCode.FAILED
    assert "holds no samples" in capsys.readouterr().err


@pytest.mark.parametrize("length_s", [0.0013, 0.003])
def test_the_smallest_captures(length_s: float) -> None:
    """One or two samples, all in a row or in one instant, are drawn without an error in any kind of terminal."""
    capture = small_capture(1, sensors=(ACCEL,), length_s=length_s)
    survey = survey_capture(lambda: [capture])
    window = Window(0.0, survey.last_ticks / 1e6, 100)
    curves = read_curves(survey, lambda: [capture], [0], window)
    for screen in (
        UNICODE,
        Screen(40, has_colours=True, has_unicode=True),
        Screen(40, has_colours=False, has_unicode=False),
    ):
        panels = list(draw("t", curves, window, screen))
        assert len(panels) == 3
        assert all("accel" in panel for panel in panels)


@pytest.mark.usefixtures("spool")
def test_export_and_plot_agree_on_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """What the plot counts as clipped is what the export marks as clipped."""
    assert main(["export", "--record", "2", "--layout", "sensors", "--json"]) == ExitCode.FINE
    files = json.loads(capsys.readouterr().out)["captures"][0]["files"]
    accel = next(Path(name) for name in files if "accel" in name)
    marked = sum(line.rstrip("\n").endswith(",z") for line in accel.read_text().splitlines())
    assert marked == curves_of(small_capture(2, lose=LOST), 50).curves[2].clipped_count
