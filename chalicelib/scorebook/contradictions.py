"""Contradictions between the shots of a game, which a direct route refuses and a push does not. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.errors import FieldError
from chalicelib.scorebook.scoring import score_of
from tenpin import ProblemCode, ScoreProblem

_FIELDS: Mapping[ProblemCode, str] = {
    "pin-stands-up": "pins_standing",
    "count-disagrees": "count",
    "too-many-pins": "count",
    "no-such-pins": "pins_standing",
    "nothing-known": "count",
    "too-many-shots": "shot_number",
    "shot-twice": "shot_number",
    "no-such-frame": "frame_number",
}
Fields = Mapping[str, Any]


def contradictions(shot: Fields, before: Fields | None, others: Iterable[Fields]) -> tuple[FieldError, ...]:
    """Return what a shot contradicts that was no contradiction before, each with the field that says so.

    Args:
        shot: The shot as it is to be.
        before: The shot as it was in the same game; None when it was not in it.
        others: The other shots of the game.
    """
    rest = list(others)
    had = score_of([*rest, *([] if before is None else [before])]).problems
    has = score_of([*rest, shot]).problems
    return tuple(FieldError(f"$.fields.{_field(each, shot)}", each.detail) for each in has if _is_new(each, had, shot))


def _is_new(problem: ScoreProblem, had: Iterable[ScoreProblem], shot: Fields) -> bool:
    """Return whether a frame has a problem by this shot, and not one that another problem only hid."""
    there = [each for each in had if each.frame_number == problem.frame_number]
    if not there:
        return True
    is_known = any((each.shot_number, each.code) == (problem.shot_number, problem.code) for each in there)
    return not is_known and problem.shot_number == shot["shot_number"]


def _field(problem: ScoreProblem, shot: Fields) -> str:
    """Return the field of the shot that a problem is about; the shot that was there may be the one that is named."""
    known = "pins_standing" if shot.get("pins_standing") is not None else "count"
    is_own = (problem.frame_number, problem.shot_number) == (shot.get("frame_number") or 0, shot["shot_number"])
    name = _FIELDS.get(problem.code, known)
    if not is_own and name in {"pins_standing", "count"}:
        return known
    return name
