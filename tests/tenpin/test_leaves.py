"""Splits and washouts."""

from itertools import product

import pytest

from tenpin import Shot, leave_kind, score_game
from tests.tenpin.games import mask
from tests.tenpin.reference import pins_of

TOUCHING = """
1-2 1-3 1-5 1-8 1-9  2-4 2-5 2-8  3-5 3-6 3-9  4-7 4-8  5-8 5-9  6-9 6-10
"""
PAIRS = {frozenset(int(pin) for pin in pair.split("-")) for pair in TOUCHING.split()}


def groups(pins: frozenset[int]) -> int:
    """Return how many groups of touching pins there are: neighbours take one name until none changes."""
    names = {pin: pin for pin in pins}
    for _ in pins:
        for pin, other in product(pins, pins):
            if frozenset({pin, other}) in PAIRS:
                names[pin] = names[other] = min(names[pin], names[other])
    return len(set(names.values()))


def test_every_leave() -> None:
    """All 1,024 sets of pins are split, washout or neither by counting their groups."""
    for pins_standing in range(1024):
        apart = groups(pins_of(pins_standing)) > 1
        expected = None if not apart else "washout" if pins_standing & 1 else "split"
        assert leave_kind(pins_standing) == expected


@pytest.mark.parametrize(
    ("pins", "kind"),
    [
        ((7, 10), "split"),
        ((4, 6, 7, 10), "split"),
        ((2, 7), "split"),
        ((3, 10), "split"),
        ((5, 7), "split"),
        ((4, 6), "split"),
        ((1, 2, 10), "washout"),
        ((1, 2, 4, 10), "washout"),
        ((1, 7), "washout"),
        ((2, 8), None),
        ((3, 9), None),
        ((1, 5), None),
        ((2, 4, 5, 8), None),
        ((6, 10), None),
        ((10,), None),
        ((), None),
    ],
)
def test_named_leaves(pins: tuple[int, ...], kind: str | None) -> None:
    """Leaves that bowlers have names for."""
    assert leave_kind(mask(*pins)) == kind


def test_only_a_first_ball_at_a_full_rack_leaves_one() -> None:
    """A split counts after a frame's first ball and a fill ball at a full rack: not after a second ball or a foul."""
    split = mask(7, 10)
    after_second = score_game({1: [Shot(mask(4, 7, 10), None), Shot(split, None)]}).frames[0]
    assert [shot.leave for shot in after_second.shots] == ["split", None]
    assert score_game({1: [Shot(split, None, foul=True)]}).frames[0].shots[0].leave is None
    after_foul = score_game({1: [Shot(split, None, foul=True), Shot(split, None)]}).frames[0]
    assert [shot.leave for shot in after_foul.shots] == [None, None]
    fill = score_game({10: [Shot(0, None), Shot(split, None), Shot(split, None)]}).frames[9]
    assert [shot.leave for shot in fill.shots] == [None, "split", None]
    third = score_game({10: [Shot(mask(7), None), Shot(0, None), Shot(split, None)]}).frames[9]
    assert [shot.leave for shot in third.shots] == [None, None, "split"]
    assert score_game({1: [Shot(None, 8)]}).frames[0].shots[0].leave is None


@pytest.mark.parametrize("pins_standing", [-1, 1024])
def test_not_ten_pins(pins_standing: int) -> None:
    """What is no set of ten pins is refused and not read as some other set."""
    with pytest.raises(ValueError, match="no set of ten pins"):
        leave_kind(pins_standing)
