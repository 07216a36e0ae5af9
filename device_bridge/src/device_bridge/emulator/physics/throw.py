"""A whole shot: swing, flight, landing, skid, hook, roll, pins, pit, moment by moment."""

from dataclasses import dataclass, field, replace

from device_bridge.emulator.physics.lane import CUSHION_BEGIN_M, LANE_WIDTH_M, PIT_BEGIN_M, floor_m
from device_bridge.emulator.physics.motion import (
    Dynamics,
    State,
    Surroundings,
    attitude,
    body_rate,
    make_state,
    position,
    velocity,
)
from device_bridge.emulator.physics.pins import POCKET_M, PinDeck, contact_x_m
from device_bridge.emulator.physics.shot import Shot
from device_bridge.emulator.physics.swing import Moment, release_of, release_step, swing
from device_bridge.emulator.physics.vectors import Vector, add, into_body

STEPS_PER_MOMENT = 4
ROLL_SLIP_M_S = 0.05
_CUSHION_S = 0.04
_LONGEST_S = 20.0


@dataclass(slots=True)
class Phases:
    """When what happened, in seconds since the record began; None for what did not.

    Attributes:
        swing_s: The swing begins.
        release_s: The ball leaves the hand.
        landing_s: It touches the lane.
        skid_end_s: It is on the lane where oil gives way to grip: the coefficient is halfway.
        roll_begin_s: The slip fell below 5 cm/s.
        impact_s: It met the first pin.
        pit_s: It left the deck.
        end_s: The record ends.
    """

    swing_s: float
    release_s: float
    landing_s: float | None = None
    skid_end_s: float | None = None
    roll_begin_s: float | None = None
    impact_s: float | None = None
    pit_s: float | None = None
    end_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Throw:
    """A shot as it went.

    Attributes:
        shot: Its parameters.
        grid_hz: Moments in a second.
        moments: One after another, from the record's begin.
        phases: When what happened.
        hits: Time and number of the pins that the ball met.
        stayed_on_lane: Whether the ball's middle stayed over the lane; gutters are not simulated.
    """

    shot: Shot
    grid_hz: float
    moments: list[Moment]
    phases: Phases
    hits: list[tuple[float, int]]
    stayed_on_lane: bool


def throw(shot: Shot, grid_hz: float) -> Throw:
    """Return a whole shot.

    The bowler aims: where the ball is laid down follows from where it meets the pins, which is exact, for nothing on
    the lane but the pins depends on y.

    Args:
        shot: Its parameters.
        grid_hz: Moments in a second; a step of the integration is a quarter of the time between two.
    """
    release = release_of(shot)
    held = swing(shot, release, grid_hz)
    begin = release_step(shot, grid_hz)
    start = make_state(
        release.position_m, release.velocity_m_s, release.turn, into_body(release.turn, release.rate_rad_s)
    )
    course = _Course(shot, start, begin, grid_hz)
    aside_m = POCKET_M + shot.pocket_offset_m
    course.run_to(contact_x_m(shot.ball.radius_m, aside_m))
    shift_m = -shot.hand.side * aside_m - position(course.state)[1]
    course.shift(shift_m)
    course.run_on()
    moments = [*(_shifted(moment, shift_m) for moment in held), *course.moments]
    half_m = LANE_WIDTH_M / 2
    stayed = all(abs(moment.position_m[1]) <= half_m for moment in course.moments if moment.position_m[0] < PIT_BEGIN_M)
    return Throw(shot, grid_hz, moments, course.phases, course.deck.hits, stayed)


def _shifted(moment: Moment, shift_m: float) -> Moment:
    return replace(moment, position_m=add(moment.position_m, (0.0, shift_m, 0.0)))


@dataclass(slots=True)
class _Course:
    """The ball from the release to the end of the record."""

    shot: Shot
    state: State
    begin: int
    grid_hz: float
    steps: int = 0
    moments: list[Moment] = field(default_factory=list)
    dynamics: Dynamics = field(init=False)
    deck: PinDeck = field(init=False)
    phases: Phases = field(init=False)

    def __post_init__(self) -> None:
        self.dynamics = Dynamics(self.shot.ball)
        self.deck = PinDeck(self.dynamics.radius_m, self.dynamics.mass_kg)
        self.phases = Phases(self.shot.stance_s, self.begin / self.grid_hz)

    @property
    def time_s(self) -> float:
        return (self.begin + self.steps / STEPS_PER_MOMENT) / self.grid_hz

    def run_to(self, x_m: float) -> None:
        """Go on until the centre is at a distance from the foul line, at most for a while."""
        while position(self.state)[0] < x_m and self.time_s < _LONGEST_S:
            self._advance()

    def shift(self, aside_m: float) -> None:
        """Move everything so far to the side."""
        self.moments = [_shifted(moment, aside_m) for moment in self.moments]
        self.state = (self.state[0], self.state[1] + aside_m, *self.state[2:])

    def run_on(self) -> None:
        """Go on to the end of the record."""
        while not self._is_over() or self.steps % STEPS_PER_MOMENT:
            self._advance()
        self.phases.end_s = self.moments[-1].time_s

    def _is_over(self) -> bool:
        met_s = self.phases.pit_s if self.phases.impact_s is None else self.phases.impact_s
        return self.time_s >= (_LONGEST_S if met_s is None else met_s + self.shot.after_s)

    def _advance(self) -> None:
        around = self._surroundings()
        change = self.dynamics.change(self.state, around)
        self._note()
        if self.steps % STEPS_PER_MOMENT == 0:
            self._note_slip()
            self.moments.append(_moment(self.time_s, self.state, change))
        self.state = self.dynamics.step(self.state, around, 1 / (self.grid_hz * STEPS_PER_MOMENT), change)
        self.steps += 1

    def _surroundings(self) -> Surroundings:
        x_m = self.state[0]
        push: Vector = (0.0, 0.0, 0.0)
        if x_m > CUSHION_BEGIN_M:
            push = (-self.state[3] / _CUSHION_S, 0.0, 0.0)
        elif x_m > PIT_BEGIN_M - 2:
            push = self.deck.push_m_s2(self.time_s, position(self.state), velocity(self.state))
        return Surroundings(self.shot.oil.friction(x_m), floor_m(x_m), push)

    def _note(self) -> None:
        phases, x_m = self.phases, self.state[0]
        if phases.landing_s is None and self.state[2] < self.dynamics.radius_m:
            phases.landing_s = self.time_s
        if phases.skid_end_s is None and phases.landing_s is not None and x_m >= self.shot.oil.skid_end_m:
            phases.skid_end_s = self.time_s
        if phases.impact_s is None and self.deck.hits:
            phases.impact_s = self.deck.hits[0][0]
        if phases.pit_s is None and x_m >= PIT_BEGIN_M:
            phases.pit_s = self.time_s

    def _note_slip(self) -> None:
        phases = self.phases
        if phases.landing_s is None or phases.roll_begin_s is not None or phases.impact_s is not None:
            return
        if self.dynamics.slip_m_s(self.state) < ROLL_SLIP_M_S:
            phases.roll_begin_s = self.time_s


def _moment(time_s: float, state: State, change: State) -> Moment:
    return Moment(
        time_s,
        position(state),
        velocity(state),
        velocity(change),
        attitude(state),
        body_rate(state),
        body_rate(change),
    )
