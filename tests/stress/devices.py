"""Emulated devices on real ptys under a name that stays, that can be unplugged and come back."""

import contextlib
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from device_bridge.emulator.firmware import Firmware
from device_bridge.emulator.flash import Flash
from device_bridge.emulator.pty_device import PtyDevice
from smartdot import MemoryFullError, MemoryImage
from tests.stress.memory import captures, write_pages

_TICKS = 10**12
_FREE_WITHIN_S = 2.0
_LOOK_AGAIN_S = 0.002


class Device(Protocol):
    """A device that a campaign can take away."""

    @property
    def place(self) -> str | Path:
        """What the bridge is given."""

    @property
    def made(self) -> Mapping[int, bytes]:
        """The captures of all records that it ever held, by their numbers."""

    def plug(self) -> None:
        """Plug it in."""

    def unplug(self) -> None:
        """Take it away, in the middle of whatever it does."""

    def record(self, chance: random.Random, data_pages: int) -> bool:
        """Record a shot; return False when it did not."""

    def rest(self) -> None:
        """Record nothing more by itself."""

    def holds(self) -> list[bytes]:
        """Return the captures of the records that are in its memory now."""

    def wait_until_free(self) -> None:
        """Wait until the next program can open it."""

    def faults_told(self) -> int:
        """Return how often something went wrong in it of its own accord."""


class WatchedFlash(Flash):
    """A memory that tells of each record that is erased, before it is gone.

    Args:
        image: The memory.
        tell: Called with the record's capture.
    """

    def __init__(self, image: MemoryImage, tell: Callable[[bytes], None]) -> None:
        super().__init__(image)
        self._tell = tell

    def erase_record(self, record: int) -> bool:
        """Free a record (`Flash.erase_record`)."""
        if any(slot.record == record for slot in self.image.slots()):
            self._tell(self.image.capture(record))
        return super().erase_record(record)


class PluggedDevice:
    """A device that a thread of this process serves on a pty.

    Args:
        image: Its memory, used in place.
        place: The symbolic link that leads to its pty while it is plugged in.
        baud: The speed of its line; None has no limit.

    Attributes:
        place: What the bridge is given.
        made: The captures of all records that it ever held, by their numbers.
        flash: Its memory.
        on_erased: Called with the capture of each record that it is told to erase.
    """

    def __init__(self, image: MemoryImage, place: Path, baud: int | None = None) -> None:
        self.place = place
        self.made: dict[int, bytes] = {slot.record: image.capture(slot.record) for slot in image.slots()}
        self.on_erased: Callable[[bytes], None] = lambda _: None
        self.flash = WatchedFlash(image, lambda capture: self.on_erased(capture))  # noqa: PLW0108 - set later
        self._baud = baud
        self._device: PtyDevice | None = None
        self.plug()

    def plug(self) -> None:
        """Plug it in: a new pty under the old name."""
        self._device = PtyDevice(Firmware(self.flash, lambda: _TICKS), self._baud)
        self._stop, self._stopped = socket.socketpair()
        self._thread = threading.Thread(
            target=self._device.serve, args=(self._stopped.fileno(),), name=f"device {self.place.name}"
        )
        self._thread.start()
        unfinished = self.place.with_name(f"{self.place.name}.new")
        unfinished.symlink_to(self._device.path)
        unfinished.replace(self.place)

    def unplug(self) -> None:
        """Take it away, in the middle of whatever it says."""
        if self._device is None:
            return
        with contextlib.suppress(OSError):
            self._stop.send(b"x")
        self._thread.join()
        self.place.unlink()
        self._device.close()
        self._device = None
        self._stop.close()
        self._stopped.close()

    def wait_until_free(self) -> None:
        """Wait until the next program can open it: its port hears in a moment that a killed one is gone."""
        ends_at_s = time.monotonic() + _FREE_WITHIN_S
        while time.monotonic() < ends_at_s:
            try:
                os.close(os.open(self.place, os.O_RDWR | os.O_NOCTTY))
            except OSError:
                time.sleep(_LOOK_AGAIN_S)
            else:
                return

    def rest(self) -> None:
        """Record nothing more by itself, which it never does."""

    def faults_told(self) -> int:
        """Return how often something went wrong in it of its own accord: never."""
        return 0

    def record(self, chance: random.Random, data_pages: int) -> bool:
        """Record a shot; return False when there is no room for it."""
        number = max(self.made, default=0) + 1
        pages = write_pages(chance, number, data_pages)
        try:
            self.flash.store_record(pages)
        except MemoryFullError:
            return False
        self.made[number] = self.flash.image.page(0) + b"".join(pages)
        return True

    def holds(self) -> list[bytes]:
        """Return the captures of the records that are in its memory now."""
        # Of one moment: the bridge may erase a record meanwhile.
        return captures(MemoryImage(bytearray(self.flash.image.data)))
