"""What is known of a capture beside its bytes."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from device_bridge.clock import ClockFacts
from device_bridge.moments import moment_text
from smartdot import FormatError, RecordHeader, read_page
from smartdot.clocks import ClockFit, ClockNote, fit_clocks, split_notes
from smartdot.layout import unpack_header

# The API takes 4 KiB of the header's text, which is base64: a third more than the JSON in it.
MAX_PROVENANCE_BYTES: Final = 4096 // 4 * 3
_MOST_NOTES = 8
_RECENT_S = 86_400.0


def provenance(
    device: str, record: int, header: bytes, clock: ClockFacts, notes: Sequence[ClockNote] = ()
) -> dict[str, object]:
    """Return what is known of a capture beside its bytes, as the API takes it with the upload.

    Args:
        device: The device's serial.
        record: The record's number.
        header: The record's header page as it was read.
        clock: The clocks of device and host, noted last.
        notes: Earlier notes of the same device, in their order (`Spool.clock_notes`).
    """
    now = clock.note()
    all_notes = [*(note for note in notes if note != now), now]
    fit = _fit(all_notes)
    started_at = _started_at(header, all_notes, fit)
    facts: dict[str, object] = {
        "device_ticks": clock.device_ticks,
        "tick_hz": clock.tick_hz,
        "power_up": clock.power_up,
        "host_monotonic_s": round(clock.host_monotonic_s, 6),
        "host_utc": moment_text(clock.host_utc),
        "round_trip_s": round(clock.round_trip_s, 6),
    }
    if fit is not None:
        facts["fit"] = _fit_facts(fit)
        facts["notes"] = _note_facts(split_notes(all_notes)[-1])
    return {
        "device": device,
        "record": record,
        "started_at": None if started_at is None else moment_text(started_at),
        "read_at": moment_text(datetime.now(UTC)),
        "clock": facts,
    }


def limited_provenance(provenance: Mapping[str, object]) -> dict[str, Any]:
    """Return a provenance that the API takes: what makes it too long is left out, the notes before the rest."""
    limited = dict(provenance)
    clock = dict(_mapping(limited.get("clock")))
    for name in ("notes", "fit", None):
        if len(_json(limited)) <= MAX_PROVENANCE_BYTES:
            break
        if name is None:
            limited.pop("clock", None)
        elif clock.pop(name, None) is not None:
            limited["clock"] = clock
    return limited


def encode_provenance(provenance: Mapping[str, object]) -> str:
    """Return the `Capture-Provenance` header: base64url of JSON, unpadded, at most 4 KiB."""
    return base64.urlsafe_b64encode(_json(limited_provenance(provenance))).rstrip(b"=").decode("ascii")


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode("utf-8")


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _fit(notes: Sequence[ClockNote]) -> ClockFit | None:
    usable = [note for note in notes if note.tick_hz > 0]
    return fit_clocks(usable) if usable and usable[-1] is notes[-1] else None


def _started_at(header: bytes, notes: Sequence[ClockNote], fit: ClockFit | None) -> datetime | None:
    """Return when the record began by the host's UTC, None when the device's clock cannot tell."""
    try:
        record = unpack_header(read_page(header))
    except FormatError:
        return None
    now = notes[-1]
    # Ticks begin anew when the device is switched on; a record of the future is one from before that.
    if fit is None or record.start_ticks > now.device_ticks or not _is_of_this_power_up(record, notes):
        return None
    try:
        return fit.utc_of(record.start_ticks)
    except OverflowError:
        return None


def _is_of_this_power_up(record: RecordHeader, notes: Sequence[ClockNote]) -> bool:
    now = notes[-1]
    if record.power_up and now.power_up:
        same = [note for note in notes if note.power_up == now.power_up]
        return record.power_up == now.power_up and not _ran_backwards(same)
    # Nobody counts its power-ups: a record may be older than the last one, if the device was switched on of late.
    since = now.host_utc - timedelta(seconds=_RECENT_S)
    return not _ran_backwards([note for note in notes if note.host_utc >= since])


def _ran_backwards(notes: Sequence[ClockNote]) -> bool:
    return any(after.device_ticks < before.device_ticks for before, after in pairwise(notes))


def _fit_facts(fit: ClockFit) -> dict[str, object]:
    return {
        "reference_ticks": fit.reference_ticks,
        "reference_utc": moment_text(fit.reference_utc),
        "tick_hz_measured": fit.tick_hz_measured,
        "drift_ppm": fit.drift_ppm,
        "uncertainty_ppm": fit.uncertainty_ppm,
        "residual_s": fit.residual_s,
        "notes": fit.notes,
        "span_s": round(fit.span_s, 6),
    }


def _note_facts(notes: Sequence[ClockNote]) -> list[list[object]]:
    """Return some notes, spread over their time, each as ticks, steady clock, UTC, round trip."""
    step = max(1, -(-len(notes) // _MOST_NOTES))
    chosen = [*reversed(notes[::-1][::step])]
    return [
        [note.device_ticks, round(note.host_monotonic_s, 6), moment_text(note.host_utc), round(note.round_trip_s, 6)]
        for note in chosen
    ]
