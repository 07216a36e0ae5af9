"""`doctor --set-aside-spool`: a damaged spool is renamed and kept, a new one begun with what can be read of it."""

import contextlib
import sys
from pathlib import Path

from device_bridge.cli.console import Output
from device_bridge.cli.streams import is_wanted
from device_bridge.errors import ExitCode, UsageError
from device_bridge.settings import Settings
from device_bridge.spool import (
    LowDiskError,
    Salvaged,
    Spool,
    SpoolCorruptError,
    SpoolLock,
    check_free_space,
    not_taken_over,
    note_taken_over,
    salvage,
    set_aside,
    spool_bytes,
    spool_exists,
)

_ROOM_BESIDE_BYTES = 2**20


def set_spool_aside(settings: Settings, output: Output, *, as_json: bool) -> ExitCode:
    """Say what will happen, set the spool aside, and begin a new one; go on with what was cut off the last time.

    Raises:
        SpoolLockedError: A bridge works with the spool.
        LowDiskError: The disk has no room for what would be copied. Nothing was changed.
        UsageError: There is no spool, or the person at the terminal does not want it.
    """
    path = settings.spool
    if not spool_exists(path) and not not_taken_over(path):
        raise UsageError(f"there is no spool {path}, so there is nothing to set aside")
    with SpoolLock(path):
        damage = _find_damage(path) if spool_exists(path) else []
        begun = not_taken_over(path)
        if not damage and not begun:
            return _say_it_is_whole(path, output, as_json=as_json)
        _check_room(path, begun, is_damaged=bool(damage))
        if damage:
            aside = _set_aside(path, damage, output)
            begun = [aside, *(other for other in begun if other != aside)]
        with contextlib.closing(Spool(path)) as spool:
            taken_over = [_take_over(aside, spool) for aside in begun]
    return _report(path, begun, taken_over, output, as_json=as_json)


def _check_room(path: Path, begun: list[Path], *, is_damaged: bool) -> None:
    """Return when there is room for as much as could be copied.

    Raises:
        LowDiskError: There is not.
    """
    held_bytes = spool_bytes(path)
    copied_bytes = sum(map(spool_bytes, begun)) + (held_bytes if is_damaged else -held_bytes)
    needed_bytes = max(0, copied_bytes) + _ROOM_BESIDE_BYTES
    try:
        check_free_space(path, needed_bytes)
    except LowDiskError as error:
        raise LowDiskError(
            f"what can be read of the damaged spool {path} may need {needed_bytes // 2**20} MiB more on its disk, "
            "which has not so much free. Nothing was changed: free some space, and call this again"
        ) from error


def _set_aside(path: Path, damage: list[str], output: Output) -> Path:
    for line in damage:
        output.message(f"device_bridge: {line}")
    output.message(
        f"device_bridge: {path} is renamed to {path.name}.corrupt-<time> beside it, with every byte it has; a new "
        "spool is made; what can be read of the old one is copied into it. Nothing is deleted, and records that "
        "are still on the devices are read again"
    )
    if sys.stdin.isatty() and not is_wanted("Go on?"):
        raise UsageError("nothing was changed")
    return set_aside(path)


def _take_over(aside: Path, spool: Spool) -> Salvaged:
    taken = salvage(aside, spool)
    note_taken_over(aside)
    return taken


def _find_damage(path: Path) -> list[str]:
    try:
        with contextlib.closing(Spool(path)) as spool:
            return spool.check()
    except SpoolCorruptError as error:
        return [str(error)]


def _say_it_is_whole(path: Path, output: Output, *, as_json: bool) -> ExitCode:
    if as_json:
        output.json({"spool": str(path), "set_aside": None})
    else:
        output.result(f"the spool {path} is whole: nothing was set aside")
    return ExitCode.FINE


def _report(path: Path, asides: list[Path], taken_over: list[Salvaged], output: Output, *, as_json: bool) -> ExitCode:
    captures = sum(salvaged.captures for salvaged in taken_over)
    incomplete = sum(salvaged.incomplete for salvaged in taken_over)
    lost = [line for salvaged in taken_over for line in salvaged.lost]
    if as_json:
        facts = {"captures": captures, "incomplete": incomplete, "lost": lost}
        output.json({"spool": str(path), "set_aside": str(asides[0]), **facts})
    else:
        output.result(f"the old spool is {asides[0]}")
        output.result(
            f"the spool {path} took over {captures} captures as they were, and {incomplete} that lack bytes; what it "
            "held already is left as it is"
        )
        for line in lost:
            output.message(f"device_bridge: {line}")
        output.message("device_bridge: keep the old file until `device_bridge status` shows that all is delivered")
    return ExitCode.LOOK_AT_IT if lost else ExitCode.FINE
