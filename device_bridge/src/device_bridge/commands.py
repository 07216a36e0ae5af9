"""The commands of the link as values: what is asked, and what the answers say (docs/protocol.md 4.4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from device_bridge.errors import BridgeError, NotUnderstoodError
from device_bridge.moments import moment_text
from device_bridge.printable import printable

MOST_COMMAND_BYTES: Final = 256
_FULL_PERCENT: Final = 100


class CommandRefusedError(BridgeError):
    """The device does not know a command, or does not allow it; the message holds what it answered."""


class SamplingMode(StrEnum):
    """When a device records."""

    AUTO = "auto"
    SINGLE = "single"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """What a device answers to `status`.

    Attributes:
        records: Records that its directory names.
        ticks: Its clock.
        tick_hz: Ticks of it in a second.
        battery_percent: 0 to 100, None when it does not say.
        sampling: `auto`, `single` or `off`, None when it does not say.
        values: Everything that it answered, by name, also what this bridge does not know.
    """

    records: int
    ticks: int
    tick_hz: int
    battery_percent: int | None
    sampling: str | None
    values: Mapping[str, str]

    @property
    def power_up(self) -> int:
        """How often the device was switched on, modulo 65,536; 0 when it does not say."""
        return _number(self.values.get("power_up")) or 0


def encode_command(text: str) -> bytes:
    """Return a command's bytes.

    Raises:
        CommandRefusedError: It is empty, too long, or not printable ASCII: no device is asked.
    """
    if not text.isascii() or not text.isprintable() or not 0 < len(text) <= MOST_COMMAND_BYTES:
        raise CommandRefusedError(f"a command is 1 to {MOST_COMMAND_BYTES} printable ASCII characters, not {text!r}")
    return text.encode("ascii")


def time_command(utc: datetime) -> str:
    """Return the command that tells a device the time, to the millisecond.

    Raises:
        ValueError: The time has no zone.
    """
    if utc.tzinfo is None:
        raise ValueError("a time without a zone is none: give it in UTC")
    return "time " + moment_text(utc, "milliseconds")


def parse_status(text: str) -> DeviceStatus:
    """Return what a device's answer to `status` says.

    Args:
        text: `name=value` words between spaces; a word of another form is passed over.

    Raises:
        NotUnderstoodError: A number that protocol version 1 asks for is missing or is none.
    """
    values = dict(word.split("=", 1) for word in text.split() if "=" in word)
    numbers = {name: _number(values.get(name)) for name in ("records", "ticks", "tick_hz")}
    records, ticks, tick_hz = numbers.values()
    if records is None or ticks is None or tick_hz is None:
        raise NotUnderstoodError(
            f"the device answers `{printable(text)}` to `status`, without records, ticks and tick_hz: update its "
            "firmware or this bridge. Nothing was changed"
        )
    battery = _number(values.get("battery_percent"))
    is_percent = battery is not None and battery <= _FULL_PERCENT
    return DeviceStatus(records, ticks, tick_hz, battery if is_percent else None, values.get("sampling"), values)


def _number(text: str | None) -> int | None:
    # No number of a device has more digits than a u64; Python itself refuses to read very long ones.
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) <= 20 else None  # noqa: PLR2004 - said above
