"""Statistics: numerators and denominators by hand, against a second count, and added up."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenpin import BowledShot, GameOfShots, Games, GameTotals, Ratio, Shot, Statistics, statistics
from tests.tenpin.games import Frames, bowled, damaged_games, leaves, mask, sheet, whole_games
from tests.tenpin.reference import FULL
from tests.tenpin.test_leaves import groups


def game_of(frames: Mapping[int, Sequence[Shot | None]], entered_score: int | None = None) -> GameOfShots:
    """Return a game without positions and balls."""
    return GameOfShots(list(bowled(frames)), entered_score)


def first_shots(*shots: tuple[Shot, str | None]) -> list[BowledShot]:
    """Return practice shots."""
    return [BowledShot(None, 1, shot, position) for shot, position in shots]


def test_frames_of_a_game() -> None:
    """Strikes, spares and opens are of complete frames, conversions of spares and opens, first balls of full racks."""
    found = statistics([game_of(sheet("X 7/ 9- X -8 8/ -6 X X X81"))])
    assert (found.strike, found.spare, found.open) == (Ratio(5, 10), Ratio(2, 10), Ratio(3, 10))
    assert found.spare_conversion == Ratio(2, 5)
    assert found.strike_attempt == Ratio(5, 11)
    assert found.first_ball == Ratio(50 + 7 + 9 + 0 + 8 + 0 + 8, 11)
    assert found.games == Games(scored=GameTotals(1, 167, 167, 167))


def test_a_perfect_game_has_twelve_attempts() -> None:
    """Fill balls at a full rack are strike attempts, and the tenth frame still is one frame."""
    found = statistics([game_of(sheet("X X X X X X X X X XXX"))])
    assert (found.strike, found.strike_attempt) == (Ratio(10, 10), Ratio(12, 12))
    assert statistics([game_of(sheet("9/ 9/ 9/ 9/ 9/ 9/ 9/ 9/ 9/ 9/9"))]).first_ball == Ratio(99, 11)


def test_splits_and_washouts_where_pins_are_known() -> None:
    """Counts have no part in splits: the denominator has the first balls whose pins were noted, strikes among them."""
    frames: Frames = {
        1: [Shot(mask(7, 10), None), Shot(mask(7), None)],
        2: [Shot(mask(2, 7), None), Shot(0, None)],
        3: [Shot(mask(1, 2, 10), None), Shot(0, None)],
        4: [Shot(0, None)],
        5: [Shot(None, 8), Shot(None, 2)],
        6: [Shot(None, 10)],
        7: [Shot(mask(10), None), Shot(0, None)],
        8: [Shot(mask(4, 7), None)],
        10: [Shot(0, None), Shot(mask(4, 6), None), Shot(0, None)],
    }
    found = statistics([game_of(frames)])
    assert (found.split, found.washout) == (Ratio(3, 8), Ratio(1, 8))
    assert found.split_conversion == Ratio(2, 3)
    assert found.washout_conversion == Ratio(1, 1)
    assert found.single_pin_conversion == Ratio(1, 1)
    assert dict(found.leaves) == {
        mask(7, 10): Ratio(0, 1),
        mask(2, 7): Ratio(1, 1),
        mask(1, 2, 10): Ratio(1, 1),
        mask(10): Ratio(1, 1),
        mask(4, 6): Ratio(1, 1),
    }


def test_a_last_fill_ball_leaves_nothing_to_convert() -> None:
    """A split on the last ball of a game is a split, and no chance to convert one."""
    frames: Frames = {10: [Shot(0, None), Shot(0, None), Shot(mask(7, 10), None)]}
    found = statistics([game_of(frames)])
    assert (found.split, found.split_conversion) == (Ratio(1, 3), Ratio(0, 0))


def test_pocket_and_carry() -> None:
    """Pocket, high and light pocket are pocket hits; what is only high or light, and free text, are not."""
    practice = first_shots(
        (Shot(0, None), "pocket"),
        (Shot(mask(10), None), "pocket"),
        (Shot(mask(4), None), "h-pocket"),
        (Shot(mask(7, 10), None), "l-pocket"),
        (Shot(None, 10), "pocket"),
        (Shot(mask(6), None), "pocket"),
        (Shot(0, None), "high"),
        (Shot(0, None), "light"),
        (Shot(mask(7), None), "brooklyn"),
        (Shot(mask(9), None), "Pocket, I think"),
        (Shot(mask(8), None, foul=True), "pocket"),
        (Shot(0, None), None),
        (Shot(0, None), ""),
    )
    found = statistics([], practice)
    assert found.pocket == Ratio(7, 13)
    assert found.pocket_where_noted == Ratio(7, 11)
    assert found.carry == Ratio(2, 7)
    assert found.pocket_single_pin == Ratio(2, 6)
    assert dict(found.pocket_pins) == {4: 1, 10: 1}
    assert found.practice_shots == 13


def test_practice_counts_first_balls_only() -> None:
    """A second ball of practice, and one that cannot have been, count nowhere; no practice shot makes a frame."""
    practice = [
        BowledShot(None, 1, Shot(mask(10), None)),
        BowledShot(None, 2, Shot(0, None)),
        BowledShot(4, 1, Shot(None, 11)),
    ]
    found = statistics([], practice)
    assert (found.practice_shots, found.first_ball, found.strike) == (1, Ratio(9, 1), Ratio(0, 0))
    assert dict(found.leaves) == {}


def test_entered_scores_are_counted_apart() -> None:
    """A total without shots counts as entered; beside shots it counts nowhere, and a game without both neither."""
    shots = sheet("9- 9- 9- 9- 9- 9- 9- 9- 9- 9-")
    games = [game_of(shots, 200), game_of({}, 210), game_of({}, 120), game_of({}), game_of(sheet("9- X"), 250)]
    found = statistics(games).games
    assert found.scored == GameTotals(1, 90, 90, 90)
    assert found.entered == GameTotals(2, 330, 210, 120)
    assert found.together == GameTotals(3, 420, 210, 90)
    assert found.together.average == 140.0
    assert (found.unfinished, found.with_problems) == (1, 0)


def test_a_problem_ends_what_counts_of_a_game() -> None:
    """Frames before an impossible shot count, its frame and those after it do not, and the game has no total."""
    found = statistics([game_of({**sheet("X 9/ 81 X"), 3: [Shot(None, 8), Shot(None, 8)]})])
    assert (found.strike, found.spare, found.strike_attempt) == (Ratio(1, 2), Ratio(1, 2), Ratio(1, 2))
    assert found.games == Games(with_problems=1)
    lost = [*bowled(sheet("X 9/")), BowledShot(None, 1, Shot(0, None))]
    assert statistics([GameOfShots(lost)]) == Statistics(games=Games(with_problems=1), pocket_pins={}, leaves={})


def test_a_missing_shot_leaves_its_frame_out() -> None:
    """A frame whose first ball is not there counts nowhere, and one whose second is not there is a first ball only."""
    found = statistics([game_of({1: [None, Shot(0, None)], 2: [Shot(mask(10), None)], 3: [Shot(0, None)]})])
    assert (found.strike, found.strike_attempt, dict(found.leaves)) == (Ratio(1, 1), Ratio(1, 2), {})


def test_a_missing_ball_of_the_tenth_converts_nothing() -> None:
    """Whether a known ball followed another cannot be told when one between or before them is missing."""
    without_second: Frames = {10: [Shot(0, None), None, Shot(mask(7), None)]}
    without_first: Frames = {10: [None, Shot(mask(7, 10), None), Shot(0, None)]}
    found = statistics([game_of(without_second), game_of(without_first)])
    assert (dict(found.leaves), found.strike_attempt) == ({}, Ratio(1, 1))


def test_a_foul_leaves_all_pins() -> None:
    """A fouled first ball is a first ball without pins, whose second ball has all ten before it."""
    found = statistics([game_of({1: [Shot(mask(7, 10), None, foul=True), Shot(0, None)]})])
    assert (found.first_ball, found.split, found.spare_conversion) == (Ratio(0, 1), Ratio(0, 1), Ratio(1, 1))
    assert dict(found.leaves) == {1023: Ratio(1, 1)}


def test_one_ball_counts_what_it_did() -> None:
    """First balls go to the ball that was thrown first, conversions to the one thrown at the pins that stood."""
    shots = [
        BowledShot(1, 1, Shot(mask(10), None), "pocket", "hook"),
        BowledShot(1, 2, Shot(0, None), None, "plastic"),
        BowledShot(2, 1, Shot(0, None), "pocket", "hook"),
        BowledShot(3, 1, Shot(mask(7), None), None, "hook"),
        BowledShot(3, 2, Shot(mask(7), None), None, "hook"),
    ]
    hook, plastic = (statistics([GameOfShots(shots)], [], ball) for ball in ("hook", "plastic"))
    assert (hook.strike, hook.spare, hook.open) == (Ratio(1, 3), Ratio(1, 3), Ratio(1, 3))
    assert (hook.spare_conversion, hook.carry) == (Ratio(0, 1), Ratio(1, 2))
    assert (plastic.spare_conversion, plastic.single_pin_conversion) == (Ratio(1, 1), Ratio(1, 1))
    assert plastic.strike_attempt == plastic.strike == Ratio(0, 0)
    assert hook.games == plastic.games == Games()
    whole = [BowledShot(shot.frame_number, shot.shot_number, shot.shot, None, "hook") for shot in shots]
    assert statistics([GameOfShots(whole), game_of({}, 200)], [], "hook").games == Games(unfinished=1)


def test_nothing_counted_has_no_value() -> None:
    """A share of nothing is not zero but unknown."""
    assert (Ratio().value, Ratio(1, 4).value) == (None, 0.25)
    assert (GameTotals().average, GameTotals().high) == (None, None)


games_of_all_kinds = st.lists(
    st.one_of(
        st.one_of(whole_games(), damaged_games()).map(game_of),
        st.builds(game_of, st.just({}), st.one_of(st.none(), st.integers(0, 300))),
    ),
    max_size=4,
)


@given(games_of_all_kinds, games_of_all_kinds)
@settings(max_examples=25, deadline=None)
def test_statistics_add_up(some: list[GameOfShots], others: list[GameOfShots]) -> None:
    """The statistics of two heaps of games are those of one heap, in either order, and nothing changes nothing."""
    together = statistics([*some, *others])
    assert statistics(some) + statistics(others) == together
    assert statistics(others) + statistics(some) == together
    assert sum((statistics([game]) for game in [*some, *others]), Statistics()) == together
    assert together + Statistics() == together
    ratios = [value for each in fields(together) if isinstance(value := getattr(together, each.name), Ratio)]
    assert all(0 <= ratio.numerator <= ratio.denominator for ratio in ratios if ratio is not together.first_ball)


def racks(frames: Frames) -> Iterator[list[tuple[int, frozenset[int]]]]:
    """Yield each rack that was set up: what its balls are credited with, and what stood after each."""
    for number in range(1, 11):
        rack: list[tuple[int, frozenset[int]]] = []
        standing = FULL
        for shot in frames[number]:
            assert shot is not None
            left = standing if shot.foul else leaves(shot)
            rack.append((len(standing) - len(left), left))
            standing = left
            if not standing:
                yield rack
                rack, standing = [], FULL
        if rack:
            yield rack


@given(whole_games(["pins", "both"]))
@settings(max_examples=60, deadline=None)
def test_pins_agree_with_a_second_count(frames: Frames) -> None:
    """Counted rack by rack, with sets of pins and no word of frames, the figures of first balls are the same."""
    found = statistics([game_of(frames)])
    all_racks = list(racks(frames))
    firsts = [rack[0] for rack in all_racks]
    assert found.strike_attempt == Ratio(sum(not left for _, left in firsts), len(firsts))
    assert found.first_ball == Ratio(sum(down for down, _ in firsts), len(firsts))
    apart = [left for _, left in firsts if groups(left) > 1]
    assert found.split == Ratio(sum(1 not in left for left in apart), len(firsts))
    assert found.washout == Ratio(sum(1 in left for left in apart), len(firsts))
    pairs = [(rack[0][1], rack[1][1]) for rack in all_racks if len(rack) > 1]
    chances = Counter(before for before, _ in pairs)
    cleared = Counter(before for before, after in pairs if not after)
    assert {mask(*pins): Ratio(cleared[pins], count) for pins, count in chances.items()} == dict(found.leaves)


@pytest.mark.parametrize("score", [0, 300])
def test_a_single_game_is_its_own_high_and_low(score: int) -> None:
    """A game of 0 is a game."""
    assert statistics([game_of({}, score)]).games.entered == GameTotals(1, score, score, score)


def test_a_leave_that_nobody_noted_counts_nowhere() -> None:
    """After a miss noted by its count all ten stand, but no pins were noted: it is in no figure of leaves."""
    shots = [BowledShot(1, 1, Shot(None, 0)), BowledShot(1, 2, Shot(0, 10))]
    assert statistics([GameOfShots(shots)]).leaves == {}
    noted = [BowledShot(1, 1, Shot(1023, 0)), shots[1]]
    assert statistics([GameOfShots(noted)]).leaves == {1023: Ratio(1, 1)}
