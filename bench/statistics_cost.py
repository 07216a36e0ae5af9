"""What statistics cost: `python -m bench.statistics_cost ROUNDS SESSIONS FEW MANY` prints JSON.

The table answers from memory in this process, on the wire: botocore makes, signs and reads each call as ever, and only
the network and DynamoDB itself are left out, with the processor time that their stand-in takes.
"""

import gc
import json
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TypedDict

from bench.bowled import Bowled, bowl
from bench.capacity import metered
from bench.measure import interleave, progress
from bench.stand_in_dynamodb import StandInTable, on_the_wire
from chalicelib.scorebook import figures, store, tree
from chalicelib.scorebook.figures_model import StatisticsAnswer, StatisticsQuery
from chalicelib.scorebook.items import EntryItem
from chalicelib.settings import settings
from local_cloud.environment import applied, local_environment
from tenpin import Ratio, Statistics, statistics

REQUEST, READS, RANGE = "the request", "its reads alone", "the request with a from before all of it"
BY_GAME, AT_ONCE = "tenpin, game by game", "tenpin, at once"
MONTH_SESSIONS = 12
# Nothing listens there: what the stand-in does not catch goes nowhere.
_NOWHERE = "http://127.0.0.1:9"
_ZONE = timezone(timedelta(hours=1))
_BEGINS, _ENDS = datetime(2026, 11, 1, tzinfo=_ZONE), datetime(2026, 12, 1, tzinfo=_ZONE)
_EVENING = timedelta(hours=19)
_ALL, _LONG_RANGE = StatisticsQuery(), StatisticsQuery(begins="1970-01-01T00:00:00Z")


class Consumption(TypedDict):
    """What a request consumed.

    Attributes:
        calls: Calls of DynamoDB.
        read_units: Read units, strong ones as 1.
        entries: How many entries the user has.
    """

    calls: int
    read_units: float
    entries: int


class Found(TypedDict):
    """What was found.

    Attributes:
        s_by_round: Processor time in seconds, by what was done.
        everything: What a request for all sessions consumes.
        range: What one consumes whose `from` is before them all, so that it reads session by session.
        month: What a request for a month consumes, by the sessions outside it.
    """

    s_by_round: dict[str, list[float]]
    everything: Consumption
    range: Consumption
    month: dict[str, Consumption]


def main(rounds: int, sessions: int, few: int, many: int) -> None:
    """Print what was found as JSON."""
    with applied(local_environment(_NOWHERE)):
        month = {str(size): _month(size) for size in (few, many)}
        costs, everything, ranged = _everything(rounds, sessions)
    found: Found = {"s_by_round": costs, "everything": everything, "range": ranged, "month": month}
    sys.stdout.write(json.dumps(found) + "\n")


def _month(outside: int) -> Consumption:
    """Ask for a month of a bowler who has bowled so often before it and after it."""
    evenings = [_BEGINS + timedelta(days=2 * at) + _EVENING for at in range(MONTH_SESSIONS)]
    # The month is drawn first, so that it has the same games whatever lies around it.
    evenings += [_BEGINS - timedelta(days=1 + at) + _EVENING for at in range(outside - outside // 2)]
    evenings += [_ENDS + timedelta(days=at) + _EVENING for at in range(outside // 2)]
    bowled = bowl(evenings)
    query = StatisticsQuery(begins=_BEGINS.isoformat(), ends=_ENDS.isoformat())
    with on_the_wire(_table(bowled)):
        return _consumption(bowled, query, MONTH_SESSIONS, statistics(bowled.games[: 3 * MONTH_SESSIONS]))


def _everything(rounds: int, sessions: int) -> tuple[dict[str, list[float]], Consumption, Consumption]:
    bowled = bowl(_BEGINS - timedelta(days=at) + _EVENING for at in range(sessions))
    table = _table(bowled)
    progress(f"statistics: {sessions} sessions, {len(bowled.items)} items")
    with on_the_wire(table):
        # Counting units takes time of its own, so it is done beside what is timed.
        wanted = statistics(bowled.games)
        everything, ranged = (_consumption(bowled, query, sessions, wanted) for query in (_ALL, _LONG_RANGE))
        # What the stand-in holds is no part of the service's memory, and not to be looked through for garbage.
        gc.collect()
        gc.freeze()
        works = {REQUEST: _request, READS: _reads, RANGE: _range, BY_GAME: _by_game, AT_ONCE: _at_once}
        batches = {name: partial(_took_s, table, work, bowled) for name, work in works.items()}
        costs = interleave(batches, rounds=rounds, what="statistics")
    return costs, everything, ranged


def _table(bowled: Bowled) -> StandInTable:
    indexes = {str(EntryItem.by_tree.Meta.index_name): "tree", str(EntryItem.by_seq.Meta.index_name): "seq"}
    return StandInTable(settings().scorebook_table, indexes, bowled.items)


def _consumption(bowled: Bowled, query: StatisticsQuery, sessions: int, wanted: Statistics) -> Consumption:
    """Ask once, hold the answer to what is right, and return what it consumed."""
    with metered() as consumed:
        answer = figures.show(bowled.user_id, query)
    _must_agree(answer, sessions, wanted)
    return {"calls": len(consumed.calls), "read_units": consumed.read_units, "entries": len(bowled.items) - 1}


def _must_agree(answer: StatisticsAnswer, sessions: int, wanted: Statistics) -> None:
    together = wanted.games.together
    told = {"sessions": (answer.sessions, 1), "games": (answer.games.together.total, answer.games.together.count)}
    meant = {"sessions": (sessions, 1), "games": (together.total, together.count)}
    for each in fields(wanted):
        ratio = getattr(wanted, each.name)
        if isinstance(ratio, Ratio):
            shown = getattr(answer, each.name)
            told[each.name] = shown.numerator, shown.denominator
            meant[each.name] = ratio.numerator, ratio.denominator
    if told != meant:
        raise RuntimeError(f"statistics answered {told}, not {meant}")


def _took_s(table: StandInTable, work: Callable[[Bowled], object], bowled: Bowled) -> float:
    began_s = time.thread_time() - table.cpu_s
    work(bowled)
    return time.thread_time() - table.cpu_s - began_s


def _request(bowled: Bowled) -> None:
    figures.show(bowled.user_id, _ALL)


def _reads(bowled: Bowled) -> None:
    deque(store.below(bowled.user_id, tree.BELOW), maxlen=0)


def _range(bowled: Bowled) -> None:
    figures.show(bowled.user_id, _LONG_RANGE)


def _by_game(bowled: Bowled) -> None:
    total = Statistics()
    for game in bowled.games:
        total += statistics([game])


def _at_once(bowled: Bowled) -> None:
    statistics(bowled.games)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
