"""The lane: its lengths, its oil, and what lies behind it."""

from dataclasses import dataclass

FOUL_LINE_TO_HEAD_PIN_M = 18.288
LANE_WIDTH_M = 1.0541
BOARD_M = LANE_WIDTH_M / 39
# From the head pin's middle to the tail plank, 34 3/16 in.
DECK_M = 0.868
PIT_DEPTH_M = 0.25
PIT_BEGIN_M = FOUL_LINE_TO_HEAD_PIN_M + DECK_M
CUSHION_BEGIN_M = PIT_BEGIN_M + 0.9
# The carpet of the pit.
_PIT_FRICTION = 0.5


@dataclass(frozen=True, slots=True)
class OilPattern:
    """How slippery the lane is along its length; across it the same everywhere.

    Attributes:
        name: A word for it.
        oiled_m: From the foul line to where the oil begins to thin out.
        bare_m: From the foul line to where there is none.
        oiled_friction: The coefficient of sliding friction on oil.
        bare_friction: On the bare lane.
    """

    name: str
    oiled_m: float
    bare_m: float
    oiled_friction: float = 0.04
    bare_friction: float = 0.20

    def friction(self, x_m: float) -> float:
        """Return the coefficient at a distance from the foul line; between oil and bare lane it rises evenly."""
        if x_m >= PIT_BEGIN_M:
            return _PIT_FRICTION
        if x_m < self.oiled_m:
            return self.oiled_friction
        if x_m >= self.bare_m:
            return self.bare_friction
        share = (x_m - self.oiled_m) / (self.bare_m - self.oiled_m)
        return self.oiled_friction + share * (self.bare_friction - self.oiled_friction)

    @property
    def skid_end_m(self) -> float:
        """Where the coefficient is halfway between oil and bare lane."""
        return (self.oiled_m + self.bare_m) / 2


OIL_PATTERNS = {
    pattern.name: pattern
    for pattern in (
        OilPattern("house", 12.0, 13.5),
        OilPattern("short", 9.8, 10.7),
        OilPattern("long", 12.8, 14.0),
        OilPattern("dry", 0.0, 0.0),
        OilPattern("flooded", 18.0, 19.0),
    )
}


def floor_m(x_m: float) -> float:
    """Return the height of what the ball runs on: the lane, and behind it the pit."""
    return 0.0 if x_m < PIT_BEGIN_M else -PIT_DEPTH_M
