"""Which processes have a port open: what `fuser` tells, from /proc."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_MOST_SHOWN = 60
_PTY_MASTERS = ("/dev/ptmx", "/dev/pts/ptmx")


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has the port open.

    Attributes:
        pid: Its number.
        command: Its command line.
    """

    pid: int
    command: str

    @property
    def is_bridge(self) -> bool:
        """Whether it is a device_bridge at work."""
        return "device_bridge" in self.command

    def __str__(self) -> str:
        """Return it for a person."""
        return f"{self.command[:_MOST_SHOWN] or 'a process'} (process {self.pid})"


@dataclass(frozen=True, slots=True)
class Holders:
    """What was found.

    Attributes:
        found: The processes, this one left out.
        hidden: How many processes this user may not look into.
    """

    found: tuple[Holder, ...]
    hidden: int


def find_holders(port: str) -> Holders:
    """Return who has a port open; nobody where there is no /proc.

    Args:
        port: Its path.
    """
    try:
        device = os.stat(port)  # noqa: PTH116 - follows links such as /dev/serial/by-id
    except OSError:
        return Holders((), 0)
    if not stat.S_ISCHR(device.st_mode) or not _PROC.is_dir():
        return Holders((), 0)
    found, hidden = [], 0
    for process in _processes():
        try:
            if _has_open(process, device.st_rdev):
                found.append(Holder(int(process.name), _command(process)))
        except PermissionError:
            hidden += 1
        except OSError:
            # It has ended meanwhile.
            continue
    return Holders(tuple(found), hidden)


def _processes() -> Iterator[Path]:
    own = str(os.getpid())
    for process in _PROC.iterdir():
        if process.name.isdecimal() and process.name != own:
            yield process


def _has_open(process: Path, device: int) -> bool:
    has_it = False
    for descriptor in (process / "fd").iterdir():
        try:
            # The other end of a pty is the device itself, not one of those who would share it.
            if str(descriptor.readlink()) in _PTY_MASTERS:
                return False
            status = descriptor.stat()
        except OSError:
            continue
        has_it = has_it or (stat.S_ISCHR(status.st_mode) and status.st_rdev == device)
    return has_it


def _command(process: Path) -> str:
    words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", errors="replace").split()
    # A path to an interpreter says little.
    return " ".join(word.rsplit("/", 1)[-1] for word in words)
