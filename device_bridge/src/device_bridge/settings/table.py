"""Every setting of the bridge: its names, how its value is read, what it means."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CREDENTIAL: Final = "DEVICE_BRIDGE_CREDENTIAL"
CONFIG: Final = "DEVICE_BRIDGE_CONFIG"

_LONGEST_S = 1e9
_LARGEST_MIB = 1 << 30
_YES_AND_NO = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
LOG_FORMATS: Final = ("text", "json")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    Attributes:
        name: Its name in a settings file, and a flag's place in what argparse gives.
        environ: Its variable in the environment.
        flag: The command line's flag.
        read: Reads a value, whether text or a settings file's own type; raises ValueError with what it should be.
        default: Its value when nobody gives one; None where that depends on the computer (`settings.places`).
        meaning: What it is, for a person.
    """

    name: str
    environ: str
    flag: str
    read: Callable[[object], object]
    default: object
    meaning: str


def read_seconds(value: object) -> float:
    """Read 0 to 1e9 seconds. Raises ValueError for anything else."""
    try:
        seconds = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds <= _LONGEST_S:
        raise ValueError("is no number of seconds")
    return seconds


def _read_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("is no text")
    return value.strip()


def _read_path(value: object) -> Path:
    text = str(value) if isinstance(value, Path) else _read_text(value)
    if "\0" in text:
        raise ValueError("is no path")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError("begins with a home folder that is not known here") from error


def _read_places(value: object) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise ValueError("is neither a place nor a list of places")  # noqa: TRY004 - one kind of error for all readers
    return tuple(_read_text(part) for part in parts)


def _read_mebibytes(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= len(str(_LARGEST_MIB)):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST_MIB:
        raise ValueError("is no whole number of MiB")
    return value


def _read_yes_or_no(value: object) -> bool:
    answer = value if isinstance(value, bool) else _YES_AND_NO.get(str(value).lower())
    if answer is None:
        raise ValueError("is neither true nor false")
    return answer


def _read_log_format(value: object) -> str:
    if value not in LOG_FORMATS:
        raise ValueError(f"is none of {', '.join(LOG_FORMATS)}")
    return str(value)


SETTINGS: Final[tuple[Setting, ...]] = (
    Setting(
        "ports",
        "DEVICE_BRIDGE_PORT",
        "--port",
        _read_places,
        (),
        "places of devices: a port's path, VID:PID[:SERIAL] or tcp://host:port; none takes every SmartDot plugged in",
    ),
    Setting("spool", "DEVICE_BRIDGE_SPOOL", "--spool", _read_path, None, "the spool's file"),
    Setting("api", "DEVICE_BRIDGE_API", "--api", _read_text, None, "the Web API's address, without /v1"),
    Setting(
        "credential_file",
        "DEVICE_BRIDGE_CREDENTIAL_FILE",
        "--credential-file",
        _read_path,
        None,
        "the file with the bridge's credential",
    ),
    Setting("poll_s", "DEVICE_BRIDGE_POLL_S", "--poll", read_seconds, 5.0, "how often `run` looks for new records"),
    Setting(
        "min_free_mib",
        "DEVICE_BRIDGE_MIN_FREE_MIB",
        "--min-free-mib",
        _read_mebibytes,
        200,
        "with less free disk, nothing more is read from devices",
    ),
    Setting(
        "erase_verified",
        "DEVICE_BRIDGE_ERASE_VERIFIED",
        "--erase-verified",
        _read_yes_or_no,
        default=False,
        meaning="whether `run` frees a record's memory in the device once the cloud has verified it",
    ),
    Setting(
        "heartbeat_s", "DEVICE_BRIDGE_HEARTBEAT_S", "--heartbeat", read_seconds, 300.0, "how often `run` tells the API"
    ),
    Setting("log_format", "DEVICE_BRIDGE_LOG_FORMAT", "--log-format", _read_log_format, "text", "text or json"),
)
BY_NAME: Final[Mapping[str, Setting]] = {setting.name: setting for setting in SETTINGS}
