"""What each sensor delivered: effective rate, gaps, clipping. Pure."""

from typing import TYPE_CHECKING

from chalicelib.metrics.model import SensorSummary

if TYPE_CHECKING:
    from smartdot.columns import SensorColumns

GAP_PERIODS = 1.5
"""An interval longer than so many nominal periods is a gap: at least one sample is missing, jitter aside."""


def summarise(columns: "SensorColumns") -> SensorSummary:
    """Return what a sensor delivered in a capture."""
    import numpy as np  # noqa: PLC0415 - numpy costs a cold start, so it is imported where it is used

    samples = len(columns.time_s)
    intervals_s = np.diff(columns.time_s)
    return SensorSummary(
        samples=samples,
        rate_hz=effective_rate_hz(columns),
        nominal_rate_hz=columns.sensor.rate_hz,
        gaps=int(np.count_nonzero(intervals_s > GAP_PERIODS / columns.sensor.rate_hz)),
        clipped=int(np.count_nonzero(columns.clipped.any(axis=1))),
        lost=int(columns.index[-1]) + 1 - samples if samples else 0,
    )


def effective_rate_hz(columns: "SensorColumns") -> float | None:
    """Return (n - 1) / (last - first time) in samples a second; None when no time passed."""
    if len(columns.time_s) == 0:
        return None
    elapsed_s = float(columns.time_s[-1] - columns.time_s[0])
    return (len(columns.time_s) - 1) / elapsed_s if elapsed_s > 0 else None
