"""The bridge in an environment that holds its wheels, what these require, and nothing else."""

import email
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from .conftest import REPOSITORY

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
# What `pip install ./smartdot ./device_bridge` brings: rich brings the last three.
ALLOWED = {
    "revmetrix-smartdot",
    *("cobs", "plotext", "pyserial", "rich", "urllib3"),
    *("markdown-it-py", "mdurl", "pygments"),
}
UNWANTED = ("numpy", "pyarrow", "matplotlib", "boto3", "botocore", "chalice", "pynamodb", "chalicelib", "local_cloud")


def canonical(name: str) -> str:
    """Return a distribution's name in the form in which names are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def required_by(requirements: list[str]) -> set[str]:
    """Return the names of requirements that no extra asks for."""
    return {
        canonical(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0])
        for requirement in requirements
        if "extra ==" not in requirement and not re.search(r"python_version\s*<", requirement)
    }


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give the wheels of the format and of the bridge, built from copies of their sources."""
    folder = tmp_path_factory.mktemp("wheels")
    for name in ("smartdot", "device_bridge"):
        subprocess.run(["cp", "-r", str(REPOSITORY / name), str(folder / name)], check=True)
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        subprocess.run(command, cwd=folder / name, check=True, capture_output=True)
    return {path.name.split("-")[0].removeprefix("revmetrix_"): path for path in folder.glob("*.whl")}


def requirements_of(wheel: Path) -> list[str]:
    """Return what a wheel requires."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name)).get_all("Requires-Dist") or []


@pytest.fixture(scope="module")
def environment(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give an environment in which Python finds the two wheels, what they require of this one, and nothing else."""
    folder = tmp_path_factory.mktemp("site")
    for wheel in wheels.values():
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    for name in sorted(closure(wheels) - {"revmetrix-smartdot"}):
        link_distribution(name, folder)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DEVICE_BRIDGE_", "PYTHON"))}
    return {**kept, "PYTHONPATH": str(folder), "HOME": str(folder / "home"), "PYTHONWARNINGS": "error"}


def link_distribution(name: str, folder: Path) -> None:
    """Put what an installed distribution consists of into a folder, as links to its packages and modules."""
    for file in importlib.metadata.distribution(name).files or ():
        target = folder / file.parts[0]
        if ".." in file.parts or target.exists():
            continue
        place = Path(str(file.locate()))
        target.symlink_to(place.parents[len(file.parts) - 2] if len(file.parts) > 1 else place)


def closure(wheels: dict[str, Path]) -> set[str]:
    """Return all that the bridge's wheel requires, and what that requires."""
    found: set[str] = set()
    wanted = required_by(requirements_of(wheels["device_bridge"]))
    while wanted:
        name = wanted.pop()
        found.add(name)
        more = (
            requirements_of(wheels["smartdot"]) if name == "revmetrix-smartdot" else importlib.metadata.requires(name)
        )
        wanted |= required_by(more or []) - found
    return found


def run(environment: dict[str, str], *arguments: str, code: int = 0) -> str:
    """Run Python there, without this environment's packages, and return what it prints."""
    # -S leaves out every folder of packages; only PYTHONPATH's is found.
    done = subprocess.run(
        [sys.executable, "-S", *arguments],
        env=environment,
        # Python looks into the working directory as well.
        cwd=environment["PYTHONPATH"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == code, done.stderr
    return done.stderr + done.stdout


def test_what_it_brings_is_what_is_allowed(wheels: dict[str, Path]) -> None:
    """The bridge requires what is on the list and nothing more: no numpy, no cloud library, no tool."""
    assert closure(wheels) == ALLOWED
    extras = {
        extra for line in requirements_of(wheels["device_bridge"]) for extra in re.findall(r"extra == '(\w+)'", line)
    }
    assert extras == {"parquet", "plot"}


def test_the_wheel_is_whole(wheels: dict[str, Path]) -> None:
    """The wheel holds every module of the sources, its types' marker, and the command."""
    source = REPOSITORY / "device_bridge" / "src"
    with zipfile.ZipFile(wheels["device_bridge"]) as archive:
        names = set(archive.namelist())
        (entry_points,) = [name for name in names if name.endswith("entry_points.txt")]
        assert "device_bridge = device_bridge.cli:main" in archive.read(entry_points).decode()
    wanted = {path.relative_to(source).as_posix() for path in (source / "device_bridge").rglob("*.py")}
    assert wanted | {"device_bridge/py.typed"} <= names


def test_every_module_is_imported(environment: dict[str, str]) -> None:
    """Every module of the bridge is imported there; no numpy, no cloud library and no extra is loaded or found."""
    script = (
        "import importlib, json, pkgutil, sys, device_bridge\n"
        "names = [module.name for module in pkgutil.walk_packages(device_bridge.__path__, 'device_bridge.')]\n"
        "[importlib.import_module(name) for name in names if not name.endswith('__main__')]\n"
        f"found = [name for name in {UNWANTED!r} if name in sys.modules or importlib.util.find_spec(name)]\n"
        "print(json.dumps([len(names), found]))\n"
    )
    count, found = json.loads(run(environment, "-c", script))
    assert found == []
    assert count > 60


def test_it_works_there(environment: dict[str, str], tmp_path: Path) -> None:
    """Help, list, an emulator, pull, status, export, plot and doctor work there; the extras say what they need."""
    bridge = ("-m", "device_bridge")
    environment = {**environment, "DEVICE_BRIDGE_SPOOL": str(tmp_path / "spool.db")}
    assert "export" in run(environment, *bridge, "--help")
    assert "device_bridge 0" in run(environment, *bridge, "--version")
    run(environment, *bridge, "list")
    command = [sys.executable, "-S", *bridge, "emulate", "--link", str(tmp_path / "dot"), "--until-stdin-closes"]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as emulator:
        assert emulator.stdin is not None
        assert emulator.stdout is not None
        assert emulator.stdout.readline().startswith("SmartDot on ")
        environment["DEVICE_BRIDGE_PORT"] = str(tmp_path / "dot")
        assert len(json.loads(run(environment, *bridge, "pull", "--json"))["sealed"]) == 1
        assert "0 errors in 100 reads" in run(environment, *bridge, "doctor", code=6)
        emulator.stdin.close()
        assert emulator.wait() == 0
    assert json.loads(run(environment, *bridge, "status", "--json"))["counts"]["sealed"] == 1
    run(environment, *bridge, "export", "--all", "--output", str(tmp_path))
    assert len(list(tmp_path.glob("*_1.csv"))) == 1
    assert "time (s)" in run(environment, *bridge, "plot", "--sensor", "light")
    told = run(environment, *bridge, "export", "--all", "--format", "parquet", "--output", str(tmp_path), code=2)
    assert "pip install 'revmetrix-device-bridge[parquet]'" in told
    told = run(environment, *bridge, "plot", "--output", str(tmp_path / "shot.png"), code=2)
    assert "pip install 'revmetrix-device-bridge[plot]'" in told


def test_start_is_quick_because_little_is_loaded(environment: dict[str, str]) -> None:
    """What reads settings or the spool loads no serial port, no HTTP, no plot, no bars and no TOML it does not need."""
    script = (
        "import sys; sys.argv[1:] = {words!r}\n"
        "from device_bridge.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = ('serial', 'urllib3', 'plotext', 'rich.progress', 'tomllib', 'ctypes')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    for words in (["config", "show"], ["quarantine"]):
        assert run(environment, "-c", script.format(words=words)).splitlines()[-1] == "[]"


def test_pip_installs_it(tmp_path: Path) -> None:
    """In a new environment an installer finds all that the two packages need, and brings what is on the list."""
    uv, python = str(Path(sys.executable).parent / "uv"), str(tmp_path / "venv" / "bin" / "python")
    if not Path(uv).exists():
        pytest.skip("uv is not installed beside this Python")
    for name in ("smartdot", "device_bridge"):
        subprocess.run(["cp", "-r", str(REPOSITORY / name), str(tmp_path / name)], check=True)
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(tmp_path / "venv")], check=True)
    command = [uv, "pip", "install", "--quiet", "--python", python, "./smartdot", "./device_bridge"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240)
    if done.returncode and re.search(r"fetch|connect|resolve|dns|network|timed out", done.stderr, re.IGNORECASE):
        pytest.skip("no package registry can be reached from here")
    assert done.returncode == 0, done.stderr
    listed = subprocess.run(
        [uv, "pip", "list", "--python", python, "--format", "json"], capture_output=True, check=True, text=True
    )
    assert {canonical(entry["name"]) for entry in json.loads(listed.stdout)} == ALLOWED | {"revmetrix-device-bridge"}
    command = [str(tmp_path / "venv" / "bin" / "device_bridge"), "--version"]
    assert subprocess.run(command, capture_output=True, check=True, text=True).stdout.startswith("device_bridge ")
