"""Tells systemd how the bridge is (sd_notify(3)): ready, alive, stopping. Does nothing where nobody listens."""

import contextlib
import os
import socket
from collections.abc import Mapping

_MICROSECONDS = 1_000_000


class Notifier:
    """Speaks to the socket that systemd names.

    Args:
        environ: `NOTIFY_SOCKET`, a path or `@name` of an abstract socket; `WATCHDOG_USEC` and `WATCHDOG_PID`.

    Attributes:
        watchdog_s: How often systemd wants to hear that the bridge is alive; None when it does not.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self.watchdog_s = _watchdog_s(environ)

    def ready(self) -> None:
        """Say that the start is over."""
        self._send("READY=1")

    def alive(self) -> None:
        """Say that every loop is alive."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Say in a line what is going on; `systemctl status` shows it."""
        self._send("STATUS=" + " ".join(text.split()))

    def stopping(self) -> None:
        """Say that the stop has begun."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if self._address is None:
            return
        # What does not reach systemd it acts upon by itself; there is nobody else to tell.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(0)
            sender.sendto(text.encode("utf-8", errors="replace"), self._address)


def _address(named: str) -> str | None:
    if named.startswith("@"):
        return "\0" + named[1:]
    return named if named.startswith("/") else None


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    wanted, process = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    # A variable inherited from another service is meant for that service's process.
    if not (wanted.isascii() and wanted.isdecimal()) or process not in ("", str(os.getpid())):
        return None
    return int(wanted) / _MICROSECONDS or None
