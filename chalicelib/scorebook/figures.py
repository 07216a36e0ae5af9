"""Statistics of a user's sessions: added up game by game, so that a page of entries and the sessions' ids are held."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import fields
from itertools import groupby
from typing import Any

from chalicelib.errors import NotFound
from chalicelib.scorebook import pages, reading, rows, store, tree
from chalicelib.scorebook.figures_model import (
    GamesAnswer,
    LeaveAnswer,
    RatioAnswer,
    StatisticsAnswer,
    StatisticsQuery,
    TotalsAnswer,
)
from chalicelib.scorebook.listing import sessions_between
from chalicelib.scorebook.merging import Row
from chalicelib.scorebook.scoring import bowled_shot, game_of_shots
from tenpin import Games, GameTotals, Ratio, Statistics, leave_kind, statistics


def show(user_id: str, query: StatisticsQuery) -> StatisticsAnswer:
    """Return the figures of the sessions that a query asks for.

    Raises:
        AccountClosing: The account is being deleted, or was.
    """
    total, sessions = Statistics(), dict[str, None]()
    if reading.open_head(user_id) is not None:
        # One that is moved while they are read may come twice.
        sessions = dict.fromkeys(session.id for session in _sessions(user_id, query))
        for part in _parts(_below(user_id, sessions, query), sessions, query.ball_id):
            total += part
    return _answer(total, len(sessions))


def _sessions(user_id: str, query: StatisticsQuery) -> Iterator[Row]:
    """Yield the sessions that a query asks for."""
    stretch = sessions_between(query.begins, query.ends)
    found: Iterable[Row]
    if query.session_id is not None:
        try:
            found = [reading.find(user_id, ("session", query.session_id))]
        except NotFound:
            return
        found = [row for row in found if row.tree is not None and stretch.begins <= row.tree <= stretch.ends]
    else:
        found = map(rows.read_row, pages.by_position(user_id, stretch, None, None))
    for row in found:
        wanted = ((name, getattr(query, name)) for name in ("event_id", "establishment_id"))
        if not row.deleted and all(value is None or row.fields.get(name) == value for name, value in wanted):
            yield row


def _below(user_id: str, sessions: Iterable[str], query: StatisticsQuery) -> Iterator[Row]:
    """Yield at least what stands below some sessions, in the order of the tree within each of them."""
    if query.is_of_all_sessions:
        # A query for each of a thousand sessions would be a thousand round trips, one after another.
        yield from map(rows.read_row, store.below(user_id, tree.BELOW))
    else:
        for session_id in sessions:
            yield from map(rows.read_row, store.below(user_id, tree.below_session(session_id)))


def _parts(below: Iterable[Row], sessions: Container[str], ball_id: str | None) -> Iterator[Statistics]:
    """Yield the figures of each game, and of each session's practice shots, which stand before its games."""
    for (session_id, game_id), group in groupby(below, key=_place):
        if session_id not in sessions:
            # It was deleted, and what stands below it is still to go.
            continue
        if not game_id:
            yield statistics((), (bowled_shot(row.fields) for row in group if row.type == "shot"), ball_id)
            continue
        first, *rest = group
        # Without its game it belongs to one that was deleted.
        if first.type == "game":
            yield statistics([game_of_shots(first, (row for row in rest if row.type == "shot"))], (), ball_id)


def _place(row: Row) -> tuple[str, str]:
    """Return the ids of the session and of the game that something stands in; of no game an empty one."""
    _, session_id, game_id, *_ = str(row.tree).split("#")
    return session_id, game_id


def _answer(total: Statistics, sessions: int) -> StatisticsAnswer:
    told: dict[str, Any] = {
        each.name: _ratio(value) for each in fields(total) if isinstance(value := getattr(total, each.name), Ratio)
    }
    return StatisticsAnswer(
        sessions=sessions,
        games=_games(total.games),
        **told,
        pocket_pins={str(pin): count for pin, count in total.pocket_pins.items()},
        leaves=tuple(LeaveAnswer(pins, leave_kind(pins), _ratio(ratio)) for pins, ratio in total.leaves.items()),
        practice_shots=total.practice_shots,
    )


def _games(games: Games) -> GamesAnswer:
    return GamesAnswer(
        together=_totals(games.together),
        scored=_totals(games.scored),
        entered=_totals(games.entered),
        unfinished=games.unfinished,
        with_problems=games.with_problems,
    )


def _ratio(ratio: Ratio) -> RatioAnswer:
    return RatioAnswer(ratio.numerator, ratio.denominator, ratio.value)


def _totals(totals: GameTotals) -> TotalsAnswer:
    return TotalsAnswer(totals.count, totals.total, totals.average, totals.high, totals.low)
