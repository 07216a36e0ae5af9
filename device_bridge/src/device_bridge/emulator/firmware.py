"""What the device does with a request (docs/protocol.md 4): bytes in, bytes out, no I/O but its own memory's."""

import re
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from device_bridge.emulator.device_state import LOW_BATTERY_PERCENT, TICK_HZ, DeviceClock, DeviceState, Sampling
from device_bridge.emulator.flash import Flash
from device_bridge.emulator.wire import Message, PacketSplitter, build, parse
from smartdot import PAGE_SIZE_BYTES

SUCCESS, UNKNOWN, PERMISSION = 0, 1, 2
HELLO, READ, WRITE, COMMAND = 1, 2, 3, 4
REPLY, EVENT = 0x80, 0xC0
PROTOCOL_VERSION = 1
LARGEST_WINDOW = 8
_MOST_COMMAND_BYTES = 256
_RECORD: Final = re.compile(r"[1-9][0-9]{0,9}")
_UTC: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]{1,9})?Z")


class Firmware:
    """The emulated device's program.

    Args:
        flash: Its memory.
        read_ticks: Its clock, in microseconds since it was switched on.
        largest_window: Requests it can hold while it answers another, 1 to 8.
        state: What it keeps beside its memory.
    """

    def __init__(
        self,
        flash: Flash,
        read_ticks: Callable[[], int],
        largest_window: int = LARGEST_WINDOW,
        state: DeviceState | None = None,
    ) -> None:
        self.flash = flash
        self.state = state or DeviceState()
        self._read_ticks = read_ticks
        self._largest_window = largest_window
        self._splitter = PacketSplitter()
        self._event_seq = 0
        self._told_low_battery = False
        self._verbs = {HELLO: self._hello, READ: self._read, WRITE: self._write, COMMAND: self._command}

    def restart(self) -> list[int]:
        """Begin anew after a loss of power; return the pages of memory that were repaired."""
        self._splitter = PacketSplitter()
        self._event_seq = 0
        self._told_low_battery = False
        if isinstance(self._read_ticks, DeviceClock):
            self._read_ticks.restart()
        self.state.count_power_up()
        return self.flash.repair()

    def receive(self, data: bytes) -> list[bytes]:
        """Return the packets to send for these bytes; noise is passed over in silence."""
        requests = map(parse, self._splitter.split(data))
        return [self._answer(request) for request in requests if request is not None and request.type < REPLY]

    def event(self, text: str) -> bytes:
        """Return the packet that reports an event (docs/protocol.md 4.5)."""
        payload = text.encode("ascii")
        self._event_seq = (self._event_seq + 1) % 0x10000
        return build(Message(PROTOCOL_VERSION, EVENT, self._event_seq, 0, 0, len(payload), payload))

    def own_events(self) -> list[bytes]:
        """Return what the device has to report of itself: once that its battery is low."""
        percent = self.state.battery.percent()
        if percent > LOW_BATTERY_PERCENT or self._told_low_battery:
            return []
        self._told_low_battery = True
        return [self.event(f"battery low {percent}")]

    def _answer(self, request: Message) -> bytes:
        verb = self._verbs.get(request.type)
        status, payload = (UNKNOWN, b"") if verb is None else verb(request)
        return build(
            Message(PROTOCOL_VERSION, request.type | REPLY, request.seq, status, request.address, len(payload), payload)
        )

    def _hello(self, request: Message) -> tuple[int, bytes]:
        if len(request.payload) < 3:  # noqa: PLR2004 - oldest version, newest version, window
            return UNKNOWN, b""
        oldest, newest, window = request.payload[:3]
        if not oldest <= PROTOCOL_VERSION <= newest or window == 0:
            return UNKNOWN, b""
        agreed = min(window, self._largest_window)
        page_count = self.flash.image.first.page_count
        clock = (TICK_HZ, self._read_ticks(), self.state.power_up, 0)
        return SUCCESS, struct.pack("<BBHIIQHH", PROTOCOL_VERSION, agreed, PAGE_SIZE_BYTES, page_count, *clock)

    def _is_page_start(self, address: int, length: int) -> bool:
        return address % PAGE_SIZE_BYTES == 0 and 0 < length <= PAGE_SIZE_BYTES

    def _read(self, request: Message) -> tuple[int, bytes]:
        if not self._is_page_start(request.address, request.length):
            return UNKNOWN, b""
        if request.address >= len(self.flash.image.data):
            return PERMISSION, b""
        return SUCCESS, self.flash.image.page(request.address // PAGE_SIZE_BYTES)[: request.length]

    def _write(self, request: Message) -> tuple[int, bytes]:
        if not self._is_page_start(request.address, request.length):
            return UNKNOWN, b""
        number = request.address // PAGE_SIZE_BYTES
        if number == 0 or number >= self.flash.image.first.page_count:
            return PERMISSION, b""
        rest = self.flash.image.page(number)[request.length :]
        self.flash.write_page(number, request.payload + rest)
        return SUCCESS, b""

    def _command(self, request: Message) -> tuple[int, bytes]:
        match _split_words(request.payload):
            case ["status"]:
                return SUCCESS, self._status().encode("ascii")
            case ["erase", number] if _RECORD.fullmatch(number):
                return self._erase(int(number))
            case ["defaults"]:
                self.state.set_sampling(Sampling.AUTO)
                return SUCCESS, b"defaults set"
            case ["time", utc]:
                return self._set_time(utc)
            case ["sampling", mode]:
                return self._set_sampling(mode)
        return UNKNOWN, b"unknown command"

    def _status(self) -> str:
        records = len(self.flash.image.slots())
        text = f"records={records} ticks={self._read_ticks()} tick_hz={TICK_HZ}"
        text += f" battery_percent={self.state.battery.percent()} sampling={self.state.sampling.value}"
        text += f" power_up={self.state.power_up}"
        return (
            text if self.state.utc is None else f"{text} utc={self.state.utc} utc_ticks={self.state.utc_set_at_ticks}"
        )

    def _erase(self, record: int) -> tuple[int, bytes]:
        if self.flash.erase_record(record):
            return SUCCESS, f"erased {record}".encode("ascii")
        return UNKNOWN, f"no record {record}".encode("ascii")

    def _set_time(self, utc: str) -> tuple[int, bytes]:
        if not _is_utc(utc):
            return UNKNOWN, b"no time in UTC"
        self.state.utc, self.state.utc_set_at_ticks = utc, self._read_ticks()
        return SUCCESS, b"time set"

    def _set_sampling(self, mode: str) -> tuple[int, bytes]:
        try:
            self.state.set_sampling(Sampling(mode))
        except ValueError:
            return UNKNOWN, b"no such sampling"
        return SUCCESS, f"sampling {mode}".encode("ascii")


def _split_words(payload: bytes) -> list[str]:
    """Return a command's words; none when it is not as docs/protocol.md 4.4 has it."""
    text = payload.decode("ascii", errors="replace")
    if len(payload) > _MOST_COMMAND_BYTES or not text.isascii() or not text.isprintable():
        return []
    words = text.split(" ")
    return words if all(words) else []


def _is_utc(text: str) -> bool:
    """Tell whether a text is a time as docs/protocol.md 4.4 has it."""
    found = _UTC.fullmatch(text)
    if found is None:
        return False
    year, month, day, hour, minute, second = map(int, found.groups())
    try:
        datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return False
    return True
