"""`pull`: what is read from a device, and how a command gets at one."""

import argparse
import contextlib
from collections.abc import Callable, Iterator

from device_bridge.cli.arguments import Commands, add_command, add_dry_run, add_json, add_port, add_spool
from device_bridge.cli.console import Output
from device_bridge.cli.damaged_spool import saying_how_to_set_aside
from device_bridge.daemon.wording import pull_warnings, read_event
from device_bridge.device import LinkedSmartDot
from device_bridge.directory import read_directory
from device_bridge.errors import DisconnectedError, ExitCode, PortMissingError
from device_bridge.reader import Progress as PullProgress
from device_bridge.reader import PullResult, RecordReader
from device_bridge.settings import Settings, resolve
from device_bridge.spool import CaptureState, Spool, SpoolLock, spool_exists
from device_bridge.transport import find_places, open_transport


def add_pull(commands: Commands) -> None:
    """Register `pull`."""
    examples = (
        "  device_bridge pull --port /dev/ttyACM0\n"
        "  device_bridge pull --spool lane7.db --json\n"
        "  device_bridge pull --dry-run             # what it would read\n"
    )
    parser = add_command(commands, "pull", "read a device's new records into the spool", examples, pull)
    add_port(parser)
    add_spool(parser)
    add_dry_run(parser)
    add_json(parser)


@contextlib.contextmanager
def connected(settings: Settings, place: str | None = None) -> Iterator[LinkedSmartDot]:
    """Give a connected device.

    Args:
        settings: They name its place, or none, when the one that is plugged in is meant.
        place: A place instead of theirs.

    Raises:
        PortError: The port cannot be used, or there is no device.
        NotUnderstoodError: What is there is no SmartDot that this bridge reads.
    """
    device = LinkedSmartDot(open_transport)
    try:
        device.open(place or find_place(settings))
        yield device
    finally:
        device.close()


def find_place(settings: Settings) -> str:
    """Return the place of the one device that is meant.

    Raises:
        UsageError: The settings name several.
        PortMissingError: They name none, and none or several are plugged in.
    """
    if settings.port is not None:
        return settings.port
    places = find_places()
    if len(places) == 1:
        return places[0]
    if places:
        raise PortMissingError(f"several SmartDots are plugged in: choose one with --port ({', '.join(places)})")
    raise PortMissingError("no SmartDot is plugged in (USB 1915:D978): plug one in, or name a port with --port")


def pull(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Read a device's new records into the spool and print what is new."""
    settings = resolve(vars(chosen))
    if chosen.dry_run:
        return _show_what_is_new(settings, output, as_json=chosen.json)
    with (
        SpoolLock(settings.spool),
        saying_how_to_set_aside(),
        contextlib.closing(Spool(settings.spool, settings.min_free_bytes)) as spool,
        connected(settings) as device,
    ):
        result = pull_with_bar(device, spool, output)
    if chosen.json:
        output.json(_pull_facts(result))
    else:
        for row in result.sealed:
            output.event(read_event(row))
        if not result.sealed:
            output.result(f"{result.device}: no new records ({result.held} are in the spool already)")
    for event in pull_warnings(result):
        output.event(event)
    return ExitCode.FINE


def _show_what_is_new(settings: Settings, output: Output, *, as_json: bool) -> ExitCode:
    """Print what a pull would read; nothing is written, not even a new spool."""
    with connected(settings) as device:
        serial, directory = device.first.serial, read_directory(device)
    held: set[int] = set()
    if spool_exists(settings.spool):
        with contextlib.closing(Spool(settings.spool)) as spool:
            rows = [(slot.record, spool.find(serial, slot.record)) for slot in directory.slots]
            held = {record for record, row in rows if row is not None and row.state is not CaptureState.READING}
    new = [slot for slot in directory.slots if slot.record not in held]
    if as_json:
        would_read = [{"record": slot.record, "pages": slot.page_count} for slot in new]
        output.json({"device": serial, "would_read": would_read, "held": len(held)})
        return ExitCode.FINE
    for slot in new:
        output.result(f"{serial} record {slot.record}: {slot.page_count} pages would be read")
    if not new:
        output.result(f"{serial}: no new records ({len(held)} are in the spool already)")
    warn_about_slots(directory.damaged, output)
    return ExitCode.FINE


def pull_with_bar(device: LinkedSmartDot, spool: Spool, output: Output) -> PullResult:
    """Pull with a progress bar on stderr.

    Raises:
        DisconnectedError: The device went away; the message says that the next pull goes on from there.
    """
    with _bar(output) as show:
        try:
            return RecordReader(device, spool, show).pull()
        except DisconnectedError as error:
            raise DisconnectedError(
                f"{error}. Every page read so far is kept; pull again to go on from there"
            ) from error


@contextlib.contextmanager
def _bar(output: Output) -> Iterator[Callable[[PullProgress], None]]:
    # Into a file or a journal a bar would only print empty lines.
    if not output.messages.is_terminal:
        yield lambda _: None
        return
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn  # noqa: PLC0415 - 60 ms

    pages = TextColumn("{task.completed:.0f} of {task.total:.0f} pages")
    columns = (TextColumn("{task.description}"), BarColumn(), pages, TimeRemainingColumn())
    with Progress(*columns, console=output.messages, transient=True) as bar:
        tasks: dict[int, TaskID] = {}

        def show(progress: PullProgress) -> None:
            if progress.record not in tasks:
                tasks[progress.record] = bar.add_task(f"record {progress.record}", total=progress.page_count)
            bar.update(tasks[progress.record], completed=progress.pages_read)

        yield show


def warn_about_slots(damaged: int, output: Output) -> None:
    """Say that some of a device's records cannot be found."""
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
        "read_again": list(result.again),
        "changed_in_spool": list(result.reread),
        "postponed": list(result.postponed),
        "too_large": list(result.too_large),
        "not_looked_at": result.beyond,
    }
