"""The package by itself."""

import os
import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "tenpin" / "src"


def test_it_needs_only_the_standard_library() -> None:
    """An interpreter that sees no installed package scores a game: a phone app or a function needs nothing else."""
    script = (
        "import sys; from tenpin import Shot, score_game, statistics; "
        "print(score_game({number: [Shot(0, 10)] * (3 if number == 10 else 1) for number in range(1, 11)}).score); "
        "print(sorted({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names))"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES)}
    done = subprocess.run(
        [sys.executable, "-S", "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == ["300", "['__main__', 'tenpin']"], done.stderr
