"""What cannot have been, and what only waits for a shot that is still on its way."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenpin import BowledShot, Shot, score_game, score_shots
from tests.tenpin import reference
from tests.tenpin.games import Frames, bowled, mask, only, places, sheet, whole_games

STRIKE = Shot(0, None)


@pytest.mark.parametrize(
    ("frame_number", "shots", "shot_number", "code"),
    [
        (2, [Shot(mask(7), None), Shot(mask(8), None)], 2, "pin-stands-up"),
        (2, [Shot(None, 5), Shot(mask(1, 2, 3, 4, 5, 6), None)], 2, "pin-stands-up"),
        (2, [Shot(mask(7, 10), None), Shot(mask(4, 7), None, foul=True)], 2, "pin-stands-up"),
        (2, [Shot(mask(7), 8)], 1, "count-disagrees"),
        (2, [Shot(mask(7, 10), 8), Shot(mask(7), 2)], 2, "count-disagrees"),
        (2, [None, Shot(mask(7, 10), 9)], 2, "count-disagrees"),
        (2, [Shot(None, 6), Shot(None, 5)], 2, "too-many-pins"),
        (2, [Shot(None, 11)], 1, "too-many-pins"),
        (2, [Shot(None, -1)], 1, "too-many-pins"),
        (2, [Shot(1024, None)], 1, "no-such-pins"),
        (2, [Shot(-1, None)], 1, "no-such-pins"),
        (2, [Shot(None, None)], 1, "nothing-known"),
        (2, [STRIKE, Shot(None, 0)], 2, "too-many-shots"),
        (2, [STRIKE, None, Shot(None, 0)], 3, "too-many-shots"),
        (2, [Shot(None, 4), Shot(None, 4), Shot(None, 0)], 3, "too-many-shots"),
        (2, [None, None, Shot(None, 0)], 3, "too-many-shots"),
        (10, [Shot(None, 4), Shot(None, 4), Shot(None, 0)], 3, "too-many-shots"),
        (10, [STRIKE, Shot(mask(7, 10), None), Shot(mask(4), None)], 3, "pin-stands-up"),
        (10, [STRIKE, Shot(None, 4), Shot(None, 7)], 3, "too-many-pins"),
        (10, [STRIKE, STRIKE, STRIKE, STRIKE], 4, "too-many-shots"),
        (10, [None, Shot(mask(4), 5), Shot(mask(7), None)], 3, "impossible-shots"),
    ],
)
def test_shots_that_cannot_have_been(frame_number: int, shots: list[Shot | None], shot_number: int, code: str) -> None:
    """Each impossible shot is named with its rule; what came before it keeps its total, and nothing after has one."""
    frames = {number: [Shot(None, 4), Shot(None, 4)] for number in range(1, 11)}
    found = score_game({**frames, frame_number: shots})
    (problem,) = found.problems
    assert (problem.frame_number, problem.shot_number, problem.code) == (frame_number, shot_number, code)
    assert problem.detail.endswith(".")
    totals = [frame.cumulative for frame in found.frames]
    assert totals == [8 * number if number < frame_number else None for number in range(1, 11)]
    assert found.frames[frame_number - 1].kind == "pending"
    assert (found.score, found.maximum, found.is_complete) == (None, None, False)


def test_two_shots_of_one_number_are_a_problem() -> None:
    """Two phones that both entered the first ball of a frame, differently or alike, are asked to sort it out."""
    shots = [*bowled(sheet("9- 9- 9-")), BowledShot(2, 1, Shot(None, 9)), BowledShot(2, 1, Shot(None, 9))]
    found = score_shots(shots)
    assert [(problem.frame_number, problem.shot_number, problem.code) for problem in found.problems] == [
        (2, 1, "shot-twice")
    ]
    assert [frame.cumulative for frame in found.frames[:3]] == [9, None, None]


def test_a_problem_that_a_strike_counts_on() -> None:
    """A strike whose second ball cannot have been has no total; a spare, which needs only the first, has one."""
    impossible = [Shot(None, 7), Shot(None, 7)]
    assert score_game({1: [STRIKE], 2: impossible}).frames[0].cumulative is None
    assert score_game({**sheet("9/"), 2: impossible}).frames[0].cumulative == 17


@pytest.mark.parametrize("shots", [[None, Shot(None, 4)], [None, STRIKE], [None, None], []])
def test_a_missing_shot_is_waited_for(shots: list[Shot | None]) -> None:
    """A frame whose first ball is not there yet is pending, and scored is only what came before it."""
    frames = {**sheet("9- 9- 9- 9-"), 3: shots}
    found = score_game(frames)
    assert found.problems == ()
    assert [frame.cumulative for frame in found.frames[:4]] == [9, 18, None, None]
    assert (found.score, found.is_complete) == (18, False)
    assert [frame.kind for frame in found.frames[:4]] == ["open", "open", "pending", "open"]


def test_a_strike_waits_for_its_balls() -> None:
    """A strike without its next two balls is a strike without a total; after one of them it still is."""
    for text, totals in (("X", [None]), ("X X", [None, None]), ("X X X", [30, None, None]), ("X 5", [None, None])):
        found = score_game(sheet(text))
        assert [frame.cumulative for frame in found.frames[: len(totals)]] == totals
        assert found.frames[0].kind == "strike"
    assert [frame.cumulative for frame in score_game(sheet("9/ 5")).frames[:2]] == [15, None]
    assert score_game(sheet("X X X X X X X X X X.X")).frames[8].cumulative is None
    assert score_game({}).score is None


@given(whole_games(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_shots_may_come_in_any_order(frames: Frames, chance: object) -> None:
    """While a game's shots come in, in any order: no problem, no total that changes, no maximum that rises."""
    order = places(frames)
    shuffle = chance.shuffle  # type: ignore[attr-defined]
    shuffle(order)
    before = score_game({})
    for known in range(1, len(order) + 1):
        found = score_game(only(frames, order[:known]))
        assert found.problems == ()
        assert found.maximum is not None
        assert before.maximum is not None
        assert found.maximum <= before.maximum
        for earlier, now in zip(before.frames, found.frames, strict=True):
            assert earlier.cumulative in {None, now.cumulative}
        assert (found.score or 0) >= (before.score or 0)
        before = found
    assert before.is_complete
    assert before.maximum == before.score


@given(whole_games(), st.data())
@settings(max_examples=60, deadline=None)
def test_games_with_gaps_agree_with_the_reference(frames: Frames, data: st.DataObject) -> None:
    """Whichever shots are there, the totals up to the first gap are the reference's."""
    kept = data.draw(st.lists(st.sampled_from(places(frames)), unique=True))
    partial = only(frames, kept)
    found = score_game(partial)
    expected = reference.totals_of(reference.frames_of(partial))
    assert [frame.cumulative for frame in found.frames] == expected
    assert found.problems == ()
