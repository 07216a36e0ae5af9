"""The spool as commands use it that only look at what it holds, or change a mark in it: none of them makes one."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from device_bridge.cli.damaged_spool import saying_how_to_set_aside
from device_bridge.errors import BridgeError
from device_bridge.spool import Spool, spool_exists


class NoSuchCaptureError(BridgeError):
    """The spool holds no such capture."""


@contextlib.contextmanager
def opened_spool(path: Path) -> Iterator[Spool]:
    """Give a spool that exists.

    Raises:
        NoSuchCaptureError: There is none, so there is no capture.
        SpoolError: It cannot be used, or only its log is there.
    """
    if not spool_exists(path):
        raise NoSuchCaptureError(f"there is no spool {path} yet, so no capture: pull first, or name another --spool")
    with saying_how_to_set_aside(), contextlib.closing(Spool(path)) as spool:
        yield spool
