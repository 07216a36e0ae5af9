"""From entries to scored games: what `tenpin` asks for, and its answer in the place of each entry. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from chalicelib.scorebook.entry_model import EntryAnswer
from chalicelib.scorebook.game_model import (
    FrameAnswer,
    GameAnswer,
    GameProblem,
    LinkedCapture,
    SessionTree,
    ShotAnswer,
    ShotScored,
)
from chalicelib.scorebook.merging import Row
from chalicelib.scorebook.moments import moment_of
from tenpin import BowledShot, FrameScore, GameOfShots, GameScore, Shot, ShotScore, score_shots

Captures = Mapping[str, Row | None]
"""Captures that shots name, by id: None for one that there is not."""


def bowled_shot(fields: Mapping[str, Any]) -> BowledShot:
    """Return a shot as `tenpin` reads it."""
    return BowledShot(
        fields.get("frame_number"),
        fields["shot_number"],
        Shot(fields.get("pins_standing"), fields.get("count"), bool(fields.get("foul"))),
        fields.get("position"),
        fields.get("ball_id"),
    )


def game_of_shots(game: Row, shots: Iterable[Row]) -> GameOfShots:
    """Return a game as statistics read it."""
    return GameOfShots([bowled_shot(shot.fields) for shot in shots], game.fields.get("entered_score"))


def answer_of(row: Row) -> EntryAnswer:
    """Return an entry as the API shows it."""
    return EntryAnswer(*_shown(row))


def _shown(row: Row) -> tuple[str, int, Any, dict[str, Any]]:
    return row.id, row.ver, moment_of(row.updated), dict(row.fields)


def shot_answer(row: Row, captures: Captures, scored: ShotScore | None = None) -> ShotAnswer:
    """Return a shot as the API shows it, with the capture that it names."""
    named = row.fields.get("capture_id")
    capture = captures.get(named) if named else None
    return ShotAnswer(
        *_shown(row),
        None if scored is None else _scored(scored),
        None if capture is None else LinkedCapture(capture.id, dict(capture.fields)),
        capture_missing=bool(named) and capture is None,
    )


def _scored(shot: ShotScore) -> ShotScored:
    return ShotScored(shot.count, shot.pins_standing, shot.symbol, shot.leave, shot.is_first)


def game_answer(game: Row, below: Iterable[Row], captures: Captures) -> GameAnswer:
    """Return a game with its score.

    Args:
        game: The game.
        below: Its shots and notes of frames.
        captures: What its shots name.
    """
    notes, shots = _apart(below)
    score = score_shots(bowled_shot(shot.fields) for shot in shots)
    total, entered = score.score, game.fields.get("entered_score")
    is_entered = not shots and entered is not None
    return GameAnswer(
        *_shown(game),
        score=entered if is_entered else total,
        maximum=entered if is_entered else score.maximum,
        is_complete=is_entered or score.is_complete,
        entered=is_entered,
        frames=tuple(_frame(frame, shots, notes, captures) for frame in score.frames),
        problems=tuple(GameProblem(*problem) for problem in score.problems),
        without_frame=tuple(shot_answer(shot, captures) for shot in shots if shot.fields.get("frame_number") is None),
    )


def _apart(below: Iterable[Row]) -> tuple[list[Row], list[Row]]:
    """Return notes of frames and shots apart, shots in the order in which they were bowled."""
    rows = list(below)
    notes = sorted((row for row in rows if row.type == "frame"), key=lambda row: row.id)
    shots = (row for row in rows if row.type == "shot")
    return notes, sorted(shots, key=_order)


def _order(row: Row) -> tuple[int, int, str]:
    return row.fields.get("frame_number") or 0, row.fields["shot_number"], row.id


def _frame(frame: FrameScore, shots: Sequence[Row], notes: Sequence[Row], captures: Captures) -> FrameAnswer:
    scored = {shot.number: shot for shot in frame.shots}
    return FrameAnswer(
        frame.number,
        frame.cumulative,
        frame.kind,
        tuple(shot_answer(shot, captures, scored.get(shot.fields["shot_number"])) for shot in _of(frame.number, shots)),
        tuple(answer_of(note) for note in _of(frame.number, notes)),
    )


def _of(number: int, rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row.fields.get("frame_number") == number]


def games_of(below: Iterable[Row]) -> dict[str, tuple[Row, list[Row]]]:
    """Return the games of a session, each with what belongs to it; what belongs to none that is there is left out.

    Args:
        below: All of a session in the order of the tree, so that each game comes before what belongs to it.
    """
    games: dict[str, tuple[Row, list[Row]]] = {}
    for row in below:
        if row.type == "game":
            games[row.id] = row, []
        elif row.fields.get("game_id") in games:
            games[row.fields["game_id"]][1].append(row)
    return games


def session_tree(session: Row, below: Sequence[Row], captures: Captures) -> SessionTree:
    """Return a session with all that belongs to it."""
    by_number: Callable[[tuple[Row, list[Row]]], Any] = lambda game: (game[0].fields["game_number"], game[0].id)  # noqa: E731 - a key needs no name of its own
    practice = sorted((row for row in below if is_practice(row)), key=_order)
    return SessionTree(
        *_shown(session),
        games=tuple(game_answer(game, own, captures) for game, own in sorted(games_of(below).values(), key=by_number)),
        practice=tuple(shot_answer(row, captures) for row in practice),
    )


def is_practice(row: Row) -> bool:
    """Return whether something of a session is a shot without a game."""
    return row.type == "shot" and row.fields.get("game_id") is None


def score_of(shots: Iterable[Mapping[str, Any]]) -> GameScore:
    """Return the score of shots, given their fields."""
    return score_shots(map(bowled_shot, shots))
