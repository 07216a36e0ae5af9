"""`run`: pull and push until stopped, whatever is unplugged, killed or down."""

import argparse
import contextlib
import os
from collections.abc import Iterator

from device_bridge.api import Api, ApiError
from device_bridge.cli.arguments import Commands, add_api, add_command, add_dry_run, add_ports, add_spool
from device_bridge.cli.console import Output
from device_bridge.cli.damaged_spool import saying_how_to_set_aside
from device_bridge.cli.delivery import (
    describe_waiting,
    judge,
    open_api,
    push_and_await_verdicts,
    report_problems,
    waiting_captures,
    warn_about_credential,
)
from device_bridge.cli.devices import connected, find_place, pull_with_bar
from device_bridge.cli.stop_signal import StopSignal
from device_bridge.daemon.access import CloudAccess
from device_bridge.daemon.erasing import Eraser
from device_bridge.daemon.event_queue import EventQueue
from device_bridge.daemon.heartbeat import heartbeat_failed, make_heartbeat
from device_bridge.daemon.journal import Event, Journal
from device_bridge.daemon.shared import Shared
from device_bridge.daemon.supervisor import Daemon
from device_bridge.daemon.wording import delivered_event, pull_warnings, read_event
from device_bridge.directory import read_directory
from device_bridge.errors import BridgeError, ExitCode
from device_bridge.settings import Settings, resolve
from device_bridge.spool import CaptureState, Spool, SpoolCorruptError, SpoolLock, spool_exists
from device_bridge.transport import find_places, open_transport
from device_bridge.uploader import Uploader


def add_run(commands: Commands) -> None:
    """Register `run`."""
    examples = (
        "  device_bridge run                                      # every SmartDot that is plugged in, now or later\n"
        "  device_bridge run --port tcp://10.0.0.7:4000 --port 1915:D978:SD-0042\n"
        "  device_bridge run --once --port /tmp/smartdot --api http://127.0.0.1:8000\n"
        "  device_bridge run --dry-run                            # what it would read and send\n"
        "  device_bridge run --log-format json                    # a JSON object a line, for programs\n"
    )
    parser = add_command(commands, "run", "pull and push until stopped, whatever is unplugged", examples, run)
    add_ports(parser)
    add_spool(parser)
    add_api(parser)
    parser.add_argument("--once", action="store_true", help="one pull of each device and one push, then end")
    add_dry_run(parser)
    _add_daemon_settings(parser)


def _add_daemon_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--poll", dest="poll_s", metavar="S", help="look for new records every S seconds (default: 5)")
    parser.add_argument(
        "--min-free-mib", metavar="N", help="stop reading with less than N MiB of free disk (default: 200)"
    )
    parser.add_argument(
        "--erase-verified",
        action="store_const",
        const=True,
        help="free a record's memory in the device once the cloud has verified it (default: never)",
    )
    parser.add_argument(
        "--heartbeat", dest="heartbeat_s", metavar="S", help="tell the API every S seconds (default: 300)"
    )
    parser.add_argument("--log-format", metavar="FORMAT", help="text, or json: a JSON object a line (default: text)")


def run(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Pull and push until SIGTERM or Ctrl-C, or once."""
    settings = resolve(vars(chosen))
    output.log_format = settings.log_format
    if chosen.dry_run:
        with saying_how_to_set_aside():
            return _show_what_would_be_done(settings, output)
    warn_about_credential(settings, output)
    with SpoolLock(settings.spool), saying_how_to_set_aside():
        return _run_once(settings, output) if chosen.once else _run_daemon(settings, output)


def _run_daemon(settings: Settings, output: Output) -> ExitCode:
    with _journal(output) as journal:
        with contextlib.closing(CloudAccess(settings, journal)) as access, StopSignal() as stop:
            Daemon(Shared(settings, journal, access, open_transport), stop.wait).run()
        journal.say(Event("stopped", "stopped"))
    return ExitCode.FINE


@contextlib.contextmanager
def _journal(output: Output) -> Iterator[Journal]:
    """Give a journal that no loop ever waits for; a stream that takes nothing does not hold up the end either."""
    events, code = EventQueue(output.event), ExitCode.FAILED
    try:
        yield Journal(events.put)
        code = ExitCode.FINE
    finally:
        if not events.close():
            # Python itself would wait for the stream. All that was read is committed.
            os._exit(code)


def _places(settings: Settings) -> tuple[str, ...]:
    """Return the places that are read: those that were named, or every SmartDot that is plugged in.

    Raises:
        PortMissingError: None was named, and none is plugged in.
    """
    return settings.ports or tuple(find_places()) or (find_place(settings),)


def _run_once(settings: Settings, output: Output) -> ExitCode:
    """Pull from each device, then push, also when a pull failed; the first failure is the one that is returned."""
    with (
        contextlib.closing(open_api(settings)) as api,
        contextlib.closing(Spool(settings.spool, settings.min_free_bytes)) as spool,
    ):
        failures = _pull_each(settings, spool, output)
        uploader = Uploader(spool, api, lambda row: output.event(delivered_event(row)))
        pushed = push_and_await_verdicts(uploader, 0.0)
        report_problems(pushed, output)
        if settings.erase_verified and not failures:
            _erase_each(settings, spool, output)
        if not pushed.credential_problem:
            _tell_api(api, spool, output)
        if failures:
            raise failures[0]
        return judge(pushed, spool.counts()[CaptureState.QUARANTINED])


def _tell_api(api: Api, spool: Spool, output: Output) -> None:
    """Send a heartbeat: a bridge that runs now and then must not look silent."""
    try:
        api.send_heartbeat(make_heartbeat(spool))
    except ApiError as error:
        output.event(heartbeat_failed(error))


def _pull_each(settings: Settings, spool: Spool, output: Output) -> list[BridgeError]:
    """Pull from each device; return what failed, of which all but the first was said already."""
    failures: list[BridgeError] = []
    try:
        places = _places(settings)
    except BridgeError as error:
        return [error]
    for place in places:
        try:
            _pull_one(settings, place, spool, output)
        except SpoolCorruptError:
            raise
        except BridgeError as error:
            if failures:
                output.message(f"device_bridge: {error}")
            failures.append(error)
    return failures


def _pull_one(settings: Settings, place: str, spool: Spool, output: Output) -> None:
    with connected(settings, place) as device:
        result = pull_with_bar(device, spool, output)
    for row in result.sealed:
        output.event(read_event(row))
    if not result.sealed:
        output.event(Event("nothing-new", f"{result.device}: no new records", facts={"device": result.device}))
    for event in pull_warnings(result):
        output.event(event)


def _erase_each(settings: Settings, spool: Spool, output: Output) -> None:
    journal = Journal(output.event)
    for place in _places(settings):
        with connected(settings, place) as device:
            Eraser(spool, journal).erase(device)


def _show_what_would_be_done(settings: Settings, output: Output) -> ExitCode:
    """Say what would be read and sent; nothing is written, not even a new spool."""
    failures: list[BridgeError] = []
    with contextlib.ExitStack() as stack:
        spool = None
        if spool_exists(settings.spool):
            spool = stack.enter_context(contextlib.closing(Spool(settings.spool)))
        for place in _places(settings):
            try:
                _show_what_is_new(settings, place, spool, output)
            except BridgeError as error:
                failures.append(error)
        for row in waiting_captures(spool):
            output.event(describe_waiting(row, settings.api))
    for failure in failures[1:]:
        output.message(f"device_bridge: {failure}")
    if failures:
        raise failures[0]
    return ExitCode.FINE


def _show_what_is_new(settings: Settings, place: str, spool: Spool | None, output: Output) -> None:
    with connected(settings, place) as device:
        serial, slots = device.first.serial, read_directory(device).slots
    new = 0
    for slot in slots:
        row = None if spool is None else spool.find(serial, slot.record)
        if row is not None and row.state is not CaptureState.READING:
            continue
        new += 1
        left = slot.page_count - (0 if row is None else row.pages_read)
        message = f"{serial} record {slot.record}: {left} pages would be read, then sent"
        facts = {"device": serial, "record": slot.record, "place": place, "pages": left}
        output.event(Event("would-read", message, is_result=True, facts=facts))
    if not new:
        output.event(Event("nothing-new", f"{serial}: no new records", is_result=True, facts={"device": serial}))
