"""`emulate`: be a SmartDot on a pty or on TCP."""

import argparse
import contextlib
import hashlib
import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

from device_bridge.cli.arguments import Commands, add_command
from device_bridge.cli.console import Output
from device_bridge.cli.emulate_arguments import (
    add_device_flags,
    add_fault_flags,
    add_shot_flags,
    address_of,
    faults_of,
    source_of,
)
from device_bridge.cli.stop_signal import StopSignal
from device_bridge.emulator.device import EmulatedDevice
from device_bridge.emulator.device_state import Battery, DeviceClock, DeviceState
from device_bridge.emulator.faults import Faults
from device_bridge.emulator.firmware import Firmware
from device_bridge.emulator.flash import Flash
from device_bridge.emulator.recorder import Recorder
from device_bridge.emulator.source import ShotSource, Source, last_ticks, make_flash
from device_bridge.emulator.tcp_device import TcpDevice
from device_bridge.emulator.truth_file import TruthFile
from device_bridge.errors import ExitCode, RecordingError, UsageError

_STDIN = 0
_STDIN_BYTES = 4096
_REPORT_EVERY = 10


def add_emulate(commands: Commands) -> None:
    """Register `emulate`."""
    examples = (
        "  device_bridge emulate --link /tmp/smartdot             # one simulated shot\n"
        "  device_bridge emulate --tcp 127.0.0.1:0                # as behind a device server\n"
        "  device_bridge emulate --records 63 --seed 7            # three games of different ones\n"
        "  device_bridge emulate --speed-mph 17 --rev-rate-rpm 420 --hand left --oil short --truth truth.json\n"
        "  device_bridge emulate --recording shot.csv             # a recording instead\n"
        "  device_bridge emulate --every 30                       # another shot every half minute\n"
        "  device_bridge emulate --memory dot.bin                 # its memory survives, in a file\n"
        "  device_bridge emulate --fault drop:0.02 --fault unplug:0.001:s=2\n"
        "  device_bridge emulate --recording shot.csv --dump shot.smartdot\n"
    )
    parser = add_command(commands, "emulate", "be a SmartDot, until stopped", examples, emulate)
    add_device_flags(parser)
    add_fault_flags(parser)
    add_shot_flags(parser)


def emulate(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Serve an emulated SmartDot until SIGTERM or Ctrl-C, or write its first capture to a file."""
    source = source_of(chosen, _serial(chosen))
    faults = Faults(faults_of(chosen), chosen.fault_seed, output.message) if chosen.fault else None
    address = address_of(chosen)
    is_new = chosen.memory is None or not chosen.memory.exists()
    if not is_new:
        output.message(f"device_bridge: {chosen.memory} exists and is used as it is")
        if chosen.truth is not None and not chosen.every:
            raise UsageError(f"--truth: what is true of the shots in {chosen.memory} is not known any more")
    truth = None if chosen.truth is None else TruthFile(chosen.truth)
    flash = make_flash(source, truth, lambda number: _report(number, source, output))
    if chosen.dump is not None:
        _dump(flash, chosen.dump, output)
        return ExitCode.FINE
    state = DeviceState.switch_on(chosen.memory)
    state.battery = Battery(chosen.battery)
    # The clock of a device that was just made goes on from its records; one that was switched on begins anew.
    clock = DeviceClock(last_ticks(flash) if is_new else 0, chosen.drift_ppm)
    _repair(flash, output)
    recorder = None
    if chosen.every:
        recorder = Recorder(flash, ShotSource(source), chosen.every, clock, state, truth)
    firmware = Firmware(flash, clock, state=state)
    device = _plugged_in(firmware, address, chosen, faults)
    return _serve(device, flash, recorder, chosen, output)


def _plugged_in(
    firmware: Firmware, address: tuple[str, int] | None, chosen: argparse.Namespace, faults: Faults | None
) -> EmulatedDevice:
    if address is not None:
        return TcpDevice(firmware, *address, chosen.baud, faults)
    # Imported when it is needed: ptys are Unix's, and a device on TCP runs on Windows as well.
    from device_bridge.emulator.pty_device import PtyDevice  # noqa: PLC0415 - see above

    return PtyDevice(firmware, chosen.baud, faults)


def _report(number: int, source: Source, output: Output) -> None:
    if source.recording is None and number % _REPORT_EVERY == 0:
        output.message(f"device_bridge: simulating shot {number} of {source.records}")


def _repair(flash: Flash, output: Output) -> None:
    for number in flash.repair():
        output.message(f"device_bridge: page {number} of the directory was damaged and is repaired")


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


def _serve(
    device: EmulatedDevice, flash: Flash, recorder: Recorder | None, chosen: argparse.Namespace, output: Output
) -> ExitCode:
    with StopSignal() as stop, contextlib.closing(device), _linked(chosen.link, device):
        if chosen.until_stdin_closes:
            threading.Thread(target=_stop_when_stdin_closes, args=(stop,), name="stdin", daemon=True).start()
        output.result(f"SmartDot on {device.path}")
        first, slots = flash.image.first, flash.image.slots()
        output.message(f"serial {first.serial}, records {len(slots)}, pages {first.page_count}; Ctrl-C ends it")
        device.serve(stop.fileno(), recorder)
    return ExitCode.FINE


def _stop_when_stdin_closes(stop: StopSignal) -> None:
    # A stdin that was closed from the beginning is an error to read, and an end as well; so is a stop that came first.
    with contextlib.suppress(OSError):
        while os.read(_STDIN, _STDIN_BYTES):
            pass
    with contextlib.suppress(OSError):
        stop.ask()


@contextlib.contextmanager
def _linked(link: Path | None, device: EmulatedDevice) -> Iterator[None]:
    """Keep a symbolic link to the pty; one from an earlier emulator is replaced, anything else is left alone."""
    if link is None:
        yield
        return
    if link.exists() and not link.is_symlink():
        raise UsageError(f"--link {link}: there is a file of that name; it was left alone")
    _point(link, device.path)
    device.tell_path = lambda path: _point(link, path)
    try:
        yield
    finally:
        # Another emulator may have taken the name over meanwhile.
        with contextlib.suppress(OSError):
            if str(link.readlink()) == device.path:
                link.unlink()


def _point(link: Path, target: str) -> None:
    try:
        unfinished = link.with_name(f"{link.name}.{os.getpid()}")
        unfinished.symlink_to(target)
        unfinished.replace(link)
    except OSError as error:
        raise UsageError(f"--link {link} cannot be made: {error.strerror}") from error
