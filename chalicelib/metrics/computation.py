"""A capture in, its metrics out. Pure: the same bytes give the same numbers, bit for bit."""

from typing import TYPE_CHECKING

from chalicelib.metrics.model import Computed, Metric, Quality, SensorSummary
from chalicelib.metrics.rotation import Rotation, measure_rotation
from chalicelib.metrics.sampling import summarise
from smartdot import Capture, SensorKind

if TYPE_CHECKING:
    from smartdot.columns import SensorColumns

_RATE_METHOD = "norm of the gyroscope's axes"
_SHOT_METHOD = "at least 150 rpm for 1 s and 4 revolutions without a break, by the gyroscope"


def compute(capture: Capture) -> Computed:
    """Return everything that this algorithm version tells of a capture."""
    from smartdot.columns import sensor_columns  # noqa: PLC0415 - numpy costs a cold start

    columns = [sensor_columns(capture, place) for place in range(len(capture.header.sensors))]
    names = _names([column.sensor.name for column in columns])
    sensors = {name: summarise(column) for name, column in zip(names, columns, strict=True)}
    gyro = _first(columns, SensorKind.GYRO)
    accel = _first(columns, SensorKind.ACCEL)
    metrics = {
        "duration_s": _duration(columns),
        **_rotation_metrics(gyro, sensors.get("gyro")),
        "acceleration_peak_g": _acceleration_peak(accel, sensors.get("accel")),
    }
    return Computed(metrics, sensors)


def _names(kinds: list[str]) -> list[str]:
    """Return the kinds, the second of a kind with `_2` and so on."""
    numbers = [kinds[: place + 1].count(kind) for place, kind in enumerate(kinds)]
    return [kind if number == 1 else f"{kind}_{number}" for kind, number in zip(kinds, numbers, strict=True)]


def _first(columns: list["SensorColumns"], kind: SensorKind) -> "SensorColumns | None":
    return next((column for column in columns if column.sensor.kind == kind and len(column.time_s)), None)


def _duration(columns: list["SensorColumns"]) -> Metric:
    times = [column.time_s for column in columns if len(column.time_s)]
    method = "from the first sample of any sensor to the last"
    if not times:
        return Metric(None, "s", Quality.UNAVAILABLE, method)
    lasted_s = max(float(time_s[-1]) for time_s in times) - min(float(time_s[0]) for time_s in times)
    return Metric(lasted_s, "s", Quality.GOOD, method)


def _quality(summary: SensorSummary | None) -> Quality:
    if summary is None:
        return Quality.UNAVAILABLE
    if summary.clipped:
        return Quality.LOWER_BOUND
    return Quality.GAPS if summary.gaps or summary.lost else Quality.GOOD


def _rotation_metrics(gyro: "SensorColumns | None", summary: SensorSummary | None) -> dict[str, Metric]:
    rotation = measure_rotation(gyro) if gyro is not None else None
    quality = _quality(summary) if rotation else Quality.UNAVAILABLE
    peak, mean, revolutions = _values(rotation)
    return {
        "rate_peak_rpm": Metric(peak, "rpm", quality, f"largest {_RATE_METHOD}"),
        "rate_mean_rpm": Metric(mean, "rpm", quality, f"mean over time of the {_RATE_METHOD}, trapezium rule"),
        "revolutions": Metric(revolutions, "1", quality, f"integral over time of the {_RATE_METHOD}, trapezium rule"),
        "shot_detected": _shot_detected(rotation, quality),
    }


def _values(rotation: Rotation | None) -> tuple[float, float, float] | tuple[None, None, None]:
    return (rotation.peak_rpm, rotation.mean_rpm, rotation.revolutions) if rotation else (None, None, None)


def _shot_detected(rotation: Rotation | None, quality: Quality) -> Metric:
    if rotation is None:
        return Metric(None, "1", Quality.UNAVAILABLE, _SHOT_METHOD)
    # A clipped gyroscope turns faster than it says, which makes a shot no less certain.
    certain = rotation.rolled and quality is Quality.LOWER_BOUND
    return Metric(rotation.rolled, "1", Quality.GOOD if certain else quality, _SHOT_METHOD)


def _acceleration_peak(accel: "SensorColumns | None", summary: SensorSummary | None) -> Metric:
    import numpy as np  # noqa: PLC0415 - numpy costs a cold start

    method = "largest norm of the accelerometer's axes"
    if accel is None:
        return Metric(None, "g", Quality.UNAVAILABLE, method)
    return Metric(float(np.linalg.norm(accel.values, axis=1).max()), "g", _quality(summary), method)
