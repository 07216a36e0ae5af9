"""Scoring random games, ours beside a straightforward implementation of the same rules and the textbook's bare loop.

Each round draws other games, outside what is timed, and gives the same ones to all. Two kinds: as a league bowls, where
a few leaves make up most frames, and any pins at all, where hardly a frame is like another.
"""

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import count
from typing import TypeVar

from bench.contenders import straight_scoring
from bench.games import Game, Leave, any_leave, league_leave, random_game
from bench.measure import Batch, interleave, ratio, ratio_quartiles
from bench.report import Figure, Options, Result
from tenpin import score_game

GAMES = 100_000
QUICK_GAMES = 2_000
_ROUND_GAMES = 5_000
_QUICK_ROUND_GAMES = 500
_AT_MOST = 1.0
OURS = "tenpin"
STRAIGHT = "straightforward, same rules"
TEXTBOOK = "textbook, totals of checked rolls alone"

Games = list[tuple[Game, list[int]]]
"""Games as shots, and the same games as rolls."""
Played = TypeVar("Played")


def run(options: Options) -> Result:
    """Measure both kinds of games."""
    games = options.games or (QUICK_GAMES if options.quick else GAMES)
    size = min(games, _QUICK_ROUND_GAMES if options.quick else _ROUND_GAMES)
    rounds = -(-games // size)
    figures: list[Figure] = []
    details: dict[str, object] = {"games": rounds * size, "rounds": rounds}
    for kind, leave in (("as a league bowls", league_leave), ("any pins", any_leave)):
        costs = interleave(_batches(size, leave), rounds=rounds, what=f"scoring, {kind}")
        details[f"{kind}, us_by_round"] = costs
        figures += _figures(f"{rounds * size:,} games, {kind}", costs)
    return Result("scoring", figures, details, [_NOTE])


_NOTE = f"'{TEXTBOOK}' has no frames, no pins, no checks and no answer but ten numbers."


def _figures(what: str, costs_us: Mapping[str, list[float]]) -> list[Figure]:
    ours, straight, textbook = costs_us[OURS], costs_us[STRAIGHT], costs_us[TEXTBOOK]
    return [
        Figure(f"{what}: {OURS}", 1e6 / statistics.median(ours), "games/s"),
        Figure(f"{what}: {STRAIGHT}", 1e6 / statistics.median(straight), "games/s"),
        Figure(f"{what}: time over {STRAIGHT}", ratio(ours, straight), "x", _AT_MOST, ratio_quartiles(ours, straight)),
        Figure(f"{what}: time over {TEXTBOOK}", ratio(ours, textbook), "x", None, ratio_quartiles(ours, textbook)),
    ]


def _batches(size: int, leave: Leave) -> dict[str, Batch]:
    @lru_cache(maxsize=1)
    def games_of(seed: int) -> Games:
        chance = random.Random(seed)  # noqa: S311 - the same games in every run
        games = [random_game(chance, leave) for _ in range(size)]
        _must_agree(games)
        return games

    ways: dict[str, Callable[[Games], float]] = {
        OURS: lambda games: _took_us(score_game, [game for game, _ in games]),
        STRAIGHT: lambda games: _took_us(straight_scoring.score, [game for game, _ in games]),
        TEXTBOOK: lambda games: _took_us(straight_scoring.totals_alone, [rolls for _, rolls in games]),
    }

    def batch(way: Callable[[Games], float], seeds: "count[int]") -> float:
        return way(games_of(next(seeds)))

    return {name: partial(batch, way, count()) for name, way in ways.items()}


def _must_agree(games: Games) -> None:
    for game, rolls in games[:200]:
        ours, straight = score_game(game), straight_scoring.score(game)
        totals = straight_scoring.totals_alone(rolls)
        marks = [[(shot.count, shot.symbol, shot.leave) for shot in frame.shots] for frame in ours.frames]
        theirs = [[(shot.count, shot.symbol, shot.leave) for shot in frame.shots] for frame in straight.frames]
        if marks != theirs or any([frame.cumulative for frame in found.frames] != totals for found in (ours, straight)):
            raise ValueError(f"the contenders disagree about {game}")


def _took_us(score: Callable[[Played], object], games: Sequence[Played]) -> float:
    began_s = time.process_time()
    for game in games:
        score(game)
    return (time.process_time() - began_s) * 1e6 / len(games)
