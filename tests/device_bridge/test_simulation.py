import ast
import hashlib
import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import device_bridge
from device_bridge.emulator.physics.ball import Ball
from device_bridge.emulator.physics.lane import FOUL_LINE_TO_HEAD_PIN_M, OilPattern
from device_bridge.emulator.physics.motion import (
    CONTACT_RAD_S,
    GRAVITY_M_S2,
    Dynamics,
    State,
    Surroundings,
    attitude,
    body_rate,
    make_state,
    position,
    velocity,
)
from device_bridge.emulator.physics.pins import PIN_RADIUS_M, POCKET_M
from device_bridge.emulator.physics.sensors import Errors, Module, Rates, mounting_of
from device_bridge.emulator.physics.shot import Hand, Shot, read_oil, vary_shot
from device_bridge.emulator.physics.throw import Throw, throw
from device_bridge.emulator.physics.vectors import (
    ZERO,
    Quaternion,
    Vector,
    add,
    cross,
    dot,
    into_body,
    into_space,
    length,
    mirror,
    scale,
    sin_cos,
    subtract,
    turn_of_axes,
    turn_on,
    unit,
)
from device_bridge.emulator.simulation import simulate
from device_bridge.emulator.source import Source, make_flash
from device_bridge.emulator.truth_file import TruthFile
from device_bridge.errors import UsageError
from smartdot import decode_capture

STEP_S = 1 / 3200
NO_TURN: Quaternion = (1.0, 0.0, 0.0, 0.0)
GRID_HZ = 800.0
NO_ERRORS = Errors(ZERO, ZERO, ZERO)
# A uniform sphere's radius of gyration is sqrt(2/5) of its radius.
SPHERE = Ball(rg_in=math.sqrt(0.4) * 8.55 / 2, differential_in=0, intermediate_differential_in=0)
SHARP = Ball(differential_in=0.06, intermediate_differential_in=0.03)


@pytest.fixture(scope="module")
def usual() -> Throw:
    """Give the usual shot."""
    return throw(Shot(), GRID_HZ)


@pytest.fixture(scope="module")
def fine() -> Throw:
    """Give the usual shot in finer steps."""
    return throw(Shot(), 1600.0)


def fly(ball: Ball, rate: Vector, steps: int) -> list[State]:
    """Return the states of a ball that turns in free flight."""
    dynamics = Dynamics(ball)
    states = [make_state((0.0, 0.0, 50.0), (8.0, 0.0, 1.0), NO_TURN, rate)]
    for _ in range(steps):
        states.append(dynamics.step(states[-1], Surroundings(), STEP_S))
    return states


def momentum(ball: Ball, state: State) -> Vector:
    """Return the angular momentum in space."""
    x, y, z = (moment * rate for moment, rate in zip(ball.inertia_kg_m2, body_rate(state), strict=True))
    return into_space(attitude(state), (x, y, z))


def energy_j(dynamics: Dynamics, state: State) -> float:
    """Return the energy of motion, rotation, height and of the lane's spring."""
    speed_m_s, rates = length(velocity(state)), body_rate(state)
    turning = math.fsum(moment * rate**2 / 2 for moment, rate in zip(dynamics.inertia_kg_m2, rates, strict=True))
    height_m = position(state)[2] - dynamics.radius_m
    spring = (CONTACT_RAD_S * min(0.0, height_m)) ** 2 / 2
    return dynamics.mass_kg * (speed_m_s**2 / 2 + GRAVITY_M_S2 * height_m + spring) + turning


def test_free_flight_keeps_momentum_and_energy_while_the_axis_migrates() -> None:
    """In flight angular momentum is constant in space and energy too, while the axis wanders through the body."""
    states = fly(SHARP, (20.0, 30.0, 25.0), 3200)
    first, last = momentum(SHARP, states[0]), momentum(SHARP, states[-1])
    assert length(subtract(last, first)) < 1e-9 * length(first)
    dynamics = Dynamics(SHARP)
    assert energy_j(dynamics, states[-1]) == pytest.approx(energy_j(dynamics, states[0]), rel=1e-9)
    wandered = min(dot(unit(body_rate(states[0])), unit(body_rate(state))) for state in states)
    assert math.degrees(math.acos(wandered)) > 20


def test_axis_of_a_symmetric_ball_stays() -> None:
    """A ball without differential turns about one axis of its body for ever."""
    states = fly(SPHERE, (20.0, 30.0, 25.0), 800)
    assert length(subtract(body_rate(states[-1]), body_rate(states[0]))) < 1e-9


def test_gyration_goes_around_the_nearest_principal_axis() -> None:
    """A ball with two equal moments precesses at Euler's rate, (I3 - I1) / I1 times its spin."""
    ball = Ball(differential_in=0.05, intermediate_differential_in=0.05)
    low, _, high = ball.inertia_kg_m2
    states = fly(ball, (3.0, 0.0, 40.0), 1600)
    turned = math.atan2(body_rate(states[-1])[1], body_rate(states[-1])[0])
    assert turned == pytest.approx((high - low) / low * 40.0 * 1600 * STEP_S, rel=1e-6)


def slide(ball: Ball, speed_m_s: float, friction: float, rate: Vector = ZERO) -> tuple[float, State]:
    """Return when a ball that slides over one floor begins to roll, and its state 0.1 s after that."""
    dynamics = Dynamics(ball)
    state = make_state((0.0, 0.0, dynamics.radius_m), (speed_m_s, 0.0, 0.0), NO_TURN, rate)
    rolls_at_s, steps = math.inf, 0
    while steps * STEP_S < rolls_at_s + 0.1:
        state = dynamics.step(state, Surroundings(friction), STEP_S)
        steps += 1
        if rolls_at_s == math.inf and dynamics.slip_m_s(state) < 0.05:
            rolls_at_s = steps * STEP_S
    return rolls_at_s, state


@pytest.mark.parametrize(("speed_m_s", "friction"), [(8.0, 0.2), (4.0, 0.1)])
def test_sliding_sphere_ends_at_five_sevenths(speed_m_s: float, friction: float) -> None:
    """A uniform sphere that slides without spin rolls with 5/7 of its speed after 2 v / (7 mu g), as textbooks say."""
    rolls_at_s, state = slide(SPHERE, speed_m_s, friction)
    assert velocity(state)[0] == pytest.approx(speed_m_s * 5 / 7, rel=1e-3)
    assert rolls_at_s == pytest.approx(2 * speed_m_s / (7 * friction * GRAVITY_M_S2), rel=0.015)


@pytest.mark.parametrize("friction", [0.04, 0.2])
def test_rolling_gains_no_energy(friction: float) -> None:
    """A ball that rolls, with whatever core and on oil as well, never has more energy than before."""
    dynamics = Dynamics(SHARP)
    radius_m = dynamics.radius_m - GRAVITY_M_S2 * (0.003 / math.pi) ** 2
    state = make_state((0.0, 0.0, radius_m), (7.0, 0.0, 0.0), NO_TURN, (0.0, 7.0 / dynamics.radius_m, 3.0))
    energies = []
    for _ in range(3200):
        energies.append(energy_j(dynamics, state))
        state = dynamics.step(state, Surroundings(friction), STEP_S)
    assert all(later <= earlier * (1 + 1e-9) for earlier, later in pairwise(energies))
    assert energies[-1] > 0.9 * energies[0]


def test_whole_shot_only_loses_energy(usual: Throw) -> None:
    """From the release to the pins no moment has more energy than the one before, but for the integration's error."""
    dynamics = Dynamics(usual.shot.ball)
    assert usual.phases.impact_s is not None
    energies = [
        energy_j(dynamics, (*one.position_m, *one.velocity_m_s, *one.turn, *one.rate_rad_s))
        for one in usual.moments
        if usual.phases.release_s <= one.time_s < usual.phases.impact_s
    ]
    assert all(later <= earlier + 1e-3 for earlier, later in pairwise(energies))
    assert energies[-1] < 0.9 * energies[0]


def test_momentum_about_the_contact_is_kept_whatever_the_oil() -> None:
    """A symmetric ball's speed follows from its rates: v = R w_end x z + (k^2 / R) (w_end - w) x z, at any time."""
    ball = Ball(differential_in=0, intermediate_differential_in=0)
    thrown = throw(Shot(oil=read_oil("short"), ball=ball, loft_m=0.0, loft_angle_deg=0.0), GRID_HZ)
    assert thrown.phases.impact_s is not None
    at_end = thrown.moments[round((thrown.phases.impact_s - 0.01) * GRID_HZ)]
    end = into_space(at_end.turn, at_end.rate_rad_s)
    up, radius_m = (0.0, 0.0, 1.0), ball.radius_m
    share_m = ball.inertia_kg_m2[0] / ball.mass_kg / radius_m
    for after_s in (0.05, 0.5, 1.0, 2.0):
        moment = thrown.moments[round((thrown.phases.release_s + after_s) * GRID_HZ)]
        now = into_space(moment.turn, moment.rate_rad_s)
        speed = add(scale(cross(end, up), radius_m), scale(cross(subtract(end, now), up), share_m))
        assert moment.velocity_m_s == pytest.approx(speed, abs=1e-5)


def test_flight_lasts_as_long_as_a_fall(usual: Throw) -> None:
    """The landing comes when a stone thrown from the same height at the same angle would touch."""
    up = usual.shot.speed_mph * 0.44704 * math.sin(math.radians(usual.shot.loft_angle_deg))
    flight_s = (up + math.sqrt(up * up + 2 * GRAVITY_M_S2 * usual.shot.loft_m)) / GRAVITY_M_S2
    assert usual.phases.landing_s is not None
    assert usual.phases.landing_s - usual.phases.release_s == pytest.approx(flight_s, abs=1.01 * STEP_S)


def test_ball_meets_the_head_pin_sixty_feet_away(usual: Throw) -> None:
    """It is laid down at the foul line and meets the head pin in the pocket, a ball's and a pin's radius before it."""
    assert usual.phases.impact_s is not None
    at_release = usual.moments[round(usual.phases.release_s * GRID_HZ)]
    at_pins = usual.moments[int(usual.phases.impact_s * GRID_HZ)]
    assert at_release.position_m[0] == 0
    reach = math.hypot(FOUL_LINE_TO_HEAD_PIN_M - at_pins.position_m[0], at_pins.position_m[1])
    assert reach == pytest.approx(usual.shot.ball.radius_m + PIN_RADIUS_M, abs=0.01)
    assert at_pins.position_m[1] == pytest.approx(-POCKET_M, abs=0.002)
    assert usual.hits[0][1] == 1
    assert pytest.approx(60 * 0.3048) == FOUL_LINE_TO_HEAD_PIN_M
    assert 2.0 < usual.phases.impact_s - usual.phases.release_s < 2.5


def test_left_hand_is_the_right_one_in_a_mirror(usual: Throw) -> None:
    """A left-hander's ball takes the same path on the other side, and its sensor feels the mirrored force."""
    left = throw(Shot(hand=Hand.LEFT), GRID_HZ)
    assert len(left.moments) == len(usual.moments)
    for right_one, left_one in zip(usual.moments[::50], left.moments[::50], strict=True):
        assert left_one.position_m == pytest.approx(mirror(right_one.position_m), abs=1e-9)
    right_module = Module(mounting_of(usual.shot), NO_ERRORS, Rates(), "")
    left_module = Module(mounting_of(left.shot), NO_ERRORS, Rates(), "")
    x, y, z = right_module.force_g(usual.moments[3000])
    assert left_module.force_g(left.moments[3000]) == pytest.approx((x, -y, z), abs=1e-6)


def test_hook_goes_to_the_left_of_a_right_hander(usual: Throw) -> None:
    """With positive rotation friction pulls a right-hander's ball to the left, and a straight ball nowhere."""
    release, pins = (usual.moments[round(usual.phases.release_s * GRID_HZ)], usual.moments[-300])
    straight_m = release.position_m[1] + pins.position_m[0] * math.tan(math.radians(-usual.shot.launch_deg))
    assert pins.position_m[1] > straight_m + 0.3
    rolled = Shot(axis_rotation_deg=0, axis_tilt_deg=0, launch_deg=0, ball=SPHERE, pocket_offset_m=-POCKET_M)
    path = [moment.position_m[1] for moment in throw(rolled, GRID_HZ).moments]
    assert max(map(abs, path)) < 1e-6


@pytest.mark.parametrize(("hand", "rpm", "rotation", "tilt"), [("right", 180, 10, 5), ("left", 420, 75, 25)])
def test_release_is_as_asked(hand: str, rpm: float, rotation: float, tilt: float) -> None:
    """Rev rate, axis rotation, axis tilt and speed at the release are the parameters; the gyroscope reads the rate."""
    shot = Shot(hand=Hand(hand), rev_rate_rpm=rpm, axis_rotation_deg=rotation, axis_tilt_deg=tilt, speed_mph=17)
    shown = simulate(shot, 1, 1).truth()
    release = shown["at"]["release"]  # type: ignore[index]
    assert release["rev_rate_rpm"] == pytest.approx(rpm)
    assert release["axis_rotation_deg"] == pytest.approx(rotation)
    assert release["axis_tilt_deg"] == pytest.approx(tilt)
    assert release["speed_mph"] == pytest.approx(17)
    thrown = throw(shot, GRID_HZ)
    moment = thrown.moments[round(thrown.phases.release_s * GRID_HZ)]
    assert length(Module(mounting_of(shot), NO_ERRORS, Rates(), "").rate_dps(moment)) == pytest.approx(6 * rpm)


def sensor_place(thrown: Throw, index: int) -> Vector:
    """Return where the sensor is in space."""
    moment = thrown.moments[index]
    return add(moment.position_m, into_space(moment.turn, mounting_of(thrown.shot).place_m))


@pytest.mark.parametrize("time_s", [0.3, 1.5, 2.0, 2.15, 3.0, 4.2, 4.4])
def test_accelerometer_feels_what_its_own_path_says(fine: Throw, time_s: float) -> None:
    """The specific force at the module is the second difference of its place in space, less gravity."""
    thrown = fine
    index = round(time_s * 1600)
    before, now, after = (sensor_place(thrown, index + offset) for offset in (-1, 0, 1))
    moved = scale(add(add(before, after), scale(now, -2.0)), 1600.0**2)
    felt = into_body(thrown.moments[index].turn, add(moved, (0.0, 0.0, GRAVITY_M_S2)))
    axes = mounting_of(thrown.shot).axes
    expected = [dot(axis, felt) / GRAVITY_M_S2 for axis in axes]
    read = Module(mounting_of(thrown.shot), NO_ERRORS, Rates(), "").force_g(thrown.moments[index])
    # The hand's tremor is felt and not part of the path: 0.15 m/s2.
    assert read == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("time_s", [1.9, 2.05, 2.15, 3.0, 4.4])
def test_gyroscope_reads_how_the_ball_turns(fine: Throw, time_s: float) -> None:
    """The rates in the body are what takes one moment's attitude to the next one's."""
    thrown = fine
    index = round(time_s * 1600)
    one, other = thrown.moments[index], thrown.moments[index + 1]
    rate = scale(add(into_space(one.turn, one.rate_rad_s), into_space(other.turn, other.rate_rad_s)), 0.5)
    followed = turn_on(one.turn, rate, 1 / 1600)
    assert abs(math.fsum(a * b for a, b in zip(followed, other.turn, strict=True))) == pytest.approx(1, abs=1e-7)


def test_shot_has_a_shots_figures(usual: Throw) -> None:
    """It rests at 1 g in the dark, turns twice as fast in the roll, feels some 30 g there, and the light flashes."""
    module = Module(mounting_of(usual.shot), NO_ERRORS, Rates(), "figures")
    phases = usual.phases
    assert phases.landing_s is not None
    assert phases.skid_end_s is not None
    assert phases.roll_begin_s is not None
    assert phases.impact_s is not None
    assert phases.swing_s < phases.release_s < phases.landing_s < phases.skid_end_s < phases.roll_begin_s
    assert phases.roll_begin_s < phases.impact_s < phases.end_s
    rolling = usual.moments[round((phases.impact_s - 0.1) * GRID_HZ)]
    assert length(module.force_g(usual.moments[100])) == pytest.approx(1, abs=0.05)
    assert 560 < length(rolling.rate_rad_s) * 30 / math.pi < 650
    assert 25 < length(module.force_g(rolling)) < 40
    assert usual.stayed_on_lane
    peak_g = max(length(module.force_g(one)) for one in usual.moments if one.time_s >= phases.impact_s)
    assert peak_g > 60
    light = [module.light_lx(moment) for moment in usual.moments]
    assert max(light[: round(phases.release_s * GRID_HZ)]) < 5
    flight = light[round(phases.release_s * GRID_HZ) : round((phases.release_s + 1.0) * GRID_HZ)]
    middle = (max(flight) + min(flight)) / 2
    flashes = sum(earlier < middle <= later for earlier, later in pairwise(flight))
    # 300 rpm and a little more: five revolutions in a second.
    assert flashes in {5, 6}


def test_magnetometer_turns_with_the_ball(usual: Throw) -> None:
    """The field has the earth's strength in every attitude, and hard iron moves its middle."""
    clean = Module(mounting_of(usual.shot), NO_ERRORS, Rates(), "")
    iron = Module(mounting_of(usual.shot), Errors(ZERO, ZERO, (5.0, -7.0, 9.0)), Rates(), "")
    for moment in usual.moments[::100]:
        assert length(clean.field_ut(moment)) == pytest.approx(math.sqrt(15**2 + 13**2 + 48**2))
        assert subtract(iron.field_ut(moment), clean.field_ut(moment)) == pytest.approx((5.0, -7.0, 9.0))


def test_noise_is_the_parts_noise() -> None:
    """At rest the readings scatter as the data sheets say, about the module's own bias."""
    shot = Shot(stance_s=5.0)
    simulation = simulate(shot, 4, 9)
    gyro = simulation.recording.sensors[1]
    rest = [value for time_s, value in zip(gyro.times_s, gyro.values, strict=True) if time_s < 4.9]
    for axis in range(3):
        mean = math.fsum(value[axis] for value in rest) / len(rest)
        sigma = math.sqrt(math.fsum((value[axis] - mean) ** 2 for value in rest) / len(rest))
        assert mean == pytest.approx(simulation.module.errors.gyro_bias_dps[axis], abs=0.01)
        assert sigma == pytest.approx(0.007 * math.sqrt(400), rel=0.05)


def test_real_ranges_clip_and_the_record_says_so() -> None:
    """The real parts' ranges do not hold a rolling ball, and the record marks every clipped sample."""
    capture = decode_capture(make_flash(Source()).image.capture(1))
    by_name = dict(zip((sensor.name for sensor in capture.header.sensors), capture.end.totals, strict=True))
    assert capture.header.sensors[0].full_scale == 16
    assert capture.header.sensors[1].full_scale == 2000
    assert by_name["accel"].clipped > by_name["accel"].stored // 10
    assert by_name["gyro"].clipped > by_name["gyro"].stored // 10
    assert by_name["mag"].clipped == by_name["light"].clipped == 0


def test_rates_are_as_set() -> None:
    """Each sensor samples at its own rate, evenly, and its header says so."""
    rates = Rates(accel_hz=100.0, gyro_hz=1600.0, mag_hz=10.0, light_hz=5.0)
    recording = simulate(Shot(), 1, 1, rates).recording
    for recorded, hz in zip(recording.sensors, (100, 1600, 10, 5), strict=True):
        assert recorded.rate_hz == hz
        steps = {round((later - earlier) * 1e6) for earlier, later in pairwise(recorded.times_s)}
        assert max(abs(step - 1e6 / hz) for step in steps) <= 1


# Made once by this simulation, and the same on CPython 3.11 to 3.13 and whatever C library.
GOLDEN_SHA256 = "120a2f62b1daa7d949cf25b9f42b062146885d04562fba93c8ff69a033d495da"


def test_a_seed_gives_the_same_bytes_everywhere() -> None:
    """The records of a seed are the same bit for bit, today and on every platform; another seed gives others."""
    image = make_flash(Source(seed=5, serial="GOLDEN")).image
    assert hashlib.sha256(image.capture(1)).hexdigest() == GOLDEN_SHA256
    assert make_flash(Source(seed=6, serial="GOLDEN")).image.capture(1) != image.capture(1)


def test_physics_uses_nothing_that_differs_between_platforms() -> None:
    """No number of a recording comes from a C library's function, or from `sum`, which Python 3.12 changed."""
    for path in (Path(device_bridge.__file__).parent / "emulator" / "physics").glob("*.py"):
        if path.name == "truth.py":
            continue
        nodes = list(ast.walk(ast.parse(path.read_text())))
        used = {node.attr for node in nodes if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "math"}
        assert used <= {"sqrt", "pi", "radians"}, path
        assert not [node for node in nodes if isinstance(node, ast.Name) and node.id == "sum"], path
        assert not [node for node in nodes if isinstance(node, ast.Pow)], path


@given(st.floats(-20, 20))
def test_sine_and_cosine(angle: float) -> None:
    """Our own sine and cosine are the C library's to 15 digits."""
    assert sin_cos(angle) == pytest.approx((math.sin(angle), math.cos(angle)), abs=1e-14)


@given(st.tuples(*[st.floats(-1, 1)] * 3), st.tuples(*[st.floats(-1, 1)] * 3))
def test_turn_of_axes_turns_to_them(first: Vector, other: Vector) -> None:
    """A turn made from three axes takes space's axes to them, whichever way they point."""
    if length(cross(first, other)) < 1e-3:
        return
    x = unit(first)
    z = unit(cross(first, other))
    y = cross(z, x)
    turn = turn_of_axes(x, y, z)
    for axis, image in zip(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)), (x, y, z), strict=True):
        assert into_space(turn, axis) == pytest.approx(image, abs=1e-9)
        assert into_body(turn, image) == pytest.approx(axis, abs=1e-9)


def test_truth_agrees_with_the_memory(tmp_path: Path) -> None:
    """The truth names the record's capture by its hash, and its times, speeds and angles hang together."""
    path = tmp_path / "truth.json"
    image = make_flash(Source(records=2, serial="TRUE"), TruthFile(path)).image
    document = json.loads(path.read_text())
    assert (document["schema"], document["serial"]) == ("smartdot-truth/1", "TRUE")
    assert [record["record"] for record in document["records"]] == [1, 2]
    for record in document["records"]:
        capture = image.capture(record["record"])
        assert record["capture_sha256"] == hashlib.sha256(capture).hexdigest()
        header, end = decode_capture(capture).header, decode_capture(capture).end
        assert (header.start_ticks, header.power_up) == (record["start_ticks"], record["power_up"])
        assert record["at"]["release"]["rev_rate_rpm"] == pytest.approx(record["shot"]["rev_rate_rpm"])
        assert 0 < record["entry_angle_deg"] < 8
        assert 16 < record["entry_board"] < 19
        assert 13 < record["revolutions"] < 18
        shares = [total.clipped / total.stored for total in end.totals]
        assert list(record["clipped_share"].values()) == pytest.approx(shares)
        gaps = [later["time_s"] - earlier["time_s"] for earlier, later in pairwise(record["path"])]
        assert gaps == pytest.approx([0.01] * len(gaps))


def test_given_parameters_are_exact_and_others_vary() -> None:
    """What is given holds for every shot; what is not differs from one to the next."""
    shots = [vary_shot(seed, {"speed_mph": 16.0, "hand": Hand.LEFT}) for seed in range(5)]
    assert {shot.speed_mph for shot in shots} == {16.0}
    assert {shot.hand for shot in shots} == {Hand.LEFT}
    assert len({shot.rev_rate_rpm for shot in shots}) == 5


@pytest.mark.parametrize(
    ("given_fields", "message"),
    [
        ({"speed_mph": 4.0}, "--speed-mph is 4; it lies between 5 and 40"),
        ({"rev_rate_rpm": math.nan}, "--rev-rate-rpm is nan"),
        ({"ball": replace(Ball(), rg_in=3.0)}, "--rg-in is 3; it lies between 2.46 and 2.8"),
        ({"ball": Ball(differential_in=0.01, intermediate_differential_in=0.02)}, "it is at most the differential"),
    ],
)
def test_parameters_out_of_range_are_named(given_fields: dict[str, object], message: str) -> None:
    """A parameter out of its range is one clear message with its flag, its value and its range."""
    with pytest.raises(UsageError) as caught:
        vary_shot(1, given_fields)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["", "marsh", "0.04:12", "0:1:2:0.2", "0.04:12:10:0.2", "0.04:12:99:0.2", "nan:1:2:3"])
def test_unknown_oil_is_named(text: str) -> None:
    """What is no oil pattern is one clear message that says what is."""
    with pytest.raises(UsageError, match=r"--oil is .*house"):
        read_oil(text)


def test_oil_rises_from_slippery_to_bare() -> None:
    """A pattern is slippery, then rises evenly, then grips."""
    oil = read_oil("0.05:10:12:0.25")
    assert oil == OilPattern("0.05:10:12:0.25", 10, 12, 0.05, 0.25)
    assert [oil.friction(x) for x in (0, 9.9, 11, 12, 18)] == pytest.approx([0.05, 0.05, 0.15, 0.25, 0.25])


@pytest.mark.long
def test_extreme_shots_come_to_an_end() -> None:
    """The slowest, the fastest, one without turns and one that misses every pin give recordings all the same."""
    for fields in (
        {"speed_mph": 5.0, "rev_rate_rpm": 0.0},
        {"speed_mph": 40.0, "rev_rate_rpm": 800.0, "loft_m": 1.0, "loft_angle_deg": 30.0},
        {"pocket_offset_m": 0.5, "launch_deg": -8.0, "axis_rotation_deg": 120.0, "axis_tilt_deg": 85.0},
    ):
        simulation = simulate(vary_shot(1, fields), 1, 1)
        assert simulation.thrown.phases.end_s < 20
        assert json.dumps(simulation.truth(), allow_nan=False)


def test_ball_position_is_over_the_floor(usual: Throw) -> None:
    """The ball never sinks into the lane by more than its spring gives, and falls behind the deck."""
    radius_m = usual.shot.ball.radius_m
    on_lane = [one.position_m for one in usual.moments if 0 <= one.position_m[0] < 19.1]
    assert min(place[2] for place in on_lane) > radius_m - 0.003
    assert position(make_state(usual.moments[-1].position_m, ZERO, NO_TURN, ZERO))[2] < 0
