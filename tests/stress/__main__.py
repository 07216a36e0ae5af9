"""`python -m tests.stress [--seed N] [--full] [CAMPAIGN ...]`: the fault campaigns; each ends with a line of JSON."""

import argparse
import json
import secrets
import signal
import sys
import time
from collections.abc import Callable

from rich.console import Console

from tests.stress import failures, images, packets, phones, power_cuts, sieges
from tests.stress.campaign import Outcome, Plan

CAMPAIGNS: dict[str, Callable[[Plan], Outcome]] = {
    packets.NAME: packets.run,
    images.NAME: images.run,
    power_cuts.NAME: power_cuts.run,
    failures.NAME: failures.run,
    sieges.KILLS: sieges.run_kills,
    sieges.UNPLUGS: sieges.run_unplugs,
    sieges.EVERYTHING: sieges.run_everything,
    sieges.CLOUD: sieges.run_cloud,
    phones.NAME: phones.run,
}
_TERMINATED = 143


def main(arguments: list[str]) -> int:
    """Run campaigns; the exit code is 0 when nothing failed, else 1."""
    parsed = _parser().parse_args(arguments)
    # Ends as Ctrl-C does: with every process and file gone.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    # Progress goes to stderr, so that stdout holds the lines of JSON and nothing else.
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    seed = secrets.randbelow(10**6) if parsed.seed is None else parsed.seed
    passed = True
    for name in parsed.campaigns or CAMPAIGNS:
        again = f"python -m tests.stress --seed {seed}{' --full' if parsed.full else ''} {name}"
        console.print(f"[bold]{name}[/bold], seed {seed}; the same again: {again}")
        began_s = time.monotonic()
        plan = Plan(seed, parsed.full, lambda text, name=name: console.print(f"  {name}: {text}"))  # type: ignore[misc]
        outcome = CAMPAIGNS[name](plan)
        outcome.add("seconds", round(time.monotonic() - began_s, 1))
        passed = passed and not outcome.failure_count
        for failure in outcome.failures:
            console.print(f"  {name}: FAILED: {failure}", markup=False)
        sys.stdout.write(outcome.to_json() + "\n")
        sys.stdout.flush()
    sys.stdout.write(json.dumps({"seed": seed, "full": parsed.full, "passed": passed}) + "\n")
    return 0 if passed else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description="Fault campaigns, repeatable by seed.")
    parser.add_argument("campaigns", nargs="*", metavar="CAMPAIGN", type=_name, help=f"{', '.join(CAMPAIGNS)} (all)")
    parser.add_argument("--seed", type=int, metavar="N", help="repeats an earlier run's choices (default: a new one)")
    parser.add_argument("--full", action="store_true", help="the full size, some 30 minutes (default: the size of CI)")
    return parser


def _name(text: str) -> str:
    # argparse compares an empty list of `nargs="*"` with `choices` too, so they are compared here.
    if text not in CAMPAIGNS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of: {', '.join(CAMPAIGNS)}")
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
