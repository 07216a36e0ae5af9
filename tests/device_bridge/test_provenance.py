import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from device_bridge.clock import ClockFacts
from device_bridge.provenance import MAX_PROVENANCE_BYTES, encode_provenance, limited_provenance, provenance
from smartdot import RecordHeader, SampleType, Sensor, SensorKind
from smartdot.clocks import ClockNote
from smartdot.layout import pack_header

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
TICK_HZ = 32_768


def header(start_ticks: int, power_up: int) -> bytes:
    """Return a record's header page."""
    light = Sensor(SensorKind.LIGHT, 1, SampleType.UINT16, 10_000, 1.0, 64_000.0, 0, 65_535)
    return pack_header(RecordHeader(1, start_ticks, TICK_HZ, (light,), power_up))


def note(second: float, *, power_up: int = 3, fast_ppm: float = 0.0, ticks: int | None = None) -> ClockNote:
    """Return a note of a device that was switched on at noon."""
    own = round(second * TICK_HZ * (1 + fast_ppm / 1e6))
    utc = NOON + timedelta(seconds=second)
    return ClockNote(own if ticks is None else ticks, TICK_HZ, power_up, 100.0 + second, utc, 0.002)


def facts(last: ClockNote) -> ClockFacts:
    """Return the clocks as the device's connection noted them."""
    return ClockFacts(
        last.device_ticks, last.tick_hz, last.host_monotonic_s, last.host_utc, last.round_trip_s, last.power_up
    )


def started_at(notes: list[ClockNote], start_ticks: int, power_up: int) -> datetime | None:
    """Return when a record began, by its provenance."""
    found = provenance("DOT-1", 1, header(start_ticks, power_up), facts(notes[-1]), notes)["started_at"]
    return None if found is None else datetime.fromisoformat(str(found))


def test_record_is_dated_by_the_fit_of_many_notes() -> None:
    """A clock that runs 200 ppm fast for an hour dates to 2 ms, where a single note would be off by 0.7 s."""
    notes = [note(float(second), fast_ppm=200.0) for second in range(0, 3600, 60)]
    began = started_at(notes, round(10 * TICK_HZ * 1.0002), 3)
    assert began is not None
    assert abs((began - NOON).total_seconds() - 10) < 0.002
    clock: Any = provenance("DOT-1", 1, header(0, 3), facts(notes[-1]), notes)["clock"]
    assert abs(clock["fit"]["drift_ppm"] - 200) < 1
    assert clock["fit"]["uncertainty_ppm"] < 1
    assert clock["fit"]["notes"] == 60
    assert 2 <= len(clock["notes"]) <= 8
    assert clock["notes"][-1][0] == notes[-1].device_ticks


def test_single_note_dates_by_the_nominal_rate() -> None:
    """With one note there is a date, and the drift is honestly not known."""
    assert started_at([note(100.0)], 40 * TICK_HZ, 3) == NOON + timedelta(seconds=40)
    clock: Any = provenance("DOT-1", 1, header(0, 3), facts(note(100.0)))["clock"]
    assert (clock["fit"]["drift_ppm"], clock["power_up"]) == (None, 3)


@pytest.mark.parametrize(
    ("of_record", "of_device", "is_dated"), [(3, 3, True), (2, 3, False), (0, 3, True), (2, 0, True), (0, 0, True)]
)
def test_record_of_another_power_up_has_no_date(of_record: int, of_device: int, *, is_dated: bool) -> None:
    """Ticks of two power-ups are not compared, where both are known."""
    assert (started_at([note(100.0, power_up=of_device)], 0, of_record) is not None) == is_dated


def test_record_of_the_future_has_no_date() -> None:
    """A record that began at a later tick than the device has now is from before it was switched on."""
    assert started_at([note(100.0)], 101 * TICK_HZ, 0) is None


def test_clock_that_ran_backwards_dates_nothing() -> None:
    """A clock that began anew within one power-up, or of late in an unknown one, dates nothing."""
    for power_up in (3, 0):
        notes = [note(0.0, power_up=power_up, ticks=10**9), note(100.0, power_up=power_up)]
        assert started_at(notes, 10, power_up) is None
    long_ago = [note(0.0, power_up=0, ticks=10**12), note(100_000.0, power_up=0, ticks=5 * TICK_HZ)]
    assert started_at(long_ago, 0, 0) == NOON + timedelta(seconds=99_995)
    other_power_up = [note(0.0, power_up=2, ticks=10**9), note(100.0)]
    assert started_at(other_power_up, 0, 3) == NOON


def test_clock_that_makes_no_sense_dates_nothing() -> None:
    """Without ticks in a second, or with a damaged header, or before any calendar, there is no date and no failure."""
    senseless = ClockFacts(5, 0, 1.0, NOON)
    assert provenance("DOT-1", 1, header(0, 3), senseless)["started_at"] is None
    damaged = header(0, 3)[:-1] + b"x"
    assert provenance("DOT-1", 1, damaged, facts(note(1.0)))["started_at"] is None
    ancient = ClockFacts(2**64 - 1, 1, 1.0, NOON, 0.0, 3)
    assert provenance("DOT-1", 1, header(0, 3), ancient)["started_at"] is None


def test_header_never_outgrows_what_the_api_takes() -> None:
    """With the most notes the header keeps within 4 KiB; a clock that is longer is cut down, the rest is sent."""
    notes = [note(second + 1 / 3, fast_ppm=123.456) for second in range(64)]
    full = provenance("D" * 16, 2**32 - 1, header(0, 3), facts(notes[-1]), notes)
    assert limited_provenance(full) == full
    assert len(encode_provenance(full)) <= 4096
    clock = {"fit": {"drift_ppm": 1.0}, "notes": ["x" * MAX_PROVENANCE_BYTES], "tick_hz": 1}
    assert limited_provenance({"record": 1, "clock": clock}) == {
        "record": 1,
        "clock": {"fit": {"drift_ppm": 1.0}, "tick_hz": 1},
    }
    assert limited_provenance({"record": 1, "clock": {"other": "x" * 5000}}) == {"record": 1}
    text = encode_provenance({"record": 1, "clock": {"other": "x" * 5000}})
    assert json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))) == {"record": 1}
