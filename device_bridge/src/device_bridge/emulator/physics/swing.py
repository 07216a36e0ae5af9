"""The shot before it is thrown: how the ball leaves the hand, and how the hand brought it there.

The swing is prescribed, not computed from muscles: an arm of fixed length whose angle follows a polynomial from rest,
back and forward, on a shoulder that walks. It ends exactly in the release's position, velocity and rate of turning, and
the ball's turn is followed backwards from there.
"""

import math
from dataclasses import dataclass

from device_bridge.emulator.physics.shot import Hand, Shot
from device_bridge.emulator.physics.vectors import (
    ZERO,
    Quaternion,
    Vector,
    add,
    blend,
    compose,
    cross,
    dot,
    into_body,
    mirror,
    mirror_turning,
    scale,
    sin_cos,
    subtract,
    turn_of_axes,
    turn_on,
    unit,
)

M_S_PER_MPH = 0.447_04
RAD_S_PER_RPM = 2 * math.pi / 60
_ARM_M = 0.75
# The share of the ball's speed that comes from walking.
_WALK_SHARE = 0.3
# The fingers lift, and turn the ball, during the last moment before the release.
_LIFT_S = 0.08
# The insert is behind and below the ball's centre when the fingers leave it.
_INSERT_AT_RELEASE: Vector = (-0.6, 0.0, -0.8)
_TREMOR_M_S2 = 0.15
_TREMOR_HZ = 9.0


@dataclass(frozen=True, slots=True)
class Moment:
    """The ball at one instant.

    Attributes:
        time_s: Since the record began.
        position_m: Of the centre, in space.
        velocity_m_s: Of the centre, in space.
        acceleration_m_s2: Of the centre, in space; gravity's share included.
        turn: From space to body.
        rate_rad_s: Rates of turning, in the body.
        rate_change_rad_s2: Their change, in the body.
        is_held: Whether the fingers are in it.
    """

    time_s: float
    position_m: Vector
    velocity_m_s: Vector
    acceleration_m_s2: Vector
    turn: Quaternion
    rate_rad_s: Vector
    rate_change_rad_s2: Vector
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class Release:
    """How the ball leaves the hand.

    Attributes:
        position_m: Of the centre, in space; the foul line is at x = 0.
        velocity_m_s: In space.
        rate_rad_s: The rate of turning, in space.
        turn: From space to body.
    """

    position_m: Vector
    velocity_m_s: Vector
    rate_rad_s: Vector
    turn: Quaternion


def release_of(shot: Shot) -> Release:
    """Return how a shot's ball leaves the hand; a left hand's release is a right hand's in the mirror."""
    sine, cosine = sin_cos(math.radians(shot.launch_deg))
    along: Vector = (cosine, -sine, 0.0)
    left: Vector = (sine, cosine, 0.0)
    up_share, level_share = sin_cos(math.radians(shot.loft_angle_deg))
    speed = shot.speed_mph * M_S_PER_MPH
    velocity = add(scale(along, speed * level_share), (0.0, 0.0, speed * up_share))
    axis = _axis(shot, along, left)
    rate = scale(axis, shot.rev_rate_rpm * RAD_S_PER_RPM)
    turn = _turn_at_release(shot, axis)
    position: Vector = (0.0, 0.0, shot.ball.radius_m + shot.loft_m)
    if shot.hand is Hand.RIGHT:
        return Release(position, velocity, rate, turn)
    w, x, y, z = turn
    return Release(position, mirror(velocity), mirror_turning(rate), (w, -x, y, -z))


def _axis(shot: Shot, along: Vector, left: Vector) -> Vector:
    """Return the axis of a right hand's release: rotation is atan2(-along, left), tilt its angle over the lane."""
    aside, forward = sin_cos(math.radians(shot.axis_rotation_deg))
    up, level = sin_cos(math.radians(shot.axis_tilt_deg))
    return add(add(scale(along, -aside * level), scale(left, forward * level)), (0.0, 0.0, up))


def _turn_at_release(shot: Shot, axis: Vector) -> Quaternion:
    """Return the turn that puts the axis point opposite to the angular velocity, the insert where the fingers are."""
    pole, insert = shot.ball.axis_point, shot.ball.insert
    in_body = _frame(pole, insert)
    in_space = _frame(scale(axis, -1.0), _INSERT_AT_RELEASE)
    w, x, y, z = turn_of_axes(*in_body)
    return compose(turn_of_axes(*in_space), (w, -x, -y, -z))


def _frame(first: Vector, near: Vector) -> tuple[Vector, Vector, Vector]:
    """Return three axes at right angles: the first, the one nearest to another direction, and the third."""
    second = unit(subtract(near, scale(first, dot(near, first))))
    return first, second, cross(first, second)


def swing(shot: Shot, release: Release, grid_hz: float) -> list[Moment]:
    """Return the moments from the record's begin to just before the release, one every 1 / grid_hz."""
    arm = _Arm(shot, release)
    count = release_step(shot, grid_hz)
    step_s = 1 / grid_hz
    turn = release.turn
    moments = []
    for place in range(count - 1, -1, -1):
        time_s = place * step_s
        turn = turn_on(turn, scale(arm.rate(time_s + step_s / 2), -1.0), step_s)
        moments.append(_held(arm, turn, time_s))
    moments.reverse()
    return moments


def release_step(shot: Shot, grid_hz: float) -> int:
    """Return the place of the release on the grid of moments."""
    return round((shot.stance_s + shot.swing_s) * grid_hz)


def _held(arm: "_Arm", turn: Quaternion, time_s: float) -> Moment:
    near_s = 1e-3
    before, now, after = (arm.position(time_s + offset) for offset in (-near_s, 0.0, near_s))
    pull = scale(add(add(before, after), scale(now, -2.0)), 1 / (near_s * near_s))
    change = scale(subtract(arm.rate(time_s + near_s), arm.rate(time_s - near_s)), 0.5 / near_s)
    return Moment(
        time_s,
        now,
        scale(subtract(after, before), 0.5 / near_s),
        add(pull, arm.tremor(time_s)),
        turn,
        into_body(turn, arm.rate(time_s)),
        into_body(turn, change),
        is_held=True,
    )


class _Arm:
    """The arm: angle, hand and turning at any time until the release."""

    def __init__(self, shot: Shot, release: Release) -> None:
        self._shot, self._release = shot, release
        vx, vy, vz = release.velocity_m_s
        level = math.sqrt(vx * vx + vy * vy)
        self._along: Vector = (vx / level, vy / level, 0.0)
        self._walk_m_s = _WALK_SHARE * level
        forward = level - self._walk_m_s
        speed = math.sqrt(forward * forward + vz * vz)
        # The arm stands at right angles to what it gives the ball.
        self._end_sine, self._end_cosine = vz / speed, forward / speed
        # A small angle's series is enough: the arm ends within a few degrees of straight down.
        end_rad = _arc_sine(self._end_sine)
        turned = speed / _ARM_M * shot.swing_s
        self._cubic, self._quartic = 4 * end_rad - turned, turned - 3 * end_rad
        self._aside = cross((0.0, 0.0, 1.0), self._along)

    def _share(self, time_s: float) -> float:
        return max(0.0, (time_s - self._shot.stance_s) / self._shot.swing_s)

    def position(self, time_s: float) -> Vector:
        """Return where the ball's centre is."""
        share = self._share(time_s)
        cube = share * share * share
        sine, cosine = sin_cos(cube * (self._cubic + self._quartic * share))
        walked = self._walk_m_s * self._shot.swing_s * (cube - cube * share / 2 - 0.5)
        ahead = walked + _ARM_M * (sine - self._end_sine)
        above = _ARM_M * (self._end_cosine - cosine)
        return add(self._release.position_m, add(scale(self._along, ahead), (0.0, 0.0, above)))

    def rate(self, time_s: float) -> Vector:
        """Return the rate of turning in space: the arm's, and in the end more and more that of the release."""
        share = self._share(time_s)
        if share == 0:
            return ZERO
        arm = share * share * (3 * self._cubic + 4 * self._quartic * share) / self._shot.swing_s
        lift = 1 - (self._shot.stance_s + self._shot.swing_s - time_s) / _LIFT_S
        lift = min(1.0, max(0.0, lift))
        lift = lift * lift * (3 - 2 * lift)
        return blend(scale(self._aside, -arm), self._release.rate_rad_s, lift)

    def tremor(self, time_s: float) -> Vector:
        """Return the shake of a hand that holds still."""
        quiet = min(1.0, 4 * self._share(time_s))
        sine, cosine = sin_cos(2 * math.pi * _TREMOR_HZ * time_s)
        return scale((sine, cosine, sine * cosine), _TREMOR_M_S2 * (1 - quiet))


def _arc_sine(sine: float) -> float:
    """Return the angle below 0.6 rad whose sine is given, by Newton's method on `sin_cos`."""
    angle = sine
    for _ in range(6):
        reached, slope = sin_cos(angle)
        angle += (sine - reached) / slope
    return angle
