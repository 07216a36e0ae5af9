"""Statistics of a long history as `GET /v1/statistics` reads and adds them up, beside the same games in memory.

And of a month in a history: what is read must be the same however many sessions lie before it and after it.
"""

import json
import subprocess
import sys
from statistics import median

from bench.environment import ROOT
from bench.measure import ratio, ratio_quartiles
from bench.report import Figure, Options, Result
from bench.statistics_cost import AT_ONCE, BY_GAME, RANGE, REQUEST, Consumption, Found

SESSIONS, QUICK_SESSIONS = 1000, 20
OUTSIDE, QUICK_OUTSIDE = (100, 1000), (10, 100)
ROUNDS, QUICK_ROUNDS = 7, 2
_GATEWAY_S = 29.0
_VCPU = 1024 / 1769
"""Of a function of 1,024 MB: one of 1,769 has a whole one ("Configure Lambda function memory", AWS Lambda)."""
_ROUND_TRIPS_S = (0.005, 0.010)


def run(options: Options) -> Result:
    """Measure in a process of its own, in which a stand-in answers for DynamoDB."""
    sessions, rounds = (QUICK_SESSIONS, QUICK_ROUNDS) if options.quick else (SESSIONS, ROUNDS)
    outside = QUICK_OUTSIDE if options.quick else OUTSIDE
    command = [sys.executable, "-m", "bench.statistics_cost", *map(str, (rounds, sessions, *outside))]
    finished = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    found: Found = json.loads(finished.stdout)
    figures = [*_figures(f"{sessions:,} sessions", found), *_month_figures(found["month"])]
    return Result("statistics", figures, {"rounds": rounds, "sessions": sessions, **found}, [_NOTE])


_NOTE = (
    "an estimate is no measurement: the processor time on the 0.58 of a vCPU that a function of 1,024 MB has, if that"
    " is as fast as this one, and round trips of 5 or 10 ms one after another."
)


def _figures(what: str, found: Found) -> list[Figure]:
    costs = found["s_by_round"]
    ours = costs[REQUEST]
    figures = [
        *(Figure(f"{what}: processor time of {name}", median(costs[name]), "s") for name in costs),
        *(
            Figure(f"{what}: the request over {name}", ratio(ours, other), "x", None, ratio_quartiles(ours, other))
            for name, other in costs.items()
            if name in (RANGE, AT_ONCE, BY_GAME)
        ),
    ]
    for name, consumed in ((REQUEST, found["everything"]), (RANGE, found["range"])):
        figures += [
            Figure(f"{what}: {name}, calls", consumed["calls"], "calls"),
            Figure(f"{what}: {name}, strong read units", consumed["read_units"], "units"),
            *(
                Figure(
                    f"{what}: {name}, estimate on Lambda, round trips of {trip_s * 1e3:.0f} ms",
                    median(costs[name]) / _VCPU + consumed["calls"] * trip_s,
                    "s",
                    _GATEWAY_S,
                )
                for trip_s in _ROUND_TRIPS_S
            ),
        ]
    return figures


def _month_figures(month: dict[str, Consumption]) -> list[Figure]:
    (few, first), (many, last) = month.items()
    figures = []
    for size, row in month.items():
        what = f"a month, {int(size):,} sessions around it"
        figures.append(Figure(f"{what}: calls", row["calls"], "calls"))
        figures.append(Figure(f"{what}: strong read units", row["read_units"], "units"))
    over = f"with {int(many):,} sessions around it over {int(few):,}"
    return [
        *figures,
        Figure(f"a month: calls {over}", last["calls"] / first["calls"], "x", 1.0),
        Figure(f"a month: strong read units {over}", last["read_units"] / first["read_units"], "x", 1.0),
    ]
