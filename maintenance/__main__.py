"""Work on the tables of a stage from an operator's machine. It may be stopped at any moment and run again."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from maintenance.table import Table
    from maintenance.walk import Deed, Pace

TABLES = ("accounts", "captures", "scorebook")
MOST_SEGMENTS = 32
_EXAMPLES = """examples:
  python -m maintenance migrate --stage prod --table accounts --dry-run   what there is, by class and version
  python -m maintenance migrate --stage prod --table accounts             write old items in today's form
  python -m maintenance new-epoch --stage prod                            after a restore of the scorebook
  python -m maintenance publish-captures --stage prod                     once, after an upgrade from 0.1
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0 done, 1 some items are left, 2 it could not begin."""
    given = _parser().parse_args(arguments)
    # The names of the tables follow from the stage, which is read when it is first needed.
    os.environ["STAGE"] = given.stage
    return _walk(given)


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m maintenance", description=__doc__, epilog=_EXAMPLES, formatter_class=form
    )
    commands = parser.add_subparsers(required=True, dest="command")
    walks = _walk_arguments()
    migrate = commands.add_parser("migrate", parents=[walks], help="write old items in today's form")
    migrate.add_argument("--table", choices=TABLES, required=True)
    commands.add_parser(
        "new-epoch",
        parents=[walks],
        help="after a restore of the scorebook: make every phone pull everything",
        description="Gives every user's feed a new epoch. Run it after a restore of the scorebook, before the API is "
        "opened again: every phone then pulls everything and keeps what it has not sent yet.",
    ).set_defaults(table="scorebook")
    commands.add_parser(
        "publish-captures",
        parents=[walks],
        help="put captures into the feed that arrived before there was a scorebook",
        description="Puts every capture that has metrics into its user's feed, unless it is there already.",
    ).set_defaults(table="captures")
    return parser


def _walk_arguments() -> argparse.ArgumentParser:
    walks = argparse.ArgumentParser(add_help=False)
    walks.add_argument("--stage", required=True, help="whose tables: revmetrix-<stage>-...")
    walks.add_argument("--dry-run", action="store_true", help="count what there is and write nothing")
    walks.add_argument("--segments", type=_segments, default=4, help="parts walked at the same time (default 4)")
    walks.add_argument(
        "--units", type=_units, default=100.0, help="capacity units a second, read and written together (default 100)"
    )
    walks.add_argument(
        "--position", type=Path, help="where to note how far it is (default <table's name>.<command>.position)"
    )
    return walks


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


def _walk(given: argparse.Namespace) -> int:
    # Only now: what these import takes the stage from the environment.
    tables, positions, walks = (
        importlib.import_module(f"maintenance.{name}") for name in ("tables", "position", "walk")
    )
    table = tables.open_table(given.table, given.segments)
    path = given.position or Path(f"{table.name}.{given.command}.position")
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
    pace = walks.Pace(given.units)
    walk = walks.Walk(table, _deed(given, table, pace), pace, position, None if given.dry_run else path)
    columns = (TextColumn(table.name), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("items", total=max(table.item_count(), 1))
        progress.update(bar, completed=sum(position.counts.values()))
        walk.run(lambda count: progress.advance(bar, count))
    is_left = _summarise(position.counts, is_dry=given.dry_run)
    if not given.dry_run:
        path.unlink(missing_ok=True)
    return int(is_left)


def _deed(given: argparse.Namespace, table: "Table", pace: "Pace") -> "Deed":
    deed: Deed
    if given.command == "new-epoch":
        deed = importlib.import_module("maintenance.epochs").renewing(table, pace, is_dry=given.dry_run)
    elif given.command == "publish-captures":
        deed = importlib.import_module("maintenance.feed").publishing_old(pace, is_dry=given.dry_run)
    else:
        kinds = importlib.import_module("maintenance.tables").kinds_of(table.name)
        deed = importlib.import_module("maintenance.migration").migrating(table, kinds, pace, is_dry=given.dry_run)
    return deed


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
