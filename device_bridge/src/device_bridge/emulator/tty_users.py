"""Who has the emulated device's pty open: what a real serial port's driver knows of itself."""

import ctypes
import os
import struct

_IN_CLOSE_WRITE, _IN_CLOSE_NOWRITE, _IN_OPEN = 0x08, 0x10, 0x20
_EVENT = struct.Struct("iIII")
_EVENTS_BYTES = 4096


class TtyUsers:
    """Counts the openings of a terminal device, of whatever process and user, by Linux's inotify.

    The kernel tells of each opening and closing of the device's file, also of a process that was killed. It joins equal
    events that nobody has read yet, so two users who come within the same instant count as one.

    Args:
        path: The terminal device.

    Raises:
        OSError: This system has no inotify.
    """

    def __init__(self, path: str) -> None:
        self._count = 0
        libc = ctypes.CDLL(None, use_errno=True)
        try:
            self._fd = int(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
            mask = _IN_OPEN | _IN_CLOSE_WRITE | _IN_CLOSE_NOWRITE
            watched = self._fd >= 0 and libc.inotify_add_watch(self._fd, os.fsencode(path), mask) >= 0
        except AttributeError as error:
            raise OSError("this system has no inotify") from error
        if not watched:
            number = ctypes.get_errno()
            if self._fd >= 0:
                os.close(self._fd)
            raise OSError(number, os.strerror(number), path)

    def fileno(self) -> int:
        """Return the descriptor that is readable when users came or went."""
        return self._fd

    def last_one_left(self) -> bool:
        """Take in what happened; return whether the last user is gone now."""
        before = self._count
        try:
            data = os.read(self._fd, _EVENTS_BYTES)
        except BlockingIOError:
            return False
        while data:
            _, mask, _, name_bytes = _EVENT.unpack_from(data)
            data = data[_EVENT.size + name_bytes :]
            self._count = self._count + 1 if mask & _IN_OPEN else max(0, self._count - 1)
            before = max(before, self._count)
        return before > 0 and self._count == 0

    def close(self) -> None:
        """Stop watching."""
        os.close(self._fd)
