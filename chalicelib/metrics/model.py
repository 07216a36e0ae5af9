"""Metrics: numbers with what they are worth."""

from datetime import datetime
from enum import StrEnum

import msgspec

ALGORITHM = "basic"
ALGORITHM_VERSION = 1


class Quality(StrEnum):
    """What a value is worth.

    GOOD: as good as the sensor. GAPS: samples were missing where it was taken. LOWER_BOUND: the sensor was at its
    limit, so the true value is at least this. UNAVAILABLE: nothing in the capture tells it.
    """

    GOOD = "good"
    GAPS = "gaps"
    LOWER_BOUND = "lower_bound"
    UNAVAILABLE = "unavailable"


class Metric(msgspec.Struct, frozen=True):
    """A number computed from a capture.

    Attributes:
        value: The number, true or false for a question, null when it is unavailable.
        unit: Its unit; `1` for a plain number and for a question.
        quality: What it is worth.
        method: How it was computed, in a phrase.
        version: The algorithm and its version, such as `basic/1`.
    """

    value: float | bool | None
    unit: str
    quality: Quality
    method: str
    version: str = f"{ALGORITHM}/{ALGORITHM_VERSION}"


class SensorSummary(msgspec.Struct, frozen=True):
    """What a sensor delivered.

    Attributes:
        samples: How many samples were stored.
        rate_hz: The effective rate, (n - 1) over last minus first time; null below two samples.
        nominal_rate_hz: The rate it was set to.
        gaps: Intervals of more than 1.5 nominal periods.
        clipped: Samples with at least one clipped axis.
        lost: Samples that the sensor made and the device could not store.
    """

    samples: int
    rate_hz: float | None
    nominal_rate_hz: float
    gaps: int
    clipped: int
    lost: int


class Computed(msgspec.Struct, frozen=True):
    """Everything that the algorithm unit computed from a capture.

    Attributes:
        metrics: By name.
        sensors: By kind: `accel`, `gyro`, `mag`, `light`; a second sensor of a kind is `accel_2`, and so on.
    """

    metrics: dict[str, Metric]
    sensors: dict[str, SensorSummary]


class MetricsView(msgspec.Struct, frozen=True):
    """The answer of `GET /v1/captures/{id}/metrics`.

    Attributes:
        state: `pending`, `ready` or `failed`.
        metrics: By name, empty unless ready.
        sensors: By kind, empty unless ready.
        reason: Why it failed.
        computed_at: When it was computed.
    """

    state: str
    metrics: dict[str, Metric] = {}
    sensors: dict[str, SensorSummary] = {}
    reason: str | None = None
    computed_at: datetime | None = None
