"""The highest total of a game in which some balls are still open."""

from collections.abc import Collection, Iterator, Sequence

from tenpin.completion import Rolls
from tenpin.model import FRAMES
from tenpin.pins import PIN_COUNT

_Weights = tuple[int, int]
"""How often the next ball counts, and the one after it: 1 and its place in the bonus of strikes and spares before."""


def best_total(endings: Sequence[Collection[Rolls]]) -> int:
    """Return the highest total over all ways in which ten frames can end.

    Every ball is added as often as it counts. What a frame leaves to the next are two weights, so of all ways with
    the same weights only the best goes on: a handful, however many balls are open.

    Args:
        endings: For each of the ten frames the pins by ball of each way; at least one way each.
    """
    best: dict[_Weights, int] = {(1, 1): 0}
    for number, ways in enumerate(endings, 1):
        after: dict[_Weights, int] = {}
        for weights, total in _steps(best, ways, is_tenth=number == FRAMES):
            after[weights] = max(total, after.get(weights, 0))
        best = after
    return max(best.values())


def _steps(best: dict[_Weights, int], ways: Collection[Rolls], *, is_tenth: bool) -> Iterator[tuple[_Weights, int]]:
    for weights, total in best.items():
        for rolls in ways:
            added = sum(pins * weight for pins, weight in zip(rolls, (*weights, 1), strict=False))
            yield ((1, 1) if is_tenth else _weights_after(rolls, weights)), total + added


def _weights_after(rolls: Rolls, weights: _Weights) -> _Weights:
    if rolls[0] == PIN_COUNT:
        return weights[1] + 1, 2
    return (2, 1) if sum(rolls) == PIN_COUNT else (1, 1)
