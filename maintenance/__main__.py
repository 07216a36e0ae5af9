"""`python -m maintenance migrate`: walks a table and writes its old items in today's form."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

TABLES = ("accounts", "captures", "scorebook")
MOST_SEGMENTS = 32


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0 done, 1 some items are left, 2 it could not begin."""
    given = _parser().parse_args(arguments)
    # The names of the tables follow from the stage, which is read when it is first needed.
    os.environ["STAGE"] = given.stage
    return _migrate(given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m maintenance", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    migrate = commands.add_parser("migrate", help="write old items in today's form; may be stopped and run again")
    migrate.add_argument("--stage", required=True, help="whose tables: revmetrix-<stage>-...")
    migrate.add_argument("--table", choices=TABLES, required=True)
    migrate.add_argument("--dry-run", action="store_true", help="count what there is and write nothing")
    migrate.add_argument("--segments", type=_segments, default=4, help="parts walked at the same time (default 4)")
    migrate.add_argument(
        "--units", type=_units, default=100.0, help="capacity units a second, read and written together (default 100)"
    )
    migrate.add_argument("--position", type=Path, help="where to note how far it is (default <table's name>.position)")
    return parser


def _segments(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MOST_SEGMENTS:
        raise argparse.ArgumentTypeError(f"give 1 to {MOST_SEGMENTS}")
    return number


def _units(text: str) -> float:
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError("give more than 0")
    return number


def _migrate(given: argparse.Namespace) -> int:
    # Only now: what these import takes the stage from the environment.
    tables = importlib.import_module("maintenance.tables")
    positions, migration = (importlib.import_module(f"maintenance.{name}") for name in ("position", "migration"))
    table = tables.open_table(given.table, given.segments)
    path = given.position or Path(f"{table.name}.position")
    console = Console(stderr=True)
    try:
        position = (
            positions.Position(table.name, [positions.Segment() for _ in range(given.segments)])
            if given.dry_run
            else positions.load(path, table.name, given.segments)
        )
    except positions.PositionError as error:
        console.print(str(error))
        return 2
    walk = migration.Migration(
        table, tables.kinds_of(table.name), migration.Pace(given.units), position, None if given.dry_run else path
    )
    columns = (TextColumn(table.name), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("items", total=max(table.item_count(), 1))
        progress.update(bar, completed=sum(position.counts.values()))
        walk.run(lambda count: progress.advance(bar, count))
    is_left = _summarise(position.counts, is_dry=given.dry_run)
    if not given.dry_run:
        path.unlink(missing_ok=True)
    return int(is_left)


def _summarise(counts: dict[str, int], *, is_dry: bool) -> bool:
    for name, count in sorted(counts.items()):
        sys.stdout.write(f"{count:>10}  {name}\n")
    left = sum(count for name, count in counts.items() if name.startswith("unknown") or name.endswith("meanwhile"))
    verdict = "Nothing was written." if is_dry else "Done."
    if left:
        verdict += f" {left} items were left as they are: see above."
    sys.stdout.write(f"{sum(counts.values()):>10}  items\n{verdict}\n")
    return bool(left)


if __name__ == "__main__":
    sys.exit(main())
