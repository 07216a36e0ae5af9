import ast
import functools
from pathlib import Path

import pytest

import device_bridge

PACKAGE = Path(device_bridge.__file__).parent


@functools.cache
def imported_by(path: Path) -> set[str]:
    """Return the names of all modules that a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize(
    ("module", "rooms"),
    [
        ("serial", {"transport/serial.py"}),
        ("urllib3", {"api.py"}),
        ("http", set()),
        ("sqlite3", {"spool/database.py"}),
        ("cobs", {"link/packet.py"}),
        ("numpy", set()),
        ("boto3", set()),
        ("chalicelib", set()),
    ],
)
def test_what_reaches_out_is_in_one_room(module: str, rooms: set[str]) -> None:
    """Serial ports, HTTP, the database and COBS are each imported in one place; numpy and the cloud nowhere."""
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any(name.split(".")[0] == module for name in imported_by(path))
    }
    assert found == rooms


def test_emulator_and_link_share_nothing() -> None:
    """The emulated device imports nothing of the host's link, so a mistake in one end cannot hide in the other."""
    for path in (PACKAGE / "emulator").rglob("*.py"):
        allowed = ("device_bridge.emulator", "device_bridge.errors")
        ours = {name for name in imported_by(path) if name.startswith("device_bridge")}
        assert all(name.startswith(allowed) for name in ours)


def test_modules_stay_readable() -> None:
    """No module is much longer than 250 lines."""
    lengths = {path.name: len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert max(lengths.values()) <= 260, lengths
