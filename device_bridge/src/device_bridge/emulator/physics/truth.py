"""What is true of a simulated shot, as JSON values; docs/emulator.md says what each field means."""

import math
from collections.abc import Iterable
from dataclasses import asdict
from itertools import pairwise

from device_bridge.emulator.physics.lane import BOARD_M
from device_bridge.emulator.physics.sensors import Module, noise_of
from device_bridge.emulator.physics.swing import M_S_PER_MPH, RAD_S_PER_RPM, Moment
from device_bridge.emulator.physics.throw import Throw
from device_bridge.emulator.physics.vectors import (
    Quaternion,
    Vector,
    compose,
    into_space,
    length,
    mirror_turning,
    turn_of_axes,
)
from device_bridge.emulator.recording import Recording, choose_sensor, quantize

_PATH_HZ = 100.0
_DIGITS = 9
_MIDDLE_BOARD = 20


def describe(thrown: Throw, module: Module, recording: Recording) -> dict[str, object]:
    """Return everything that is known of a shot.

    Args:
        thrown: The shot.
        module: The sensors that measured it.
        recording: What they measured.
    """
    every = max(1, round(thrown.grid_hz / _PATH_HZ))
    return {
        "shot": _shot(thrown),
        "phases_s": asdict(thrown.phases),
        "at": {name[:-2]: _state(thrown, time_s) for name, time_s in _stated(thrown) if time_s is not None},
        "revolutions": _rounded(_revolutions(thrown)),
        "entry_angle_deg": _entry_angle_deg(thrown),
        "entry_board": _board(thrown),
        "loft_distance_m": _distance_m(thrown, thrown.phases.landing_s),
        "mean_speed_m_s": _mean_speed_m_s(thrown),
        "stayed_on_lane": thrown.stayed_on_lane,
        "pins": [{"pin": number, "time_s": _rounded(time_s)} for time_s, number in thrown.hits],
        "module": _module(module),
        "clipped_share": _clipped(recording),
        "path": [_place(thrown, module, moment) for moment in thrown.moments[::every]],
    }


def _rounded(value: float) -> float:
    return round(value, _DIGITS)


def _all_rounded(values: Iterable[float]) -> list[float]:
    return [_rounded(value) for value in values]


def _shot(thrown: Throw) -> dict[str, object]:
    shot = asdict(thrown.shot)
    shot["hand"] = thrown.shot.hand.value
    shot["ball"]["inertia_kg_m2"] = _all_rounded(thrown.shot.ball.inertia_kg_m2)
    shot["ball"]["radius_m"] = _rounded(thrown.shot.ball.radius_m)
    return shot


def _stated(thrown: Throw) -> list[tuple[str, float | None]]:
    phases = thrown.phases
    before_pins = None if phases.impact_s is None else phases.impact_s - 1 / thrown.grid_hz
    return [
        ("release_s", phases.release_s),
        ("landing_s", phases.landing_s),
        ("skid_end_s", phases.skid_end_s),
        ("roll_begin_s", phases.roll_begin_s),
        ("impact_s", before_pins),
    ]


def _near(thrown: Throw, time_s: float) -> Moment:
    """Return the last moment not after a time."""
    return thrown.moments[max(0, min(int(time_s * thrown.grid_hz + 1e-6), len(thrown.moments) - 1))]


def _state(thrown: Throw, time_s: float) -> dict[str, object]:
    moment = _near(thrown, time_s)
    return {
        "time_s": _rounded(moment.time_s),
        "position_m": _all_rounded(moment.position_m),
        "velocity_m_s": _all_rounded(moment.velocity_m_s),
        "speed_mph": _rounded(length(moment.velocity_m_s) / M_S_PER_MPH),
        **_axis(thrown, moment),
    }


def _axis(thrown: Throw, moment: Moment) -> dict[str, object]:
    rate = into_space(moment.turn, moment.rate_rad_s)
    rotation, tilt = axis_deg(rate, thrown)
    return {
        "rev_rate_rpm": _rounded(length(rate) / RAD_S_PER_RPM),
        "axis_rotation_deg": None if rotation is None else _rounded(rotation),
        "axis_tilt_deg": None if tilt is None else _rounded(tilt),
    }


def axis_deg(rate_rad_s: Vector, thrown: Throw) -> tuple[float | None, float | None]:
    """Return axis rotation and tilt of a rate in space, about the release's direction; nothing when nothing turns.

    Mirrored for a left hand, so that the same throw has the same numbers.
    """
    size = length(rate_rad_s)
    if size == 0:
        return None, None
    x, y, z = rate_rad_s if thrown.shot.hand.side > 0 else mirror_turning(rate_rad_s)
    launch = math.radians(thrown.shot.launch_deg)
    along = x * math.cos(launch) - y * math.sin(launch)
    left = x * math.sin(launch) + y * math.cos(launch)
    tilt = math.degrees(math.asin(max(-1.0, min(1.0, z / size))))
    # An axis that stands upright has no rotation.
    rotation = None if abs(along) + abs(left) < 1e-9 * size else math.degrees(math.atan2(-along, left))
    return rotation, tilt


def _revolutions(thrown: Throw) -> float:
    """Return the turns from the release to the pins, or the pit when no pin was met."""
    phases = thrown.phases
    end_s = phases.pit_s if phases.impact_s is None else phases.impact_s
    moments = [m for m in thrown.moments if m.time_s >= phases.release_s and (end_s is None or m.time_s <= end_s)]
    speeds = [length(moment.rate_rad_s) for moment in moments]
    return math.fsum((a + b) / 2 for a, b in pairwise(speeds)) / thrown.grid_hz / (2 * math.pi)


def _entry_angle_deg(thrown: Throw) -> float | None:
    """Return the angle at which it meets the pins, positive towards the head pin from the hand's own side."""
    if thrown.phases.impact_s is None:
        return None
    x, y, _ = _near(thrown, thrown.phases.impact_s).velocity_m_s
    return _rounded(math.degrees(math.atan2(y * thrown.shot.hand.side, x)))


def _board(thrown: Throw) -> float | None:
    """Return the board of 39 under the ball at the impact, 1 at the gutter of the hand's own side."""
    if thrown.phases.impact_s is None:
        return None
    y_m = _near(thrown, thrown.phases.impact_s).position_m[1]
    return _rounded(_MIDDLE_BOARD + y_m * thrown.shot.hand.side / BOARD_M)


def _distance_m(thrown: Throw, time_s: float | None) -> float | None:
    return None if time_s is None else _rounded(_near(thrown, time_s).position_m[0])


def _mean_speed_m_s(thrown: Throw) -> float | None:
    """Return the distance along the lane over the time, from the release to the first pin."""
    phases = thrown.phases
    if phases.impact_s is None:
        return None
    begin, end = _near(thrown, phases.release_s), _near(thrown, phases.impact_s)
    return _rounded((end.position_m[0] - begin.position_m[0]) / (end.time_s - begin.time_s))


def _module(module: Module) -> dict[str, object]:
    accel_g, gyro_dps, mag_ut = noise_of(module.rates)
    return {
        "place_m": _all_rounded(module.mounting.place_m),
        "axes": [_all_rounded(axis) for axis in module.mounting.axes],
        **{name: _all_rounded(value) for name, value in asdict(module.errors).items()},
        "accel_noise_g": _rounded(accel_g),
        "gyro_noise_dps": _rounded(gyro_dps),
        "mag_noise_ut": _rounded(mag_ut),
        "rates_hz": {name.removesuffix("_hz"): value for name, value in asdict(module.rates).items()},
        "noise_seed": module.seed,
    }


def _clipped(recording: Recording) -> dict[str, float]:
    """Return each sensor's share of samples with a clipped axis, at the largest range."""
    shares = {}
    for recorded in recording.sensors:
        sensor = choose_sensor(recorded, largest_range=True)
        clipped = sum(any(map(sensor.is_clipped, quantize(sensor, value))) for value in recorded.values)
        shares[sensor.name] = _rounded(clipped / len(recorded.values))
    return shares


def _place(thrown: Throw, module: Module, moment: Moment) -> dict[str, object]:
    return {
        "time_s": _rounded(moment.time_s),
        "position_m": _all_rounded(moment.position_m),
        "velocity_m_s": _all_rounded(moment.velocity_m_s),
        "rate_rad_s": _all_rounded(into_space(moment.turn, moment.rate_rad_s)),
        "rate_in_body_rad_s": _all_rounded(moment.rate_rad_s),
        "space_from_module_wxyz": _all_rounded(_module_turn(module, moment)),
        **_axis(thrown, moment),
    }


def _module_turn(module: Module, moment: Moment) -> Quaternion:
    return compose(moment.turn, turn_of_axes(*module.mounting.axes))
