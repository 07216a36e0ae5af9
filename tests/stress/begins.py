"""What each operation begins with when a failure is injected into it."""

import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from device_bridge.spool import NewCapture, Spool, SpooledPage
from tests.stress.campaign import seeded
from tests.stress.devices import PluggedDevice
from tests.stress.memory import blank_memory, make_memory
from tests.stress.operations import World, pull, push
from tests.stress.stand_in import StandIn

_SIZES = [0, 12]
# Just above what goes into one request.
_TICKET_PAGES = 4 * 4096
_SQLITE_PAGE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Begin:
    """What an operation begins with; each try gets it anew.

    Attributes:
        spool: The spool's bytes, None for none.
        memory: The device's memory.
        stored: What the cloud holds.
        expected: What the cloud must hold in the end.
        is_spool_damaged: Whether the spool cannot be opened until it was set aside.
    """

    spool: bytes | None
    memory: bytes
    stored: dict[str, bytes]
    expected: list[bytes]
    is_spool_damaged: bool = False


def prepare(operation: str, seed: int, folder: Path, api: StandIn) -> Begin:
    """Bring a bridge to where an operation begins, without failures."""
    folder.mkdir()
    image = make_memory(seeded(seed, "failures"), "DOT-1", _SIZES, directory_pages=8)
    # What is only in the spool must not come from the device once more.
    blank = blank_memory("DOT-1", 64)
    device = PluggedDevice(blank if operation == "push by ticket" else image, folder / "dot")
    world = World(folder, device.place, api.url)
    try:
        for step in _STEPS.get(operation, []):
            step(world)
    finally:
        device.unplug()
    expected = sorted(device.made.values() or _sealed(world))
    spool = world.spool.read_bytes() if world.spool.exists() else None
    if operation == "set aside":
        return Begin(_damaged(world.spool), bytes(blank.data), {}, expected, is_spool_damaged=True)
    return Begin(spool, bytes(device.flash.image.data), dict(api.stored), expected)


def _sealed(world: World) -> list[bytes]:
    with contextlib.closing(Spool(world.spool)) as spool:
        return [spool.load(row) for row in spool.captures()]


def _seal_large(world: World) -> None:
    with contextlib.closing(Spool(world.spool)) as spool:
        row = spool.begin(NewCapture("DOT-1", 1, bytes(256), _TICKET_PAGES))
        spool.add_pages(row.id, [SpooledPage(number, bytes(256), None) for number in range(_TICKET_PAGES)])
        spool.seal(row.id, {"device": "DOT-1", "record": 1})


def _quarantine(world: World) -> None:
    with contextlib.closing(Spool(world.spool)) as spool:
        for row in spool.captures():
            spool.mark_quarantined(row.id, "refused")


def _damaged(path: Path) -> bytes:
    """Return a spool's bytes with an index of it overwritten: damaged, and every capture can be read."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'captures_by_state'").fetchone()
    begin = (page - 1) * _SQLITE_PAGE_BYTES
    data = path.read_bytes()
    return data[:begin] + b"\xa5" * _SQLITE_PAGE_BYTES + data[begin + _SQLITE_PAGE_BYTES :]


_STEPS: dict[str, list[Callable[[World], None]]] = {
    "push": [pull],
    "push by ticket": [_seal_large],
    "retry quarantined": [pull, _quarantine],
    "erase": [pull, push],
    "heartbeat": [pull],
    "set aside": [pull],
}
