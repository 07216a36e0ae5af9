"""Plain aligned text for people."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from phone_client.bridges import BridgeStatus
from phone_client.devices import Device, WaitingCapture
from phone_client.model import Capture, Metric, Metrics, Provenance, SensorSummary

_NOTHING = "-"


def printable(text: str) -> str:
    """Return a text without what could steer a terminal: it may hold words that came with a capture."""
    return "".join(character if character.isprintable() or character == "\n" else "?" for character in text)


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows under titles, each column as wide as its widest text; a column of numbers stands to the right."""
    cells = [titles, *rows]
    columns = list(zip(*cells, strict=True))
    widths = [max(map(len, column)) for column in columns]
    is_number = [all(_is_number(text) for text in column[1:]) for column in columns]
    return "\n".join(
        "  ".join(
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, is_number, strict=True)
        ).rstrip()
        for row in cells
    )


def _is_number(text: str) -> bool:
    return text == _NOTHING or text.replace(".", "").replace("-", "").isdigit()


def capture_table(captures: Sequence[Capture]) -> str:
    """Return captures, a line each."""
    if not captures:
        return "There are no captures yet."
    rows = (
        (
            time_text(one.received_at),
            one.state,
            text_or_dash(one.device),
            text_or_dash(one.record),
            str(one.size_bytes),
            one.id,
        )
        for one in captures
    )
    return table(("RECEIVED", "STATE", "DEVICE", "RECORD", "BYTES", "ID"), rows)


def bridge_table(bridges: Sequence[BridgeStatus]) -> str:
    """Return bridges, a line each."""
    if not bridges:
        return "There are no bridges yet."
    titles = ("NAME", "SILENT", "HEARD", "WAITING", "QUARANTINED", "DEVICE", "BATTERY", "VERSION", "ID")
    return table(titles, map(_bridge_row, bridges))


def _bridge_row(bridge: BridgeStatus) -> tuple[str, ...]:
    heard, silent = bridge.last_heartbeat, "SILENT" if bridge.is_silent else "no"
    if heard is None:
        return bridge.name, silent, *(_NOTHING,) * 6, bridge.id
    device = heard.device
    return (
        bridge.name,
        silent,
        time_text(heard.received_at),
        str(heard.captures_waiting),
        str(heard.captures_quarantined),
        text_or_dash(device.serial if device else None),
        text_or_dash(device.battery_percent if device else None),
        heard.version,
        bridge.id,
    )


def device_table(devices: Sequence[Device]) -> str:
    """Return claims on devices, a line each."""
    if not devices:
        return "There are no devices yet."
    rows = (
        (
            one.serial,
            one.name,
            text_or_dash(one.ball_id),
            time_text(one.begins),
            _NOTHING if one.until is None else time_text(one.until),
        )
        for one in devices
    )
    return table(("SERIAL", "NAME", "BALL", "SINCE", "UNTIL"), rows)


def inbox_table(captures: Sequence[WaitingCapture]) -> str:
    """Return what waits, a line each."""
    if not captures:
        return "Nothing waits."
    rows = (
        (time_text(one.started_at), one.state, text_or_dash(one.device), str(one.size_bytes), one.bridge_id, one.id)
        for one in captures
    )
    return table(("STARTED", "STATE", "DEVICE", "BYTES", "BRIDGE", "ID"), rows)


def capture_facts(capture: Capture) -> str:
    """Return everything about a capture, a line each."""
    claim = capture.provenance or Provenance()
    facts = [
        ("id", capture.id),
        ("state", capture.state),
        *((("reason", capture.reason),) if capture.reason else ()),
        ("size", f"{capture.size_bytes} bytes"),
        ("received", time_text(capture.received_at)),
        ("device", text_or_dash(capture.device)),
        ("record", text_or_dash(capture.record)),
        ("format version", text_or_dash(capture.format_version)),
        ("bridge", text_or_dash(capture.bridge_id)),
        ("started (claimed)", text_or_dash(claim.started_at)),
        ("read (claimed)", text_or_dash(claim.read_at)),
        ("bad pages", str(capture.bad_page_count)),
        *((f"  page {bad.page}", f"{bad.problem} {bad.detail}".strip()) for bad in capture.bad_pages),
    ]
    return fact_lines(facts)


def fact_lines(facts: Sequence[tuple[str, str]]) -> str:
    """Return named facts, a line each, the values under each other."""
    width = max(len(name) for name, _ in facts)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in facts)


def metrics_report(metrics: Metrics) -> str:
    """Return the metrics and the sensors, or why there are none."""
    if metrics.state == "pending":
        return "The metrics are still being computed. Ask again in a moment, or use --wait."
    if metrics.state != "ready":
        return f"There are no metrics ({metrics.state}): {metrics.reason or 'no reason was given.'}"
    numbers = [_metric_row(name, metric) for name, metric in metrics.metrics.items()]
    sensors = [_sensor_row(kind, sensor) for kind, sensor in metrics.sensors.items()]
    return "\n\n".join(
        (
            table(("METRIC", "VALUE", "UNIT", "QUALITY"), numbers),
            table(("SENSOR", "SAMPLES", "RATE_HZ", "GAPS", "CLIPPED", "LOST"), sensors),
        )
    )


def _metric_row(name: str, metric: Metric) -> tuple[str, str, str, str]:
    return name, _value(metric.value), "" if metric.unit == "1" else metric.unit, metric.quality


def _sensor_row(kind: str, sensor: SensorSummary) -> tuple[str, ...]:
    rate = _NOTHING if sensor.rate_hz is None else f"{sensor.rate_hz:.2f}"
    return kind, str(sensor.samples), rate, str(sensor.gaps), str(sensor.clipped), str(sensor.lost)


def _value(value: float | bool | None) -> str:  # noqa: FBT001 - a metric may be the answer to a question
    if value is None:
        return _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3f}"


def text_or_dash(value: str | int | None) -> str:
    """Return a value as text, a dash for none."""
    return _NOTHING if value is None else str(value)


def time_text(moment: datetime | None) -> str:
    """Return a time in UTC, a dash for none."""
    if moment is None:
        return _NOTHING
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
