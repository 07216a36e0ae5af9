"""What an invocation costs in process: our authenticated, validated route beside those of other frameworks.

Everyone answers the same API Gateway event with the same JSON after the same checks; `contenders` says how. Nothing of
the network, of Lambda or of a database is in it.
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.environment import ROOT, bench_python
from bench.measure import progress, ratio, ratio_quartiles
from bench.report import Figure, Options, Result

OURS = "revmetrix"
PROFILE = "GET /v1/users/me: "
_COMPETITORS = {
    "powertools": ("ours over Powertools' resolver with validation", 1.0),
    "powertools_lean": ("ours over the leanest Powertools, answer unvalidated", 1.0),
    "fastapi_mangum": ("ours over FastAPI with Mangum", None),
    "chalice_by_hand": ("ours over Chalice with the same checks by hand", None),
    "chalice_bare": ("ours over a bare Chalice route without any check", None),
}


_PROFILE_COMPETITORS = {
    **_COMPETITORS,
    "fastapi_mangum": ("ours over FastAPI with Mangum", 0.5),
}


def run(options: Options) -> Result:
    """Measure every contender that the environment has."""
    python = Path(sys.executable) if options.here else bench_python()
    rounds, calls = (3, 5) if options.quick else (80, 60)
    progress(f"dispatch: {rounds} rounds of {calls} invocations each")
    measured = _rounds(python, rounds, calls)
    costs: dict[str, list[float]] = measured["us"]
    figures = [
        Figure(text, ratio(costs[OURS], costs[name]), "x", wanted, ratio_quartiles(costs[OURS], costs[name]))
        for name, (text, wanted) in _COMPETITORS.items()
        if name in costs
    ]
    figures += [
        Figure(
            PROFILE + text,
            ratio(costs[PROFILE + OURS], costs[PROFILE + name]),
            "x",
            wanted,
            _profile_range(costs, name),
        )
        for name, (text, wanted) in _PROFILE_COMPETITORS.items()
        if PROFILE + name in costs
    ]
    figures += [Figure(_label(name), statistics.median(us), "us") for name, us in costs.items()]
    details = {"rounds": rounds, "calls_per_round": calls, "versions": measured["versions"], "us_by_round": costs}
    return Result("dispatch", figures, details, [", ".join(f"{n} {v}" for n, v in measured["versions"].items())])


def _profile_range(costs: dict[str, list[float]], name: str) -> tuple[float, float]:
    return ratio_quartiles(costs[PROFILE + OURS], costs[PROFILE + name])


def _label(name: str) -> str:
    return name if name.startswith("part: ") else f"{name}, one invocation"


def _rounds(python: Path, rounds: int, calls: int) -> dict[str, Any]:
    command = [str(python), "-m", "bench.contenders", str(rounds), str(calls)]
    # `vendor` stands on the path as Chalice lays it out on Lambda.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "vendor")])}
    finished = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
    measured: dict[str, Any] = json.loads(finished.stdout)
    return measured
