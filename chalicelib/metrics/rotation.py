"""Rotation from the gyroscope: peak and mean rate, revolutions, and whether a ball was thrown. Pure.

The rate is |omega|, whatever the axis, so neither the sensor's orientation nor the axis's migration matters.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from smartdot.columns import SensorColumns

DPS_PER_RPM = 6.0
ROLLING_RPM = 150.0
"""A ball in full roll turns at v / R: even 12 mph is 475 rpm. A swing turns it by less than a turn."""
ROLLING_S = 1.0
"""60 ft at 30 mph, faster than any throw on record, take 1.36 s."""
ROLLING_REVOLUTIONS = 4.0
"""A shot makes 14 to 16 revolutions; a quarter of that tells it from a ball turned in the hands."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """How the ball turned during a capture.

    Attributes:
        peak_rpm: The largest |omega|.
        mean_rpm: The mean of |omega| over the gyroscope's time.
        revolutions: The integral of |omega| over time.
        rolled: Whether it turned long, fast and far enough for a shot.
    """

    peak_rpm: float
    mean_rpm: float
    revolutions: float
    rolled: bool


def measure_rotation(gyro: "SensorColumns") -> Rotation | None:
    """Return the rotation that a gyroscope saw, None below two samples or when no time passed.

    Between samples |omega| runs straight (trapezium rule), also over gaps.
    """
    import numpy as np  # noqa: PLC0415 - numpy costs a cold start, so it is imported where it is used

    time_s = gyro.time_s
    elapsed_s = float(time_s[-1] - time_s[0]) if len(time_s) else 0.0
    if elapsed_s <= 0:
        return None
    rate_rpm = np.linalg.norm(gyro.values, axis=1) / DPS_PER_RPM
    revolutions = float(np.trapezoid(rate_rpm, time_s)) / 60
    return Rotation(
        peak_rpm=float(rate_rpm.max()),
        mean_rpm=revolutions * 60 / elapsed_s,
        revolutions=revolutions,
        rolled=_rolled(rate_rpm, time_s),
    )


def _rolled(rate_rpm: "NDArray[np.float64]", time_s: "NDArray[np.float64]") -> bool:
    """Tell whether |omega| stayed at or above ROLLING_RPM for ROLLING_S and ROLLING_REVOLUTIONS without a break."""
    import numpy as np  # noqa: PLC0415 - as above

    turning = np.concatenate([[False], rate_rpm >= ROLLING_RPM, [False]])
    begins, ends = np.flatnonzero(~turning[:-1] & turning[1:]), np.flatnonzero(turning[:-1] & ~turning[1:])
    for begin, end in zip(begins, ends, strict=True):
        stretch = slice(begin, end)
        lasted_s = float(time_s[end - 1] - time_s[begin])
        turned = float(np.trapezoid(rate_rpm[stretch], time_s[stretch])) / 60
        if lasted_s >= ROLLING_S and turned >= ROLLING_REVOLUTIONS:
            return True
    return False
