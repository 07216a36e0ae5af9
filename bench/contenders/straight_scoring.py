"""Scoring as one would write it first: the same rules, checks and answers as `tenpin`, and nothing done for speed.

`score` reads a game whose shots are all there or that ends early, pins or counts or both, fouls too. `totals_alone` is
the textbook's loop over rolls that somebody else has checked: the floor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tenpin import Leave, Shot, leave_kind

_FULL = frozenset(range(10))


@dataclass
class ScoredShot:
    """One shot as it counts."""

    count: int
    symbol: str
    leave: Leave | None


@dataclass
class ScoredFrame:
    """One frame."""

    number: int
    kind: str = "pending"
    cumulative: int | None = None
    shots: list[ScoredShot] = field(default_factory=list)


@dataclass
class ScoredGame:
    """One game."""

    frames: list[ScoredFrame]
    score: int | None
    problems: list[str]


def score(frames: Mapping[int, Sequence[Shot]]) -> ScoredGame:
    """Score a game, shot by shot."""
    problems: list[str] = []
    scored = [ScoredFrame(number) for number in range(1, 11)]
    for frame in scored:
        problem = _read(frame, frames.get(frame.number, []))
        if problem:
            problems.append(f"frame {frame.number}: {problem}")
    _add_up(scored)
    return ScoredGame(scored, None if problems else scored[-1].cumulative, problems)


def _read(frame: ScoredFrame, shots: Sequence[Shot]) -> str | None:
    """Read one frame's shots; the answer is what is wrong with them."""
    possible, standing, is_new = _FULL, 10, True
    for shot in shots:
        if _is_over(frame):
            return "more shots than a frame has"
        if standing == 0:
            possible, standing, is_new = _FULL, 10, True
        left = None
        if shot.pins_standing is not None:
            left = frozenset(pin for pin in range(10) if shot.pins_standing >> pin & 1)
            if not left <= possible or len(left) > standing:
                return "a pin that stands up again"
            down = standing - len(left)
            if shot.count is not None and shot.count != down and not shot.foul:
                return "a count that disagrees"
        elif shot.count is not None and 0 <= shot.count <= standing:
            down = shot.count
        else:
            return "more pins than stand"
        if shot.foul:
            frame.shots.append(ScoredShot(0, "F", None))
        else:
            standing -= down
            possible = left if left is not None else possible
            symbol = ("X" if is_new else "/") if standing == 0 else str(down) if down else "-"
            leave = leave_kind(shot.pins_standing) if is_new and shot.pins_standing is not None else None
            frame.shots.append(ScoredShot(down, symbol, leave))
        is_new = False
    if _is_over(frame):
        counts = [each.count for each in frame.shots]
        frame.kind = "strike" if counts[0] == 10 else "spare" if counts[0] + counts[1] == 10 else "open"
    return None


def _is_over(frame: ScoredFrame) -> bool:
    counts = [shot.count for shot in frame.shots]
    if frame.number < 10:
        return len(counts) == 2 or counts == [10]
    return len(counts) == 3 or (len(counts) == 2 and sum(counts) < 10)


def _add_up(frames: list[ScoredFrame]) -> None:
    rolls: list[int] = []
    starts: dict[int, int] = {}
    for frame in frames:
        starts[frame.number] = len(rolls)
        rolls += [shot.count for shot in frame.shots]
        if frame.kind == "pending":
            break
    total = 0
    for frame in frames:
        at = starts.get(frame.number)
        if at is None or frame.kind == "pending":
            break
        balls = 2 if frame.kind == "open" else 3
        if at + balls > len(rolls):
            break
        total += sum(rolls[at : at + balls])
        frame.cumulative = total


def totals_alone(rolls: Sequence[int]) -> list[int]:
    """Return the ten totals of a finished game's rolls; nothing is checked."""
    totals = []
    total = at = 0
    for _ in range(10):
        if rolls[at] == 10:
            total += 10 + rolls[at + 1] + rolls[at + 2]
            at += 1
        elif rolls[at] + rolls[at + 1] == 10:
            total += 10 + rolls[at + 2]
            at += 2
        else:
            total += rolls[at] + rolls[at + 1]
            at += 2
        totals.append(total)
    return totals
