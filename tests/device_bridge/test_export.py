import csv
import hashlib
import importlib
import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from device_bridge.cli import main
from device_bridge.emulator.recording_csv import COLUMNS
from device_bridge.errors import ExitCode, UsageError
from device_bridge.export.csv_layouts import RECORDING_COLUMNS, long_lines, recording_lines, sensor_lines
from device_bridge.export.samples import NoSamplesError, survey_capture
from device_bridge.spool import NewCapture, Spool, SpooledPage
from smartdot import RecordHeader, RecordWriter, SampleType, Sensor, decode_capture
from smartdot.columns import sensor_columns

from .filled_spool import (
    ACCEL,
    CLIPPED,
    LOST,
    LOST_AT,
    SENSORS,
    counts_of,
    damaged,
    first_page,
    keep,
    rows_in,
    small_capture,
)

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.fixture
def spool(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a spool with two captures of one device and one of another, and be in an empty folder."""
    request.getfixturevalue("clean_environment")
    path = tmp_path / "spool.db"
    keep(path, small_capture(1), small_capture(2))
    keep(path, small_capture(7, serial="SD-2"), serial="SD-2", first_record=7)
    monkeypatch.setenv("DEVICE_BRIDGE_SPOOL", str(path))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_changed_bytes_are_given_only_when_asked_for(spool: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What changed on the disk is an error, but with --as-is: then it is in a file that ends with .changed."""
    with closing(Spool(spool)) as opened:
        opened._database._db.execute("UPDATE pages SET data = zeroblob(256) WHERE capture = 2 AND number = 1")
    raw = ("export", "--device", "SD-1", "--format", "raw", "--force")
    assert main([*raw]) == ExitCode.FAILED
    assert [path.name for path in Path().iterdir()] == ["SD-1_1.smartdot"]
    assert main([*raw, "--as-is", "--json"]) == ExitCode.LOOK_AT_IT
    printed = capsys.readouterr()
    assert [row.get("is_changed", False) for row in json.loads(printed.out.splitlines()[-1])["captures"]] == [
        False,
        True,
    ]
    whole = small_capture(2)
    assert Path("SD-1_2.smartdot.changed").read_bytes() == whole[:512] + bytes(256) + whole[768:]
    assert "record 2: these are not the bytes that were read from the device" in printed.err
    assert main(["export", "--all", "--as-is"]) == ExitCode.USAGE
    assert "--format raw" in capsys.readouterr().err


def test_raw_is_the_exact_bytes(spool: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A raw export is the capture, byte for byte, under the name of its device and record."""
    assert main(["export", "--all", "--format", "raw", "--output", "raw"]) == ExitCode.FINE
    assert sorted(path.name for path in Path("raw").iterdir()) == [
        "SD-1_1.smartdot",
        "SD-1_2.smartdot",
        "SD-2_7.smartdot",
    ]
    assert Path("raw/SD-1_2.smartdot").read_bytes() == small_capture(2)
    assert capsys.readouterr().out.splitlines()[0] == "raw/SD-1_1.smartdot"
    assert rows_in(spool)[0].sha256 == hashlib.sha256(small_capture(1)).hexdigest()


@pytest.mark.usefixtures("spool")
def test_recording_has_the_projects_columns() -> None:
    """The default CSV is a recording: its header, a row per instant, an empty cell where a sensor had no sample."""
    assert main(["export", "--record", "1"]) == ExitCode.FINE
    rows = rows_of(Path("SD-1_1.csv"))
    assert tuple(rows[0]) == COLUMNS == RECORDING_COLUMNS
    times = [float(row["time_s"]) for row in rows]
    assert times == sorted(set(times))
    assert len(rows) == 400
    assert [row["accel_x_g"] for row in rows[:3]] == [repr(counts_of(ACCEL, number)[0] / 2048) for number in range(3)]
    assert [bool(row["gyro_x_dps"]) for row in rows[:3]] == [True, False, True]
    assert {row["light_lx"] for row in rows} == {"", *(f"{10.0 * number}" for number in range(10))}
    assert {row["mag_x_ut"] for row in rows} == {""}


def test_an_emulator_plays_an_export_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulated shot, exported as CSV and played by the emulator, is the same capture again, byte for byte."""
    monkeypatch.chdir(tmp_path)
    shot = Path("shot.smartdot")
    common = ["emulate", "--serial", "SD-1", "--dump"]
    assert main([*common, str(shot), "--seed", "3"]) == ExitCode.FINE
    keep(tmp_path / "spool.db", shot.read_bytes())
    assert main(["export", "--all", "--spool", "spool.db"]) == ExitCode.FINE
    assert main([*common, "again.smartdot", "--recording", "SD-1_1.csv"]) == ExitCode.FINE
    first, second = decode_capture(shot.read_bytes()), decode_capture(Path("again.smartdot").read_bytes())
    for place, sensor in enumerate(first.header.sensors):
        assert sensor.lsb_per_unit == second.header.sensors[place].lsb_per_unit
        before, after = sensor_columns(first, place), sensor_columns(second, place)
        assert before.values.tolist() == after.values.tolist()
        assert [round(time * 1e6) for time in before.time_s] == [round(time * 1e6) for time in after.time_s]


@pytest.mark.usefixtures("spool")
def test_long_and_sensor_layouts_agree_with_the_columns() -> None:
    """Both other layouts hold every reading with its index, time and clipping, as numpy decodes them."""
    assert main(["export", "--record", "1", "--layout", "long"]) == ExitCode.FINE
    assert main(["export", "--record", "1", "--layout", "sensors"]) == ExitCode.FINE
    capture = decode_capture(small_capture(1))
    long_rows = rows_of(Path("SD-1_1_long.csv"))
    for place, (name, sensor) in enumerate(zip(("accel", "gyro", "light"), SENSORS, strict=True)):
        columns = sensor_columns(capture, place)
        rows = rows_of(Path(f"SD-1_1_{name}.csv"))
        assert [int(row["index"]) for row in rows] == columns.index.tolist()
        assert [float(row["time_s"]) for row in rows] == columns.time_s.tolist()
        values = [[float(row[column]) for column in list(row)[2:-1]] for row in rows]
        assert values == columns.values.tolist()
        clipped = [["xyz"[axis] in row["clipped"] for axis in range(sensor.axes)] for row in rows]
        assert clipped == columns.clipped.tolist()
        own = [row for row in long_rows if row["sensor"] == name]
        assert [float(row["value"]) for row in own] == columns.values.ravel().tolist()
        assert [row["clipped"] == "1" for row in own] == columns.clipped.ravel().tolist()
        assert {row["unit"] for row in own} == {sensor.unit}
    accel = rows_of(Path("SD-1_1_accel.csv"))
    assert [int(row["index"]) for row in accel if row["clipped"] == "z"] == list(CLIPPED)


@pytest.mark.usefixtures("spool")
def test_parquet_holds_the_columns() -> None:
    """Each sensor's Parquet file holds numpy's own columns, and whose they are."""
    assert main(["export", "--record", "1", "--format", "parquet"]) == ExitCode.FINE
    columns = sensor_columns(decode_capture(small_capture(1)), 0)
    table = pq.read_table("SD-1_1_accel.parquet")
    assert table.column("time_s").to_pylist() == columns.time_s.tolist()
    assert table.column("index").to_pylist() == columns.index.tolist()
    assert table.column("accel_z_g").to_pylist() == columns.values[:, 2].tolist()
    assert table.column("accel_z_g_clipped").to_pylist() == columns.clipped[:, 2].tolist()
    metadata = table.schema.metadata
    assert metadata[b"sha256"].decode() == hashlib.sha256(small_capture(1)).hexdigest()
    assert (metadata[b"device"], metadata[b"record"], metadata[b"unit"]) == (b"SD-1", b"1", b"g")


@pytest.mark.parametrize("missing", ["pyarrow.parquet", "smartdot.columns"])
def test_parquet_without_its_extra(
    spool: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """Without the extra there is one line that says what to install, and nothing is written."""
    assert spool.exists()
    real = importlib.import_module

    def refuse(name: str, package: str | None = None) -> object:
        if name == missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name.split(".", maxsplit=1)[0])
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", refuse)
    assert main(["export", "--all", "--format", "parquet"]) == ExitCode.USAGE
    err = capsys.readouterr().err
    assert "pip install 'revmetrix-device-bridge[parquet]'" in err
    assert list(Path().iterdir()) == []


@pytest.mark.usefixtures("spool")
def test_a_choice_is_asked_for_and_kept_to(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is exported by accident; device, record and id each narrow the choice, and no match is said."""
    assert main(["export"]) == ExitCode.USAGE
    assert main(["export", "--record", "9"]) == ExitCode.FAILED
    assert main(["export", "--all", "--device", "nobody"]) == ExitCode.FAILED
    capsys.readouterr()
    for arguments, files in (
        (["--device", "SD-2"], ["SD-2_7.csv"]),
        (["--id", "2"], ["SD-1_2.csv"]),
        (["--record", "1", "--record", "7"], ["SD-1_1.csv", "SD-2_7.csv"]),
        (["--all"], ["SD-1_1.csv", "SD-1_2.csv", "SD-2_7.csv"]),
    ):
        assert main(["export", *arguments, "--dry-run"]) == ExitCode.FINE
        assert capsys.readouterr().out.split() == files
    assert list(Path().iterdir()) == []


@pytest.mark.usefixtures("spool")
def test_files_that_are_there_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """One existing file stops an export before anything is written; --force overwrites it."""
    Path("SD-2_7.csv").write_text("mine")
    assert main(["export", "--all"]) == ExitCode.USAGE
    assert "SD-2_7.csv is there already and was left as it is" in capsys.readouterr().err
    assert [path.name for path in Path().iterdir()] == ["SD-2_7.csv"]
    assert Path("SD-2_7.csv").read_text() == "mine"
    assert main(["export", "--all", "--force"]) == ExitCode.FINE
    assert Path("SD-2_7.csv").read_text().startswith("time_s,")
    assert len(list(Path().iterdir())) == 3


@pytest.mark.usefixtures("spool")
def test_to_stdout(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """`--output -` gives one capture's bytes to stdout and refuses what is more than one file."""
    assert main(["export", "--id", "1", "--format", "raw", "--output", "-"]) == ExitCode.FINE
    assert capfdbinary.readouterr().out == small_capture(1)
    assert main(["export", "--all", "--output", "-"]) == ExitCode.USAGE
    assert main(["export", "--id", "1", "--layout", "sensors", "--output", "-"]) == ExitCode.USAGE
    assert capfdbinary.readouterr().out == b""


def test_damaged_pages_and_gaps_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a damaged capture the good pages are exported, and what is missing is named on stderr and in the JSON."""
    monkeypatch.chdir(tmp_path)
    whole = small_capture(1, lose=LOST)
    keep(tmp_path / "spool.db", damaged(whole, 3))
    assert main(["export", "--all", "--spool", "spool.db", "--json"]) == ExitCode.FINE
    printed = capsys.readouterr()
    (facts,) = json.loads(printed.out)["captures"]
    assert facts["bad_pages"] == [{"page": 3, "problem": "checksum"}]
    lost = sensor_columns(decode_capture(whole), 0)
    gaps = [gap for gap in facts["gaps"] if gap["sensor"] == "accel"]
    assert {"sensor": "accel", "first_index": LOST_AT, "count": LOST, "after_s": (LOST_AT - 1) / 800} in gaps
    assert sum(gap["count"] for gap in facts["gaps"]) + sum(facts["samples"].values()) == 400 + 200 + 10
    assert "page 3 is damaged (checksum): its samples are left out" in printed.err
    assert f"accel: {LOST} samples are missing after 0.249 s (about 0.050 s)" in printed.err
    exported = [float(row["time_s"]) for row in rows_of(Path("SD-1_1.csv")) if row["accel_x_g"]]
    assert len(exported) == facts["samples"]["accel"] < len(lost.index)
    assert set(exported) <= set(lost.time_s.tolist())
    assert main(["export", "--all", "--spool", "spool.db", "--format", "raw"]) == ExitCode.FINE
    assert Path("SD-1_1.smartdot").read_bytes() == damaged(whole, 3)


def test_samples_lost_at_the_end_are_a_gap_too() -> None:
    """What the end page says was made and no block holds is missing; without the end page nobody knows."""
    capture = small_capture(1, sensors=(ACCEL,), length_s=0.3, lose=LOST)
    survey = survey_capture(lambda: [capture])
    assert [(gap.first_index, gap.count) for gap in survey.gaps] == [(LOST_AT, LOST)]
    assert survey.sample_counts == (200,)
    without_end = survey_capture(lambda: [damaged(capture, len(capture) // 256 - 1)])
    assert without_end.gaps == ()


def test_what_cannot_be_decoded_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A damaged header, or bytes that changed on the disk, are named; the other captures are written, the code is 1."""
    monkeypatch.chdir(tmp_path)
    keep(tmp_path / "spool.db", damaged(small_capture(1), 1), small_capture(2), small_capture(3))
    opened = Spool(tmp_path / "spool.db")
    with opened._database.transaction() as db:
        db.execute("UPDATE pages SET data = zeroblob(256) WHERE capture = 3 AND number = 4")
    opened.close()
    assert main(["export", "--all", "--spool", "spool.db"]) == ExitCode.FAILED
    printed = capsys.readouterr()
    assert printed.out == "SD-1_2.csv\n"
    assert "SD-1 record 1: the record's header is damaged" in printed.err
    assert "record 3 of SD-1 has changed in the spool" in printed.err
    assert sorted(path.name for path in tmp_path.glob("SD*")) == ["SD-1_2.csv"]
    assert main(["export", "--all", "--format", "raw", "--spool", "spool.db"]) == ExitCode.FAILED
    assert sorted(path.name for path in tmp_path.glob("*SD*smartdot*")) == ["SD-1_1.smartdot", "SD-1_2.smartdot"]


def other_sensor(kind: int, axes: int = 2) -> Sensor:
    """Return a sensor that a recording CSV has no columns for."""
    return Sensor(kind, axes, SampleType.UINT16, 10_000, 4.0, 0.0, 0, 65_535)


def test_sensors_that_a_recording_has_no_columns_for() -> None:
    """An unknown kind, or a second sensor of a kind, is refused as a recording and exported in the other layouts."""
    for sensors, names in (((other_sensor(9),), ("kind_9",)), ((ACCEL, ACCEL), ("accel", "accel_2"))):
        writer = RecordWriter(RecordHeader(1, 0, 1000, sensors))
        for place, sensor in enumerate(sensors):
            writer.add(place, place + 1, (8,) * sensor.axes)
        data = first_page() + b"".join(writer.finish())
        survey = survey_capture(lambda data=data: [data])  # type: ignore[misc]
        with pytest.raises(UsageError, match="--layout long"):
            list(recording_lines(survey, lambda data=data: [data]))  # type: ignore[misc]
        lines = "".join(long_lines(survey, lambda data=data: [data]))  # type: ignore[misc]
        assert survey.sensor_names() == names
        assert all(f",{name}," in lines for name in names)
        last = next(sensor_lines(survey, lambda data=data: [data], len(names) - 1))  # type: ignore[misc]
        assert last.startswith(f"time_s,index,{names[-1]}_x_")


def test_two_samples_of_one_instant_are_two_rows() -> None:
    """A sensor with two samples at the same tick gets a row for each, and nothing is lost between them."""
    writer = RecordWriter(RecordHeader(1, 0, 1000, (ACCEL,)))
    for ticks, value in ((1, 2048), (1, 4096), (2, 0)):
        writer.add(0, ticks, (value, 0, 0))
    data = first_page() + b"".join(writer.finish())
    survey = survey_capture(lambda: [data])
    lines = list(recording_lines(survey, lambda: [data]))[1:]
    assert [line.split(",")[:2] for line in lines] == [["0.001", "1.0"], ["0.001", "2.0"], ["0.002", "0.0"]]


@pytest.mark.parametrize("data", [b"", b"x" * 256, first_page()[:100], first_page()])
def test_no_capture_is_the_exports_own_error(data: bytes) -> None:
    """Bytes that are no capture, or end before the header, raise the export's own error."""
    with pytest.raises(NoSamplesError):
        survey_capture(lambda: [data] if data else [])


def test_half_read_records_are_not_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A record that is not read to its end is named with what to do; --as-is gives what was read of it."""
    opened = Spool(tmp_path / "spool.db", 0)
    begun = opened.begin(NewCapture("SD-1", 4, first_page(), 10))
    opened.add_pages(begun.id, [SpooledPage(2, b"c" * 256, None), SpooledPage(0, b"a" * 256, None)])
    opened.close()
    assert main(["export", "--all", "--spool", str(tmp_path / "spool.db")]) == ExitCode.FAILED
    assert "record 4 of SD-1 is not read to its end (2 of 10 pages): pull again" in capsys.readouterr().err
    arguments = ["export", "--all", "--format", "raw", "--as-is", "--output", str(tmp_path)]
    assert main([*arguments, "--spool", str(tmp_path / "spool.db")]) == ExitCode.LOOK_AT_IT
    assert "2 of its 10 pages were read" in capsys.readouterr().err
    assert (tmp_path / "SD-1_4.smartdot.part").read_bytes() == first_page() + b"a" * 256 + b"c" * 256
    assert main(["export", "--all", "--spool", str(tmp_path / "no.db")]) == ExitCode.FAILED
    assert "there is no spool" in capsys.readouterr().err
    assert not (tmp_path / "no.db").exists()


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """When the disk takes no more, the export ends with one line, and no half file is left behind."""
    keep(tmp_path / "spool.db", small_capture(1, length_s=5))
    bridge = f"{sys.executable} -m device_bridge export --all --spool {tmp_path}/spool.db"
    command = f"ulimit -f 64; exec {bridge} --layout long --output {tmp_path}/out"
    done = subprocess.run(["bash", "-c", command], check=False, capture_output=True, text=True)
    assert done.returncode == ExitCode.FAILED, done.stderr
    assert "cannot be written: File too large; nothing of it was left behind" in done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.long
def test_memory_stays_the_same_whatever_the_size(tmp_path: Path) -> None:
    """Exporting a capture of 4 MiB as each kind of CSV needs no more memory than one of 1 MiB, within 5 MiB."""
    sizes = {}
    for length_s in (160, 700):
        spool = tmp_path / f"{length_s}.db"
        keep(spool, small_capture(1, sensors=(ACCEL,), length_s=length_s))
        for layout in ("recording", "long", "sensors"):
            command = f"export --all --layout {layout} --output {tmp_path} --force --spool {spool}".split()
            # A process' own peak; ru_maxrss would begin with that of the one that started it.
            script = (
                "import re, sys; from device_bridge.cli import main; code = main(sys.argv[1:]); "
                "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]); sys.exit(code)"
            )
            done = subprocess.run([sys.executable, "-c", script, *command], check=True, capture_output=True, text=True)
            sizes[length_s, layout] = int(done.stdout.splitlines()[-1])
    for layout in ("recording", "long", "sensors"):
        assert sizes[700, layout] - sizes[160, layout] < 5 * 1024, sizes
