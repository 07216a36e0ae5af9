"""`python -m bench [NAME ...]`: runs the benchmarks, prints one table and writes bench/results/latest.json."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from bench import (
    bridge_memory,
    decoding,
    dispatch,
    engines,
    imports,
    link,
    login,
    phone_sync,
    scoring,
    spool,
    statistics,
    sync,
)
from bench.report import Options, Result, machine_facts, table, write_json

# A new benchmark is a module with `run`, and one line here.
BENCHMARKS: dict[str, Callable[[Options], Result]] = {
    "dispatch": dispatch.run,
    "imports": imports.run,
    "login": login.run,
    "engines": engines.run,
    "decoding": decoding.run,
    "scoring": scoring.run,
    "spool": spool.run,
    "link": link.run,
    "bridge_memory": bridge_memory.run,
    "phone_sync": phone_sync.run,
    "sync": sync.run,
    "statistics": statistics.run,
}
LATEST = Path(__file__).parent / "results" / "latest.json"


def main(arguments: list[str]) -> int:
    """Run what was asked for; the exit code tells only whether it could be measured, never how it came out."""
    parsed = _parser().parse_args(arguments)
    options = Options(quick=parsed.quick, here=parsed.here, games=parsed.games)
    results = [BENCHMARKS[name](options) for name in parsed.names or BENCHMARKS]
    machine = machine_facts()
    write_json(parsed.output, machine, options, results)
    print(table(machine, options, results))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="The project's benchmarks, as ratios.")
    parser.add_argument("names", nargs="*", metavar="NAME", type=_name, help=f"{', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="a smoke test: few rounds, figures that mean little")
    parser.add_argument(
        "--here", action="store_true", help="in this environment, without the competitors that it does not have"
    )
    parser.add_argument("--games", type=int, metavar="N", help="how many games `scoring` scores (default: 100,000)")
    parser.add_argument("--output", type=Path, default=LATEST, help="where the JSON goes")
    return parser


def _name(text: str) -> str:
    # argparse compares an empty list of `nargs="*"` with `choices` too, so they are compared here.
    if text not in BENCHMARKS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of: {', '.join(BENCHMARKS)}")
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
