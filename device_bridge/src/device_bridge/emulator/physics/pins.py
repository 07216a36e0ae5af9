"""The ten pins as the ball feels them: each one is a short push along the line between the two centres."""

import math

from device_bridge.emulator.physics.lane import FOUL_LINE_TO_HEAD_PIN_M
from device_bridge.emulator.physics.vectors import ZERO, Vector, add

PIN_RADIUS_M = 0.0605
PIN_KG = 1.55
# Maple under plastic on the ball's cover; assumed, as is the length of the push.
REBOUND = 0.7
PUSH_S = 0.004
_SPACING_M = 0.304_8
_ROW_M = _SPACING_M * math.sqrt(3) / 2
# From the head pin's middle to where a ball's centre hits the pocket: 2.5 of 39 boards.
POCKET_M = 0.067_6


def rack() -> list[tuple[float, float]]:
    """Return where the pins stand, x and y, pin 1 first; pin 2 is to the left of pin 3."""
    return [
        (FOUL_LINE_TO_HEAD_PIN_M + row * _ROW_M, (row / 2 - place) * _SPACING_M)
        for row in range(4)
        for place in range(row + 1)
    ]


def contact_x_m(ball_radius_m: float, aside_m: float) -> float:
    """Return the x of the ball's centre when it meets the head pin at a distance aside of the middle."""
    reach_m = ball_radius_m + PIN_RADIUS_M
    ahead = reach_m * reach_m - aside_m * aside_m
    return FOUL_LINE_TO_HEAD_PIN_M - math.sqrt(max(0.0, ahead))


class PinDeck:
    """The rack, and the pushes that its pins are giving to the ball.

    Args:
        ball_radius_m: The ball's radius.
        ball_kg: Its mass.

    Attributes:
        hits: Time and number of each pin that the ball itself met, in their order.
    """

    def __init__(self, ball_radius_m: float, ball_kg: float) -> None:
        self.hits: list[tuple[float, int]] = []
        self._reach_m = ball_radius_m + PIN_RADIUS_M
        self._per_m_s = (1 + REBOUND) * PIN_KG / (PIN_KG + ball_kg)
        self._standing = dict(enumerate(rack(), start=1))
        self._pushes: list[tuple[float, Vector]] = []

    def push_m_s2(self, time_s: float, position_m: Vector, velocity_m_s: Vector) -> Vector:
        """Return what the pins do to the ball's centre at this moment."""
        if position_m[0] > FOUL_LINE_TO_HEAD_PIN_M - self._reach_m:
            self._meet(time_s, position_m, velocity_m_s)
        total = ZERO
        for begin_s, change_m_s in self._pushes:
            share = (time_s - begin_s) / PUSH_S
            if share < 1:
                # A bell with an area of 1 over the push.
                bell = 30 * share * share * (1 - share) * (1 - share) / PUSH_S
                total = add(total, (change_m_s[0] * bell, change_m_s[1] * bell, 0.0))
        return total

    def _meet(self, time_s: float, position_m: Vector, velocity_m_s: Vector) -> None:
        for number, (x_m, y_m) in list(self._standing.items()):
            dx, dy = position_m[0] - x_m, position_m[1] - y_m
            away_m = math.sqrt(dx * dx + dy * dy)
            if away_m > self._reach_m:
                continue
            nx, ny = dx / away_m, dy / away_m
            closing = velocity_m_s[0] * nx + velocity_m_s[1] * ny
            del self._standing[number]
            self.hits.append((time_s, number))
            if closing < 0:
                change = -closing * self._per_m_s
                self._pushes.append((time_s, (nx * change, ny * change, 0.0)))
