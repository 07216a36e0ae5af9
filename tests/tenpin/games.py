"""Games for the tests: written as on a score sheet, and drawn by hypothesis."""

from collections.abc import Iterator, Mapping, Sequence

from hypothesis import strategies as st

from tenpin import BowledShot, Shot
from tests.tenpin.reference import FULL, has_ended, pins_of, subsets

Frames = dict[int, list[Shot | None]]


def sheet(text: str) -> Frames:
    """Return the count-only shots of a score sheet: frames apart by spaces, `X`, `/`, digits, `-`, `F`, `.` missing."""
    return {number: _frame(symbols) for number, symbols in enumerate(text.split(), 1)}


def _frame(symbols: str) -> list[Shot | None]:
    shots: list[Shot | None] = []
    standing = 10
    for symbol in symbols:
        count = {"X": 10, "/": standing, "-": 0, "F": 0, ".": 0}.get(symbol)
        count = int(symbol) if count is None else count
        shots.append(None if symbol == "." else Shot(None, count, foul=symbol == "F"))
        standing = standing - count or 10
    return shots


def mask(*pins: int) -> int:
    """Return the mask of pins."""
    return sum(2 ** (pin - 1) for pin in pins)


@st.composite
def shots_at(draw: st.DrawFn, standing: frozenset[int], notings: Sequence[str]) -> tuple[Shot, frozenset[int]]:
    """Draw a shot at these pins as anybody may note it, and what stands after it."""
    left = draw(st.one_of(st.just(frozenset[int]()), st.sampled_from(subsets(standing))))
    is_foul = draw(st.integers(0, 9)) == 9
    pins = sum(2 ** (pin - 1) for pin in left)
    count = len(standing) - len(left)
    noted = draw(st.sampled_from(notings))
    shot = Shot(None if noted == "count" else pins, None if noted == "pins" else count, foul=is_foul)
    return shot, standing if is_foul else left


@st.composite
def whole_frames(draw: st.DrawFn, notings: Sequence[str], *, is_tenth: bool) -> list[Shot | None]:
    """Draw a frame that was bowled to its end."""
    shots: list[Shot | None] = []
    rolls: list[int] = []
    standing = FULL
    while not has_ended(rolls, is_tenth=is_tenth):
        rack = standing or FULL
        shot, standing = draw(shots_at(rack, notings))
        shots.append(shot)
        rolls.append(len(rack) - len(standing))
    return shots


@st.composite
def whole_games(draw: st.DrawFn, notings: Sequence[str] = ("pins", "count", "both")) -> Frames:
    """Draw a game that was bowled to its end, noted by pins, counts or both, now and then with a foul."""
    return {number: draw(whole_frames(notings, is_tenth=number == 10)) for number in range(1, 11)}


any_shots = st.builds(
    Shot,
    st.one_of(st.none(), st.sampled_from([0, 1, 64, 576, 1023, -1, 1024]), st.integers(0, 1023)),
    st.one_of(st.none(), st.integers(-1, 11)),
    foul=st.integers(0, 4).map(lambda at: at == 4),
)


@st.composite
def damaged_games(draw: st.DrawFn) -> Frames:
    """Draw a game in which a few places hold any shot, none, or one too many."""
    frames = draw(whole_games())
    for _ in range(draw(st.integers(1, 4))):
        shots = frames[draw(st.integers(1, 10))]
        at = draw(st.integers(0, len(shots)))
        shots[at : at + draw(st.integers(0, 1))] = [draw(st.one_of(st.none(), any_shots))]
    return frames


def places(frames: Mapping[int, Sequence[Shot | None]]) -> list[tuple[int, int]]:
    """Return the frame and the number of every shot that is there."""
    return [(number, at) for number, shots in frames.items() for at, shot in enumerate(shots, 1) if shot is not None]


def only(frames: Mapping[int, Sequence[Shot | None]], kept: Sequence[tuple[int, int]]) -> Frames:
    """Return a game of which only these shots are there."""
    return {
        number: [shot if (number, at) in kept else None for at, shot in enumerate(shots, 1)]
        for number, shots in frames.items()
    }


def bowled(frames: Mapping[int, Sequence[Shot | None]]) -> Iterator[BowledShot]:
    """Return the shots with their places."""
    for number, at in places(frames):
        shot = frames[number][at - 1]
        assert shot is not None
        yield BowledShot(number, at, shot)


def leaves(shot: Shot) -> frozenset[int]:
    """Return the pins that a shot left."""
    assert shot.pins_standing is not None
    return pins_of(shot.pins_standing)
