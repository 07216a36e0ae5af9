"""A game from its frames: totals frame by frame, what is pending, what cannot have been."""

from collections.abc import Iterable, Sequence

from tenpin.frame import FrameReading, read_frame, read_tenth_frame
from tenpin.maximum import best_total
from tenpin.model import FRAMES, MOST_SHOTS, TWICE, BowledShot, Frames, FrameScore, GameScore, ScoreProblem, Shot

_NO_FRAME = 0
_FRAME_NUMBERS = range(1, FRAMES + 1)


def score_shots(shots: Iterable[BowledShot]) -> GameScore:
    """Score a game's shots, which come in any order and may be too few or too many."""
    return score_game(frames_of(shots))


def frames_of(shots: Iterable[BowledShot]) -> dict[int, list[Shot | None]]:
    """Lay shots into their frames: None where one is missing, `TWICE` where two claim one place.

    A shot without a frame comes into frame 0, and one whose number no frame has behind the last: scoring names both.
    """
    frames: dict[int, list[Shot | None]] = {}
    for frame_number, shot_number, shot, *_ in shots:
        at = shot_number - 1 if 1 <= shot_number <= MOST_SHOTS else MOST_SHOTS
        places = frames.setdefault(frame_number or _NO_FRAME, [])
        places.extend([None] * (at + 1 - len(places)))
        places[at] = shot if places[at] is None else TWICE
    return frames


def score_game(frames: Frames) -> GameScore:
    """Score a game by the rules of ten-pin bowling (USBC), as far as its shots go.

    Args:
        frames: The shots of frames 1 to 10; a frame may be missing, and a shot in it (None).
    """
    readings = read_frames(frames)
    problems = _problems(frames, readings)
    totals = [None] * FRAMES if problems and problems[0].frame_number < 1 else _totals(readings)
    shots, _, kinds, endings, _ = zip(*readings, strict=True)
    scores = tuple(map(FrameScore, _FRAME_NUMBERS, totals, shots, kinds))
    if problems:
        return GameScore(None, None, scores, problems, is_complete=False)
    last = totals[-1]
    if last is not None:
        return GameScore(last, last, scores, (), is_complete=True)
    score = max((total for total in totals if total is not None), default=None)
    return GameScore(score, best_total(endings), scores, (), is_complete=False)


def read_frames(frames: Frames) -> list[FrameReading]:
    """Return what each of the ten frames says by itself."""
    readings = [read_frame(tuple(frames.get(number, ()))) for number in range(1, FRAMES)]
    readings.append(read_tenth_frame(tuple(frames.get(FRAMES, ()))))
    return readings


def _totals(readings: Sequence[FrameReading]) -> list[int | None]:
    """Return each frame's cumulative total: None from the first frame on that waits for a ball."""
    rolls = _rolls_to_first_gap(readings)
    totals: list[int | None] = [None] * FRAMES
    total = first = 0
    for at, reading in enumerate(readings):
        after = first + len(reading.rolls)
        # A strike counts with the two balls after it, a spare with one: three balls each. The tenth brings its own.
        last = after if reading.kind == "open" else first + 3
        if reading.kind == "pending" or last > len(rolls):
            break
        total += sum(rolls[first:last])
        totals[at] = total
        first = after
    return totals


def _rolls_to_first_gap(readings: Sequence[FrameReading]) -> list[int]:
    rolls: list[int] = []
    for reading in readings:
        rolls += reading.rolls
        if reading.kind == "pending":
            break
    return rolls


def _problems(frames: Frames, readings: Sequence[FrameReading]) -> tuple[ScoreProblem, ...]:
    problems = [
        ScoreProblem(number, *reading.problem)
        for number, reading in enumerate(readings, 1)
        if reading.problem is not None
    ]
    problems += [
        ScoreProblem(number, 1, "no-such-frame", f"A game has frames 1 to {FRAMES}, and a shot names none of them.")
        for number in frames
        if not 1 <= number <= FRAMES
    ]
    return tuple(sorted(problems))
