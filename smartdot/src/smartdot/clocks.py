"""Three clocks and the fit between them: device ticks, the host's steady clock and UTC.

A bridge notes all three in one exchange with the device. A note is off by at most half its round trip, whichever way
the delay fell (RFC 5905 section 10, the clock filter: of several exchanges the one with the least delay is the best).
So the fit takes from each stretch of time the notes with the least round trips (V. Paxson, "On Calibrating Measurements
of Packet Transit Times", SIGMETRICS 1998: minima of segments) and weights each by its own. The rate is fitted against
the host's steady clock, which nobody sets; UTC is added afterwards, so a step of UTC never looks like drift.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

_CLOCK_HZ_MAX_PPM = 1000.0
"""No clock is so far off; what differs more was restarted or stood still."""
_USEFUL_PPM = 100.0
"""A rate known worse than this is known better from the nominal one: crystals are made to 20 to 100 ppm."""
_NOTING_ERROR_S = 1e-4
"""What a note is off by whatever its round trip: a host's scheduling, a tick of a slow device clock."""
_STEP_S = 0.02
"""UTC that moves this far from the steady clock between two notes was set, not slewed (ntpd steps at 0.128 s)."""
_SLEW_PPM = 500.0
_SEGMENTS = 16


@dataclass(frozen=True, slots=True)
class ClockNote:
    """The three clocks at one moment.

    Attributes:
        device_ticks: The device's clock, in the middle of the exchange as far as the host can tell.
        tick_hz: Its nominal ticks in a second.
        power_up: How often the device had been switched on, modulo 65,536; 0 when it is not known.
        host_monotonic_s: The host's steady clock in the middle of the exchange, in seconds since any moment.
        host_utc: UTC in the same middle, by the host.
        round_trip_s: From the question to its answer.
    """

    device_ticks: int
    tick_hz: int
    power_up: int
    host_monotonic_s: float
    host_utc: datetime
    round_trip_s: float


@dataclass(frozen=True, slots=True)
class ClockFit:
    """How a device's clock runs beside its host's, for one power-up of the device and one of the host.

    Attributes:
        reference_ticks: A moment on the device's clock.
        reference_utc: The same moment in UTC, by the host's latest setting.
        tick_hz_measured: Ticks in a second of the host; the nominal rate where the notes cannot tell it better.
        drift_ppm: How much faster the device's clock runs than it should; None where the notes cannot tell it.
        uncertainty_ppm: One standard deviation of `drift_ppm`; None from a single moment.
        residual_s: How far the notes that were used lie from the fit, root mean square.
        notes: How many notes there were of this power-up.
        span_s: From the first of them to the last.
    """

    reference_ticks: int
    reference_utc: datetime
    tick_hz_measured: float
    drift_ppm: float | None
    uncertainty_ppm: float | None
    residual_s: float
    notes: int
    span_s: float

    def utc_of(self, ticks: int) -> datetime:
        """Return the UTC of a moment on the device's clock, of the same power-up.

        Args:
            ticks: Before or after the notes; the further away, the more the rate's uncertainty counts.

        Raises:
            OverflowError: So far away that no calendar reaches it.
        """
        return self.reference_utc + timedelta(seconds=(ticks - self.reference_ticks) / self.tick_hz_measured)


@dataclass(frozen=True, slots=True)
class _Line:
    """Host seconds over device seconds, both since the last note."""

    at_last_s: float
    seconds_per_second: float
    deviation: float
    residual_s: float


def split_notes(notes: Sequence[ClockNote]) -> list[list[ClockNote]]:
    """Return the notes of each power-up apart: where either clock began anew or stood still, another list begins.

    Args:
        notes: In the order in which they were taken.
    """
    stretches = [[note] for note in notes[:1]]
    for before, after in pairwise(notes):
        if _runs_on(before, after):
            stretches[-1].append(after)
        else:
            stretches.append([after])
    return stretches


def _runs_on(before: ClockNote, after: ClockNote) -> bool:
    if (before.tick_hz, before.power_up) != (after.tick_hz, after.power_up) or after.device_ticks < before.device_ticks:
        return False
    passed_s = after.host_monotonic_s - before.host_monotonic_s
    ticked_s = (after.device_ticks - before.device_ticks) / after.tick_hz
    slack_s = _error_s(before) + _error_s(after) + _CLOCK_HZ_MAX_PPM / 1e6 * max(passed_s, ticked_s)
    return passed_s >= 0 and abs(passed_s - ticked_s) <= slack_s


def _error_s(note: ClockNote) -> float:
    """Return what a note is off by at most."""
    return note.round_trip_s / 2 + _NOTING_ERROR_S + 1 / note.tick_hz


def fit_clocks(notes: Sequence[ClockNote]) -> ClockFit | None:
    """Return how the device's clock runs, by the notes of its latest power-up; None when there are none.

    Args:
        notes: In the order in which they were taken. Those before the latest restart of device or host are left out
            (`split_notes` gives them, each power-up's apart).
    """
    if not notes:
        return None
    latest = split_notes(notes)[-1]
    last, nominal_hz = latest[-1], latest[-1].tick_hz
    chosen = _least_delayed(latest)
    line = _fit_line(chosen, last)
    uncertainty_ppm = None if math.isinf(line.deviation) else line.deviation * 1e6
    is_measured = uncertainty_ppm is not None and uncertainty_ppm <= _USEFUL_PPM
    if not is_measured:
        line = _nominal_line(chosen, last, line.deviation)
    measured_hz = nominal_hz / line.seconds_per_second
    utc = last.host_utc + timedelta(seconds=line.at_last_s + _utc_offset_from_last_s(latest))
    drift_ppm = (1 / line.seconds_per_second - 1) * 1e6 if is_measured else None
    span_s = last.host_monotonic_s - latest[0].host_monotonic_s
    return ClockFit(
        last.device_ticks, utc, measured_hz, drift_ppm, uncertainty_ppm, line.residual_s, len(latest), span_s
    )


def _least_delayed(notes: list[ClockNote]) -> list[ClockNote]:
    """Return of each segment of time its notes with a round trip of at most twice the segment's least."""
    begin_s, end_s = notes[0].host_monotonic_s, notes[-1].host_monotonic_s
    segments: dict[int, list[ClockNote]] = {}
    for note in notes:
        share = (note.host_monotonic_s - begin_s) / (end_s - begin_s) if end_s > begin_s else 0.0
        segments.setdefault(min(int(share * _SEGMENTS), _SEGMENTS - 1), []).append(note)
    chosen = []
    for segment in segments.values():
        least_s = min(note.round_trip_s for note in segment)
        chosen += [note for note in segment if note.round_trip_s <= 2 * least_s + _NOTING_ERROR_S]
    return chosen


def _points(notes: list[ClockNote], last: ClockNote) -> list[tuple[float, float, float]]:
    """Return device seconds, host seconds, both since the last note, and a weight: 1 over the error's variance."""
    # Subtracted as integers: a float would round late ticks of a u64 clock.
    return [
        (
            (note.device_ticks - last.device_ticks) / last.tick_hz,
            note.host_monotonic_s - last.host_monotonic_s,
            # A delay that may fall either way with equal chance is uniform over 2 errors: variance (2 e)^2 / 12.
            3 / _error_s(note) ** 2,
        )
        for note in notes
    ]


def _fit_line(notes: list[ClockNote], last: ClockNote) -> _Line:
    """Return the line of the weighted least squares; its deviation is infinite when all notes are of one moment."""
    points = _points(notes, last)
    weights = math.fsum(weight for _, _, weight in points)
    mean_x = math.fsum(weight * x for x, _, weight in points) / weights
    # The host's seconds less the device's: small numbers, of which nothing is lost.
    mean_d = math.fsum(weight * (y - x) for x, y, weight in points) / weights
    spread = math.fsum(weight * (x - mean_x) ** 2 for x, _, weight in points)
    if spread <= 0:
        return _nominal_line(notes, last, math.inf)
    slope = math.fsum(weight * (x - mean_x) * (y - x - mean_d) for x, y, weight in points) / spread
    left = [(weight, y - x - mean_d - slope * (x - mean_x)) for x, y, weight in points]
    # Where the notes scatter more than their round trips explain, the scatter counts.
    freedom = max(len(points) - 2, 1)
    scatter = math.fsum(weight * residual**2 for weight, residual in left) / freedom
    deviation = math.sqrt(max(1.0, scatter) / spread)
    return _Line(mean_d - slope * mean_x, 1 + slope, deviation, _root_mean_square([residual for _, residual in left]))


def _nominal_line(notes: list[ClockNote], last: ClockNote, deviation: float) -> _Line:
    points = _points(notes, last)
    offset = math.fsum(weight * (y - x) for x, y, weight in points) / math.fsum(weight for _, _, weight in points)
    return _Line(offset, 1.0, deviation, _root_mean_square([y - x - offset for x, y, _ in points]))


def _root_mean_square(values: list[float]) -> float:
    return math.sqrt(math.fsum(value**2 for value in values) / len(values))


def _utc_offset_from_last_s(notes: list[ClockNote]) -> float:
    """Return how far UTC less steady clock was from the last note's, in the middle of those since UTC was last set."""
    last = notes[-1]
    since_set = [0.0]
    for before, after in zip(notes[-2::-1], notes[:0:-1], strict=True):
        offset_s = _seconds_apart(before, last)
        passed_s = after.host_monotonic_s - before.host_monotonic_s
        if abs(offset_s - _seconds_apart(after, last)) > _STEP_S + _SLEW_PPM / 1e6 * passed_s:
            break
        since_set.append(offset_s)
    return median(since_set)


def _seconds_apart(note: ClockNote, last: ClockNote) -> float:
    utc_s = (note.host_utc - last.host_utc).total_seconds()
    return utc_s - (note.host_monotonic_s - last.host_monotonic_s)
