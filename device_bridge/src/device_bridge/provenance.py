"""What is known of a capture beside its bytes."""

from datetime import UTC, datetime, timedelta

from device_bridge.device import ClockFacts
from smartdot import FormatError, read_page
from smartdot.layout import unpack_header


def provenance(device: str, record: int, header: bytes, clock: ClockFacts) -> dict[str, object]:
    """Return what is known of a capture beside its bytes, as the API takes it with the upload.

    Args:
        device: The device's serial.
        record: The record's number.
        header: The record's header page as it was read.
        clock: The clocks of device and host, noted when this reading began.
    """
    started_at = _started_at(header, clock)
    return {
        "device": device,
        "record": record,
        "started_at": None if started_at is None else _utc_text(started_at),
        "read_at": _utc_text(datetime.now(UTC)),
        "clock": {
            "device_ticks": clock.device_ticks,
            "tick_hz": clock.tick_hz,
            "host_monotonic_s": round(clock.host_monotonic_s, 6),
            "host_utc": _utc_text(clock.host_utc),
        },
    }


def _started_at(header: bytes, clock: ClockFacts) -> datetime | None:
    """Return when the record began by the host's UTC, None when the device's clock cannot tell."""
    try:
        start_ticks = unpack_header(read_page(header)).start_ticks
    except FormatError:
        return None
    ago_ticks = clock.device_ticks - start_ticks
    # Ticks begin anew when the device is switched on; a record of the future is one from before that.
    if ago_ticks < 0 or clock.tick_hz == 0:
        return None
    try:
        return clock.host_utc - timedelta(seconds=ago_ticks / clock.tick_hz)
    except OverflowError:
        return None


def _utc_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
