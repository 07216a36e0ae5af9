"""What importing the application costs: a function's cold start, beside the bare libraries that it cannot do without.

Each import is a fresh process with the runtime's requirements only and the code as Chalice lays it out on Lambda. A
Chalice deployment holds no .pyc, so the figure without them counts; the standard library's are there in both, as on
Lambda.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bench.environment import ROOT, runtime_python
from bench.measure import Batch, interleave, progress, ratio, ratio_quartiles
from bench.report import Figure, Options, Result

_PROGRAMS = {"app": "import app", "libraries": "import chalice, boto3, pynamodb.models"}
# Processor time: the files are in the system's cache, so nothing waits, and other programs' work is not counted.
_TIMED = """
import time
started = time.process_time()
{statement}
took_s = time.process_time() - started
import json, sys
print(json.dumps({{"took_s": took_s, "modules": sorted(sys.modules)}}))
"""
_UNWANTED = ("numpy", "serial", "moto")
_AT_MOST = 1.5
_HEAVIEST = 12


def run(options: Options) -> Result:
    """Measure both imports without and with .pyc."""
    python = Path(sys.executable) if options.here else runtime_python()
    rounds = 2 if options.quick else 20
    if not options.here:
        _remove_bytecode(python)
    with tempfile.TemporaryDirectory(prefix="bench-imports-") as folder:
        deployment = _lay_out(Path(folder) / "deployment")
        without = _environment(deployment) | {"PYTHONDONTWRITEBYTECODE": "1"}
        cached = _environment(deployment) | {"PYTHONPYCACHEPREFIX": str(Path(folder) / "pyc")}
        costs = interleave(_batches(python, without, cached), rounds=rounds, what="imports")
        modules = _import(python, _PROGRAMS["app"], without)["modules"]
        heaviest = _heaviest(python, without)
    figures = [
        _ratio(costs, "without .pyc", _AT_MOST),
        _ratio(costs, "with .pyc", None),
        *(Figure(f"import of {name}", statistics.median(took_ms), "ms") for name, took_ms in costs.items()),
        Figure(f"of {', '.join(_UNWANTED)}, imported by app", float(len(_loaded(modules))), "packages", 0.0),
    ]
    details = {"rounds": rounds, "ms_by_round": costs, "unwanted": _loaded(modules), "heaviest_ms": heaviest}
    return Result("imports", figures, details, [_heaviest_note(heaviest)])


def _ratio(costs: Mapping[str, list[float]], bytecode: str, at_most: float | None) -> Figure:
    ours, theirs = costs[f"app {bytecode}"], costs[f"libraries {bytecode}"]
    name = f"app over chalice, boto3, pynamodb.models, {bytecode}"
    return Figure(name, ratio(ours, theirs), "x", at_most, ratio_quartiles(ours, theirs))


def _batches(python: Path, without: dict[str, str], cached: dict[str, str]) -> dict[str, Batch]:
    batches: dict[str, Batch] = {}
    for bytecode, environment in (("without .pyc", without), ("with .pyc", cached)):
        for name, statement in _PROGRAMS.items():
            # Once unmeasured: it fills the operating system's file cache and, where they are wanted, the .pyc.
            _import(python, statement, environment)
            batches[f"{name} {bytecode}"] = partial(_took_ms, python, statement, environment)
    return batches


def _took_ms(python: Path, statement: str, environment: dict[str, str]) -> float:
    took_s: float = _import(python, statement, environment)["took_s"]
    return took_s * 1000


def _import(python: Path, statement: str, environment: dict[str, str]) -> dict[str, Any]:
    command = [str(python), "-c", _TIMED.format(statement=statement)]
    finished = subprocess.run(command, env=environment, cwd="/", check=True, stdout=subprocess.PIPE)
    answer: dict[str, Any] = json.loads(finished.stdout)
    return answer


def _environment(deployment: Path) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join([str(deployment), str(deployment / "vendor")]),
        "PYTHONUTF8": "1",
        "AWS_REGION": "us-east-1",
    }


def _lay_out(deployment: Path) -> Path:
    """Copy what Chalice packages, without caches; the links in `vendor` become what they point at."""
    deployment.mkdir()
    shutil.copy(ROOT / "app.py", deployment)
    for folder in ("chalicelib", "vendor"):
        shutil.copytree(ROOT / folder, deployment / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return deployment


def _remove_bytecode(python: Path) -> None:
    for cache in (python.parent.parent / "lib").rglob("__pycache__"):
        shutil.rmtree(cache)


def _loaded(modules: list[str]) -> list[str]:
    return [name for name in _UNWANTED if name in modules]


def _heaviest(python: Path, environment: dict[str, str]) -> dict[str, float]:
    """Return what each package's own modules cost `import app`, in ms, the heaviest first."""
    progress("imports: what is heavy")
    command = [str(python), "-X", "importtime", "-c", _PROGRAMS["app"]]
    finished = subprocess.run(command, env=environment, cwd="/", check=True, stderr=subprocess.PIPE, text=True)
    own_us: Counter[str] = Counter()
    for line in finished.stderr.splitlines():
        if match := re.fullmatch(r"import time:\s*(\d+) \|\s*\d+ \|\s*([\w.]+)", line):
            own_us[match[2].partition(".")[0]] += int(match[1])
    return {package: us / 1000 for package, us in own_us.most_common(_HEAVIEST)}


def _heaviest_note(heaviest: dict[str, float]) -> str:
    listed = ", ".join(f"{package} {ms:.0f}" for package, ms in heaviest.items())
    return f"heaviest packages of `import app` without .pyc, own ms under -X importtime: {listed}"
