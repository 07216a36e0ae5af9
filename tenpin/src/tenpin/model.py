"""What goes into scoring and what comes out: shots, frames, games, problems.

All are named tuples: they cost little, and are equal and hashed by value. Two hide `tuple.count`, which nobody needs.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from tenpin.pins import Leave

FRAMES: Final = 10
MOST_SHOTS: Final = 3
"""In one frame, the tenth."""

FrameKind = Literal["strike", "spare", "open", "pending"]
"""What a frame's own shots are; pending: they are not all there, or they cannot have been."""

ProblemCode = Literal[
    "pin-stands-up",
    "count-disagrees",
    "too-many-pins",
    "no-such-pins",
    "nothing-known",
    "too-many-shots",
    "shot-twice",
    "no-such-frame",
    "impossible-shots",
]
"""Why a shot cannot have been: docs/scoring.md says what each means."""


class Shot(NamedTuple):
    """One delivery, as it was noted; at least one of the first two is known.

    Attributes:
        pins_standing: The pins that stood after it, bit 0 is pin 1, 0 to 1023; None when only the count is known.
        count: How many pins it knocked down, 0 to 10; None when the pins say it.
        foul: Whether the bowler fouled: it counts as a delivery and scores nothing (USBC rule 5).
    """

    pins_standing: int | None
    count: int | None  # type: ignore[assignment]
    foul: bool = False


TWICE: Final = Shot(-1, -1)
"""Stands in a frame where two shots claim the same number: which of them was bowled, nobody can tell."""

Frames = Mapping[int, Sequence[Shot | None]]
"""The shots of each frame in order of their numbers; None is a shot that is not there yet."""


class ShotScore(NamedTuple):
    """One shot as it counts.

    Attributes:
        number: 1 to 3 in its frame.
        count: The pins it is credited with; None when a shot before it is missing and only its pins are known.
        pins_standing: The pins that stand after it, where they are known; what a foul knocked down is set up again.
        foul: Whether it was a foul.
        symbol: As on a score sheet: `X`, `/`, `1` to `9`, `-`, `F`, and `?` where it is not known.
        leave: What a first ball left, where its pins were noted.
        is_first: Whether it was the first at a full rack: a strike attempt.
    """

    number: int
    count: int | None  # type: ignore[assignment]
    pins_standing: int | None
    foul: bool
    symbol: str
    leave: Leave | None
    is_first: bool


class FrameScore(NamedTuple):
    """One frame of a game.

    Attributes:
        number: 1 to 10.
        cumulative: The game's total with this frame; None while it is pending and from a problem on.
        shots: Its shots that are there, up to a problem.
        kind: What its own shots are; a strike whose next balls are not there yet is a strike without a cumulative.
    """

    number: int
    cumulative: int | None
    shots: tuple[ShotScore, ...]
    kind: FrameKind


class ScoreProblem(NamedTuple):
    """A shot that cannot have been.

    Attributes:
        frame_number: Its frame; 0 for a shot that names none.
        shot_number: Its number in the frame.
        code: Which rule it breaks, for programs.
        detail: The same, for people.
    """

    frame_number: int
    shot_number: int
    code: ProblemCode
    detail: str


class GameScore(NamedTuple):
    """A game as far as its shots tell it.

    Attributes:
        score: The total so far, which is the last cumulative, and the final one when `is_complete`; None before the
            first scored frame, and with a problem.
        maximum: The highest total that the shots not yet there could give; None with a problem.
        frames: All ten.
        problems: The first problem of each frame that has one.
        is_complete: Whether all ten frames are scored.
    """

    score: int | None
    maximum: int | None
    frames: tuple[FrameScore, ...]
    problems: tuple[ScoreProblem, ...]
    is_complete: bool


class BowledShot(NamedTuple):
    """A shot with its place in the game and what else statistics ask of it.

    Attributes:
        frame_number: 1 to 10; a practice shot may have none.
        shot_number: 1 to 3 in its frame.
        shot: What it did.
        position: Where the ball hit: `pocket`, `h-pocket`, `l-pocket`, `high`, `light`, `brooklyn` or free text.
        ball_id: The ball that was thrown.
    """

    frame_number: int | None
    shot_number: int
    shot: Shot
    position: str | None = None
    ball_id: str | None = None


class GameOfShots(NamedTuple):
    """A game as statistics read it.

    Attributes:
        shots: Its shots in any order.
        entered_score: The total that was typed in; it counts only when there is no shot.
    """

    shots: Sequence[BowledShot]
    entered_score: int | None = None
