"""Scores of games: golden ones, every frame there is, and any game against the reference."""

import pytest
from hypothesis import given, settings

from tenpin import BowledShot, Shot, score_game, score_shots
from tests.tenpin import reference
from tests.tenpin.games import Frames, bowled, damaged_games, mask, sheet, whole_games

STRIKE_THEN_SPARE = "X 9/ X 9/ X 9/ X 9/ X 9/X"
SPARE_THEN_STRIKE = "9/ X 9/ X 9/ X 9/ X 9/ X9/"


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("X X X X X X X X X XXX", 300),
        ("9/ 9/ 9/ 9/ 9/ 9/ 9/ 9/ 9/ 9/9", 190),
        ("-- -- -- -- -- -- -- -- -- --", 0),
        (STRIKE_THEN_SPARE, 200),
        (SPARE_THEN_STRIKE, 200),
        ("X X X X X X X X X XX9", 299),
        ("9/ X X X X X X X X XXX", 290),
        ("9- X X X X X X X X XXX", 279),
        ("9- 9- 9- 9- 9- 9- 9- 9- 9- 9-", 90),
        ("5/ 5/ 5/ 5/ 5/ 5/ 5/ 5/ 5/ 5/5", 150),
        ("X 7/ 9- X -8 8/ -6 X X X81", 167),
        ("FF FF FF FF FF FF FF FF FF FF", 0),
        ("F/ F/ F/ F/ F/ F/ F/ F/ F/ F/F", 90 + 10),
        ("X X X X X X X X X XF/", 270 - 10 + 20),
    ],
)
def test_golden_games(text: str, score: int) -> None:
    """Games whose score every bowler knows, or can add up on paper."""
    found = score_game(sheet(text))
    assert (found.score, found.maximum, found.is_complete, found.problems) == (score, score, True, ())
    assert found.frames[-1].cumulative == score


def test_a_sheet_reads_as_it_was_written() -> None:
    """The symbols of a game are those that a bowler writes, a foul and a spare after it too."""
    text = "X 7/ 9- F/ -8 8F FF X X X81"
    found = score_game(sheet(text))
    assert " ".join("".join(shot.symbol for shot in frame.shots) for frame in found.frames) == text
    kinds = [frame.kind for frame in found.frames]
    assert kinds == ["strike", "spare", "open", "spare", "open", "open", "open", "strike", "strike", "strike"]
    assert [frame.cumulative for frame in found.frames] == [20, 39, 48, 58, 66, 74, 74, 104, 132, 151]


def test_every_frame_of_two_balls() -> None:
    """All 59,049 ways in which two balls leave pins count what fell, whatever is noted of the second."""
    for first in range(1, 1024):
        second = first
        while True:
            down = (10 - first.bit_count(), first.bit_count() - second.bit_count())
            found = score_game({1: [Shot(first, None), Shot(second, down[1])], 2: [Shot(None, 3), Shot(None, 4)]})
            bonus = 3 if second == 0 else 0
            assert found.frames[0].cumulative == sum(down) + bonus
            assert found.frames[0].kind == ("open" if second else "spare")
            assert [shot.count for shot in found.frames[0].shots] == list(down)
            if not second:
                break
            second = (second - 1) & first


@given(whole_games())
@settings(max_examples=100, deadline=None)
def test_whole_games_agree_with_the_reference(frames: Frames) -> None:
    """A game bowled to its end has the reference's totals, is complete, and its maximum is its score."""
    found = score_game(frames)
    expected = reference.totals_of(reference.frames_of(frames))
    assert [frame.cumulative for frame in found.frames] == expected
    assert found.problems == ()
    assert found.is_complete
    assert found.score == found.maximum == expected[-1]
    assert score_shots(reversed(list(bowled(frames)))) == found


@given(damaged_games())
@settings(max_examples=100, deadline=None)
def test_damaged_games_agree_with_the_reference(frames: Frames) -> None:
    """Whatever was pushed: the same frames are impossible, and what is before them has the same totals."""
    found = score_game(frames)
    read = reference.frames_of(frames)
    expected = reference.totals_of(read)
    assert [problem.frame_number for problem in found.problems] == [
        number for number, frame in enumerate(read, 1) if not frame.is_possible
    ]
    first = found.problems[0].frame_number if found.problems else 11
    assert [frame.cumulative for frame in found.frames][: first - 1] == expected[: first - 1]
    assert all(frame.cumulative is None for frame in found.frames[first - 1 :])
    assert found.is_complete == (not found.problems and expected[-1] is not None)
    if found.problems:
        assert (found.score, found.maximum) == (None, None)


def test_pins_and_counts_may_be_mixed() -> None:
    """A count after pins and pins after a count give one score, and the pins are known where they can be."""
    found = score_game({1: [Shot(mask(7, 10), None), Shot(None, 1)], 2: [Shot(None, 8), Shot(mask(4), None)]})
    assert [frame.cumulative for frame in found.frames[:2]] == [9, 18]
    assert [shot.pins_standing for frame in found.frames[:2] for shot in frame.shots] == [
        mask(7, 10),
        None,
        None,
        mask(4),
    ]
    assert score_game({1: [Shot(None, 10)]}).frames[0].shots[0].pins_standing == 0
    assert score_game({1: [Shot(None, 0)]}).frames[0].shots[0].pins_standing == 1023


def test_a_foul_sets_its_pins_up_again() -> None:
    """After a foul the second ball has what stood before it: ten pins after the first, and ten of them are a spare."""
    spare = score_game({1: [Shot(mask(7), 9, foul=True), Shot(0, 10)], 2: [Shot(None, 4)]}).frames[0]
    assert (spare.kind, spare.cumulative, [shot.symbol for shot in spare.shots]) == ("spare", 14, ["F", "/"])
    assert [shot.is_first for shot in spare.shots] == [True, False]
    tenth = {10: [Shot(0, None), Shot(mask(4), None), Shot(0, None, foul=True)]}
    shots = score_game(tenth).frames[9].shots
    assert [(shot.count, shot.pins_standing) for shot in shots] == [(10, 0), (9, mask(4)), (0, mask(4))]


def test_a_foul_may_be_noted_as_thrown_or_as_it_counts() -> None:
    """Five pins that a foul knocked down may be noted as five or as none, with the pins or with all ten."""
    five = mask(1, 2, 3, 4, 5)
    for shot in (
        Shot(five, 5, foul=True),
        Shot(five, 0, foul=True),
        Shot(1023, 5, foul=True),
        Shot(None, 5, foul=True),
    ):
        found = score_game({1: [shot, Shot(None, 7)]})
        assert (found.problems, found.frames[0].cumulative) == ((), 7)
    assert score_game({1: [Shot(five, 4, foul=True)]}).problems[0].code == "count-disagrees"


def test_shots_without_a_place_are_a_problem() -> None:
    """A shot that names no frame of a game leaves the game without totals, since it may belong anywhere."""
    shots = [*bowled(sheet("9- 9-")), BowledShot(None, 1, Shot(0, None))]
    found = score_shots(shots)
    assert [(problem.frame_number, problem.code) for problem in found.problems] == [(0, "no-such-frame")]
    assert all(frame.cumulative is None for frame in found.frames)
    assert score_game({**sheet("9- 9-"), 11: [Shot(0, None)]}).frames[1].cumulative == 18


@pytest.mark.parametrize("number", [0, -1, 4, 2**53])
def test_a_shot_number_that_no_frame_has(number: int) -> None:
    """A shot numbered beyond its frame is a problem of that frame, and of no other."""
    found = score_shots([*bowled(sheet("9- 9- 9-")), BowledShot(2, number, Shot(0, None))])
    assert [(problem.frame_number, problem.shot_number, problem.code) for problem in found.problems] == [
        (2, 4, "too-many-shots")
    ]
    assert [frame.cumulative for frame in found.frames[:3]] == [9, None, None]
