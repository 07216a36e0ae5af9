"""A game as a score sheet in plain text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tenpin
    from phone_client.scorebook.scores import Game

_WIDTH = 5
_LAST_WIDTH = 7
_FACTS = (
    ("starting_lane", "lane"),
    ("lanes", "lanes"),
    ("team_result", "team result"),
    ("individual_result", "individual result"),
)


def score_sheet(game: "Game") -> str:
    """Return the ten frames with their shots and totals, and what is to be said of them."""
    frames = game.score.frames
    widths = [_WIDTH] * (len(frames) - 1) + [_LAST_WIDTH]
    line = "+" + "+".join("-" * width for width in widths) + "+"
    rows = (
        _row([str(frame.number).center(width) for frame, width in zip(frames, widths, strict=True)]),
        line,
        _row([_signs(frame, width) for frame, width in zip(frames, widths, strict=True)]),
        _row([_total(frame).rjust(width - 1) + " " for frame, width in zip(frames, widths, strict=True)]),
    )
    return "\n".join((_title(game), line, *rows, line, *_said(game)))


def _row(cells: Sequence[str]) -> str:
    return "|" + "|".join(cells) + "|"


def _signs(frame: "tenpin.FrameScore", width: int) -> str:
    signs = {shot.number: shot.symbol + ("*" if shot.leave == "split" else "") for shot in frame.shots}
    if frame.kind == "strike" and width == _WIDTH:
        return "X".rjust(width - 1) + " "
    return " ".join(signs.get(number, " ") for number in range(1, max(signs, default=1) + 1)).rjust(width - 1) + " "


def _total(frame: "tenpin.FrameScore") -> str:
    return "" if frame.cumulative is None else str(frame.cumulative)


def _title(game: "Game") -> str:
    fields = game.entry.fields
    when = str(game.session.fields.get("started_at", "")) if game.session else ""
    unsent = "  (not synced yet)" if game.entry.is_unsent or any(shot.is_unsent for shot in game.shots) else ""
    return f"game {fields.get('game_number', '?')}  {when}  {game.entry.id}{unsent}"


def _said(game: "Game") -> list[str]:
    noted = _noted(game)
    if game.entered_score is not None:
        return [*noted, f"score {game.entered_score}, as entered"]
    score = game.score
    said = [*noted, *_problems(score)]
    if any(shot.leave == "split" for frame in score.frames for shot in frame.shots):
        said.append("* a split")
    if score.problems:
        return [*said, "no score: correct the shots above. Next: shot set, shot delete"]
    if score.is_complete:
        return [*said, f"score {score.score}"]
    return [*said, f"score {score.score or 0} so far, at most {score.maximum}"]


def _problems(score: "tenpin.GameScore") -> list[str]:
    return [f"frame {each.frame_number}, shot {each.shot_number}: {each.detail}" for each in score.problems]


def _noted(game: "Game") -> list[str]:
    """Return what the game and its shots say beside the pins, a line each."""
    fields = game.entry.fields
    facts = [f"{name} {fields[field]}" for field, name in _FACTS if field in fields]
    if "won" in fields:
        facts.append("won" if fields["won"] else "lost")
    said = [", ".join(facts)] if facts else []
    if "comment" in fields:
        said.append(f"comment: {_one_line(fields['comment'])}")
    for shot in game.shots:
        if "comment" in shot.fields:
            place = f"frame {shot.fields.get('frame_number', '?')}, shot {shot.fields.get('shot_number', '?')}"
            said.append(f"{place}: {_one_line(shot.fields['comment'])}")
    if game.shots and "entered_score" in fields:
        said.append(f"entered score {fields['entered_score']}: kept, and counts only without shots")
    return said


def _one_line(text: str) -> str:
    return " ".join(text.split())
