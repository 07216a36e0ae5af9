"""Scoring as one would explain it, for comparison: every set of pins that can stand is followed, ball by ball.

Nothing here is shared with `tenpin` but its input. A frame is a collection of worlds; a world is which pins stand and
what each ball was credited with. A shot keeps the worlds that it agrees with. Scores come from a flat list of rolls,
as textbooks write it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product

from tenpin import Shot

Pins = frozenset[int]
World = tuple[Pins, tuple[int, ...]]
FULL: Pins = frozenset(range(1, 11))


def pins_of(mask: int) -> Pins:
    """Return the pins of a bit mask."""
    return frozenset(pin for pin in FULL if mask & 2 ** (pin - 1))


@cache
def subsets(pins: Pins) -> tuple[Pins, ...]:
    """Return every set of pins that can be left of these."""
    return tuple(frozenset(left) for size in range(len(pins) + 1) for left in combinations(sorted(pins), size))


def has_ended(rolls: Sequence[int], *, is_tenth: bool) -> bool:
    """Whether a frame is over."""
    if is_tenth:
        return len(rolls) == 3 or (len(rolls) == 2 and sum(rolls) < 10)
    return len(rolls) == 2 or sum(rolls) == 10


def next_worlds(worlds: Iterable[World], shot: Shot | None, *, is_tenth: bool) -> set[World]:
    """Return the worlds after a shot; None may have been any."""
    after: set[World] = set()
    for pins, rolls in worlds:
        if has_ended(rolls, is_tenth=is_tenth):
            continue
        rack = pins or FULL
        for left in subsets(rack):
            if shot is None:
                after.add((left, (*rolls, len(rack) - len(left))))
            elif agrees(shot, rack, left):
                after.add((rack, (*rolls, 0)) if shot.foul else (left, (*rolls, len(rack) - len(left))))
    return after


def agrees(shot: Shot, rack: Pins, left: Pins) -> bool:
    """Whether a shot that left these of a rack can be noted like that."""
    if shot.pins_standing is None and shot.count is None:
        return False
    if shot.pins_standing is not None and (not 0 <= shot.pins_standing < 1024 or pins_of(shot.pins_standing) != left):
        return False
    fallen = len(rack) - len(left)
    if not shot.foul or shot.count is None:
        return shot.count in {None, fallen}
    # The pins or the count of a foul may be noted as they fell or as they count.
    noted_as_it_counts = shot.count == 0 or (left == rack and 0 <= shot.count <= len(rack))
    return shot.count == fallen or noted_as_it_counts


def worlds_by_shot(shots: Sequence[Shot | None], *, is_tenth: bool) -> list[set[World]]:
    """Return the worlds before and after each of a frame's shots, up to the first that no world agrees with."""
    worlds: set[World] = {(FULL, ())}
    found = [worlds]
    for at, shot in enumerate(shots):
        worlds = one_of_each(next_worlds(worlds, shot, is_tenth=is_tenth), shots[at + 1 :])
        if not worlds:
            break
        found.append(worlds)
    return found


def one_of_each(worlds: set[World], later: Sequence[Shot | None]) -> set[World]:
    """Return one world for each list of rolls, where no later shot tells which pins stood."""
    if any(shot is not None and shot.pins_standing is not None for shot in later):
        return worlds
    return {(pins, rolls) for rolls, pins in {rolls: pins for pins, rolls in worlds}.items()}


@dataclass(frozen=True)
class Frame:
    """What a frame's balls are credited with until its first gap or problem, and whether it can have been."""

    rolls: tuple[int, ...]
    is_possible: bool
    is_tenth: bool

    @property
    def is_complete(self) -> bool:
        """Whether it has all its balls and nothing else."""
        return self.is_possible and has_ended(self.rolls, is_tenth=self.is_tenth)


@cache
def frame_of(shots: tuple[Shot | None, ...], *, is_tenth: bool) -> Frame:
    """Return one frame."""
    while shots and shots[-1] is None:
        shots = shots[:-1]
    is_possible = len(worlds_by_shot(shots, is_tenth=is_tenth)) > len(shots)
    known = shots[: shots.index(None)] if None in shots else shots
    last = worlds_by_shot(known, is_tenth=is_tenth)[-1]
    return Frame(next(iter(last))[1], is_possible, is_tenth)


def frames_of(frames: Mapping[int, Sequence[Shot | None]]) -> list[Frame]:
    """Return all ten frames."""
    return [frame_of(tuple(frames.get(number, ())), is_tenth=number == 10) for number in range(1, 11)]


def totals_of(frames: Sequence[Frame]) -> list[int | None]:
    """Return the totals, frame by frame, of a flat list of rolls; None from the first that waits for one."""
    flat: list[int] = []
    starts: list[int] = []
    for frame in frames:
        starts.append(len(flat))
        flat += frame.rolls
        if not frame.is_complete:
            break
    totals: list[int | None] = []
    total = 0
    for start, frame in zip(starts, frames, strict=False):
        if not frame.is_complete:
            break
        counted = flat[start : start + 3] if 10 in {flat[start], sum(flat[start : start + 2])} else frame.rolls
        if 10 in {counted[0], sum(counted[:2])} and len(counted) < 3:
            break
        total += sum(counted)
        totals.append(total)
    return totals + [None] * (10 - len(totals))


@cache
def every_ending(shots: tuple[Shot | None, ...], *, is_tenth: bool) -> frozenset[tuple[int, ...]]:
    """Return every way in which a frame can end, as pins by ball."""
    balls = 3 if is_tenth else 2
    filled = (*shots, *[None] * (balls - len(shots)))
    ended: set[tuple[int, ...]] = set()
    for after in range(len(shots), balls + 1):
        stages = worlds_by_shot(filled[:after], is_tenth=is_tenth)
        if len(stages) > after:
            ended |= {rolls for _, rolls in stages[-1] if has_ended(rolls, is_tenth=is_tenth)}
    return frozenset(ended)


def ways_of(frames: Mapping[int, Sequence[Shot | None]]) -> list[frozenset[tuple[int, ...]]]:
    """Return every way in which each frame can end."""
    found = []
    for number in range(1, 11):
        shots = list(frames.get(number, []))
        while shots and shots[-1] is None:
            shots.pop()
        found.append(every_ending(tuple(shots), is_tenth=number == 10))
    return found


def highest(frames: Mapping[int, Sequence[Shot | None]]) -> int:
    """Return the highest total over the product of all endings of all frames."""
    return max(_final(game) for game in product(*ways_of(frames)))


def _final(game: Sequence[tuple[int, ...]]) -> int:
    total = totals_of([Frame(rolls, is_possible=True, is_tenth=at == 9) for at, rolls in enumerate(game)])[-1]
    assert total is not None
    return total
