"""The emulated device on a pty: real bytes through a real terminal device, until it is told to stop."""

import contextlib
import fcntl
import os
import select
import termios
import time
import tty

from device_bridge.emulator.firmware import Firmware
from device_bridge.emulator.recorder import Recorder

_READ_BYTES = 65_536
# A device has no room for more replies than this; it drops requests, and the host asks again.
_MOST_UNSENT_BYTES = 65_536
_SILENCE_S = 1.0
_BITS_PER_BYTE = 10
_PACED_CHUNK_S = 0.01


class PtyDevice:
    """A pty on whose other end the firmware answers.

    Args:
        firmware: The device's program.
        baud: Limits what it sends to a line of this speed at 10 bits a byte; None sends as fast as the pty takes it.

    Attributes:
        path: The pty's path, what a host opens.
    """

    def __init__(self, firmware: Firmware, baud: int | None = None) -> None:
        self._firmware = firmware
        self._bytes_per_s = None if baud is None else baud / _BITS_PER_BYTE
        self._may_send_at_s = 0.0
        self._unsent = bytearray()
        self._master, self._slave = os.openpty()
        # Raw on both ends: a terminal would echo, and change bytes of its own accord. The slave stays open here, so
        # that hosts may come and go without the pty hanging up.
        tty.setraw(self._master)
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)

    def close(self) -> None:
        """Unplug the device."""
        os.close(self._master)
        os.close(self._slave)

    def serve(self, stop: int, recorder: Recorder | None = None) -> None:
        """Answer until there is something to read on the descriptor `stop`.

        Args:
            stop: A descriptor.
            recorder: Makes new records meanwhile, each of which is reported as an event.
        """
        while True:
            self._record(recorder)
            pause_s = self._pause_s()
            writers = [self._master] if self._unsent and pause_s == 0 else []
            readable, writable, _ = select.select([stop, self._master], writers, [], self._longest_wait_s(recorder))
            if stop in readable:
                return
            if readable:
                self._receive()
            if writable or (self._unsent and not pause_s):
                self._send()
            if not readable and not writable and not pause_s:
                self._forget_exclusive_mode()

    def _pause_s(self) -> float:
        """Return the seconds until the line is free for the next bytes, 0 when it is, or there are none."""
        return max(0.0, self._may_send_at_s - time.monotonic()) if self._unsent else 0.0

    def _longest_wait_s(self, recorder: Recorder | None) -> float:
        due_in_s = _SILENCE_S if recorder is None else min(_SILENCE_S, recorder.due_in_s())
        return min(due_in_s, self._pause_s() or _SILENCE_S)

    def _record(self, recorder: Recorder | None) -> None:
        if recorder is None or recorder.due_in_s() > 0:
            return
        number = recorder.record()
        if number is not None and len(self._unsent) < _MOST_UNSENT_BYTES:
            self._unsent += self._firmware.event(f"record ready {number}")

    def _receive(self) -> None:
        for reply in self._firmware.receive(os.read(self._master, _READ_BYTES)):
            if len(self._unsent) < _MOST_UNSENT_BYTES:
                self._unsent += reply

    def _send(self) -> None:
        chunk = len(self._unsent)
        if self._bytes_per_s is not None:
            chunk = min(chunk, max(1, int(self._bytes_per_s * _PACED_CHUNK_S)))
        with contextlib.suppress(BlockingIOError):
            sent = os.write(self._master, self._unsent[:chunk])
            del self._unsent[:sent]
            if self._bytes_per_s is not None:
                self._may_send_at_s = max(self._may_send_at_s, time.monotonic()) + sent / self._bytes_per_s

    def _forget_exclusive_mode(self) -> None:
        # A serial port forgets TIOCEXCL when its last user is gone, also one that was killed. This pty is never without
        # a user, so a killed bridge would lock out the next one.
        fcntl.ioctl(self._slave, termios.TIOCNXCL)
