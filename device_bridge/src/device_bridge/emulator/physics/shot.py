"""What a bowler does: the parameters of a shot, their ranges, and one shot after another by the same hand."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from device_bridge.emulator.physics.ball import Ball
from device_bridge.emulator.physics.lane import OIL_PATTERNS, OilPattern
from device_bridge.errors import UsageError


class Hand(Enum):
    """The hand that throws; a left-hander's shot is a right-hander's in a mirror."""

    RIGHT = "right"
    LEFT = "left"

    @property
    def side(self) -> float:
        """1 for the right hand, -1 for the left."""
        return 1.0 if self is Hand.RIGHT else -1.0


@dataclass(frozen=True, slots=True)
class Range:
    """A parameter's range.

    Attributes:
        low: The least value.
        high: The largest.
        meaning: What it is, for help.
    """

    low: float
    high: float
    meaning: str


SHOT_RANGES: Mapping[str, Range] = {
    "speed_mph": Range(5, 40, "ball speed at the release"),
    "rev_rate_rpm": Range(0, 800, "rev rate at the release"),
    "axis_rotation_deg": Range(0, 120, "axis rotation at the release; 0 is end over end, 90 side roll"),
    "axis_tilt_deg": Range(0, 85, "axis tilt at the release"),
    "launch_deg": Range(-8, 8, "direction at the release, towards the hand's own gutter"),
    "loft_m": Range(0, 1, "height of the ball's underside at the release"),
    "loft_angle_deg": Range(-15, 30, "how steeply it leaves the hand, upwards"),
    "pocket_offset_m": Range(-0.5, 0.5, "how far it misses the pocket, away from the head pin"),
}
BALL_RANGES: Mapping[str, Range] = {
    "mass_lb": Range(6, 16, "the ball's mass"),
    "rg_in": Range(2.46, 2.80, "its lowest radius of gyration"),
    "differential_in": Range(0, 0.060, "highest less lowest radius of gyration"),
    "intermediate_differential_in": Range(0, 0.060, "highest less intermediate one; at most the differential"),
    "pin_to_pap_in": Range(0, 6.75, "from the pin to the axis point along the surface"),
    "diameter_in": Range(8.5, 8.595, "the ball's diameter"),
    "sensor_turn_deg": Range(-180, 180, "how far the module is turned in its insert"),
}


@dataclass(frozen=True, slots=True)
class Shot:
    """One throw. Lengths of time are of the approach; what follows the release is physics.

    Attributes:
        speed_mph: Ball speed at the release.
        rev_rate_rpm: Rev rate at the release.
        axis_rotation_deg: Axis rotation at the release, mirrored for a left hand.
        axis_tilt_deg: Axis tilt at the release, mirrored for a left hand.
        launch_deg: The horizontal direction at the release, towards the hand's own gutter.
        loft_m: Height of the ball's underside over the lane at the release.
        loft_angle_deg: The direction's angle over the horizontal.
        pocket_offset_m: How far it misses the pocket, away from the head pin.
        hand: The hand.
        oil: The lane's pattern.
        ball: The ball.
        stance_s: From the finger's pressure, which wakes the device, to the begin of the swing.
        swing_s: From there to the release.
        after_s: From the first pin to the end of the record.
    """

    speed_mph: float = 18.0
    rev_rate_rpm: float = 300.0
    axis_rotation_deg: float = 45.0
    axis_tilt_deg: float = 14.0
    launch_deg: float = 2.5
    loft_m: float = 0.05
    loft_angle_deg: float = 2.0
    pocket_offset_m: float = 0.0
    hand: Hand = Hand.RIGHT
    oil: OilPattern = OIL_PATTERNS["house"]
    ball: Ball = field(default_factory=Ball)
    stance_s: float = 0.5
    swing_s: float = 1.6
    after_s: float = 0.6


def check_shot(shot: Shot) -> Shot:
    """Return the shot when its parameters are in their ranges.

    Raises:
        UsageError: One is not; the message names its flag, its range and its value.
    """
    for owner, ranges in ((shot, SHOT_RANGES), (shot.ball, BALL_RANGES)):
        for name, limits in ranges.items():
            value = getattr(owner, name)
            if not limits.low <= value <= limits.high:
                raise UsageError(f"{flag(name)} is {value:g}; it lies between {limits.low:g} and {limits.high:g}")
    if shot.ball.intermediate_differential_in > shot.ball.differential_in:
        raise UsageError(
            f"{flag('intermediate_differential_in')} is {shot.ball.intermediate_differential_in:g}; it is at most "
            f"the differential, {shot.ball.differential_in:g}"
        )
    return shot


def flag(name: str) -> str:
    """Return the command line's flag for a parameter."""
    return "--" + name.replace("_", "-")


def read_oil(text: str) -> OilPattern:
    """Return the pattern that a text names: a name, or `MU:OILED_M:BARE_M:MU`.

    Raises:
        UsageError: It names none, or its numbers make no sense.
    """
    if text in OIL_PATTERNS:
        return OIL_PATTERNS[text]
    wanted = f"--oil is {text!r}; it is one of {', '.join(OIL_PATTERNS)}, or MU:OILED_M:BARE_M:MU as 0.04:12:13.5:0.2"
    try:
        oiled_friction, oiled_m, bare_m, bare_friction = map(float, text.split(":"))
    except ValueError as error:
        raise UsageError(wanted) from error
    pattern = OilPattern(text, oiled_m, bare_m, oiled_friction, bare_friction)
    if not (0 <= oiled_m <= bare_m <= 20 and 0 < oiled_friction <= 1 and 0 < bare_friction <= 1):  # noqa: PLR2004 - ends
        raise UsageError(f"{wanted}; 0 <= OILED_M <= BARE_M <= 20, 0 < MU <= 1")
    return pattern


# How much one shot of a bowler differs from the next, to either side.
_SPREAD = {
    "speed_mph": 0.6,
    "rev_rate_rpm": 15.0,
    "axis_rotation_deg": 8.0,
    "axis_tilt_deg": 3.0,
    "launch_deg": 0.4,
    "loft_m": 0.03,
    "loft_angle_deg": 1.0,
    "pocket_offset_m": 0.03,
    "swing_s": 0.08,
}


def vary_shot(seed: int, given: Mapping[str, object] | None = None) -> Shot:
    """Return a shot like a bowler's next one: the same hand, never quite the same numbers.

    Args:
        seed: Which one.
        given: Fields of `Shot` that are exactly as given, whatever the seed.
    """
    rng = random.Random(seed)  # noqa: S311 - a simulation must be repeatable
    usual = Shot()
    varied = {name: getattr(usual, name) + rng.uniform(-spread, spread) for name, spread in _SPREAD.items()}
    return check_shot(replace(usual, **{**varied, **(given or {})}))
