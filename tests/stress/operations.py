"""What the bridge does, one operation at a time, each as a person or the daemon starts it."""

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from device_bridge import backoff
from device_bridge.api import Api
from device_bridge.cli import main
from device_bridge.daemon.erasing import Eraser
from device_bridge.daemon.heartbeat import make_heartbeat
from device_bridge.daemon.journal import Journal
from device_bridge.device import LinkedSmartDot
from device_bridge.spool import Spool
from device_bridge.transport import open_transport
from tests.stress.stand_in import CREDENTIAL

_FIRST_DELAY_S = 0.01


@dataclass(frozen=True, slots=True)
class World:
    """Where an operation finds what it works with.

    Attributes:
        folder: Holds the spool and the credential.
        place: Where the device is.
        api: The API's address.
    """

    folder: Path
    place: Path
    api: str

    @property
    def spool(self) -> Path:
        """The spool's file."""
        return self.folder / "spool.db"


def _command(world: World, *words: str) -> None:
    """Run a command of the bridge in this process; how it ends is judged by what it leaves behind."""
    environment = {
        "DEVICE_BRIDGE_PORT": str(world.place),
        "DEVICE_BRIDGE_SPOOL": str(world.spool),
        "DEVICE_BRIDGE_API": world.api,
        "DEVICE_BRIDGE_CREDENTIAL": CREDENTIAL,
        "DEVICE_BRIDGE_MIN_FREE_MIB": "1",
        "XDG_CONFIG_HOME": str(world.folder),
    }
    silent = io.StringIO()
    with (
        mock.patch.dict(os.environ, environment),
        # What is done after a wait counts here, not the wait.
        mock.patch.object(backoff, "FIRST_DELAY_S", _FIRST_DELAY_S),
        mock.patch.object(sys, "stdin", io.StringIO()),
        contextlib.redirect_stdout(silent),
        contextlib.redirect_stderr(silent),
    ):
        main(list(words))


@contextlib.contextmanager
def _spool(world: World) -> Iterator[Spool]:
    with contextlib.closing(Spool(world.spool)) as spool:
        yield spool


def pull(world: World) -> None:
    """Read the device's new records into the spool."""
    _command(world, "pull")


def push(world: World) -> None:
    """Upload what is sealed."""
    _command(world, "push")


def retry_quarantined(world: World) -> None:
    """Send again what was set aside."""
    _command(world, "push", "--retry-quarantined")


def run_once(world: World) -> None:
    """Pull, push, and free the device of what the cloud has verified."""
    _command(world, "run", "--once", "--erase-verified")


def erase(world: World) -> None:
    """Free the device of what the cloud has verified."""
    device = LinkedSmartDot(open_transport)
    with _spool(world) as spool:
        try:
            device.open(str(world.place))
            Eraser(spool, Journal(lambda _: None)).erase(device)
        finally:
            device.close()


def heartbeat(world: World) -> None:
    """Tell the API how the bridge is."""
    with _spool(world) as spool, contextlib.closing(Api(world.api, CREDENTIAL)) as api:
        api.send_heartbeat(make_heartbeat(spool))


def set_aside(world: World) -> None:
    """Set a damaged spool aside and take over what can be read of it."""
    _command(world, "doctor", "--set-aside-spool")


OPERATIONS: dict[str, Callable[[World], None]] = {
    "pull": pull,
    "push": push,
    "push by ticket": push,
    "retry quarantined": retry_quarantined,
    "run once": run_once,
    "erase": erase,
    "heartbeat": heartbeat,
    "set aside": set_aside,
}
