"""From games and practice shots to statistics."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from tenpin.figures import Games, GameTotals
from tenpin.frame import read_frame
from tenpin.game import frames_of, score_game
from tenpin.model import FRAMES, MOST_SHOTS, BowledShot, FrameScore, GameOfShots, GameScore, ShotScore
from tenpin.summary import Statistics
from tenpin.tally import FirstBallTally, FrameTally, LeaveTally

_PLACES_A_FRAME = MOST_SHOTS + 1
_Places = Sequence[BowledShot | None]


def statistics(
    games: Iterable[GameOfShots], practice: Iterable[BowledShot] = (), ball_id: str | None = None
) -> Statistics:
    """Return the figures of games and of practice shots, as docs/scoring.md defines them.

    Everything is read once and nothing kept, so both may be generators of any length.

    Args:
        games: Games of any state; one without shots and without a total counts nowhere.
        practice: Shots without a game. The first of a frame count as first balls; their others count nowhere, since
            nothing says which first ball they followed.
        ball_id: Count only what this ball did: each figure the shots that it judges, games bowled with it throughout.
    """
    counter = _Counter(ball_id)
    for game in games:
        counter.add_game(game)
    for bowled in practice:
        counter.add_practice(bowled)
    return counter.statistics()


class _Counter:
    """Adds up games and practice shots."""

    def __init__(self, ball_id: str | None) -> None:
        self._ball_id = ball_id
        self._first_balls = FirstBallTally()
        self._frames = FrameTally()
        self._leaves = LeaveTally()
        self._games = Games()
        self._practice_shots = 0

    def add_game(self, game: GameOfShots) -> None:
        if not game.shots:
            if game.entered_score is not None and self._ball_id is None:
                self._games += Games(entered=GameTotals.of(game.entered_score))
            return
        score = score_game(frames_of(game.shots))
        if all(self._is_counted(bowled) for bowled in game.shots):
            self._games += _game(score)
        places = _places(game.shots)
        # From the first problem on nothing of the game is certain.
        frames = score.problems[0].frame_number - 1 if score.problems else FRAMES
        for frame in score.frames[: max(frames, 0)]:
            self._add_frame(frame, places[frame.number * _PLACES_A_FRAME :])

    def _add_frame(self, frame: FrameScore, places: _Places) -> None:
        """Count a frame.

        Args:
            frame: As it was scored.
            places: Its shots as they were bowled, each at its number.
        """
        if frame.kind != "pending":
            if self._is_counted(places[1]):
                self._frames.add_frame(frame.kind)
            if self._is_counted(places[2]):
                self._frames.add_second_ball(frame.kind)
        for shot in frame.shots:
            bowled = places[shot.number]
            if shot.is_first and bowled is not None and self._is_counted(bowled):
                self._first_balls.add(shot, bowled)
        for left, after in pairwise(frame.shots):
            if after.number == left.number + 1 and self._is_counted(places[after.number]):
                self._add_leave(left, places[left.number], after)

    def _add_leave(self, left: ShotScore, bowled: BowledShot | None, after: ShotScore) -> None:
        if not left.is_first or after.is_first or left.pins_standing is None or bowled is None:
            return
        if bowled.shot.pins_standing is not None:
            self._leaves.add(left.pins_standing, after)

    def add_practice(self, bowled: BowledShot) -> None:
        if bowled.shot_number != 1 or not self._is_counted(bowled):
            return
        reading = read_frame((bowled.shot,))
        if reading.problem is None:
            self._first_balls.add(reading.shots[0], bowled)
            self._practice_shots += 1

    def _is_counted(self, bowled: BowledShot | None) -> bool:
        return bowled is not None and (self._ball_id is None or bowled.ball_id == self._ball_id)

    def statistics(self) -> Statistics:
        return Statistics(
            games=self._games,
            **self._frames.ratios(),
            **self._first_balls.ratios(),
            **self._leaves.ratios(),
            pocket_pins=dict(sorted(self._first_balls.pocket_pins.items())),
            leaves=self._leaves.leaves(),
            practice_shots=self._practice_shots,
        )


def _game(score: GameScore) -> Games:
    if score.problems:
        return Games(with_problems=1)
    if not score.is_complete or score.score is None:
        return Games(unfinished=1)
    return Games(scored=GameTotals.of(score.score))


def _places(shots: Sequence[BowledShot]) -> list[BowledShot | None]:
    """Return each shot at its frame's place and its number: where two claim one place, the game has a problem."""
    places: list[BowledShot | None] = [None] * ((FRAMES + 1) * _PLACES_A_FRAME)
    for bowled in shots:
        if 1 <= (bowled.frame_number or 0) <= FRAMES and 1 <= bowled.shot_number <= MOST_SHOTS:
            places[(bowled.frame_number or 0) * _PLACES_A_FRAME + bowled.shot_number] = bowled
    return places
