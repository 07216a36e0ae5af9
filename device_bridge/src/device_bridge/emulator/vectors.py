"""Three-dimensional vectors and turns as plain tuples, for the simulation; numpy does not come with the bridge."""

import math

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]

ZERO: Vector = (0.0, 0.0, 0.0)
NO_TURN: Quaternion = (1.0, 0.0, 0.0, 0.0)


def add(*vectors: Vector) -> Vector:
    """Return the sum of vectors."""
    return (sum(v[0] for v in vectors), sum(v[1] for v in vectors), sum(v[2] for v in vectors))


def scale(vector: Vector, factor: float) -> Vector:
    """Return a vector, longer by a factor."""
    return (vector[0] * factor, vector[1] * factor, vector[2] * factor)


def cross(a: Vector, b: Vector) -> Vector:
    """Return the cross product a x b."""
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def blend(a: Vector, b: Vector, share: float) -> Vector:
    """Return the vector that lies on the way from a (share 0) to b (share 1)."""
    return add(scale(a, 1 - share), scale(b, share))


def into_body(turn: Quaternion, vector: Vector) -> Vector:
    """Return a vector of space as the turned body sees it: the turn's inverse applied to it."""
    w, x, y, z = turn
    axis = (-x, -y, -z)
    twice = scale(cross(axis, vector), 2.0)
    return add(vector, scale(twice, w), cross(axis, twice))


def turn_on(turn: Quaternion, rate_rad_s: Vector, step_s: float) -> Quaternion:
    """Return a body's turn after a short step at a rate given in space, by the exact turn about that axis."""
    speed_rad_s = math.hypot(*rate_rad_s)
    if speed_rad_s == 0:
        return turn
    half = speed_rad_s * step_s / 2
    s = math.sin(half) / speed_rad_s
    w, x, y, z = math.cos(half), rate_rad_s[0] * s, rate_rad_s[1] * s, rate_rad_s[2] * s
    a, b, c, d = turn
    product = (
        w * a - x * b - y * c - z * d,
        w * b + x * a + y * d - z * c,
        w * c - x * d + y * a + z * b,
        w * d + x * c - y * b + z * a,
    )
    length = math.hypot(*product)
    return (product[0] / length, product[1] / length, product[2] / length, product[3] / length)
