"""`status`: what the spool holds, how far each capture is, which devices were seen, and what waits for whom."""

import argparse
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from device_bridge.cli.arguments import Commands, add_command, add_json, add_spool, seconds
from device_bridge.cli.console import Output, make_table
from device_bridge.cli.damaged_spool import saying_how_to_set_aside
from device_bridge.cli.spool_facts import SpoolFacts, read_facts
from device_bridge.errors import ExitCode
from device_bridge.settings import Settings, resolve

if TYPE_CHECKING:
    from rich.console import RenderableType

_MIB = 2**20
_MOST_PAGES_NAMED = 12
_DEVICE_COLUMNS = ("device", "last_seen", "place", "battery", "link_errors", "records", "clock_drift")
_CAPTURE_COLUMNS = ("id", "device", "record", "state", "pages", "damaged", "sha256", "cloud", "attempts", "problem")


def add_status(commands: Commands) -> None:
    """Register `status`."""
    examples = (
        "  device_bridge status\n"
        "  device_bridge status --watch 2         # again every two seconds, until Ctrl-C\n"
        "  device_bridge status --json\n\n"
        "It ends with 5 when something is in quarantine, with 8 when the disk is too full to read on, else with 0.\n"
    )
    summary = "show the devices, every capture and how far it is, and what waits"
    parser = add_command(commands, "status", summary, examples, status)
    add_spool(parser)
    parser.add_argument("--watch", type=seconds, metavar="S", help="show it again every S seconds, until Ctrl-C")
    add_json(parser)


def status(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Print what the spool holds; works while another process uses it, and makes no spool."""
    settings = resolve(vars(chosen))
    output.log_format = settings.log_format
    with saying_how_to_set_aside():
        return _status(settings, chosen, output)


def _status(settings: Settings, chosen: argparse.Namespace, output: Output) -> ExitCode:
    if chosen.watch is None:
        facts = read_facts(settings)
        _show(facts, output, as_json=chosen.json)
        return _judge(facts)
    if chosen.json or not output.results.is_terminal:
        while True:
            _show(read_facts(settings), output, as_json=chosen.json)
            time.sleep(chosen.watch)
    from rich.live import Live  # noqa: PLC0415 - only here, and 60 ms

    with Live(console=output.results, screen=True, auto_refresh=False) as live:
        while True:
            live.update(_picture(read_facts(settings)), refresh=True)
            time.sleep(chosen.watch)


def _judge(facts: SpoolFacts) -> ExitCode:
    if facts.counts["quarantined"]:
        return ExitCode.NOT_DELIVERED
    return ExitCode.LOOK_AT_IT if facts.is_disk_low else ExitCode.FINE


def _show(facts: SpoolFacts, output: Output, *, as_json: bool) -> None:
    if as_json:
        output.json(facts.as_json())
        return
    for line in _summary(facts):
        output.message(line)
    for columns, rows in _tables(facts):
        output.table(columns, rows)


def _picture(facts: SpoolFacts) -> "RenderableType":
    from rich.console import Group  # noqa: PLC0415 - only while watching

    return Group(*_summary(facts), *(make_table(columns, rows) for columns, rows in _tables(facts)))


def _summary(facts: SpoolFacts) -> Iterator[str]:
    """Yield the lines above the tables: what waits and why, and whether anything works on it."""
    yield f"spool {facts.spool}: " + ", ".join(f"{count} {state}" for state, count in facts.counts.items())
    if facts.process is None:
        yield "no `device_bridge run` is at work"
    else:
        yield f"`device_bridge` is at work (process {facts.process})"
    free = f"{facts.free_bytes // _MIB} MiB free on its disk" if facts.free_bytes is not None else "its disk not known"
    low = f", too little to read on: {facts.min_free_bytes // _MIB} MiB are needed" if facts.is_disk_low else ""
    yield f"{facts.bytes_waiting} bytes wait for the cloud; {free}{low}"
    if facts.counts["quarantined"]:
        yield f"{facts.counts['quarantined']} captures in quarantine need a person: device_bridge quarantine"


def _tables(facts: SpoolFacts) -> Iterator[tuple[tuple[str, ...], list[dict[str, object]]]]:
    if facts.devices:
        yield _DEVICE_COLUMNS, [_shown_device(device) for device in facts.devices]
    if facts.captures:
        yield _CAPTURE_COLUMNS, [_shown_capture(capture) for capture in facts.captures]


def _shown_device(device: dict[str, object]) -> dict[str, object]:
    battery, drift_ppm = device["battery_percent"], device["clock_drift_ppm"]
    uncertainty_ppm = device["clock_uncertainty_ppm"]
    drift = None if drift_ppm is None else f"{drift_ppm:+.1f} ppm"
    return {
        "device": device["serial"],
        "last_seen": device["seen_at"],
        "place": device["place"],
        "battery": None if battery is None else f"{battery} %",
        "link_errors": device["link_errors"],
        "records": device["records_held"],
        "clock_drift": drift if drift is None or uncertainty_ppm is None else f"{drift} +- {uncertainty_ppm:.1f}",
    }


def _shown_capture(capture: dict[str, object]) -> dict[str, object]:
    sha256, damaged = capture["sha256"], capture["damaged_pages"]
    return {
        "id": capture["id"],
        "device": capture["device"],
        "record": capture["record"],
        "state": capture["state"],
        "pages": f"{capture['pages_read']}/{capture['page_count']}",
        "damaged": _named_pages(damaged, capture["damaged_count"]) if isinstance(damaged, list) else None,
        "sha256": str(sha256)[:12] if sha256 else None,
        "cloud": f"{capture['cloud_state']}, erased" if capture["erased_at"] else capture["cloud_state"],
        "attempts": capture["attempts"],
        "problem": capture["last_problem"],
    }


def _named_pages(pages: list[int], count: object) -> str:
    """Return the damaged pages' indexes in the capture; of very many only the first, and how many there are."""
    text = ", ".join(map(str, pages[:_MOST_PAGES_NAMED]))
    return f"{text}, ... ({count} in all)" if len(pages) > _MOST_PAGES_NAMED else text
