"""What a benchmark returns, and how all of it is shown: a table for people, JSON for everything else."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Options:
    """How the benchmarks are run.

    Attributes:
        quick: Few rounds: whether it works, not how fast it is.
        here: In this environment, without the competitors that it does not have, instead of in one of their own.
        games: How many games the benchmark of scoring scores; None for its own number.
    """

    quick: bool = False
    here: bool = False
    games: int | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table.

    Attributes:
        name: What was measured.
        value: How much.
        unit: `x` for a ratio, else a unit.
        at_most: The figure that is wanted, where one is.
        between: The quartiles of the rounds, where they are known.
    """

    name: str
    value: float
    unit: str
    at_most: float | None = None
    between: tuple[float, float] | None = None

    @property
    def met(self) -> bool | None:
        """Whether the wanted figure was reached, None where none is wanted."""
        return None if self.at_most is None else self.value <= self.at_most


@dataclass(frozen=True, slots=True)
class Result:
    """What a benchmark found.

    Attributes:
        name: The benchmark.
        figures: The table's rows.
        details: Whatever else belongs into the JSON.
        notes: Sentences below the table.
    """

    name: str
    figures: Sequence[Figure]
    details: dict[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()


def machine_facts() -> dict[str, Any]:
    """Return what a figure depends on, and nothing that names the machine."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "architecture": platform.machine(),
    }


def write_json(path: Path, machine: dict[str, Any], options: Options, results: Sequence[Result]) -> None:
    """Write everything that was measured."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"machine": machine, "options": asdict(options), "benchmarks": {r.name: _document(r) for r in results}}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _document(result: Result) -> dict[str, Any]:
    figures = [{**asdict(figure), "met": figure.met} for figure in result.figures]
    return {"figures": figures, "details": result.details, "notes": list(result.notes)}


def table(machine: dict[str, Any], options: Options, results: Sequence[Result]) -> str:
    """Return the table that a person reads."""
    rows: list[tuple[str, ...]] = [("benchmark", "figure", "median", "middle half", "wanted", "met")]
    rows += [_row(result.name, figure) for result in results for figure in result.figures]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    lines += ["", *(f"{result.name}: {note}" for result in results for note in result.notes)]
    if options.quick or options.here:
        lines.append("A smoke test (--quick or --here): these figures say only that it works.")
    facts = f"{machine['cores']} cores, {machine['implementation']} {machine['python']}, {machine['architecture']}"
    return "\n".join([*lines, facts])


def _row(benchmark: str, figure: Figure) -> tuple[str, ...]:
    between = f"{_text(figure.between[0])} to {_text(figure.between[1])}" if figure.between else ""
    wanted = "" if figure.at_most is None else f"at most {figure.at_most:g}"
    met = {True: "yes", False: "NO", None: ""}[figure.met]
    return benchmark, figure.name, f"{_text(figure.value)} {figure.unit}", between, wanted, met


def _text(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"
