"""How a frame can still end: every completion that matters, as pins by ball."""

from collections.abc import Iterator, Sequence
from typing import Final

from tenpin.model import MOST_SHOTS, Shot
from tenpin.pins import PIN_COUNT
from tenpin.rack import FULL_RACK, ImpossibleShotError, Rack, bowl

Rolls = tuple[int, ...]
"""The credited pins of a frame's balls in order."""

FRAME_BALLS: Final = 2


def is_over(rolls: Sequence[int], *, is_tenth: bool) -> bool:
    """Whether a frame has no further ball: two balls or a strike; in the tenth three, or two that left pins."""
    thrown = len(rolls)
    if not is_tenth:
        return thrown == FRAME_BALLS or (thrown == 1 and rolls[0] == PIN_COUNT)
    return thrown == MOST_SHOTS or (thrown == FRAME_BALLS and rolls[0] + rolls[1] < PIN_COUNT)


def completions(shots: Sequence[Shot | None], *, is_tenth: bool) -> frozenset[Rolls]:
    """Return how a frame can end: none when its shots contradict each other.

    A missing shot before a known one may have been anything that agrees with it. What comes after the last known
    shot is always the best: no other way gives a higher total, in any game.

    Args:
        shots: Its shots; None for one that is not there. The last one is there.
        is_tenth: Whether it is the tenth frame.
    """
    return frozenset(_endings(FULL_RACK, (), shots, is_tenth=is_tenth))


def _endings(rack: Rack, rolls: Rolls, shots: Sequence[Shot | None], *, is_tenth: bool) -> Iterator[Rolls]:
    at = len(rolls)
    if is_over(rolls, is_tenth=is_tenth):
        if at >= len(shots):
            yield rolls
        return
    if not rack.standing:
        rack = FULL_RACK
    for shot in _candidates(rack, shots, at):
        try:
            credited, after = bowl(rack, shot)
        except ImpossibleShotError:
            continue
        yield from _endings(after, (*rolls, credited), shots, is_tenth=is_tenth)


def _candidates(rack: Rack, shots: Sequence[Shot | None], at: int) -> Iterator[Shot]:
    """Return what the next shot can have been or can be."""
    if at >= len(shots):
        yield Shot(None, rack.standing)
    elif (known := shots[at]) is not None:
        yield known
    else:
        # A foul is as good as a gutter ball: no pin falls, and all that stood stand again.
        for count in range(rack.standing + 1):
            yield Shot(None, count)
