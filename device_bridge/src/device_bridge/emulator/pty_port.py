"""The device's plug on a pty."""

import contextlib
import fcntl
import os
import termios
import tty

from device_bridge.emulator.tty_users import TtyUsers

_READ_BYTES = 65_536


class PtyPort:
    """A pty: the host opens its path, the device has the other end.

    Attributes:
        path: What a host opens; another one after each `plug_in`.
    """

    def __init__(self) -> None:
        self.path = ""
        self._ends: tuple[int, int] | None = None
        self._users: TtyUsers | None = None
        self.plug_in()

    def plug_in(self) -> None:
        """Make a pty."""
        master, slave = os.openpty()
        # Raw on both ends: a terminal would echo, and change bytes of its own accord. The slave stays open here, so
        # that hosts may come and go without the pty hanging up.
        tty.setraw(master)
        tty.setraw(slave)
        os.set_blocking(master, False)
        self._ends = (master, slave)
        self.path = os.ttyname(slave)
        with contextlib.suppress(OSError):
            self._users = TtyUsers(self.path)

    def unplug(self) -> None:
        """Hang up; the pty is gone."""
        if self._users is not None:
            self._users.close()
            self._users = None
        for end in self._ends or ():
            os.close(end)
        self._ends = None

    def readers(self) -> list[int]:
        """Return the descriptors that may have something for `receive`."""
        if self._ends is None:
            return []
        return [self._ends[0]] if self._users is None else [self._ends[0], self._users.fileno()]

    def writers(self) -> list[int]:
        """Return the descriptors that must be writable before `send`."""
        return [] if self._ends is None else [self._ends[0]]

    def receive(self, readable: list[int]) -> bytes:
        """Return what a host sent."""
        if self._ends is None:
            return b""
        if self._users is not None and self._users.fileno() in readable and self._users.last_one_left():
            # A serial port forgets TIOCEXCL when its last user is gone, also one that was killed. This pty is never
            # without a user, so a killed bridge would lock out the next one.
            fcntl.ioctl(self._ends[1], termios.TIOCNXCL)
        return os.read(self._ends[0], _READ_BYTES) if self._ends[0] in readable else b""

    def idle(self) -> None:
        """Do what is to be done when the line was quiet for a while."""
        if self._ends is not None and self._users is None:
            # Nobody here can tell whether a host is still there; one that locks itself out for good would be worse.
            fcntl.ioctl(self._ends[1], termios.TIOCNXCL)

    def send(self, data: bytes) -> int:
        """Send what the pty takes now; return how many bytes that is."""
        if self._ends is None:
            return len(data)
        try:
            return os.write(self._ends[0], data)
        except BlockingIOError:
            return 0
