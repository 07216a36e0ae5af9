"""`push`: what is sealed in the spool goes to the cloud."""

import argparse
import contextlib
from collections.abc import Callable, Iterator

from device_bridge.api import Api, check_api_url
from device_bridge.cli.arguments import Commands, add_api, add_command, add_dry_run, add_json, add_spool, seconds
from device_bridge.cli.console import Output
from device_bridge.cli.damaged_spool import saying_how_to_set_aside
from device_bridge.daemon.journal import Event, Level
from device_bridge.daemon.wording import delivered_event, problem_event, sent_event
from device_bridge.errors import ExitCode
from device_bridge.settings import Settings, resolve
from device_bridge.spool import CaptureRow, CaptureState, Spool, SpoolLock, spool_exists
from device_bridge.uploader import PushResult, Uploader, push_until_done

# The cloud looks at an object within seconds.
_VERDICT_S = 60.0
_WAITING = (CaptureState.SEALED, CaptureState.SENT)


def add_push(commands: Commands) -> None:
    """Register `push`."""
    examples = (
        "  device_bridge push                     # once through everything that is sealed\n"
        "  device_bridge push --wait 600          # keep trying for ten minutes\n"
        "  device_bridge push --dry-run           # what would be sent\n"
        "  device_bridge push --retry-quarantined # send again what was set aside\n"
    )
    parser = add_command(commands, "push", "upload every capture that is sealed in the spool", examples, push)
    add_spool(parser)
    add_api(parser)
    parser.add_argument(
        "--wait", type=seconds, default=0.0, metavar="S", help="keep retrying for S seconds (default: one pass)"
    )
    parser.add_argument("--retry-quarantined", action="store_true", help="put quarantined captures back first")
    add_dry_run(parser)
    add_json(parser)


def open_api(settings: Settings) -> Api:
    """Return the API that the settings name.

    Raises:
        UsageError: The address is missing or makes no sense.
        CredentialMissingError: There is no credential.
    """
    url = check_api_url(settings.required_api())
    return Api(url, settings.required_credential())


def warn_about_credential(settings: Settings, output: Output) -> None:
    """Say that others can read the credential's file."""
    warning = settings.credential_warning()
    if warning is not None:
        output.event(Event("credential-exposed", warning, Level.WARNING))


def push(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Upload what is sealed, and print what was delivered."""
    settings = resolve(vars(chosen))
    output.log_format = settings.log_format
    with saying_how_to_set_aside():
        if chosen.dry_run:
            return _show_what_would_be_sent(settings, chosen, output)
        return _push(settings, chosen, output)


def _push(settings: Settings, chosen: argparse.Namespace, output: Output) -> ExitCode:
    with (
        contextlib.closing(open_api(settings)) as api,
        SpoolLock(settings.spool),
        contextlib.closing(Spool(settings.spool)) as spool,
    ):
        warn_about_credential(settings, output)
        if chosen.retry_quarantined:
            output.message(f"device_bridge: {spool.retry_quarantined()} quarantined captures are sent again")
        with _delivery_bar(output, spool.waiting_bytes(), as_json=chosen.json) as show:
            result = push_and_await_verdicts(Uploader(spool, api, show), chosen.wait)
        set_aside = spool.counts()[CaptureState.QUARANTINED]
    if chosen.json:
        output.json(_push_facts(result))
    elif not result.delivered:
        output.result("nothing was delivered" if result.waiting or set_aside else "nothing to deliver")
    report_problems(result, output)
    return judge(result, set_aside)


@contextlib.contextmanager
def _delivery_bar(output: Output, total_bytes: int, *, as_json: bool) -> Iterator[Callable[[CaptureRow], None]]:
    """Give what prints each capture that is delivered, and moves the bar."""
    with output.progress() as bars:
        task = bars.add_task("uploading", total=total_bytes)

        def show(row: CaptureRow) -> None:
            bars.advance(task, row.size_bytes or 0)
            if as_json:
                return
            # The bar is on another stream, perhaps of the same terminal: it is away while the line is written.
            bars.stop()
            output.event(delivered_event(row))
            bars.start()

        yield show


def push_and_await_verdicts(uploader: Uploader, patience_s: float) -> PushResult:
    """Push for at most so long, and as long as the cloud usually takes to look at what was sent by ticket."""
    result = push_until_done(uploader, patience_s)
    if not result.sent:
        return result
    later = push_until_done(uploader, _VERDICT_S)
    later.delivered = result.delivered + later.delivered
    later.quarantined = result.quarantined + later.quarantined
    return later


def judge(result: PushResult, set_aside: int) -> ExitCode:
    """Return the exit code for what a push left behind."""
    if result.credential_problem:
        return ExitCode.CREDENTIAL_REFUSED
    return ExitCode.NOT_DELIVERED if result.waiting or set_aside else ExitCode.FINE


def report_problems(result: PushResult, output: Output) -> None:
    """Say what was not delivered and why."""
    for row in result.waiting:
        # One that was not due in the last pass is in no list of its own.
        if row.state is CaptureState.SENT:
            output.event(sent_event(row))
    for problem in result.problems:
        output.event(problem_event(problem))
    if len(result.waiting) > 1:
        message = f"{len(result.waiting)} captures wait in the spool; push again to send them"
        output.event(Event("captures-wait", message, Level.WARNING, facts={"waiting": len(result.waiting)}))


def waiting_captures(spool: Spool | None) -> list[CaptureRow]:
    """Return what the cloud has not confirmed yet, by device and record; nothing without a spool."""
    rows = [] if spool is None else [row for state in _WAITING for row in spool.iter_captures(state)]
    return sorted(rows, key=lambda row: (row.device, row.record, row.generation))


def describe_waiting(row: CaptureRow, api: str | None) -> Event:
    """Return the event of a capture that would be sent."""
    where = f"to {api}" if api else "(no --api is known yet)"
    what = "sent" if row.state is CaptureState.SEALED else "asked for: it was sent, and its verdict is pending"
    message = f"{row.device} record {row.record}: {row.size_bytes} bytes would be {what} {where}"
    return Event("would-send", message, is_result=True, facts=_capture_facts(row))


def _show_what_would_be_sent(settings: Settings, chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Print what a push would send; nothing is written, not even a new spool."""
    rows: list[CaptureRow] = []
    if spool_exists(settings.spool):
        with contextlib.closing(Spool(settings.spool)) as spool:
            rows = waiting_captures(spool)
            if chosen.retry_quarantined:
                rows += spool.captures(CaptureState.QUARANTINED)
    if chosen.json:
        output.json({"api": settings.api, "would_send": [_capture_facts(row) for row in rows]})
        return ExitCode.FINE
    for row in rows:
        output.event(describe_waiting(row, settings.api))
    if not rows:
        output.result("nothing to deliver")
    return ExitCode.FINE


def _capture_facts(row: CaptureRow) -> dict[str, object]:
    return {"device": row.device, "record": row.record, "sha256": row.sha256, "size_bytes": row.size_bytes}


def _push_facts(result: PushResult) -> dict[str, object]:
    def facts(rows: list[CaptureRow]) -> list[dict[str, object]]:
        return [{"device": row.device, "record": row.record, "sha256": row.sha256} for row in rows]

    return {
        "delivered": facts(result.delivered),
        "quarantined": facts(result.quarantined),
        "waiting": facts(result.waiting),
        "problems": result.problems,
    }
