"""A simple simulated bowling shot: swing, release, slide, roll, pins, as the sensors in the finger insert feel them.

Space: x down the lane, y to the bowler's left, z up. The ball is a sphere whose centre moves as prescribed and whose
rate of rotation is prescribed in space; its turn is integrated, and each sensor reads what that gives in the ball's
frame. It is a stand-in with a bowling shot's figures, not the physics of a ball with a core.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from device_bridge.emulator.recording import Recording, SensorRecording
from device_bridge.emulator.vectors import (
    NO_TURN,
    ZERO,
    Quaternion,
    Vector,
    add,
    blend,
    cross,
    into_body,
    scale,
    turn_on,
)
from smartdot import SensorKind

# Rates that a MetaMotion can be set to.
ACCEL_HZ, GYRO_HZ, MAG_HZ, LIGHT_HZ = 800.0, 800.0, 25.0, 20.0
STEP_HZ = 800.0
GRAVITY_M_S2 = 9.806_65
BALL_RADIUS_M = 0.1085
# The module sits in the finger insert, 3.5 in from the centre; the insert points up the ball's side.
SENSOR_M: Vector = (0.049, 0.052, 0.0531)
ARM_M = 0.75
# Earth's field in Pennsylvania, uT: some 20 along the lane, the rest down.
FIELD_UT: Vector = (19.0, 6.0, -48.0)
AMBIENT_LX, LAMP_LX = 40.0, 620.0
LAMP_SPACING_M = 2.4
RPM = 2 * math.pi / 60


@dataclass(frozen=True, slots=True)
class Shot:
    """What the bowler does, and what follows.

    Attributes:
        stance_s: Time at rest before the swing.
        swing_s: From the swing's begin to the release.
        slide_s: From the release until the ball rolls.
        roll_s: From there to the pins.
        after_s: From the first pin to the end of the record.
        release_m_s: Ball speed at the release.
        roll_m_s: Ball speed when it rolls.
        release_rpm: Rev rate at the release.
        rotation_rad: Axis rotation at the release; 0 is forward roll.
        tilt_rad: Axis tilt at the release.
    """

    stance_s: float = 0.6
    swing_s: float = 1.1
    slide_s: float = 1.1
    roll_s: float = 1.2
    after_s: float = 0.4
    release_m_s: float = 8.0
    roll_m_s: float = 6.9
    release_rpm: float = 300.0
    rotation_rad: float = math.radians(45)
    tilt_rad: float = math.radians(14)

    @property
    def release_at_s(self) -> float:
        """When the ball leaves the hand."""
        return self.stance_s + self.swing_s

    @property
    def roll_at_s(self) -> float:
        """When it begins to roll."""
        return self.release_at_s + self.slide_s

    @property
    def pins_at_s(self) -> float:
        """When it meets the first pin."""
        return self.roll_at_s + self.roll_s

    @property
    def duration_s(self) -> float:
        """From the record's begin to its end."""
        return self.pins_at_s + self.after_s


def vary_shot(seed: int) -> Shot:
    """Return a shot like a bowler's next one: the same hand, never quite the same numbers."""
    rng = random.Random(seed)  # noqa: S311 - a simulation must be repeatable
    return Shot(
        swing_s=1.1 + rng.uniform(-0.08, 0.08),
        slide_s=1.1 + rng.uniform(-0.15, 0.15),
        release_m_s=8.0 + rng.uniform(-0.3, 0.3),
        roll_m_s=6.9 + rng.uniform(-0.2, 0.2),
        release_rpm=300.0 + rng.uniform(-15, 15),
        rotation_rad=math.radians(45 + rng.uniform(-8, 8)),
        tilt_rad=math.radians(14 + rng.uniform(-3, 3)),
    )


def _swing_angle_rad(shot: Shot, time_s: float) -> float:
    """Return the arm's angle: back by about a right angle, and forward to hang down again at the release speed."""
    share = (time_s - shot.stance_s) / shot.swing_s
    return shot.release_m_s / ARM_M * shot.swing_s * share * share * (share - 1)


def _rate_rad_s(shot: Shot, time_s: float) -> Vector:
    """Return the ball's rate of rotation in space."""
    released = scale(
        (
            -math.sin(shot.rotation_rad) * math.cos(shot.tilt_rad),
            math.cos(shot.rotation_rad) * math.cos(shot.tilt_rad),
            math.sin(shot.tilt_rad),
        ),
        shot.release_rpm * RPM,
    )
    rolling: Vector = (0.0, shot.roll_m_s / BALL_RADIUS_M, 0.0)
    if time_s < shot.stance_s:
        return ZERO
    if time_s < shot.release_at_s:
        step_s = 1e-4
        turning = (_swing_angle_rad(shot, time_s) - _swing_angle_rad(shot, time_s - step_s)) / step_s
        # The fingers lift during the last 80 ms before the release.
        lift = max(0.0, 1 - (shot.release_at_s - time_s) / 0.08)
        return blend((0.0, -turning, 0.0), released, lift)
    if time_s < shot.roll_at_s:
        return blend(released, rolling, (time_s - shot.release_at_s) / shot.slide_s)
    lost = 0.35 * min(1.0, max(0.0, time_s - shot.pins_at_s) / 0.15)
    return scale(rolling, 1 - lost)


def _acceleration_m_s2(shot: Shot, time_s: float) -> Vector:
    """Return the acceleration of the ball's centre in space."""
    if time_s < shot.stance_s:
        return ZERO
    if time_s < shot.release_at_s:
        step_s = 1e-3
        before, now, after = (_hand_m(shot, time_s + offset) for offset in (-step_s, 0.0, step_s))
        return scale(add(before, scale(now, -2.0), after), 1 / step_s**2)
    if time_s < shot.roll_at_s:
        slowed = (shot.release_m_s - shot.roll_m_s) / shot.slide_s
        # Friction of the hook: the ball is pushed sideways while its axis is turned.
        return (-slowed, slowed * math.tan(shot.rotation_rad) / 2, 0.0)
    return add((-0.15, 0.0, 0.0), _pin_hits_m_s2(time_s - shot.pins_at_s))


def _hand_m(shot: Shot, time_s: float) -> Vector:
    angle = _swing_angle_rad(shot, time_s)
    return (ARM_M * math.sin(angle), 0.0, -ARM_M * math.cos(angle))


def _pin_hits_m_s2(since_s: float) -> Vector:
    """Return the push of the pins: half sines of 4 ms, one hit after another."""
    total = ZERO
    for begin_s, push in ((0.0, (-420.0, 90.0, 20.0)), (0.035, (-260.0, -160.0, 10.0)), (0.07, (-200.0, 120.0, 0.0))):
        share = (since_s - begin_s) / 0.004
        if 0 <= share <= 1:
            total = add(total, scale(push, math.sin(math.pi * share)))
    return total


@dataclass(frozen=True, slots=True)
class _Motion:
    """The ball at one instant, in space, and its turn."""

    time_s: float
    turn: Quaternion
    rate_rad_s: Vector
    acceleration_m_s2: Vector
    rate_change_rad_s2: Vector


def _move(shot: Shot) -> Iterator[_Motion]:
    turn = NO_TURN
    step_s = 1 / STEP_HZ
    for step in range(int(shot.duration_s * STEP_HZ)):
        time_s = step * step_s
        rate, next_rate = _rate_rad_s(shot, time_s), _rate_rad_s(shot, time_s + step_s)
        change = scale(add(next_rate, scale(rate, -1.0)), STEP_HZ)
        yield _Motion(time_s, turn, rate, _acceleration_m_s2(shot, time_s), change)
        turn = turn_on(turn, blend(rate, next_rate, 0.5), step_s)


def _feel_g(motion: _Motion) -> Vector:
    """Return what an accelerometer off the centre reads: a - g + alpha x r + omega x (omega x r), in the ball."""
    rate = into_body(motion.turn, motion.rate_rad_s)
    change = into_body(motion.turn, motion.rate_change_rad_s2)
    centre = into_body(motion.turn, add(motion.acceleration_m_s2, (0.0, 0.0, GRAVITY_M_S2)))
    felt = add(centre, cross(change, SENSOR_M), cross(rate, cross(rate, SENSOR_M)))
    return scale(felt, 1 / GRAVITY_M_S2)


def _light_lx(shot: Shot, motion: _Motion) -> float:
    """Return the light on the insert's face: bright when it looks up, dark when the hand or the lane covers it."""
    if motion.time_s < shot.release_at_s:
        return AMBIENT_LX / 8
    up = into_body(motion.turn, (0.0, 0.0, 1.0))
    facing = sum(a * b for a, b in zip(up, SENSOR_M, strict=True)) / math.hypot(*SENSOR_M)
    along_m = shot.roll_m_s * (motion.time_s - shot.release_at_s)
    lamp = 0.75 + 0.25 * math.cos(2 * math.pi * along_m / LAMP_SPACING_M)
    return AMBIENT_LX + LAMP_LX * lamp * max(0.0, facing)


def simulate_shot(shot: Shot, seed: int) -> Recording:
    """Return what the sensors measure of a shot; the same shot and seed always give the same recording.

    Readings are what the parts would measure without an end to their range; a device clips them (FORMAT.md 4.1).
    """
    rng = random.Random(seed)  # noqa: S311 - a simulation must be repeatable
    motions = list(_move(shot))

    def noisy(vector: Vector, sigma: float) -> tuple[float, ...]:
        return tuple(axis + rng.gauss(0.0, sigma) for axis in vector)

    accel = [noisy(_feel_g(motion), 0.004) for motion in motions]
    gyro = [noisy(scale(into_body(motion.turn, motion.rate_rad_s), math.degrees(1)), 0.15) for motion in motions]
    slow = {hz: motions[:: int(STEP_HZ / hz)] for hz in (MAG_HZ, LIGHT_HZ)}
    mag = [noisy(into_body(motion.turn, FIELD_UT), 0.4) for motion in slow[MAG_HZ]]
    light = [(max(0.0, _light_lx(shot, motion) + rng.gauss(0.0, 2.0)),) for motion in slow[LIGHT_HZ]]
    fast_s = [motion.time_s for motion in motions]
    return Recording(
        (
            SensorRecording(SensorKind.ACCEL, fast_s, accel, ACCEL_HZ),
            SensorRecording(SensorKind.GYRO, fast_s, gyro, GYRO_HZ),
            SensorRecording(SensorKind.MAG, [motion.time_s for motion in slow[MAG_HZ]], list(mag), MAG_HZ),
            SensorRecording(SensorKind.LIGHT, [motion.time_s for motion in slow[LIGHT_HZ]], list(light), LIGHT_HZ),
        )
    )
