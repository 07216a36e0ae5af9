"""The highest total that a game can still reach, against trying every game."""

from math import prod

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tenpin import Shot, score_game
from tests.tenpin import reference
from tests.tenpin.games import Frames, mask, only, places, sheet, whole_games


@pytest.mark.parametrize(
    ("text", "maximum"),
    [
        ("", 300),
        ("X", 300),
        ("9", 290),
        ("9/", 290),
        ("9-", 279),
        ("F", 290),
        ("X 9", 280),
        ("X X 9", 29 + 20 + 20 + 210),
        ("-- -- -- -- -- -- -- -- -- -", 20),
        ("X X X X X X X X X XX", 300),
        ("X X X X X X X X X X", 300),
    ],
)
def test_known_maxima(text: str, maximum: int) -> None:
    """What a bowler sees at the top of the screen while a game is under way."""
    assert score_game(sheet(text)).maximum == maximum


_ENDS = ["", "X", "7", "7/", "F", "F/", "-", "72", ".2", ".X", "./"]
_LAST = ["", "X", "XX", "X7", "7", "7/", "X.5", ".5", ".5.", "..5", ".55", "XF", "F", "F/", ".F", ".-X"]


@pytest.mark.parametrize("start", ["9- X X", "9/ 9/ 9/", "X X X", "-- -- --"])
@pytest.mark.parametrize("last", _LAST)
def test_tenth_frames_against_every_game(start: str, last: str) -> None:
    """Whatever is known of the tenth frame, no way to end it gives more than the maximum, and one gives it."""
    frames = sheet(f"9- 9- 9- 9- 9- 9- {start} {last}")
    assert score_game(frames).maximum == reference.highest(frames)


@pytest.mark.parametrize("ninth", _ENDS)
@pytest.mark.parametrize("tenth", ["XXX", "72", "7/X", "X.5", "F/9"])
def test_ninth_frames_against_every_game(ninth: str, tenth: str) -> None:
    """A ninth frame that is open while the tenth is known is filled in the best way that agrees with all."""
    frames = sheet("9- 9- 9- 9- 9- 9- X X")
    frames |= {9: sheet(ninth).get(1, []), 10: sheet(tenth)[1]}
    assert score_game(frames).maximum == reference.highest(frames)


@given(whole_games(), st.data())
@settings(max_examples=60, deadline=None)
def test_any_three_missing_shots_against_every_game(frames: Frames, data: st.DataObject) -> None:
    """With a few shots missing anywhere, the maximum is the highest total of all games that agree with the rest."""
    missing = data.draw(st.lists(st.sampled_from(places(frames)), min_size=1, max_size=3, unique=True))
    partial = only(frames, [place for place in places(frames) if place not in missing])
    assume(prod(len(ways) for ways in reference.ways_of(partial)) <= 1000)
    assert score_game(partial).maximum == reference.highest(partial)


def test_pins_known_later_bound_a_missing_ball() -> None:
    """A second ball that left three pins allows at most six for a first ball that is not there, with one of its own."""
    frames: Frames = {1: [None, Shot(mask(7, 8, 10), 1)], 2: [Shot(0, None)]}
    assert score_game(frames).maximum == 7 + 270
    assert score_game({1: [Shot(0, None)], 2: [None, Shot(mask(7, 8, 10), 1)]}).maximum == 17 + 7 + 240
