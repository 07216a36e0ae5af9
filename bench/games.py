"""Random games for what is measured: as a league bowls, or of any pins at all."""

import random
from collections.abc import Callable, Mapping, Sequence

from tenpin import Shot

_ALL = 1023
_LEAGUE_LEAVES = (0, 512, 64, 8, 32, 576, 6, 4, 516, 2, 11, 130, 36, 768, 104, 1 << 8)
_LEAGUE_WEIGHTS = (40, 12, 6, 6, 5, 2, 2, 3, 2, 3, 1, 2, 2, 2, 1, 2)
_CONVERTS = 0.7

Game = Mapping[int, Sequence[Shot]]
"""A game's shots by frame."""
Leave = Callable[[random.Random, int], int]
"""Draws what a shot leaves of the pins that stood."""


def random_game(chance: random.Random, leave: Leave) -> tuple[Game, list[int]]:
    """Return a finished game's shots, and its rolls: how many pins each of them knocked down."""
    frames: dict[int, list[Shot]] = {}
    rolls: list[int] = []
    for number in range(1, 11):
        shots: list[Shot] = []
        counts: list[int] = []
        standing = _ALL
        while not _is_over(counts, is_tenth=number == 10):
            standing = standing or _ALL
            left = leave(chance, standing)
            shots.append(Shot(left, None))
            counts.append(standing.bit_count() - left.bit_count())
            standing = left
        frames[number] = shots
        rolls += counts
    return frames, rolls


def _is_over(counts: Sequence[int], *, is_tenth: bool) -> bool:
    if is_tenth:
        return len(counts) == 3 or (len(counts) == 2 and sum(counts) < 10)
    return len(counts) == 2 or counts == [10]


def league_leave(chance: random.Random, standing: int) -> int:
    """Return what a league's bowler leaves: a few leaves make up most."""
    if standing != _ALL:
        return 0 if chance.random() < _CONVERTS else standing & chance.choice((_ALL, 512 | 64, 8 | 32))
    return chance.choices(_LEAGUE_LEAVES, _LEAGUE_WEIGHTS)[0]


def any_leave(chance: random.Random, standing: int) -> int:
    """Return any of the pins that stood."""
    return standing & chance.randrange(_ALL + 1)
