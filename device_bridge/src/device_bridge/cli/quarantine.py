"""`quarantine`: what the cloud would not take, why, and how it is sent again."""

import argparse
from pathlib import Path

from device_bridge.cli.arguments import Commands, Subcommands, add_command, add_json, add_spool, positive
from device_bridge.cli.console import Output
from device_bridge.cli.existing_spool import opened_spool
from device_bridge.errors import ExitCode, UsageError
from device_bridge.settings import resolve
from device_bridge.spool import CaptureRow, CaptureState, Spool, spool_exists

_SUMMARY = "show what the cloud would not take and why, send it again, or write it to files"
_EXAMPLES = (
    "  device_bridge quarantine                       # the list, with reasons\n"
    "  device_bridge quarantine show 12               # all that is known of one\n"
    "  device_bridge quarantine retry 12 15           # send these again; without ids, all\n"
    "  device_bridge quarantine export --output /tmp  # their raw bytes as files, to look at or to send by hand;\n"
    "                                                 # what changed on this disk gets the ending .changed\n"
)


def add_quarantine(commands: Commands) -> None:
    """Register `quarantine` and its words."""
    words = Subcommands(commands, "quarantine", _SUMMARY, _EXAMPLES, list_quarantined)
    _add_common(words.parser)
    retry = add_command(words.commands, "retry", "put captures back to be sent", _EXAMPLES, retry_quarantined)
    retry.add_argument("ids", nargs="*", type=positive, metavar="ID", help="captures of the list (default: all)")
    one = add_command(words.commands, "show", "show all that is known of a capture", _EXAMPLES, show)
    one.add_argument("id", type=positive, metavar="ID", help="a capture of the list")
    export = add_command(words.commands, "export", "write their raw bytes to files", _EXAMPLES, export_quarantined)
    export.add_argument("ids", nargs="*", type=positive, metavar="ID", help="captures of the list (default: all)")
    export.add_argument("--output", type=Path, default=Path(), metavar="FOLDER", help="where to (default: here)")
    export.add_argument("--force", action="store_true", help="overwrite files that are there")
    for parser in (retry, one, export):
        _add_common(parser)


def _add_common(parser: argparse.ArgumentParser) -> None:
    add_spool(parser)
    add_json(parser)


def list_quarantined(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Print what is in quarantine, with reasons."""
    settings = resolve(vars(chosen))
    rows: list[CaptureRow] = []
    if spool_exists(settings.spool):
        with opened_spool(settings.spool) as spool:
            rows = spool.captures(CaptureState.QUARANTINED)
    if chosen.json:
        output.json({"captures": [_facts(row) for row in rows]})
    elif rows:
        shown = [{**_facts(row), "problem": row.last_problem} for row in rows]
        output.table(("id", "device", "record", "size_bytes", "attempts", "problem"), shown)
        output.message(
            "device_bridge: all of it is kept. Once its cause is mended: `device_bridge quarantine retry`, then push"
        )
    else:
        output.message("device_bridge: nothing is in quarantine")
    return ExitCode.FINE


def retry_quarantined(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Put captures back to be sent."""
    settings = resolve(vars(chosen))
    with opened_spool(settings.spool) as spool:
        ids = _check_ids(spool, chosen.ids)
        count = spool.retry_quarantined(ids or None)
    if chosen.json:
        output.json({"retried": count})
    else:
        output.result(f"{count} captures are sent again with the next push, or by `run` within its next round")
    return ExitCode.FINE


def show(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Print all that is known of a capture in quarantine."""
    with opened_spool(resolve(vars(chosen)).spool) as spool:
        _check_ids(spool, [chosen.id])
        (row,) = (row for row in spool.captures(CaptureState.QUARANTINED) if row.id == chosen.id)
    if chosen.json:
        output.json(_facts(row))
        return ExitCode.FINE
    for name, value in _facts(row).items():
        if isinstance(value, dict):
            for key, part in value.items():
                output.result(f"{name}.{key}: {part}")
        else:
            output.result(f"{name}: {value}")
    return ExitCode.FINE


def export_quarantined(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Write the raw bytes of captures in quarantine to files."""
    from device_bridge.cli.export import write_captures  # noqa: PLC0415 - the others need none of it
    from device_bridge.export.choice import Order  # noqa: PLC0415 - the same

    with opened_spool(resolve(vars(chosen)).spool) as spool:
        ids = _check_ids(spool, chosen.ids)
        rows = [row for row in spool.captures(CaptureState.QUARANTINED) if not ids or row.id in ids]
        if not rows:
            output.message("device_bridge: nothing is in quarantine, so nothing was written")
            return ExitCode.FINE
        order = Order("raw", "recording", chosen.output, force=chosen.force, as_held=True)
        return write_captures(spool, rows, order, output, as_json=chosen.json)


def _check_ids(spool: Spool, ids: list[int]) -> list[int]:
    quarantined = {row.id for row in spool.captures(CaptureState.QUARANTINED)}
    strangers = [number for number in ids if number not in quarantined]
    if strangers:
        known = ", ".join(map(str, sorted(quarantined))) or "nothing"
        raise UsageError(f"not in quarantine: {', '.join(map(str, strangers))} (there is {known}). Nothing was changed")
    return ids


def _facts(row: CaptureRow) -> dict[str, object]:
    return {
        "id": row.id,
        "device": row.device,
        "record": row.record,
        "sha256": row.sha256,
        "size_bytes": row.size_bytes,
        "damaged_pages": list(row.damaged_pages),
        "attempts": row.attempts,
        "problem": row.last_problem,
        "provenance": row.provenance,
    }
