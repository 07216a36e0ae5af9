"""The package needs the standard library only; its columns need numpy as well."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import smartdot

MODULES = sorted(Path(smartdot.__file__).parent.glob("*.py"))
LIST_LOADED = """
import sys
before = set(sys.modules)
import smartdot
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""


def test_import_loads_the_standard_library_only() -> None:
    """In a fresh process, `import smartdot` loads nothing but itself and the standard library."""
    done = subprocess.run([sys.executable, "-I", "-c", LIST_LOADED], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "smartdot" in loaded
    assert loaded - sys.stdlib_module_names == {"smartdot"}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_import_statements(module: Path) -> None:
    """No module imports beyond the standard library and this package, inside functions either; columns add numpy."""
    needs_numpy = module.stem in {"columns", "runs", "run_checks"}
    allowed = {*sys.stdlib_module_names, "smartdot"} | ({"numpy"} if needs_numpy else set())
    assert _imported(ast.parse(module.read_text(encoding="utf-8"))) <= allowed


def _imported(tree: ast.AST) -> set[str]:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return {name.partition(".")[0] for name in names}
