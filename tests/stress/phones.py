"""Phones of one user over a bad network, killed at their commits, with clocks a day off: all must agree in the end."""

import tempfile
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from tests.phone_client.sync_expectations import Report
from tests.phone_client.sync_model import ModelServer
from tests.phone_client.sync_simulation import Simulation
from tests.stress.campaign import Outcome, Plan

NAME = "phones"
_SEEDS = 20
_OPERATIONS = (100, 20_000)


def run(plan: Plan) -> Outcome:
    """Run 20 users with 3 to 8 phones each: 100 operations a user, or 20,000 at full size."""
    outcome = Outcome(NAME, plan.seed)
    operations = plan.choose(*_OPERATIONS)
    with get_context("spawn").Pool() as pool:
        seeds = range(plan.seed, plan.seed + _SEEDS)
        for seed, report in zip(seeds, pool.imap(partial(simulate, operations=operations), seeds), strict=True):
            plan.say(f"seed {seed}: {report.operations} operations, {report.kills} kills, {report.entries} entries")
            for name in ("operations", "kills", "syncs", "broken_syncs", "decisions", "entries"):
                outcome.add(name, getattr(report, name))
            for failure in report.failures:
                outcome.fail(f"seed {seed}: {failure}")
    return outcome


def simulate(seed: int, operations: int) -> Report:
    """Run one user's phones."""
    with tempfile.TemporaryDirectory(prefix="stress-phones-") as folder:
        return Simulation(seed, Path(folder), ModelServer(), operations).run()
