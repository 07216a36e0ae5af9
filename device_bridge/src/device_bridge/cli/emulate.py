"""`emulate`: be a SmartDot on a pty."""

import argparse
import contextlib
import hashlib
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from device_bridge.cli.console import Output
from device_bridge.emulator.firmware import TICK_HZ, Firmware
from device_bridge.emulator.flash import Flash
from device_bridge.emulator.pty_device import PtyDevice
from device_bridge.emulator.recorder import Recorder
from device_bridge.emulator.source import ShotSource, Source, last_ticks, make_flash
from device_bridge.errors import ExitCode, RecordingError, UsageError

_STDIN = 0
_STDIN_BYTES = 4096


def emulate(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Serve an emulated SmartDot until SIGTERM or Ctrl-C, or write its first capture to a file."""
    if chosen.memory is not None and chosen.memory.exists():
        output.message(f"device_bridge: {chosen.memory} exists and is used as it is")
    source = Source(chosen.recording, chosen.seed, chosen.records, _serial(chosen), chosen.memory)
    flash = make_flash(source)
    if chosen.dump is not None:
        _dump(flash, chosen.dump, output)
        return ExitCode.FINE
    return _serve(flash, source, chosen, output)


def _serial(chosen: argparse.Namespace) -> str | None:
    """Return the serial that was asked for; None has one made from the records."""
    if chosen.serial is None and chosen.every and chosen.memory is None:
        # It forgets what it records: after a restart the same numbers are other shots, so it is another device.
        return f"EMU-{secrets.token_hex(4).upper()}"
    return str(chosen.serial) if chosen.serial is not None else None


def _dump(flash: Flash, path: Path, output: Output) -> None:
    slots = flash.image.slots()
    if not slots:
        raise RecordingError("the device holds no record, so there is nothing to dump")
    data = flash.image.capture(slots[0].record)
    try:
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    output.result(f"{path}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")


def _serve(flash: Flash, source: Source, chosen: argparse.Namespace, output: Output) -> ExitCode:
    began_at_ticks, began_at_s = last_ticks(flash), time.monotonic()

    def read_ticks() -> int:
        return began_at_ticks + int((time.monotonic() - began_at_s) * TICK_HZ)

    recorder = Recorder(flash, ShotSource(source), chosen.every, read_ticks) if chosen.every else None
    with (
        _stop_signal(until_stdin_closes=chosen.until_stdin_closes) as stop,
        contextlib.closing(PtyDevice(Firmware(flash, read_ticks), chosen.baud)) as device,
        _linked(chosen.link, device.path),
    ):
        output.result(f"SmartDot on {device.path}")
        first, slots = flash.image.first, flash.image.slots()
        output.message(f"serial {first.serial}, records {len(slots)}, pages {first.page_count}; Ctrl-C ends it")
        device.serve(stop.fileno(), recorder)
    return ExitCode.FINE


@contextlib.contextmanager
def _stop_signal(*, until_stdin_closes: bool) -> Iterator[socket.socket]:
    """Give a socket that becomes readable when SIGTERM or Ctrl-C arrives, or stdin ends, at whatever moment."""
    inner, outer = socket.socketpair()
    inner.settimeout(0)
    with inner, outer:
        before = signal.set_wakeup_fd(inner.fileno())
        handlers = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
        if until_stdin_closes:
            threading.Thread(target=_tell_of_closed_stdin, args=(inner,), name="stdin", daemon=True).start()
        try:
            yield outer
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)


def _tell_of_closed_stdin(stop: socket.socket) -> None:
    # A stdin that was closed from the beginning is an error to read, and an end as well; so is a stop that came first.
    with contextlib.suppress(OSError):
        while os.read(_STDIN, _STDIN_BYTES):
            pass
    with contextlib.suppress(OSError):
        stop.send(b"x")


@contextlib.contextmanager
def _linked(link: Path | None, target: str) -> Iterator[None]:
    """Keep a symbolic link to the pty; one from an earlier emulator is replaced, anything else is left alone."""
    if link is None:
        yield
        return
    try:
        if link.exists() and not link.is_symlink():
            raise UsageError(f"--link {link}: there is a file of that name; it was left alone")
        unfinished = link.with_name(f"{link.name}.{os.getpid()}")
        unfinished.symlink_to(target)
        unfinished.replace(link)
    except OSError as error:
        raise UsageError(f"--link {link} cannot be made: {error.strerror}") from error
    try:
        yield
    finally:
        # Another emulator may have taken the name over meanwhile.
        with contextlib.suppress(OSError):
            if str(link.readlink()) == target:
                link.unlink()
