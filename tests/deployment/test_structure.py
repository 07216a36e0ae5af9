"""The house: what the project's own files promise about its structure."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


def _run_python(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_import_contracts_hold() -> None:
    """import-linter finds no import that the contracts of pyproject.toml forbid."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports")], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_importing_the_app_leaves_out_what_only_some_calls_need() -> None:
    """A cold start pays neither for numpy nor for anything of development, the device or the emulator."""
    script = (
        "import app, sys; "
        "print(sorted({'numpy', 'moto', 'serial', 'local_cloud', 'device_bridge', 'phone_client'} & set(sys.modules)))"
    )
    done = _run_python(script)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_bridge_imports_nothing_of_the_cloud() -> None:
    """Importing the bridge's command line loads no cloud library and no numpy."""
    script = (
        "import device_bridge.cli, sys; "
        "print(sorted({'boto3', 'botocore', 'numpy', 'chalice', 'moto', 'pynamodb'} & set(sys.modules)))"
    )
    done = _run_python(script)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("package", ["smartdot", "tenpin"])
def test_vendor_links_to_the_one_source(package: str) -> None:
    """What Chalice packs is a link to the package's only source, so the two cannot differ."""
    link = PROJECT / "vendor" / package
    assert link.is_symlink()
    assert link.resolve() == PROJECT / package / "src" / package


def test_lock_files_are_hashed_and_name_no_index() -> None:
    """Every pinned requirement has hashes, and no file says where packages come from."""
    for path in PROJECT.glob("requirements*.txt"):
        lines = path.read_text().splitlines()
        assert not any("://" in line or line.startswith("-") for line in lines), path
        pinned = [line for line in lines if "==" in line and not line.startswith(" ")]
        assert pinned
        assert all(line.endswith("\\") for line in pinned), path


def test_the_functions_requirements_leave_chalice_out() -> None:
    """Chalice adds its own runtime; named in requirements.txt it would bring pip and setuptools into the zip."""
    names = {line.split("==")[0] for line in (PROJECT / "requirements.txt").read_text().splitlines() if "==" in line}
    assert not names & {"chalice", "pip", "setuptools", "wheel"}
