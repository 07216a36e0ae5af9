"""Is a device's port there, ours to open, held by nobody else, and its link sound?"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from device_bridge.commands import CommandRefusedError
from device_bridge.device import LinkedSmartDot
from device_bridge.doctor.findings import Finding, Level, failed
from device_bridge.doctor.holders import Holders, find_holders
from device_bridge.errors import BridgeError, ExitCode, PortBusyError
from device_bridge.interface import Result
from device_bridge.transport import find_places, list_serial_ports, open_transport
from smartdot import PAGE_SIZE_BYTES

READS = 100
_SOUND_SHARE = 0.05
_LOW_BATTERY_PERCENT = 20
_USB = re.compile(r"([0-9A-Fa-f]{4}):([0-9A-Fa-f]{4})(?::(.+))?")


def check_devices(places: tuple[str, ...]) -> Iterator[Finding]:
    """Check every place, or every SmartDot that is plugged in.

    Args:
        places: As the settings name them.
    """
    found = places or tuple(find_places())
    if not found:
        yield Finding(
            "port",
            Level.WARN,
            "no SmartDot is plugged in (USB 1915:D978), and the settings name no port",
            "plug one in, or name a port with --port",
        )
    for place in found:
        yield from _check_place(place)


def _check_place(place: str) -> Iterator[Finding]:
    port = None if place.startswith("tcp://") else _path_of(place)
    holders = Holders((), 0)
    if port is not None:
        permission = _check_permission(place, port)
        yield permission
        if permission.level is Level.FAIL:
            return
        holders = find_holders(port)
        yield _check_holders(place, holders)
        if any(holder.is_bridge for holder in holders.found):
            yield Finding("link", Level.SKIPPED, f"{place}: not tested, a device_bridge is reading it", "stop it first")
            return
    yield from _check_link(place, holders)


def _path_of(place: str) -> str | None:
    """Return the path of a serial place, None for a USB device that is not plugged in."""
    usb = _USB.fullmatch(place)
    if usb is None:
        return place
    for port in list_serial_ports():
        if (port.vid, port.pid) == (int(usb[1], 16), int(usb[2], 16)) and usb[3] in (None, port.serial):
            return port.path
    return None


def _check_permission(place: str, port: str) -> Finding:
    path = Path(port)
    name = place if place == port else f"{place} ({port})"
    if os.name != "posix":
        return Finding("port", Level.SKIPPED, f"{name}: permissions are not looked at on this system")
    if not path.exists():
        return Finding("port", Level.FAIL, f"{name}: there is no such port", "plug the device in", ExitCode.NO_DEVICE)
    if not os.access(port, os.R_OK | os.W_OK):
        group = _group_of(path)
        advice = f"`sudo usermod -aG {group} $USER` and log in again, or install the udev file of the guide"
        return Finding("port", Level.FAIL, f"{name}: this user may not open it", advice, ExitCode.NO_DEVICE)
    return Finding("port", Level.OK, f"{name}: this user may open it")


def _group_of(path: Path) -> str:
    try:
        return path.group()
    except (KeyError, OSError):
        return "dialout"


def _check_holders(place: str, holders: Holders) -> Finding:
    if not holders.found:
        unseen = f" ({holders.hidden} processes of other users could not be looked into)" if holders.hidden else ""
        return Finding("holder", Level.OK, f"{place}: no other process has it open{unseen}")
    names = ", ".join(map(str, holders.found))
    if all(holder.is_bridge for holder in holders.found):
        return Finding("holder", Level.OK, f"{place}: used by {names}")
    return Finding(
        "holder",
        Level.FAIL,
        f"{place}: {names} has it open, and takes bytes away or keeps the bridge out",
        f"end it: kill {holders.found[0].pid}",
        ExitCode.NO_DEVICE,
    )


def _check_link(place: str, holders: Holders) -> Iterator[Finding]:
    device = LinkedSmartDot(open_transport)
    try:
        device.open(place)
        yield _count_errors(place, device)
        yield from _check_battery(place, device)
    except PortBusyError as error:
        who = "" if holders.found or not holders.hidden else "; `sudo device_bridge doctor` names the program"
        yield Finding("link", Level.FAIL, f"{error}{who}", exit_code=error.exit_code)
    except BridgeError as error:
        yield failed("link", error)
    finally:
        device.close()


def _count_errors(place: str, device: LinkedSmartDot) -> Finding:
    """Read the first page again and again: nothing is written, and it never changes."""
    buffer = bytearray(PAGE_SIZE_BYTES)
    wrong, before = 0, device.errors.total
    for _ in range(READS):
        result = device.read_bytes(0, buffer, PAGE_SIZE_BYTES)
        if result is Result.FAILURE_DISCONNECTED:
            error = device.failure or BridgeError(f"{place} went away")
            return failed("link", error)
        wrong += result is not Result.SUCCESS or bytes(buffer) != device.first_bytes
    errors = device.errors.total - before + wrong
    text = f"{place}: {device.first.serial}, {errors} errors in {READS} reads"
    if not errors:
        return Finding("link", Level.OK, text)
    advice = "another cable or USB port, and no hub between; errors are corrected, at the cost of time"
    level = Level.FAIL if wrong or errors > _SOUND_SHARE * READS else Level.WARN
    return Finding("link", level, text, advice)


def _check_battery(place: str, device: LinkedSmartDot) -> Iterator[Finding]:
    try:
        percent = device.read_status().battery_percent
    except CommandRefusedError:
        return
    if percent is not None:
        low = percent < _LOW_BATTERY_PERCENT
        advice = "charge it" if low else ""
        yield Finding("battery", Level.WARN if low else Level.OK, f"{place}: {percent} %", advice)
