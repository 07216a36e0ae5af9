import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from bench import login
from bench.measure import interleave, ratio, ratio_quartiles
from bench.report import Figure

ROOT = Path(__file__).resolve().parents[2]


def test_a_ratio_is_taken_within_each_round() -> None:
    """A machine that is ten times slower in one round changes no ratio."""
    assert ratio([2.0, 20.0, 2.0], [1.0, 10.0, 1.0]) == 2.0
    assert ratio_quartiles([2.0, 20.0, 2.0], [1.0, 10.0, 1.0]) == (2.0, 2.0)


def test_no_batch_always_comes_first() -> None:
    """Each round starts with the next batch, and each batch runs once a round."""
    order: list[str] = []

    def batch(name: str) -> float:
        order.append(name)
        return 1.0

    batches = {name: partial(batch, name) for name in "abc"}
    assert interleave(batches, rounds=3, what="test") == {"a": [1.0] * 3, "b": [1.0] * 3, "c": [1.0] * 3}
    assert "".join(order) == "abcbcacab"


def test_a_figure_knows_whether_it_was_met() -> None:
    """A figure at its limit is met, one above is not, and one without a limit is neither."""
    verdicts = [Figure("a ratio", value, "x", at_most).met for value, at_most in ((1.0, 1.0), (1.01, 1.0), (9.0, None))]
    assert verdicts == [True, False, None]


@pytest.mark.long
def test_benchmarks_run_in_this_environment(tmp_path: Path) -> None:
    """The smoke test measures all three and writes its JSON; all contenders that are here pass their own checks."""
    output = tmp_path / "latest.json"
    names = ["dispatch", "imports", "login"]
    command = [sys.executable, "-m", "bench", *names, "--quick", "--here", "--output", str(output)]
    finished = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    benchmarks = json.loads(output.read_text(encoding="utf-8"))["benchmarks"]
    assert {"revmetrix", "chalice_bare", "chalice_by_hand"} <= benchmarks["dispatch"]["details"]["us_by_round"].keys()
    assert benchmarks["imports"]["details"]["unwanted"] == []
    logins = benchmarks["login"]["details"]["s_by_round"]
    assert {name: len(costs) for name, costs in logins.items()} == {login.LOGIN: 3, login.WITH_SDK: 3, "hash": 3}
    assert "ours over a bare Chalice route" in finished.stdout
