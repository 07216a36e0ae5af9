"""`doctor --set-aside-spool`: a damaged spool is renamed and kept, a new one begun with what can be read of it."""

import contextlib
import sys
from pathlib import Path

from device_bridge.cli.console import Output
from device_bridge.errors import ExitCode, UsageError
from device_bridge.settings import Settings
from device_bridge.spool import Salvaged, Spool, SpoolCorruptError, SpoolLock, salvage, set_aside


def set_spool_aside(settings: Settings, output: Output, *, as_json: bool) -> ExitCode:
    """Say what will happen, set the spool aside, and begin a new one.

    Raises:
        SpoolLockedError: A bridge works with the spool.
        UsageError: There is no spool, or the person at the terminal does not want it.
    """
    path = settings.spool
    if not path.exists():
        raise UsageError(f"there is no spool {path}, so there is nothing to set aside")
    with SpoolLock(path):
        damage = _find_damage(path)
        if not damage:
            return _say_it_is_whole(path, output, as_json=as_json)
        for line in damage:
            output.message(f"device_bridge: {line}")
        output.message(
            f"device_bridge: {path} is renamed to {path.name}.corrupt-<time> beside it, with every byte it has; a new "
            "spool is made; what can be read of the old one is copied into it. Nothing is deleted, and records that "
            "are still on the devices are read again"
        )
        _ask()
        aside = set_aside(path)
        with contextlib.closing(Spool(path)) as spool:
            salvaged = salvage(aside, spool)
    return _report(path, aside, salvaged, output, as_json=as_json)


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


def _ask() -> None:
    if not sys.stdin.isatty():
        return
    sys.stderr.write("Go on? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was changed")


def _report(path: Path, aside: Path, salvaged: Salvaged, output: Output, *, as_json: bool) -> ExitCode:
    if as_json:
        facts = {"captures": salvaged.captures, "incomplete": salvaged.incomplete, "lost": list(salvaged.lost)}
        output.json({"spool": str(path), "set_aside": str(aside), **facts})
    else:
        output.result(f"the old spool is {aside}")
        output.result(
            f"the new spool {path} has {salvaged.captures} captures as they were, and {salvaged.incomplete} that lack "
            "bytes"
        )
        for line in salvaged.lost:
            output.message(f"device_bridge: {line}")
        output.message("device_bridge: keep the old file until `device_bridge status` shows that all is delivered")
    return ExitCode.LOOK_AT_IT if salvaged.lost else ExitCode.FINE
