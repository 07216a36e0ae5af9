"""Rows of ceiling lamps over the lane, and how much of their light falls on the insert's face."""

import math
from dataclasses import dataclass

from device_bridge.emulator.physics.lane import CUSHION_BEGIN_M
from device_bridge.emulator.physics.vectors import Vector

_FIRST_ROW_M = -1.2


@dataclass(frozen=True, slots=True)
class Lamps:
    """The hall's light.

    Attributes:
        height_m: Of the lamps over the lane.
        spacing_m: From one row to the next, along the lane.
        below_lx: On a level face straight below one row.
        ambient_lx: What comes back from lane and walls, on a face that looks up.
    """

    height_m: float = 3.0
    spacing_m: float = 2.4
    below_lx: float = 420.0
    ambient_lx: float = 40.0

    def face_lx(self, position_m: Vector, face: Vector) -> float:
        """Return the light on a flat face at a place: each row by the cosine of its angle, twice, and its distance.

        Args:
            position_m: The ball's centre.
            face: The direction in which the face looks, of length 1.
        """
        up_m = self.height_m - position_m[2]
        total = self.ambient_lx * (0.6 + 0.4 * face[2])
        row = 0
        while (row_x_m := _FIRST_ROW_M + row * self.spacing_m) < CUSHION_BEGIN_M:
            row += 1
            along_m = row_x_m - position_m[0]
            away_2 = along_m * along_m + up_m * up_m
            away_m = math.sqrt(away_2)
            seen = (along_m * face[0] + up_m * face[2]) / away_m
            if seen > 0:
                # The lamp shines by a cosine as well; below_lx is what the row gives straight down.
                total += self.below_lx * seen * (up_m / away_m) * self.height_m * self.height_m / away_2
        return total
