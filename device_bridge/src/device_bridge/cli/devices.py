"""`list`, `info` and `pull`: what is done with a device."""

import argparse
import contextlib
from collections.abc import Iterator

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from device_bridge.cli.console import Output
from device_bridge.device import LinkedSmartDot
from device_bridge.errors import DisconnectedError, ExitCode
from device_bridge.reader import Progress as PullProgress
from device_bridge.reader import PullResult, RecordReader, read_directory
from device_bridge.settings import Settings, resolve
from device_bridge.spool import CaptureRow, Spool, SpoolLock
from device_bridge.transport.serial import SerialTransport, find_port, list_serial_ports


@contextlib.contextmanager
def connected(settings: Settings) -> Iterator[LinkedSmartDot]:
    """Give the connected device that the settings name.

    Raises:
        PortError: The port cannot be used, or there is no device.
        NotUnderstoodError: What is there is no SmartDot that this bridge reads.
    """
    device = LinkedSmartDot(SerialTransport)
    try:
        device.open(settings.port or find_port())
        yield device
    finally:
        device.close()


def list_ports(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Print this computer's serial ports, SmartDots first and marked."""
    rows = [
        {
            "port": port.path,
            "usb": None if port.vid is None or port.pid is None else f"{port.vid:04X}:{port.pid:04X}",
            "serial": port.serial,
            "smartdot": port.is_smartdot,
            "description": port.description,
        }
        for port in list_serial_ports()
    ]
    if chosen.json:
        output.json(rows)
    elif rows:
        shown = [{**row, "smartdot": "yes" if row["smartdot"] else ""} for row in rows]
        output.table(("port", "usb", "serial", "smartdot", "description"), shown)
    else:
        output.message("no serial port found: plug a device in, or start `device_bridge emulate`")
    return ExitCode.FINE


def info(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Print who a device is and what it holds."""
    with connected(resolve(vars(chosen))) as device:
        directory = read_directory(device)
        first = device.first
        facts = {
            "serial": first.serial,
            "hardware": str(first.hardware),
            "firmware": str(first.firmware),
            "format_version": first.format_version,
            "memory_bytes": first.page_count * first.page_size_bytes,
            "records": [{"record": slot.record, "pages": slot.page_count} for slot in directory.slots],
            "damaged_slots": directory.damaged,
            "link_errors": device.errors.total,
        }
    if chosen.json:
        output.json(facts)
        return ExitCode.FINE
    records = ", ".join(f"{slot.record} ({slot.page_count} pages)" for slot in directory.slots) or "none"
    output.result(f"serial    {first.serial}")
    output.result(f"hardware  {first.hardware}, firmware {first.firmware}, format version {first.format_version}")
    output.result(f"memory    {facts['memory_bytes']} bytes in {first.page_count} pages of {first.page_size_bytes}")
    output.result(f"records   {records}")
    _warn_about_slots(directory.damaged, output)
    return ExitCode.FINE


def pull(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Read a device's new records into the spool and print what is new."""
    settings = resolve(vars(chosen))
    with SpoolLock(settings.spool), contextlib.closing(Spool(settings.spool)) as spool, connected(settings) as device:
        result = pull_with_bar(device, spool, output)
    if chosen.json:
        output.json(_pull_facts(result))
    else:
        for row in result.sealed:
            output.result(describe_sealed(row))
        if not result.sealed:
            output.result(f"{result.device}: no new records ({result.held} are in the spool already)")
    warn_about_pull(result, output)
    return ExitCode.FINE


def pull_with_bar(device: LinkedSmartDot, spool: Spool, output: Output) -> PullResult:
    """Pull with a progress bar on stderr.

    Raises:
        DisconnectedError: The device went away; the message says that the next pull goes on from there.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f} of {task.total:.0f} pages"),
    )
    # Into a file or a journal a bar would only print empty lines.
    watched = output.messages.is_terminal
    with Progress(*columns, TimeRemainingColumn(), console=output.messages, transient=True, disable=not watched) as bar:
        tasks: dict[int, TaskID] = {}

        def show(progress: PullProgress) -> None:
            if progress.record not in tasks:
                tasks[progress.record] = bar.add_task(f"record {progress.record}", total=progress.page_count)
            bar.update(tasks[progress.record], completed=progress.pages_read)

        try:
            return RecordReader(device, spool, show).pull()
        except DisconnectedError as error:
            raise DisconnectedError(
                f"{error}. Every page read so far is kept; pull again to go on from there"
            ) from error


def describe_sealed(row: CaptureRow) -> str:
    """Return a line about a capture that was read."""
    damage = f", {len(row.damaged_pages)} damaged pages kept as read" if row.damaged_pages else ""
    return f"{row.device} record {row.record}: {row.size_bytes} bytes, sha256 {row.sha256}{damage}"


def warn_about_pull(result: PullResult, output: Output) -> None:
    """Say what a person should know beside the result."""
    _warn_about_slots(result.damaged_slots, output)
    for record in result.vanished:
        output.message(
            f"device_bridge: record {record} of {result.device} is no longer on the device as it was; the pages read "
            "before stay in the spool. If another record has its number now, read that one into another --spool"
        )


def _warn_about_slots(damaged: int, output: Output) -> None:
    if damaged:
        output.message(
            f"device_bridge: {damaged} directory slots of the device are damaged, their records cannot be found yet; "
            "switch the device off and on, its firmware then writes them again"
        )


def _pull_facts(result: PullResult) -> dict[str, object]:
    return {
        "device": result.device,
        "sealed": [
            {
                "record": row.record,
                "sha256": row.sha256,
                "size_bytes": row.size_bytes,
                "damaged_pages": list(row.damaged_pages),
            }
            for row in result.sealed
        ],
        "held": result.held,
        "damaged_slots": result.damaged_slots,
        "vanished": list(result.vanished),
    }
