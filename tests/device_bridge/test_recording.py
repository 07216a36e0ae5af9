import csv
import math
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.emulator.recording import (
    SensorRecording,
    choose_sensor,
    nominal_rate_millihertz,
    quantize,
    write_record,
)
from device_bridge.emulator.recording_csv import COLUMNS, parse_recording, read_recording
from device_bridge.emulator.source import Source, make_flash
from device_bridge.errors import RecordingError
from smartdot import Capture, PageKind, SensorKind, decode_capture, read_page

HEADER = ",".join(COLUMNS)
ROW = "0,0,0,1,0,0,0,,,,"
CELLS = {"accel": slice(1, 4), "gyro": slice(4, 7), "mag": slice(7, 10), "light": slice(10, 11)}


def lines(*rows: str) -> list[str]:
    """Return the lines of a CSV with the right header."""
    return [f"{row}\n" for row in (HEADER, *rows)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ([], "line 1: the file is empty"),
        (["time_s,accel_x_g\n"], "line 1: bad header"),
        (lines(), "line 1: the recording is empty"),
        (lines("0,,,,,,,,,,"), "line 2: the recording is empty"),
        (lines(ROW, "0.1,0,0,1"), "line 3: 4 cells, not 11"),
        (lines(ROW, ROW + ","), "line 3: 12 cells, not 11"),
        (lines("1,0,0,1,0,0,0,,,,", "0.5,0,0,1,0,0,0,,,,"), "line 3: time runs backwards: 0.5 after 1"),
        (lines("0,0,zero,1,0,0,0,,,,"), "line 2: accel_y_g is 'zero': not a number"),
        (lines("0,0,nan,1,0,0,0,,,,"), "not a number"),
        (lines("inf,0,0,1,0,0,0,,,,"), "line 2: time_s is 'inf': not a number"),
        (lines("0,0,1_0,1,0,0,0,,,,"), "not a number"),
        (lines("0,0,,1,0,0,0,,,,"), "line 2: accel has 2 of its 3 cells"),
        (lines("0,,,,,,,,,,-1"), "light is never negative"),
        (lines(ROW, "1e9,0,0,1,0,0,0,,,,"), "line 3: time_s is 1e9, more than a year"),
        (lines('0,"0,0,1'), "line 2: not a CSV"),
    ],
)
def test_bad_recording_names_its_line(text: list[str], message: str) -> None:
    """Whatever is wrong with a recording CSV is said in one line, with the file's name and the line's number."""
    with pytest.raises(RecordingError, match=r"^shot\.csv, ") as caught:
        parse_recording(iter(text), "shot.csv")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@given(
    st.lists(st.text(max_size=60), max_size=5)
    | st.lists(st.lists(st.text("0123.-e,", max_size=6), min_size=11, max_size=11).map(",".join)).map(
        lambda rows: lines(*rows)
    )
)
def test_any_text_is_a_recording_or_a_recording_error(text: list[str]) -> None:
    """Arbitrary lines give a recording or RecordingError, nothing else; what was read can be stored."""
    try:
        recording = parse_recording(iter(text), "any.csv")
    except RecordingError:
        return
    assert read_page(write_record(recording, 1, 0)[-1]).kind == PageKind.END


def test_file_that_is_no_text(tmp_path: Path) -> None:
    """A binary file and a missing one are bad recordings, not crashes."""
    path = tmp_path / "picture.csv"
    path.write_bytes(b"\x89PNG\r\n\xff\xfe")
    with pytest.raises(RecordingError, match="not a CSV"):
        read_recording(path)
    with pytest.raises(RecordingError, match="cannot be read"):
        read_recording(tmp_path / "missing.csv")


def decode(path: Path) -> Capture:
    """Return the capture that a device makes of a recording."""
    return decode_capture(make_flash(Source(recording=path)).image.capture(1))


def samples(capture: Capture, place: int) -> list[tuple[float, ...]]:
    """Return time in seconds and the readings of every sample, with nothing of ours but struct."""
    sensor, start = capture.header.sensors[place], capture.header.start_ticks
    code = "h" if sensor.sample_type == 1 else "H"
    found = []
    for block in capture.blocks_by_sensor()[place]:
        counts = struct.unpack(f"<{block.count * sensor.axes}{code}", block.samples)
        steps = max(block.count - 1, 1)
        offsets = struct.unpack(f"<{len(block.offsets) // 4}I", block.offsets) or [
            block.span_ticks * number // steps for number in range(block.count)
        ]
        for number, offset in enumerate(offsets):
            axes = counts[number * sensor.axes : (number + 1) * sensor.axes]
            time_s = (block.first_ticks + offset - start) / capture.header.tick_hz
            found.append((time_s, *(count / sensor.lsb_per_unit for count in axes)))
    return found


@pytest.mark.parametrize("name", ["rest_100hz.csv", "hand_swing_70hz.csv", "hand_rotations_100hz.csv"])
def test_real_recording_comes_out_as_it_went_in(recordings_folder: Path, name: str) -> None:
    """Every sample of a real recording is in the record, at its time within a tick or two, within half a count."""
    capture = decode(recordings_folder / name)
    with (recordings_folder / name).open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    for place, sensor in enumerate(capture.header.sensors):
        cells = CELLS[sensor.name]
        expected = [(float(row[0]), *map(float, row[cells])) for row in rows if row[cells.start]]
        found = samples(capture, place)
        assert len(found) == len(expected)
        for sample, original in zip(found, expected, strict=True):
            assert math.isclose(sample[0], original[0], abs_tol=2.01e-6)
            for reading, value in zip(sample[1:], original[1:], strict=True):
                assert math.isclose(reading, value, abs_tol=0.5 / sensor.lsb_per_unit + 1e-9)
    assert all(total.clipped == 0 for total in capture.end.totals)


def test_sample_counts_of_the_resting_sensor(recordings_folder: Path) -> None:
    """The resting sensor's record holds exactly the recording's samples; its nominal rates are the median's."""
    capture = decode(recordings_folder / "rest_100hz.csv")
    found = {
        sensor.name: total.stored for sensor, total in zip(capture.header.sensors, capture.end.totals, strict=True)
    }
    assert found == {"accel": 4270, "gyro": 4266, "mag": 416, "light": 21}
    assert capture.header.sensors[0].rate_hz == pytest.approx(100, rel=0.02)


def test_sensor_that_was_not_there_is_not_in_the_record(recordings_folder: Path) -> None:
    """A recording without light gives a record without a light sensor."""
    capture = decode(recordings_folder / "hand_rotations_100hz.csv")
    assert [sensor.name for sensor in capture.header.sensors] == ["accel", "gyro", "mag"]


@pytest.mark.parametrize(
    ("kind", "peak", "full_scale", "lsb_per_unit"),
    [
        (SensorKind.ACCEL, 1.99, 2, 16_384),
        (SensorKind.ACCEL, 2.0, 4, 8_192),
        (SensorKind.ACCEL, -8.04, 16, 2_048),
        (SensorKind.ACCEL, 99.0, 16, 2_048),
        (SensorKind.GYRO, 100.0, 125, 262.4),
        (SensorKind.GYRO, 1_531.0, 2_000, 16.4),
        (SensorKind.MAG, 2_000.0, 2_500, 16),
    ],
)
def test_smallest_range_that_holds_the_peak(
    kind: SensorKind, peak: float, full_scale: float, lsb_per_unit: float
) -> None:
    """The finest standard range without a clipped reading is chosen, the largest when none holds them."""
    sensor = choose_sensor(SensorRecording(kind, [0.0], [(0.0, peak, 0.0)]))
    assert (sensor.full_scale, sensor.lsb_per_unit) == (full_scale, lsb_per_unit)
    assert sensor.is_clipped(quantize(sensor, (peak,))[0]) == (peak == 99.0)


@pytest.mark.parametrize("value", [17.0, -17.0, 1e308, -1e308])
def test_what_no_range_holds_is_stored_clipped(value: float) -> None:
    """A reading beyond every range becomes the count that means clipped, and is counted in the record's totals."""
    recording = parse_recording(iter(lines(f"0,{value},0,0,,,,,,,", "1,0,0,0,,,,,,,70000")), "x")
    image = make_flash(Source()).image
    pages = write_record(recording, 9, 0)
    capture = decode_capture(image.page(0) + b"".join(pages))
    assert [total.clipped for total in capture.end.totals] == [1, 1]


def test_rate_of_few_samples() -> None:
    """A single sample has a rate of 1 Hz; samples at one instant do not divide by zero."""
    assert nominal_rate_millihertz([5.0]) == 1000
    assert nominal_rate_millihertz([5.0, 5.0]) > 0
    assert nominal_rate_millihertz([0.0, 0.01, 0.02, 0.5]) == 100_000


def test_records_of_one_device_differ() -> None:
    """Records of one device never have equal bytes, also when they hold the same recording."""
    image = make_flash(Source(records=3)).image
    assert [slot.record for slot in image.slots()] == [1, 2, 3]
    assert len({image.capture(number) for number in (1, 2, 3)}) == 3


def test_record_says_how_often_the_device_was_switched_on(tmp_path: Path) -> None:
    """The power-up that a record was made in stands in its header."""
    path = tmp_path / "shot.csv"
    path.write_text("".join(lines(ROW)))
    header = decode(path).header
    assert (header.power_up, header.start_ticks) == (1, 20_000_000)
    pages = write_record(read_recording(path), 1, 0, 65_535)
    image = make_flash(Source(recording=path)).image
    assert decode_capture(image.page(0) + b"".join(pages)).header.power_up == 65_535


def test_bad_serial_is_refused() -> None:
    """A serial that the format does not allow is one clear message."""
    with pytest.raises(RecordingError, match="--serial"):
        make_flash(Source(serial="no spaces please"))
