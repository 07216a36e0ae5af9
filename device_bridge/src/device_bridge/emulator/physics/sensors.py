"""What the parts in the finger insert measure of a throw, with the errors of real parts.

An accelerometer and a gyroscope like Bosch's BMI160 (data sheet BST-BMI160-DS000, table 1: noise densities of 180 ug
and 0.007 deg/s for a root Hz, offsets of 40 mg and 3 deg/s), a magnetometer like the BMM150 (0.6 uT of noise in its
regular preset, BST-BMM150-DS001), a light sensor like the LTR-329ALS, which integrates over its interval, 100 ms at
most. The parts' own low-pass filters, errors of scale and of temperature are left out; limits and counts are the
device's (`recording.py`).
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from device_bridge.emulator.physics.lamps import Lamps
from device_bridge.emulator.physics.lane import PIT_BEGIN_M
from device_bridge.emulator.physics.motion import GRAVITY_M_S2
from device_bridge.emulator.physics.shot import Hand, Shot
from device_bridge.emulator.physics.swing import Moment
from device_bridge.emulator.physics.throw import Throw
from device_bridge.emulator.physics.vectors import Vector, add, cross, dot, into_body, into_space, mirror, scale
from device_bridge.emulator.recording import Recording, SensorRecording
from device_bridge.errors import UsageError
from smartdot import SensorKind

ACCEL_NOISE_G, GYRO_NOISE_DPS, MAG_NOISE_UT, LIGHT_NOISE_SHARE = 180e-6, 0.007, 0.6, 0.01
ACCEL_BIAS_G, GYRO_BIAS_DPS, HARD_IRON_UT = 0.040, 3.0, 25.0
# The earth's field in Pennsylvania, with a lane that runs to the north-east: along it, to its left, and down.
FIELD_UT: Vector = (15.0, 13.0, -48.0)
_HELD_LX, _PIT_LX = 3.0, 8.0
_LONGEST_LIGHT_S = 0.1
_LIGHT_STEP_S = 0.005
_DEGREES = 180 / math.pi
SLOWEST_GRID_HZ = 800.0
Normal: TypeAlias = Callable[[], float]

ACCEL_RATES_HZ = (12.5, 25.0, 50.0, 100.0, 200.0, 400.0, 800.0)
GYRO_RATES_HZ = (25.0, 50.0, 100.0, 200.0, 400.0, 800.0, 1600.0)
MAG_RATES_HZ = (2.0, 5.0, 10.0, 20.0, 25.0)
LIGHT_RATES_HZ = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)


@dataclass(frozen=True, slots=True)
class Rates:
    """How fast each sensor samples: the settings of a MetaMotion's parts that divide the fastest one."""

    accel_hz: float = 800.0
    gyro_hz: float = 800.0
    mag_hz: float = 25.0
    light_hz: float = 20.0

    @property
    def grid_hz(self) -> float:
        """Moments in a second that the throw needs: the fastest sensor's rate, at least 800."""
        return max(SLOWEST_GRID_HZ, self.gyro_hz)


def check_rates(rates: Rates) -> Rates:
    """Return the rates when the parts have them.

    Raises:
        UsageError: They do not.
    """
    for name, value, allowed in (
        ("--accel-hz", rates.accel_hz, ACCEL_RATES_HZ),
        ("--gyro-hz", rates.gyro_hz, GYRO_RATES_HZ),
        ("--mag-hz", rates.mag_hz, MAG_RATES_HZ),
        ("--light-hz", rates.light_hz, LIGHT_RATES_HZ),
    ):
        if value not in allowed:
            raise UsageError(f"{name} is {value:g}; the part can be set to {', '.join(f'{one:g}' for one in allowed)}")
    return rates


@dataclass(frozen=True, slots=True)
class Errors:
    """A module's own errors, in the module's axes: the same for all of its records.

    Attributes:
        accel_bias_g: What the accelerometer reads of nothing.
        gyro_bias_dps: What the gyroscope reads at rest.
        hard_iron_ut: The field of the module's own iron.
    """

    accel_bias_g: Vector
    gyro_bias_dps: Vector
    hard_iron_ut: Vector


def draw_errors(seed: int) -> Errors:
    """Return the errors of the module with this seed, evenly spread over the data sheets' figures."""
    rng = random.Random(f"module {seed}")  # noqa: S311 - a simulation must be repeatable

    def draw(limit: float) -> Vector:
        return (rng.uniform(-limit, limit), rng.uniform(-limit, limit), rng.uniform(-limit, limit))

    return Errors(draw(ACCEL_BIAS_G), draw(GYRO_BIAS_DPS), draw(HARD_IRON_UT))


@dataclass(frozen=True, slots=True)
class Mounting:
    """Where the module is in the ball, and how it is turned.

    Attributes:
        place_m: In the body.
        axes: The module's x, y and z in the body; z points out of the insert.
    """

    place_m: Vector
    axes: tuple[Vector, Vector, Vector]


def mounting_of(shot: Shot) -> Mounting:
    """Return a shot's mounting; a left-hander's ball is drilled as in the mirror, while the module stays a module."""
    x, y, z = shot.ball.sensor_axes
    if shot.hand is Hand.RIGHT:
        return Mounting(shot.ball.sensor_m, (x, y, z))
    return Mounting(mirror(shot.ball.sensor_m), (mirror(x), scale(mirror(y), -1.0), mirror(z)))


def noise_of(rates: Rates) -> tuple[float, float, float]:
    """Return the standard deviations of a sample's noise: accelerometer in g, gyroscope in deg/s, magnetometer in uT.

    A density times the root of the bandwidth, which is half the rate.
    """
    return (
        ACCEL_NOISE_G * math.sqrt(rates.accel_hz / 2),
        GYRO_NOISE_DPS * math.sqrt(rates.gyro_hz / 2),
        MAG_NOISE_UT,
    )


@dataclass(slots=True)
class Module:
    """The sensors in one ball.

    Attributes:
        mounting: Where they are.
        errors: Their own errors.
        rates: How fast they sample.
        seed: Of the noise.
        lamps: The hall's light.
    """

    mounting: Mounting
    errors: Errors
    rates: Rates
    seed: str
    lamps: Lamps = field(default_factory=Lamps)

    def measure(self, thrown: Throw) -> Recording:
        """Return what they read, without an end to their ranges; a device clips it (FORMAT.md 4.1)."""
        rng = random.Random(self.seed).random  # noqa: S311 - a simulation must be repeatable

        def normal() -> float:
            # Twelve even ones make a normal one, cut off at 6 sigma, by additions alone.
            return rng() + rng() + rng() + rng() + rng() + rng() + rng() + rng() + rng() + rng() + rng() + rng() - 6.0

        def noisy(vector: Vector, sigma: float) -> Vector:
            return (vector[0] + sigma * normal(), vector[1] + sigma * normal(), vector[2] + sigma * normal())

        accel_sigma, gyro_sigma, mag_sigma = noise_of(self.rates)
        picked = {hz: _pick(thrown, hz) for hz in {self.rates.accel_hz, self.rates.gyro_hz, self.rates.mag_hz}}
        accel, gyro, mag = (picked[hz] for hz in (self.rates.accel_hz, self.rates.gyro_hz, self.rates.mag_hz))
        light = self._light(thrown, normal)
        return Recording(
            (
                _recorded(
                    SensorKind.ACCEL,
                    accel,
                    [noisy(self.force_g(one), accel_sigma) for one in accel],
                    self.rates.accel_hz,
                ),
                _recorded(
                    SensorKind.GYRO, gyro, [noisy(self.rate_dps(one), gyro_sigma) for one in gyro], self.rates.gyro_hz
                ),
                _recorded(
                    SensorKind.MAG, mag, [noisy(self.field_ut(one), mag_sigma) for one in mag], self.rates.mag_hz
                ),
                light,
            )
        )

    def _seen(self, vector: Vector) -> Vector:
        x, y, z = self.mounting.axes
        return (dot(x, vector), dot(y, vector), dot(z, vector))

    def force_g(self, moment: Moment) -> Vector:
        """Return the specific force at the module: a - g + alpha x r + omega x (omega x r), in its axes, with bias."""
        ax, ay, az = moment.acceleration_m_s2
        centre = into_body(moment.turn, (ax, ay, az + GRAVITY_M_S2))
        place, rate = self.mounting.place_m, moment.rate_rad_s
        felt = add(add(centre, cross(moment.rate_change_rad_s2, place)), cross(rate, cross(rate, place)))
        return add(scale(self._seen(felt), 1 / GRAVITY_M_S2), self.errors.accel_bias_g)

    def rate_dps(self, moment: Moment) -> Vector:
        """Return the rates of turning in the module's axes, with bias."""
        return add(scale(self._seen(moment.rate_rad_s), _DEGREES), self.errors.gyro_bias_dps)

    def field_ut(self, moment: Moment) -> Vector:
        """Return the earth's field in the module's axes, with its hard iron."""
        return add(self._seen(into_body(moment.turn, FIELD_UT)), self.errors.hard_iron_ut)

    def light_lx(self, moment: Moment) -> float:
        """Return the light on the insert's face at an instant."""
        if moment.is_held:
            return _HELD_LX
        if moment.position_m[0] > PIT_BEGIN_M:
            return _PIT_LX
        return self.lamps.face_lx(moment.position_m, into_space(moment.turn, self.mounting.axes[2]))

    def _light(self, thrown: Throw, normal: Normal) -> SensorRecording:
        window_s = min(1 / self.rates.light_hz, _LONGEST_LIGHT_S)
        looks, apart = round(window_s / _LIGHT_STEP_S), round(_LIGHT_STEP_S * thrown.grid_hz)
        times_s, values = [], []
        # The first sample is ready when its interval has passed.
        for place in range(0, len(thrown.moments), round(thrown.grid_hz / self.rates.light_hz)):
            total = 0.0
            for look in range(looks):
                total += self.light_lx(thrown.moments[max(0, place - look * apart)])
            mean_lx = total / looks
            times_s.append(thrown.moments[place].time_s)
            values.append((max(0.0, mean_lx * (1 + LIGHT_NOISE_SHARE * normal())),))
        return SensorRecording(SensorKind.LIGHT, times_s, list(values), self.rates.light_hz)


def _pick(thrown: Throw, rate_hz: float) -> list[Moment]:
    return thrown.moments[:: round(thrown.grid_hz / rate_hz)]


def _recorded(kind: SensorKind, moments: list[Moment], values: list[Vector], rate_hz: float) -> SensorRecording:
    return SensorRecording(kind, [moment.time_s for moment in moments], list(values), rate_hz)
