"""What the demo prints: tables for a person, and last one line of JSON for a program."""

import sys
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from chalicelib.settings import settings
from local_cloud.demo.scenario import Outcome
from phone_client.model import Metric

_WIDTH = 110


def show(outcome: Outcome) -> None:
    """Print the result on stdout, its last line the JSON."""
    # A fixed width where nobody looks: a pipe has none, and rich would cut at 80.
    console = Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False)
    for table in (_overview(outcome), _sensors(outcome), _metrics(outcome)):
        console.print(table)
    sys.stdout.write(msgspec.json.encode(as_json(outcome)).decode() + "\n")
    sys.stdout.flush()


def _overview(outcome: Outcome) -> Table:
    capture, names = outcome.capture, settings()
    came_back = "identical" if outcome.identical else "DIFFERENT"
    table = Table(title="The shot", show_header=False, title_justify="left")
    rows = {
        "who": outcome.username,
        "device": f"{capture.device}, record {capture.record}: {outcome.source}",
        "capture": f"{capture.id}",
        "size": f"{capture.size_bytes:,} bytes, {capture.state}",
        "raw bytes": f"s3://{names.raw_bucket}/raw/{outcome.user_id}/{capture.id[:8]}...",
        "index": f"DynamoDB {names.captures_table}, U#{outcome.user_id}, C#{capture.id[:8]}...",
        "came back": f"{came_back} to the bytes in the device's memory",
        "took": f"{outcome.elapsed_s:.1f} s",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _sensors(outcome: Outcome) -> Table:
    table = Table(title="Sensors", title_justify="left")
    for column in ("sensor", "samples", "rate, Hz", "set to, Hz", "gaps", "clipped", "lost"):
        table.add_column(column, justify="left" if column == "sensor" else "right")
    for kind, sensor in outcome.metrics.sensors.items():
        rates = [f"{rate:.2f}" if rate is not None else "-" for rate in (sensor.rate_hz, sensor.nominal_rate_hz)]
        table.add_row(kind, str(sensor.samples), *rates, str(sensor.gaps), str(sensor.clipped), str(sensor.lost))
    return table


def _metrics(outcome: Outcome) -> Table:
    table = Table(title="Metrics", title_justify="left")
    for column in ("metric", "value", "unit", "quality", "how"):
        table.add_column(column, justify="right" if column == "value" else "left")
    for name, metric in outcome.metrics.metrics.items():
        table.add_row(name, _value(metric), "" if metric.unit == "1" else metric.unit, metric.quality, metric.method)
    return table


def _value(metric: Metric) -> str:
    if metric.value is None:
        return "-"
    if isinstance(metric.value, bool):
        return "yes" if metric.value else "no"
    at_least = ">= " if metric.quality == "lower_bound" else ""
    return f"{at_least}{metric.value:.2f}"


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return the result as the last line's object: its names are fixed, scripts rely on them."""
    return {
        "capture_id": outcome.capture.id,
        "size_bytes": outcome.capture.size_bytes,
        "device": outcome.capture.device,
        "record": outcome.capture.record,
        "state": outcome.capture.state,
        "device_sha256": outcome.device_sha256,
        "stored_sha256": outcome.stored_sha256,
        "identical": outcome.identical,
        "sensors": {
            kind: {
                "samples": sensor.samples,
                "rate_hz": sensor.rate_hz,
                "gaps": sensor.gaps,
                "clipped": sensor.clipped,
            }
            for kind, sensor in outcome.metrics.sensors.items()
        },
        "metrics": {
            name: {"value": metric.value, "unit": metric.unit, "quality": metric.quality}
            for name, metric in outcome.metrics.metrics.items()
        },
        "elapsed_s": round(outcome.elapsed_s, 3),
    }
