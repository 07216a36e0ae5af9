"""That the benchmark of statistics measures what it says, and would find a request that reads too much."""

import json
import subprocess
import sys
from pathlib import Path

from bench import statistics
from bench.__main__ import main
from bench.environment import ROOT
from bench.statistics_cost import AT_ONCE, BY_GAME, MONTH_SESSIONS, RANGE, READS, REQUEST, Found

_READING_ALL = """
from bench import statistics_cost
from chalicelib.scorebook import pages
by_position = pages.by_position
def filtered(user_id, stretch, after, limit):
    whole = by_position(user_id, pages.Stretch("1#", "1#~", newest_first=True), after, limit)
    return (item for item in whole if stretch.begins <= item["tree"]["S"] <= stretch.ends)
pages.by_position = filtered
statistics_cost.main(1, 2, 10, 100)
"""
_COUNTING_WRONG = """
from bench import statistics_cost
from chalicelib.scorebook import figures
figures._parts = lambda *_: ()
statistics_cost.main(1, 2, 10, 10)
"""


def test_statistics_are_measured_beside_the_same_games_in_memory(tmp_path: Path) -> None:
    """A quick run has all figures; a request reads the head, the sessions, and what is in all of them, or in each."""
    output = tmp_path / "latest.json"
    assert main(["statistics", "--quick", "--output", str(output)]) == 0
    found = json.loads(output.read_text(encoding="utf-8"))["benchmarks"]["statistics"]
    assert all(figure["value"] > 0 for figure in found["figures"])
    details = found["details"]
    assert details["s_by_round"].keys() == {REQUEST, READS, RANGE, BY_GAME, AT_ONCE}
    assert details["everything"]["calls"] == 3
    assert details["range"]["calls"] == statistics.QUICK_SESSIONS + 2
    few, many = details["month"].values()
    assert few["calls"] == MONTH_SESSIONS + 2
    assert (few["calls"], few["read_units"]) == (many["calls"], many["read_units"])
    assert many["entries"] > 4 * few["entries"]
    ratios = [figure for figure in found["figures"] if figure["name"].startswith("a month: ")]
    assert [(figure["value"], figure["at_most"], figure["met"]) for figure in ratios] == [(1.0, 1.0, True)] * 2


def test_a_request_that_reads_outside_its_month_is_found() -> None:
    """Sessions that are read and left out cost units, so that the ratio is not 1."""
    finished = subprocess.run([sys.executable, "-c", _READING_ALL], cwd=ROOT, check=True, capture_output=True)
    found: Found = json.loads(finished.stdout)
    few, many = found["month"].values()
    assert many["read_units"] > few["read_units"]


def test_a_request_that_answers_something_else_is_not_timed() -> None:
    """Where the request and `tenpin` disagree there is nothing to compare."""
    finished = subprocess.run(
        [sys.executable, "-c", _COUNTING_WRONG], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert finished.returncode != 0
    assert "RuntimeError: statistics answered" in finished.stderr
