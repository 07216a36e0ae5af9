"""Ten-pin bowling: scores and statistics from shots (docs/scoring.md). Values in, values out, no I/O."""

from tenpin.counting import statistics
from tenpin.figures import Games, GameTotals, Ratio
from tenpin.game import frames_of, score_game, score_shots
from tenpin.model import (
    TWICE,
    BowledShot,
    FrameKind,
    Frames,
    FrameScore,
    GameOfShots,
    GameScore,
    ProblemCode,
    ScoreProblem,
    Shot,
    ShotScore,
)
from tenpin.pins import ALL_PINS, Leave, leave_kind
from tenpin.summary import Statistics

__all__ = [
    "ALL_PINS",
    "TWICE",
    "BowledShot",
    "FrameKind",
    "FrameScore",
    "Frames",
    "GameOfShots",
    "GameScore",
    "GameTotals",
    "Games",
    "Leave",
    "ProblemCode",
    "Ratio",
    "ScoreProblem",
    "Shot",
    "ShotScore",
    "Statistics",
    "frames_of",
    "leave_kind",
    "score_game",
    "score_shots",
    "statistics",
]
