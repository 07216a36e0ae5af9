"""What the loops of the daemon share; the captures themselves pass between them through the spool alone."""

import errno
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from device_bridge.daemon.access import CloudAccess
from device_bridge.daemon.claims import DeviceClaims
from device_bridge.daemon.journal import Event, Journal, Level
from device_bridge.daemon.pulse import Pulse, Pulses
from device_bridge.settings import Settings
from device_bridge.spool import LowDiskError, SpoolCorruptError, SpoolError, SpoolGoneError, SpoolWatch
from device_bridge.transport import Transport

DISK_RETRY_S = 2.0
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)
_LONGEST_SLICE_S = 5.0


@dataclass
class Shared:
    """What every loop is given.

    Attributes:
        settings: What was asked for.
        journal: Where they say what happens.
        access: The API, when there is a credential that it takes.
        open_transport: Opens the stream to a place.
        stop: Set when the daemon ends.
        sealed: Set when a capture was sealed, to be sent at once.
        changed: Set when the API should hear of it in a heartbeat.
        claims: Which place reads which device.
        pulses: Whether every loop still moves.
        spool_watch: Whether the spool is still the file that it was.
    """

    settings: Settings
    journal: Journal
    access: CloudAccess
    open_transport: Callable[[str], Transport]
    stop: threading.Event = field(default_factory=threading.Event)
    sealed: threading.Event = field(default_factory=threading.Event)
    changed: threading.Event = field(default_factory=threading.Event)
    claims: DeviceClaims = field(default_factory=DeviceClaims)
    pulses: Pulses = field(default_factory=Pulses)

    def __post_init__(self) -> None:
        """Prepare the watch over the spool's file, which begins when the spool is open."""
        self.spool_watch = SpoolWatch(self.settings.spool)

    def wake_everyone(self) -> None:
        """Let every loop see that the daemon ends."""
        self.stop.set()
        self.sealed.set()
        self.changed.set()

    def wait(self, pulse: Pulse, seconds: float, until: threading.Event | None = None) -> None:
        """Wait until an event (the daemon's end when none is given) for at most this long, and stay alive meanwhile."""
        event = until or self.stop
        left_s = seconds
        pulse.beat()
        while left_s > 0 and not event.wait(min(left_s, _LONGEST_SLICE_S)):
            pulse.beat()
            left_s -= _LONGEST_SLICE_S

    def wait_for_disk(self, pulse: Pulse, topic: str, error: SpoolError | OSError) -> None:
        """Say that the spool failed and wait a little.

        Raises:
            SpoolError: The spool is corrupt or gone, which does not pass by itself.
            OSError: It is none of the disk's.
        """
        # A deleted file shows as all kinds of errors.
        self.spool_watch.check()
        if isinstance(error, (SpoolCorruptError, SpoolGoneError)):
            raise error
        if isinstance(error, OSError) and error.errno not in _DISK_ERRORS:
            raise error
        is_low = isinstance(error, LowDiskError)
        name, what_next = ("disk-low", "") if is_low else ("spool-failed", ". Trying again")
        self.journal.say_once(topic, Event(name, f"{error}{what_next}", Level.ERROR, identity="low" if is_low else ""))
        self.wait(pulse, DISK_RETRY_S)
