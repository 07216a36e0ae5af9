"""One frame from its shots: what each counts, what the frame is, and whether its shots can have been."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from tenpin.completion import FRAME_BALLS, Rolls, completions, is_over
from tenpin.model import MOST_SHOTS, FrameKind, ProblemCode, Shot, ShotScore
from tenpin.pins import PIN_COUNT, leave_kind
from tenpin.rack import FULL_RACK, ImpossibleShotError, Rack, bowl, check_alone


class FrameProblem(NamedTuple):
    """The first shot of a frame that cannot have been."""

    shot_number: int
    code: ProblemCode
    detail: str


class FrameReading(NamedTuple):
    """What a frame's shots say by themselves, without the frames around it.

    Attributes:
        shots: The shots that are there, up to a problem.
        rolls: The credited pins of its balls, up to a missing shot or a problem.
        kind: Strike, spare, open or pending.
        endings: How it can end, as pins by ball: one way when it is complete, none with a problem.
        problem: The first shot that cannot have been.
    """

    shots: tuple[ShotScore, ...]
    rolls: Rolls
    kind: FrameKind
    endings: Collection[Rolls]
    problem: FrameProblem | None

    @property
    def is_complete(self) -> bool:
        """Whether it has all its shots."""
        return self.kind != "pending"


_MOST_REMEMBERED: Final = 4096
_frames: dict[tuple[Shot | None, ...], FrameReading] = {}
_tenth_frames: dict[tuple[Shot | None, ...], FrameReading] = {}


def read_frame(shots: tuple[Shot | None, ...]) -> FrameReading:
    """Return what the shots of one of frames 1 to 9 say; None is a shot that is not there."""
    reading = _frames.get(shots)
    return reading or _remember(_frames, shots, _read(shots, is_tenth=False))


def read_tenth_frame(shots: tuple[Shot | None, ...]) -> FrameReading:
    """Return what the shots of the tenth frame say; None is a shot that is not there."""
    reading = _tenth_frames.get(shots)
    return reading or _remember(_tenth_frames, shots, _read(shots, is_tenth=True))


def _remember(
    readings: dict[tuple[Shot | None, ...], FrameReading], shots: tuple[Shot | None, ...], reading: FrameReading
) -> FrameReading:
    """Keep a reading while there is room: the frames that come first are those that are bowled most.

    Nothing is put out for a newer one: that costs more than it saves when hardly a frame is like another.
    """
    if len(readings) < _MOST_REMEMBERED:
        readings[shots] = reading
    return reading


def _read(shots: tuple[Shot | None, ...], *, is_tenth: bool) -> FrameReading:
    if shots and shots[-1] is None:
        shots = _without_end(shots)
    scores: list[ShotScore] = []
    rolls: list[int] = []
    try:
        is_complete = _read_known(shots, scores, rolls, is_tenth=is_tenth)
        if len(rolls) < len(shots):
            return _read_after_gap(shots, scores, rolls, is_tenth=is_tenth)
    except ImpossibleShotError as error:
        problem = FrameProblem(_number_of(shots, len(scores)), error.code, error.detail)
        return FrameReading(tuple(scores), tuple(rolls), "pending", (), problem)
    if is_complete:
        return FrameReading(tuple(scores), tuple(rolls), _kind(rolls), (tuple(rolls),), None)
    return FrameReading(tuple(scores), tuple(rolls), "pending", completions(shots, is_tenth=is_tenth), None)


def _without_end(shots: tuple[Shot | None, ...]) -> tuple[Shot | None, ...]:
    while shots and shots[-1] is None:
        shots = shots[:-1]
    return shots


def _number_of(shots: Sequence[Shot | None], known_before: int) -> int:
    """Return the number of the shot that so many known ones come before."""
    return [number for number, shot in enumerate(shots, 1) if shot is not None][known_before]


def _read_known(shots: Sequence[Shot | None], scores: list[ShotScore], rolls: list[int], *, is_tenth: bool) -> bool:
    """Read shots until the first that is missing; the answer is whether the frame is over."""
    rack = FULL_RACK
    is_complete = False
    for number, shot in enumerate(shots, 1):
        if is_complete:
            raise ImpossibleShotError("too-many-shots", f"The frame was over after {len(rolls)} of its shots.")
        if shot is None:
            return False
        credited, score, rack = _at_full_rack(number, shot) if rack.is_new else _at_rack(number, shot, rack)
        scores.append(score)
        rolls.append(credited)
        is_complete = is_over(rolls, is_tenth=is_tenth)
        if not rack.standing:
            rack = FULL_RACK
    return is_complete


def _at_rack(number: int, shot: Shot, before: Rack) -> tuple[int, ShotScore, Rack]:
    credited, after = bowl(before, shot)
    leave = None
    if before.is_new and shot.pins_standing is not None and not shot.foul:
        leave = leave_kind(shot.pins_standing)
    symbol = _symbol(shot, credited, is_first=before.is_new, is_cleared=not after.standing)
    score = ShotScore(number, credited, after.known_pins, shot.foul, symbol, leave, before.is_new)
    return credited, score, after


# There are 1,024 leaves of a first ball, so almost every one was read before.
@lru_cache(maxsize=4096)
def _at_full_rack(number: int, shot: Shot) -> tuple[int, ShotScore, Rack]:
    return _at_rack(number, shot, FULL_RACK)


def _symbol(shot: Shot, credited: int, *, is_first: bool, is_cleared: bool) -> str:
    if shot.foul:
        return "F"
    if is_cleared:
        return "X" if is_first else "/"
    return str(credited) if credited else "-"


def _kind(rolls: Sequence[int]) -> FrameKind:
    if rolls[0] == PIN_COUNT:
        return "strike"
    return "spare" if rolls[0] + rolls[1] == PIN_COUNT else "open"


def _read_after_gap(
    shots: tuple[Shot | None, ...], scores: list[ShotScore], rolls: list[int], *, is_tenth: bool
) -> FrameReading:
    """Read what came before an earlier shot of its frame did: the frame waits for that."""
    for number, shot in enumerate(shots[len(rolls) :], len(rolls) + 1):
        if shot is not None:
            if number > (MOST_SHOTS if is_tenth else FRAME_BALLS):
                raise ImpossibleShotError("too-many-shots", "The frame has no shot of this number.")
            check_alone(shot)
            scores.append(_score_after_gap(number, shot))
    endings = completions(shots, is_tenth=is_tenth)
    if not endings:
        del scores[-1]
        raise ImpossibleShotError("impossible-shots", "No shot in the place of the missing one would explain this one.")
    return FrameReading(tuple(scores), tuple(rolls), "pending", endings, None)


def _score_after_gap(number: int, shot: Shot) -> ShotScore:
    if shot.foul:
        return ShotScore(number, 0, None, foul=True, symbol="F", leave=None, is_first=False)
    symbol = "?" if shot.count is None else str(shot.count) if shot.count else "-"
    return ShotScore(number, shot.count, shot.pins_standing, foul=False, symbol=symbol, leave=None, is_first=False)
