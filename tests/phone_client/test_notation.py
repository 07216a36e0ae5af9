"""Shots as a bowler writes them: signs into shots, at their places."""

import pytest

from phone_client import UsageError
from phone_client.scorebook.notation import Place, WrittenShot, read_shots


def _told(*texts: str, place: Place | None = None) -> list[tuple[int, int, int | None, int | None]]:
    shots = read_shots(texts, place or Place())
    return [(shot.frame_number, shot.shot_number, shot.count, shot.pins_standing) for shot in shots]


def test_a_game_is_read_frame_by_frame() -> None:
    """Strikes, spares, misses and counts go into ten frames; what is known of the pins is kept, what is not is null."""
    assert _told("X", "9/", "8-", "72") == [
        (1, 1, 10, 0),
        (2, 1, 9, None),
        (2, 2, 1, 0),
        (3, 1, 8, None),
        (3, 2, 0, None),
        (4, 1, 7, None),
        (4, 2, 2, None),
    ]


def test_the_tenth_frame_has_its_fill_balls() -> None:
    """Twelve strikes fill a game, a spare in the tenth earns a ball, and an open tenth does not."""
    assert [shot[:2] for shot in _told(*"X" * 12)][-3:] == [(10, 1), (10, 2), (10, 3)]
    assert _told(*["9-"] * 9, "9/X")[-1] == (10, 3, 10, 0)
    assert _told(*["9-"] * 9, "X8/")[-1] == (10, 3, 2, 0)
    for frames in (["X"] * 12, [*["9-"] * 10], [*["9-"] * 9, "X81"]):
        with pytest.raises(UsageError, match="all its shots"):
            read_shots([*frames, "1"], Place())


def test_pins_that_were_left_are_counted() -> None:
    """@ names the pins that stand after the ball; the count follows from those that stood before it."""
    assert _told("@7,10", "@10") == [(1, 1, 8, 0b1001000000), (1, 2, 1, 0b1000000000)]
    assert _told("@7,10/") == [(1, 1, 8, 0b1001000000), (1, 2, 2, 0)]
    assert _told("@") == [(1, 1, 10, 0)]
    assert _told("-@") == [(1, 1, 0, 1023), (1, 2, 10, 0)]


def test_a_foul_counts_nothing_and_leaves_the_pins() -> None:
    """What a foul knocks down is set up again."""
    foul, spare = read_shots(["F", "@"], Place())
    assert (foul.count, foul.pins_standing, foul.foul) == (0, 1023, True)
    assert (spare.count, spare.pins_standing) == (10, 0)


@pytest.mark.parametrize("first", ["F", "-", "@1,2,3,4,5,6,7,8,9,10"])
def test_all_ten_on_the_second_ball_are_a_spare(first: str) -> None:
    """After a foul or a miss ten pins stand, and / takes them all; in the tenth after a strike as well."""
    assert _told(f"{first}/")[1] == (1, 2, 10, 0)
    assert _told(*"X" * 10, f"{first}/")[-1] == (10, 3, 10, 0)
    with pytest.raises(UsageError, match="needs a first ball"):
        read_shots([*"X" * 10, "/"], Place())
    had = [WrittenShot(1, 1, 8, 0b1001000000, foul=True)]  # as it fell, by another phone
    assert _told("/", "X", place=Place(had)) == [(1, 2, 10, 0), (2, 1, 10, 0)]


def test_a_game_goes_on_where_it_was_left() -> None:
    """Shots that a game has, in whatever order, set the place of the next one; counts alone will do."""
    had = [WrittenShot(2, 1, 7, None), WrittenShot(1, 1, 10, None)]
    assert _told("/", "X", place=Place(had)) == [(2, 2, 3, 0), (3, 1, 10, 0)]
    assert _told("5", place=Place([WrittenShot(10, 1, 10, 0), WrittenShot(10, 2, 3, None)])) == [(10, 3, 5, None)]


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["9", "2"], "more pins than the 1 that stand"),
        (["9", "X"], "no full rack"),
        (["/"], "needs a first ball"),
        (["Z"], "no shot"),
        (["10"], "X is a strike"),
        (["8 -"], "no shot"),
        (["@11"], "pins are 1 to 10"),
        (["@7", "@8"], "stands again"),
        ([""], "no shot"),
    ],
)
def test_what_cannot_be_thrown_is_named(texts: list[str], told: str) -> None:
    """An impossible shot is refused with its frame, before anything is written."""
    with pytest.raises(UsageError, match=told):
        read_shots(texts, Place())
