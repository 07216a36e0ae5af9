"""Three-dimensional vectors and turns as plain tuples; numpy does not come with the bridge."""

import math
from typing import TypeAlias

Vector: TypeAlias = tuple[float, float, float]
Quaternion: TypeAlias = tuple[float, float, float, float]

ZERO: Vector = (0.0, 0.0, 0.0)
_QUARTER = math.pi / 2
_TERMS = 9


def add(a: Vector, b: Vector) -> Vector:
    """Return a + b."""
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


def subtract(a: Vector, b: Vector) -> Vector:
    """Return a - b."""
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


def scale(vector: Vector, factor: float) -> Vector:
    """Return a vector, longer by a factor."""
    return (vector[0] * factor, vector[1] * factor, vector[2] * factor)


def dot(a: Vector, b: Vector) -> float:
    """Return the scalar product a . b."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Vector, b: Vector) -> Vector:
    """Return the cross product a x b."""
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def length(vector: Vector) -> float:
    """Return a vector's length."""
    return math.sqrt(dot(vector, vector))


def unit(vector: Vector) -> Vector:
    """Return the vector of length 1 in the same direction; it must not be zero."""
    return scale(vector, 1 / length(vector))


def blend(a: Vector, b: Vector, share: float) -> Vector:
    """Return the vector that lies on the way from a (share 0) to b (share 1)."""
    return add(scale(a, 1 - share), scale(b, share))


def mirror(vector: Vector) -> Vector:
    """Return a vector of positions, velocities or forces as in a mirror that swaps left and right."""
    return (vector[0], -vector[1], vector[2])


def mirror_turning(vector: Vector) -> Vector:
    """Return a vector of turning (rates, torques, angular momenta) as in that mirror."""
    return (-vector[0], vector[1], -vector[2])


def sin_cos(angle_rad: float) -> tuple[float, float]:
    """Return sine and cosine by their Taylor series about the nearest quarter turn, alike on every platform.

    Args:
        angle_rad: A few turns at most; 2e-16 of error for each.
    """
    quarters = round(angle_rad / _QUARTER)
    rest = angle_rad - quarters * _QUARTER
    sine, cosine, power = 0.0, 0.0, 1.0
    for term in range(2 * _TERMS):
        if term % 2:
            sine += power if term % 4 == 1 else -power
        else:
            cosine += power if term % 4 == 0 else -power
        power *= rest / (term + 1)
    return ((sine, cosine), (cosine, -sine), (-sine, -cosine), (-cosine, sine))[quarters % 4]


def rows(turn: Quaternion) -> tuple[Vector, Vector, Vector]:
    """Return the rows of a turn's matrix: space's x, y and z as the turned body sees them."""
    w, x, y, z = turn
    return (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )


def into_body(turn: Quaternion, vector: Vector) -> Vector:
    """Return a vector of space as the turned body sees it."""
    a, b, c = rows(turn)
    return add(add(scale(a, vector[0]), scale(b, vector[1])), scale(c, vector[2]))


def into_space(turn: Quaternion, vector: Vector) -> Vector:
    """Return a vector of the turned body as space sees it."""
    a, b, c = rows(turn)
    return (dot(a, vector), dot(b, vector), dot(c, vector))


def turn_of_axes(x: Vector, y: Vector, z: Vector) -> Quaternion:
    """Return the turn that takes space's axes to these three, which are of length 1 and at right angles."""
    trace = x[0] + y[1] + z[2]
    if trace > 0:
        twice = 2 * math.sqrt(trace + 1)
        return (twice / 4, (y[2] - z[1]) / twice, (z[0] - x[2]) / twice, (x[1] - y[0]) / twice)
    if x[0] >= y[1] and x[0] >= z[2]:
        twice = 2 * math.sqrt(1 + x[0] - y[1] - z[2])
        return ((y[2] - z[1]) / twice, twice / 4, (y[0] + x[1]) / twice, (z[0] + x[2]) / twice)
    if y[1] >= z[2]:
        twice = 2 * math.sqrt(1 + y[1] - x[0] - z[2])
        return ((z[0] - x[2]) / twice, (y[0] + x[1]) / twice, twice / 4, (z[1] + y[2]) / twice)
    twice = 2 * math.sqrt(1 + z[2] - x[0] - y[1])
    return ((x[1] - y[0]) / twice, (z[0] + x[2]) / twice, (z[1] + y[2]) / twice, twice / 4)


def compose(after: Quaternion, before: Quaternion) -> Quaternion:
    """Return the turn that is one turn after another."""
    w, x, y, z = after
    a, b, c, d = before
    return (
        w * a - x * b - y * c - z * d,
        w * b + x * a + y * d - z * c,
        w * c - x * d + y * a + z * b,
        w * d + x * c - y * b + z * a,
    )


def turn_on(turn: Quaternion, rate_rad_s: Vector, step_s: float) -> Quaternion:
    """Return a body's turn after a short step at a rate given in space, by the exact turn about that axis."""
    speed_rad_s = length(rate_rad_s)
    if speed_rad_s == 0:
        return turn
    sine, w = sin_cos(speed_rad_s * step_s / 2)
    x, y, z = scale(rate_rad_s, sine / speed_rad_s)
    return normal(compose((w, x, y, z), turn))


def normal(turn: Quaternion) -> Quaternion:
    """Return the same turn with length 1."""
    w, x, y, z = turn
    size = 1 / math.sqrt(w * w + x * x + y * y + z * z)
    return (w * size, x * size, y * size, z * size)
