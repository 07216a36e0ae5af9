"""The ball's equations of motion, and one step of them.

A rigid ball with three moments of inertia under gravity, the floor's push and friction at the point of contact:
Newton's law for the centre in space, Euler's for the rates in the body, so that the axis of rotation migrates. The
floor is a stiff damped spring that only pushes, so that a landing is a pulse of some milliseconds, as felt by the
sensor. Friction is Coulomb's, against the slip; below some 2 cm/s it falls with the slip, so that "sliding" and
"rolling" are one equation and a ball whose core pulls too hard breaks loose again.
"""

import math
from dataclasses import dataclass
from typing import TypeAlias

from device_bridge.emulator.physics.ball import Ball
from device_bridge.emulator.physics.vectors import Quaternion, Vector

GRAVITY_M_S2 = 9.806_65
# A contact of 3 ms and a rebound to 0.3 of the speed: assumed, for no measurement of a ball on a lane is published.
CONTACT_RAD_S = math.pi / 0.003
CONTACT_DAMPING = 0.35
SLIP_SCALE_M_S = 0.02

# Position, velocity, turn (w, x, y, z), rates in the body.
State: TypeAlias = tuple[float, ...]


def make_state(position_m: Vector, velocity_m_s: Vector, turn: Quaternion, rate_rad_s: Vector) -> State:
    """Return a state from its parts; the rate in the body."""
    return (*position_m, *velocity_m_s, *turn, *rate_rad_s)


def position(state: State) -> Vector:
    """Return where the centre is, in m."""
    return (state[0], state[1], state[2])


def velocity(state: State) -> Vector:
    """Return the centre's velocity, in m/s."""
    return (state[3], state[4], state[5])


def attitude(state: State) -> Quaternion:
    """Return the turn from space to body."""
    return (state[6], state[7], state[8], state[9])


def body_rate(state: State) -> Vector:
    """Return the rates of rotation in the body, in rad/s."""
    return (state[10], state[11], state[12])


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What acts on the ball beside gravity, constant for one step.

    Attributes:
        friction: The floor's coefficient of sliding friction.
        floor_m: The floor's height.
        push_m_s2: The acceleration that other things give the centre: pins, cushion.
    """

    friction: float = 0.0
    floor_m: float = 0.0
    push_m_s2: Vector = (0.0, 0.0, 0.0)


class Dynamics:
    """The equations of motion of one ball.

    Args:
        ball: The ball.
    """

    def __init__(self, ball: Ball) -> None:
        self.radius_m = ball.radius_m
        self.mass_kg = ball.mass_kg
        self.inertia_kg_m2 = ball.inertia_kg_m2

    def change(self, state: State, around: Surroundings) -> State:
        """Return the state's rate of change."""
        _, _, z, vx, vy, vz, w, i, j, k, p, q, r = state
        # The first two rows of the turn's matrix: what friction's torque and the slip need.
        xx, xy, xz = 1 - 2 * (j * j + k * k), 2 * (i * j - w * k), 2 * (i * k + w * j)
        yx, yy, yz = 2 * (i * j + w * k), 1 - 2 * (i * i + k * k), 2 * (j * k - w * i)
        ax, ay, az = around.push_m_s2
        az -= GRAVITY_M_S2
        torque_x = torque_y = 0.0
        depth_m = around.floor_m + self.radius_m - z
        if depth_m > 0:
            push = CONTACT_RAD_S * (CONTACT_RAD_S * depth_m - 2 * CONTACT_DAMPING * vz)
            if push > 0:
                az += push
                slip_x = vx - self.radius_m * (yx * p + yy * q + yz * r)
                slip_y = vy + self.radius_m * (xx * p + xy * q + xz * r)
                size = math.sqrt(slip_x * slip_x + slip_y * slip_y + SLIP_SCALE_M_S * SLIP_SCALE_M_S)
                grip = around.friction * push / size
                ax, ay = ax - grip * slip_x, ay - grip * slip_y
                lever = self.radius_m * self.mass_kg * grip
                torque_x, torque_y = -lever * slip_y, lever * slip_x
        low, middle, high = self.inertia_kg_m2
        return (
            *(vx, vy, vz, ax, ay, az),
            (-i * p - j * q - k * r) / 2,
            (w * p + j * r - k * q) / 2,
            (w * q + k * p - i * r) / 2,
            (w * r + i * q - j * p) / 2,
            (xx * torque_x + yx * torque_y + (middle - high) * q * r) / low,
            (xy * torque_x + yy * torque_y + (high - low) * r * p) / middle,
            (xz * torque_x + yz * torque_y + (low - middle) * p * q) / high,
        )

    def step(self, state: State, around: Surroundings, step_s: float, first: State | None = None) -> State:
        """Return the state after a step, by the classical Runge-Kutta method of fourth order.

        Args:
            state: Where it stands.
            around: What acts on it meanwhile.
            step_s: The step.
            first: The state's rate of change, when it is known already.
        """
        half = step_s / 2
        a = first or self.change(state, around)
        b = self.change(tuple([s + half * d for s, d in zip(state, a, strict=True)]), around)
        c = self.change(tuple([s + half * d for s, d in zip(state, b, strict=True)]), around)
        d = self.change(tuple([s + step_s * d for s, d in zip(state, c, strict=True)]), around)
        sixth = step_s / 6
        after = [
            s + sixth * (one + 2 * (two + three) + four)
            for s, one, two, three, four in zip(state, a, b, c, d, strict=True)
        ]
        w, x, y, z = after[6:10]
        size = 1 / math.sqrt(w * w + x * x + y * y + z * z)
        after[6:10] = w * size, x * size, y * size, z * size
        return tuple(after)

    def slip_m_s(self, state: State) -> float:
        """Return the speed of the ball's lowest point over the floor."""
        vx, vy, w, i, j, k, p, q, r = state[3], state[4], *state[6:]
        rate_x = (1 - 2 * (j * j + k * k)) * p + 2 * (i * j - w * k) * q + 2 * (i * k + w * j) * r
        rate_y = 2 * (i * j + w * k) * p + (1 - 2 * (i * i + k * k)) * q + 2 * (j * k - w * i) * r
        slip_x, slip_y = vx - self.radius_m * rate_y, vy + self.radius_m * rate_x
        return math.sqrt(slip_x * slip_x + slip_y * slip_y)
