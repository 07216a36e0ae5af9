"""`list` and `info`: which devices there are, who one is and what it holds."""

import argparse
from datetime import datetime

from device_bridge.cli.arguments import Commands, add_command, add_json, add_port
from device_bridge.cli.console import Output
from device_bridge.cli.devices import connected, warn_about_slots
from device_bridge.commands import CommandRefusedError
from device_bridge.device import LinkedSmartDot
from device_bridge.directory import Directory, read_directory
from device_bridge.errors import ExitCode
from device_bridge.moments import moment_text
from device_bridge.settings import resolve
from device_bridge.transport import SerialPort, find_places, list_serial_ports


def add_list(commands: Commands) -> None:
    """Register `list`."""
    examples = (
        "  device_bridge list\n"
        "  device_bridge list --json\n"
        "  device_bridge info --port 1915:D978:SD-0042       # a place of the list, the same after every replug\n"
    )
    add_json(add_command(commands, "list", "list this computer's serial ports", examples, list_ports))


def add_info(commands: Commands) -> None:
    """Register `info`."""
    examples = (
        "  device_bridge info                                 # the one SmartDot plugged in\n"
        "  device_bridge info --port /dev/ttyACM0\n"
        "  DEVICE_BRIDGE_PORT=tcp://192.168.1.20:4000 device_bridge info --json\n"
    )
    parser = add_command(commands, "info", "show who a device is and what it holds", examples, info)
    add_port(parser)
    add_json(parser)


def list_ports(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Print this computer's serial ports, SmartDots first and with the place that stays theirs."""
    places = find_places()
    rows = [_port_facts(port, places) for port in list_serial_ports()]
    if chosen.json:
        output.json({"ports": rows})
    elif rows:
        shown = [{**row, "smartdot": "yes" if row["smartdot"] else ""} for row in rows]
        output.table(("port", "usb", "serial", "smartdot", "place", "description"), shown)
    else:
        output.message("no serial port found: plug a device in, or start `device_bridge emulate`")
    return ExitCode.FINE


def _port_facts(port: SerialPort, places: list[str]) -> dict[str, object]:
    usb = None if port.vid is None or port.pid is None else f"{port.vid:04X}:{port.pid:04X}"
    stable = f"{usb}:{port.serial}"
    return {
        "port": port.path,
        "usb": usb,
        "serial": port.serial,
        "smartdot": port.is_smartdot,
        "place": (stable if stable in places else port.path) if port.is_smartdot else None,
        "description": port.description,
    }


def info(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Print who a device is, what it holds, its battery and its clock."""
    with connected(resolve(vars(chosen))) as device:
        directory = read_directory(device)
        facts = _device_facts(device, directory)
    if chosen.json:
        output.json(facts)
    else:
        for name, text in _lines(facts):
            output.result(f"{name:<9} {text}")
        warn_about_slots(directory.damaged, output)
    return ExitCode.FINE


def _device_facts(device: LinkedSmartDot, directory: Directory) -> dict[str, object]:
    first, clock = device.first, device.clock
    try:
        status = device.read_status()
        battery_percent, sampling = status.battery_percent, status.sampling
    except CommandRefusedError:
        # A firmware that does not know the command is read all the same.
        battery_percent, sampling = None, None
    return {
        "serial": first.serial,
        "hardware": str(first.hardware),
        "firmware": str(first.firmware),
        "format_version": first.format_version,
        "memory_bytes": first.page_count * first.page_size_bytes,
        "page_count": first.page_count,
        "records": [{"record": slot.record, "pages": slot.page_count} for slot in directory.slots],
        "damaged_slots": directory.damaged,
        "battery_percent": battery_percent,
        "sampling": sampling,
        "clock": {
            "device_ticks": clock.device_ticks,
            "tick_hz": clock.tick_hz,
            "host_utc": moment_text(clock.host_utc),
            "round_trip_s": clock.round_trip_s,
            "power_up": clock.power_up,
        },
        "link_errors": device.errors.total,
    }


def _lines(facts: dict[str, object]) -> list[tuple[str, str]]:
    records, clock = facts["records"], facts["clock"]
    assert isinstance(records, list)  # noqa: S101 - they are `_device_facts`' own
    assert isinstance(clock, dict)  # noqa: S101 - the same
    held = ", ".join(f"{record['record']} ({record['pages']} pages)" for record in records) or "none"
    battery = facts["battery_percent"]
    seconds = clock["device_ticks"] / clock["tick_hz"]
    at = datetime.fromisoformat(clock["host_utc"]).strftime("%Y-%m-%d %H:%M:%S")
    power_up = f", power-up {clock['power_up']}" if clock["power_up"] else ""
    return [
        ("serial", str(facts["serial"])),
        (
            "hardware",
            f"{facts['hardware']}, firmware {facts['firmware']}, format version {facts['format_version']}",
        ),
        ("memory", f"{facts['memory_bytes']} bytes in {facts['page_count']} pages"),
        ("records", held),
        ("battery", "not known" if battery is None else f"{battery} %"),
        ("sampling", str(facts["sampling"] or "not known")),
        ("clock", f"{seconds:.3f} s since it was switched on, at {at} UTC of this computer{power_up}"),
        ("link", f"{facts['link_errors']} errors"),
    ]
