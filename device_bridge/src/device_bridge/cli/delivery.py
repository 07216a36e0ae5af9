"""`push` and `status`: what is done with the spool."""

import argparse
import contextlib

from device_bridge.api import Api, check_api_url
from device_bridge.cli.console import Output
from device_bridge.errors import ExitCode
from device_bridge.settings import Settings, resolve
from device_bridge.spool import CaptureRow, CaptureState, Spool, SpoolLock
from device_bridge.uploader import PushResult, Uploader, push_until_done


def open_api(settings: Settings) -> Api:
    """Return the API that the settings name.

    Raises:
        UsageError: The address is missing or makes no sense.
        CredentialMissingError: There is no credential.
    """
    url = check_api_url(settings.required_api())
    return Api(url, settings.required_credential())


def push(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Upload what is sealed, and print what was delivered."""
    settings = resolve(vars(chosen))
    with (
        contextlib.closing(open_api(settings)) as api,
        SpoolLock(settings.spool),
        contextlib.closing(Spool(settings.spool)) as spool,
    ):
        if chosen.retry_quarantined:
            output.message(f"device_bridge: {spool.retry_quarantined()} quarantined captures are sent again")
        uploader = Uploader(spool, api, lambda row: None if chosen.json else output.result(describe_delivered(row)))
        result = push_until_done(uploader, chosen.wait)
        set_aside = len(spool.captures(CaptureState.QUARANTINED))
    if chosen.json:
        output.json(_push_facts(result))
    elif not result.delivered:
        output.result("nothing was delivered" if result.waiting or set_aside else "nothing to deliver")
    report_problems(result, output)
    return judge(result, set_aside)


def judge(result: PushResult, set_aside: int) -> ExitCode:
    """Return the exit code for what a push left behind."""
    if result.credential_problem:
        return ExitCode.CREDENTIAL_REFUSED
    return ExitCode.NOT_DELIVERED if result.waiting or set_aside else ExitCode.FINE


def report_problems(result: PushResult, output: Output, *, retries_itself: bool = False) -> None:
    """Say what was not delivered and why."""
    for problem in result.problems:
        output.message(f"device_bridge: {problem}")
    what_next = "they are sent again by themselves" if retries_itself else "push again to send them"
    if len(result.waiting) > 1:
        output.message(f"device_bridge: {len(result.waiting)} captures wait in the spool; {what_next}")


def describe_delivered(row: CaptureRow) -> str:
    """Return a line about a capture that the cloud has."""
    return f"{row.device} record {row.record}: delivered as {row.sha256}"


def _push_facts(result: PushResult) -> dict[str, object]:
    def facts(rows: list[CaptureRow]) -> list[dict[str, object]]:
        return [{"device": row.device, "record": row.record, "sha256": row.sha256} for row in rows]

    return {
        "delivered": facts(result.delivered),
        "quarantined": facts(result.quarantined),
        "waiting": facts(result.waiting),
        "problems": result.problems,
    }


def status(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Print every capture in the spool; works while another process uses it."""
    settings = resolve(vars(chosen))
    if not settings.spool.exists():
        rows: list[CaptureRow] = []
    else:
        with contextlib.closing(Spool(settings.spool)) as spool:
            rows = spool.captures()
    counts = {state.value: sum(row.state is state for row in rows) for state in CaptureState}
    if chosen.json:
        output.json({"spool": str(settings.spool), "counts": counts, "captures": [_facts(row) for row in rows]})
        return ExitCode.FINE
    output.message(f"spool {settings.spool}: " + ", ".join(f"{count} {state}" for state, count in counts.items()))
    if rows:
        output.table(
            ("device", "record", "state", "pages", "damaged", "sha256", "cloud", "attempts", "problem"),
            list(map(_shown, rows)),
        )
    return ExitCode.FINE


def _facts(row: CaptureRow) -> dict[str, object]:
    return {
        "device": row.device,
        "record": row.record,
        "state": row.state.value,
        "pages_read": row.pages_read,
        "page_count": row.page_count,
        "damaged_pages": list(row.damaged_pages),
        "sha256": row.sha256,
        "size_bytes": row.size_bytes,
        "provenance": row.provenance,
        "cloud_state": row.cloud_state,
        "attempts": row.attempts,
        "last_problem": row.last_problem,
    }


def _shown(row: CaptureRow) -> dict[str, object]:
    return {
        "device": row.device,
        "record": row.record,
        "state": row.state.value,
        "pages": f"{row.pages_read}/{row.page_count}",
        "damaged": len(row.damaged_pages) or "",
        "sha256": row.sha256[:12] if row.sha256 else None,
        "cloud": row.cloud_state,
        "attempts": row.attempts,
        "problem": row.last_problem,
    }
