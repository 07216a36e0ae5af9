"""The ball: its mass, its core's inertia, and where the SmartDot sits in it.

The body's frame is that of the principal axes of inertia: x the axis of the lowest radius of gyration (the pin), y the
intermediate one, z the highest.
"""

import math
from dataclasses import dataclass

from device_bridge.emulator.physics.vectors import Vector, add, cross, dot, scale, sin_cos, subtract, unit

KG_PER_LB = 0.453_592_37
M_PER_IN = 0.025_4
# From a ball's pole to its equator along the surface: how drillers measure an angle, 90 deg at 6.75 in.
_QUARTER_IN = 6.75
_INSERT_FROM_AXIS_DEG = 72.0
_INSERT_BELOW_PIN_DEG = 26.0


@dataclass(frozen=True, slots=True)
class Ball:
    """A drilled ball.

    Attributes:
        mass_lb: 6 to 16.
        diameter_in: 8.500 to 8.595 (USBC).
        rg_in: The lowest radius of gyration, 2.46 to 2.80.
        differential_in: Highest less lowest radius of gyration, 0 to 0.060.
        intermediate_differential_in: Highest less intermediate one, at most the differential; 0 is a symmetric core.
        pin_to_pap_in: From the pin to the positive axis point, along the surface, 0 to 6.75.
        drilling_deg: Turns the core about the pin: where the intermediate axis lies as seen from the axis point.
        sensor_from_centre_m: The module's distance from the centre.
        sensor_turn_deg: Turns the module in its insert, about its z axis, which points out of the ball.
    """

    mass_lb: float = 15.0
    diameter_in: float = 8.55
    rg_in: float = 2.50
    differential_in: float = 0.040
    intermediate_differential_in: float = 0.010
    pin_to_pap_in: float = 4.5
    drilling_deg: float = 45.0
    sensor_from_centre_m: float = 0.089
    sensor_turn_deg: float = 0.0

    @property
    def mass_kg(self) -> float:
        """The mass."""
        return self.mass_lb * KG_PER_LB

    @property
    def radius_m(self) -> float:
        """The ball's radius."""
        return self.diameter_in * M_PER_IN / 2

    @property
    def inertia_kg_m2(self) -> Vector:
        """The moments about the principal axes: lowest, intermediate, highest."""
        highest_in = self.rg_in + self.differential_in
        gyrations_m = [
            gyration_in * M_PER_IN
            for gyration_in in (self.rg_in, highest_in - self.intermediate_differential_in, highest_in)
        ]
        low, middle, high = (self.mass_kg * gyration_m * gyration_m for gyration_m in gyrations_m)
        return (low, middle, high)

    @property
    def axis_point(self) -> Vector:
        """The direction of the positive axis point in the body.

        It lies to a right-hander's right of the grip, so that the angular velocity of a ball that rolls away points out
        of the opposite side.
        """
        across, along = sin_cos(math.pi / 2 * self.pin_to_pap_in / _QUARTER_IN)
        up, level = sin_cos(math.radians(self.drilling_deg))
        return (along, across * level, across * up)

    @property
    def insert(self) -> Vector:
        """The direction of the finger insert in the body: 72 deg from the axis point, some 2 in below the pin."""
        axis = self.axis_point
        # A pin on the axis point gives no direction; any will do.
        pin: Vector = (1.0, 0.0, 0.0) if self.pin_to_pap_in > 0 else (0.0, 0.0, 1.0)
        towards_pin = unit(subtract(pin, scale(axis, dot(pin, axis))))
        below_pin = cross(axis, towards_pin)
        sine, cosine = sin_cos(math.radians(_INSERT_BELOW_PIN_DEG))
        side = add(scale(towards_pin, cosine), scale(below_pin, sine))
        sine, cosine = sin_cos(math.radians(_INSERT_FROM_AXIS_DEG))
        return add(scale(axis, cosine), scale(side, sine))

    @property
    def sensor_m(self) -> Vector:
        """Where the module is in the body."""
        return scale(self.insert, self.sensor_from_centre_m)

    @property
    def sensor_axes(self) -> tuple[Vector, Vector, Vector]:
        """The module's x, y and z in the body: z out of the insert, x towards the axis point when it is not turned."""
        z = self.insert
        y = unit(cross(z, self.axis_point))
        x = cross(y, z)
        sine, cosine = sin_cos(math.radians(self.sensor_turn_deg))
        return (add(scale(x, cosine), scale(y, sine)), add(scale(y, cosine), scale(x, -sine)), z)
