"""The fit between a device's clock, its host's steady clock and UTC, on clocks whose truth is known."""

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smartdot.clocks import ClockFit, ClockNote, fit_clocks, split_notes

BOOT_UTC = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Clocks:
    """A device's clock beside a host's: the truth from which notes are drawn.

    Attributes:
        drift_ppm: How much faster the device's clock runs than it should.
        ticks_at_boot: The device's clock when the host's steady clock was 0.
        tick_hz: Its nominal rate.
        power_up: Its count of power-ups.
    """

    drift_ppm: float
    ticks_at_boot: int = 0
    tick_hz: int = 1_000_000
    power_up: int = 1

    def ticks_at(self, monotonic_s: float) -> int:
        """Return the device's clock at a moment of the host's."""
        return self.ticks_at_boot + int(monotonic_s * self.tick_hz * (1 + self.drift_ppm / 1e6))

    def note(self, monotonic_s: float, chance: random.Random, longest_s: float = 0.004) -> ClockNote:
        """An exchange whose question and answer are delayed each by its own time."""
        there_s = 0.0005 + chance.expovariate(4 / longest_s)
        back_s = 0.0005 + chance.expovariate(4 / longest_s)
        ticks = self.ticks_at(monotonic_s + there_s)
        middle_s = monotonic_s + (there_s + back_s) / 2
        utc = BOOT_UTC + timedelta(seconds=middle_s)
        return ClockNote(ticks, self.tick_hz, self.power_up, middle_s, utc, there_s + back_s)


def _notes(clocks: Clocks, count: int, every_s: float, seed: int = 1, begin_s: float = 5000.0) -> list[ClockNote]:
    chance = random.Random(seed)  # noqa: S311 - a test's data, repeatable by its seed
    return [clocks.note(begin_s + every_s * place, chance) for place in range(count)]


def _fit(notes: list[ClockNote]) -> ClockFit:
    fit = fit_clocks(notes)
    assert fit is not None
    return fit


def _utc_error_s(fit: ClockFit, clocks: Clocks, monotonic_s: float) -> float:
    return abs((fit.utc_of(clocks.ticks_at(monotonic_s)) - BOOT_UTC).total_seconds() - monotonic_s)


@given(
    drift_ppm=st.floats(-200, 200),
    seed=st.integers(0, 2**32),
    ticks_at_boot=st.sampled_from([0, 2**32 - 10**9, 2**53, 2**63, 2**64 - 10**13]),
    tick_hz=st.sampled_from([32_768, 1_000_000, 100_000_000]),
)
@example(drift_ppm=200.0, seed=0, ticks_at_boot=2**64 - 10**13, tick_hz=1_000_000)
@settings(max_examples=60, deadline=None)
def test_drift_is_found(drift_ppm: float, seed: int, ticks_at_boot: int, tick_hz: int) -> None:
    """Over half an hour of notes with jitter, any crystal's drift is found within 2 ppm and UTC within 2 ms."""
    clocks = Clocks(drift_ppm, ticks_at_boot, tick_hz)
    fit = _fit(_notes(clocks, 60, 30.0, seed))
    assert fit.drift_ppm is not None
    assert fit.uncertainty_ppm is not None
    assert abs(fit.drift_ppm - drift_ppm) < min(2.0, 6 * fit.uncertainty_ppm)
    assert fit.tick_hz_measured == pytest.approx(tick_hz * (1 + fit.drift_ppm / 1e6), rel=1e-12)
    assert _utc_error_s(fit, clocks, 5000.0) < 0.002
    assert _utc_error_s(fit, clocks, 6800.0) < 0.002
    assert (fit.notes, round(fit.span_s, -1)) == (60, 1770)
    assert fit.residual_s < 0.002


def test_uncertainty_tells_the_truth() -> None:
    """Over 200 sets of notes the drift lies within two of its standard deviations in nine of ten, and is no lie."""
    errors = []
    for seed in range(200):
        fit = _fit(_notes(Clocks(37.5), 12, 20.0, seed))
        assert fit.drift_ppm is not None
        assert fit.uncertainty_ppm is not None
        errors.append(abs(fit.drift_ppm - 37.5) / fit.uncertainty_ppm)
    assert sum(error < 2 for error in errors) >= 180
    # Nor is it so large that it says nothing.
    assert sum(error > 0.2 for error in errors) >= 60


def test_slow_exchanges_spoil_nothing() -> None:
    """Notes that took up to seconds, all of it on the way back, move the drift by less than one ppm."""
    clocks, notes = Clocks(-120.0), _notes(Clocks(-120.0), 60, 30.0)
    chance = random.Random(2)  # noqa: S311 - a test's data, repeatable by its seed
    for place in range(0, 60, 2):
        note, late_s = notes[place], chance.uniform(0.1, 2.0)
        utc = note.host_utc + timedelta(seconds=late_s / 2)
        middle_s = note.host_monotonic_s + late_s / 2
        notes[place] = replace(note, host_monotonic_s=middle_s, host_utc=utc, round_trip_s=note.round_trip_s + late_s)
    fit = _fit(notes)
    assert fit.drift_ppm == pytest.approx(-120.0, abs=1.0)
    assert _utc_error_s(fit, clocks, 6800.0) < 0.003


@pytest.mark.parametrize("step_s", [-3600.0, -0.5, 0.2, 86_400.0])
def test_utc_that_is_set_is_no_drift(step_s: float) -> None:
    """Where UTC was set between two notes, the drift is untouched, and moments are told by the latest setting."""
    notes = _notes(Clocks(50.0), 60, 30.0)
    wrong = [replace(note, host_utc=note.host_utc - timedelta(seconds=step_s)) for note in notes[:40]]
    fit = _fit(wrong + notes[40:])
    assert fit.drift_ppm == pytest.approx(50.0, abs=2.0)
    assert fit.notes == 60
    assert _utc_error_s(fit, Clocks(50.0), 5000.0) < 0.003


def test_utc_that_is_slewed() -> None:
    """Where UTC is drawn slowly to its right value, the drift is that against the steady clock all the same."""
    notes = _notes(Clocks(50.0), 60, 30.0)
    slewed = [
        replace(note, host_utc=note.host_utc + timedelta(seconds=0.0001 * (note.host_monotonic_s - 5000)))
        for note in notes
    ]
    assert _fit(slewed).drift_ppm == pytest.approx(50.0, abs=2.0)


def test_restart_of_the_device() -> None:
    """After a restart that the count of power-ups tells, only the notes since then are fitted, whatever the ticks."""
    before = _notes(Clocks(-80.0, power_up=7), 30, 30.0)
    clocks = Clocks(60.0, ticks_at_boot=-900_000_000, power_up=8)
    after = _notes(clocks, 30, 30.0, begin_s=5900.0)
    fit = _fit(before + after)
    assert fit.drift_ppm == pytest.approx(60.0, abs=3.0)
    assert fit.notes == 30
    assert split_notes(before + after) == [before, after]


@pytest.mark.parametrize(
    "ticks_at_boot", [pytest.param(-5_900_000_000, id="back to 0"), pytest.param(9_000_000, id="to more ticks")]
)
def test_restart_that_nobody_counted(ticks_at_boot: int) -> None:
    """A device that does not count its power-ups is split where its ticks do not fit the time that passed."""
    before = _notes(Clocks(-80.0, power_up=0), 20, 30.0)
    after = _notes(Clocks(60.0, ticks_at_boot, power_up=0), 20, 30.0, begin_s=5910.0)
    assert [len(stretch) for stretch in split_notes(before + after)] == [20, 20]
    assert _fit(before + after).drift_ppm == pytest.approx(60.0, abs=4.0)


@pytest.mark.parametrize("host_lost_s", [6000.0, 300.0, -700.0])
def test_restart_of_the_host(host_lost_s: float) -> None:
    """After a restart or a sleep of the host its steady clock begins anew; only the notes since then are fitted."""
    notes = _notes(Clocks(25.0), 40, 30.0)
    later = [replace(note, host_monotonic_s=note.host_monotonic_s - host_lost_s) for note in notes[20:]]
    assert [len(stretch) for stretch in split_notes(notes[:20] + later)] == [20, 20]
    fit = _fit(notes[:20] + later)
    assert fit.drift_ppm == pytest.approx(25.0, abs=4.0)
    assert _utc_error_s(fit, Clocks(25.0), 6100.0) < 0.003


def test_another_tick_rate_is_another_clock() -> None:
    """Notes of another nominal rate are not mixed with those before."""
    one, other = _notes(Clocks(0.0), 3, 60.0), _notes(Clocks(0.0, tick_hz=32_768), 3, 60.0, begin_s=6000.0)
    assert split_notes(one + other) == [one, other]


def test_no_note() -> None:
    """Without notes there is nothing to fit."""
    assert fit_clocks([]) is None
    assert split_notes([]) == []


def test_one_note() -> None:
    """A single note ties the clocks at the nominal rate, and claims no drift."""
    note = ClockNote(5_000_000, 1_000_000, 3, 100.0, BOOT_UTC, 0.002)
    fit = _fit([note])
    assert fit == ClockFit(5_000_000, BOOT_UTC, 1_000_000.0, None, None, 0.0, 1, 0.0)
    assert fit.utc_of(2_500_000) == BOOT_UTC - timedelta(seconds=2.5)


def test_notes_of_one_moment() -> None:
    """The same note twice says no more than once."""
    note = ClockNote(5_000_000, 1_000_000, 3, 100.0, BOOT_UTC, 0.002)
    fit = _fit([note, note])
    assert (fit.drift_ppm, fit.uncertainty_ppm, fit.reference_utc, fit.notes) == (None, None, BOOT_UTC, 2)


def test_too_short_a_time() -> None:
    """Over half a second the notes tell the rate worse than the crystal's maker does, so the nominal one is kept."""
    clocks = Clocks(150.0)
    fit = _fit(_notes(clocks, 6, 0.1))
    assert (fit.drift_ppm, fit.tick_hz_measured) == (None, 1_000_000.0)
    assert fit.uncertainty_ppm is not None
    assert fit.uncertainty_ppm > 100
    assert _utc_error_s(fit, clocks, 5000.3) < 0.003


def test_two_notes_an_hour_apart() -> None:
    """Two notes are enough where much time lies between them."""
    fit = _fit(_notes(Clocks(-42.0), 2, 3600.0))
    assert fit.drift_ppm == pytest.approx(-42.0, abs=1.0)
    assert fit.uncertainty_ppm is not None
    assert fit.uncertainty_ppm < 1.0


def test_moment_that_no_calendar_reaches() -> None:
    """Ticks further away than the calendar goes raise an OverflowError and give no wrong date."""
    fit = _fit([ClockNote(0, 1, 1, 0.0, BOOT_UTC, 0.002)])
    with pytest.raises(OverflowError):
        fit.utc_of(2**63)
