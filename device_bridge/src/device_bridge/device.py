"""A SmartDot at the other end of a transport: ISmartDot's calls turned into packets (docs/protocol.md 4)."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial

from device_bridge.answers import check_page, check_request, reply_result, reply_text
from device_bridge.clock import ClockFacts, time_hello
from device_bridge.commands import (
    CommandRefusedError,
    DeviceStatus,
    SamplingMode,
    encode_command,
    parse_status,
    time_command,
)
from device_bridge.connection import Connection
from device_bridge.errors import BridgeError, DisconnectedError
from device_bridge.identity import changed, read_again, read_first_page, say_first_hello, say_hello
from device_bridge.interface import Result, SmartDot
from device_bridge.link import Hello, LinkErrors, Packet, PacketType
from device_bridge.pages import PageReader, ReceivedPage, WantedPage
from device_bridge.printable import printable
from device_bridge.transport import Transport, open_transport
from smartdot import FirstPage, Version

__all__ = ["ClockFacts", "CommandRefusedError", "LinkedSmartDot"]


class LinkedSmartDot(SmartDot):
    """A SmartDot that is reached through packets over any transport.

    Args:
        open_transport: Opens the stream to where `connect`'s parameters say; raises `PortError`.

    Attributes:
        failure: Why the last `connect` gave None, or why the device is no longer connected.
        place: Where the device is, or was last.
        errors: Link errors since it was connected last.
        news: Counts what may have changed the directory: `record ready` events, and erasures from here.
    """

    def __init__(self, open_transport: Callable[[str], Transport] = open_transport) -> None:
        self.failure: BridgeError | None = None
        self.place = ""
        self.errors = LinkErrors()
        self.news = 0
        self._open_transport = open_transport
        self._connection: Connection | None = None
        self._first: FirstPage | None = None
        self._first_bytes = b""
        self._clock: ClockFacts | None = None

    @property
    def first(self) -> FirstPage:
        """Who the device is, read when it was connected. Raises `DisconnectedError` when it is not."""
        if self._first is None:
            raise DisconnectedError("no SmartDot is connected")
        return self._first

    @property
    def first_bytes(self) -> bytes:
        """The first page's 256 bytes as they were read."""
        return self._first_bytes

    @property
    def clock(self) -> ClockFacts:
        """The clocks at the last hello. Raises `DisconnectedError` before the first."""
        if self._clock is None:
            raise DisconnectedError("no SmartDot is connected")
        return self._clock

    def connect(self, parameters: str) -> Version | None:
        """Connect to a device (`SmartDot.connect`); `failure` says why it could not."""
        try:
            return self.open(parameters)
        except BridgeError as error:
            self.failure = error
            return None

    def open(self, parameters: str) -> Version:
        """Connect to a device, read who it is, and return its hardware version.

        Raises:
            PortError: The port cannot be used.
            NotUnderstoodError: What is there is no SmartDot, or one of a format that this bridge does not read.
        """
        self.close()
        self.failure = None
        self.place = parameters
        self._connection = Connection(self._open_transport(parameters), parameters, self._report)
        self.errors = self._connection.errors
        try:
            hello, self._clock = time_hello(partial(say_first_hello, self._connection))
            self._first, self._first_bytes = read_first_page(self._connection, hello)
        except BaseException:
            self.close()
            raise
        return self._first.hardware

    def close(self) -> None:
        """Give the transport back; calling it twice does no harm."""
        connection, self._connection, self._first = self._connection, None, None
        if connection is not None:
            connection.close()

    def is_connected(self) -> bool:
        """Tell whether the device was there when it was last used (`SmartDot.is_connected`)."""
        return self._first is not None

    def refresh_clock(self) -> Hello:
        """Begin a new conversation and note the clocks of device and host.

        Raises:
            DeviceChangedError: Its clock ran backwards, or it was switched on anew.
            DisconnectedError: The device went away, or does not answer.
            NotASmartDotError: It answers something else.
        """
        with self._using_link() as connection:
            hello, clock = time_hello(partial(say_hello, connection))
            if not self.clock.goes_on(clock.device_ticks, clock.power_up):
                raise changed(self.place)
            self._clock = clock
            return hello

    def check_identity(self, status: DeviceStatus | None = None) -> None:
        """Return when the device that was connected is the one that answers: behind a serial server the line stays.

        The clock in a status that it answered just now is looked at as well. Raises `DeviceChangedError` when it is
        another or began anew, `DisconnectedError` when it went away.
        """
        with self._using_link() as connection:
            if status is not None and not self.clock.goes_on(status.ticks, status.power_up):
                raise changed(self.place)
            self.confirm(read_again(connection))

    def confirm(self, first_page: ReceivedPage) -> None:
        """Raise `DeviceChangedError` when this first page, read among others, is not the connected device's."""
        with self._using_link():
            if first_page.data != self._first_bytes:
                raise changed(self.place)

    def read_pages(self, wanted: Iterable[WantedPage]) -> Iterator[list[ReceivedPage]]:
        """Yield pages in batches as they arrive (`PageReader.read`)."""
        with self._using_link() as connection:
            yield from PageReader(connection).read(wanted)

    def wait_for_event(self) -> None:
        """Listen for up to 0.05 s, so that events reach `on_event`. Raises `DisconnectedError` after an unplug."""
        with self._using_link() as connection:
            connection.pump()

    def read_bytes(self, address: int, buffer: bytearray, count: int) -> Result:
        """Read from one page of memory (`SmartDot.read_bytes`)."""
        impossible = check_request(address, buffer, count)
        if impossible is not None:
            return impossible
        reply = self._try_exchange(Packet(PacketType.READ, 0, address=address, length=count))
        if reply is None:
            return Result.FAILURE_DISCONNECTED
        result = reply_result(reply)
        if result not in (Result.SUCCESS, Result.FAILURE_DATA_CORRUPTION):
            return result
        if len(reply.payload) != count:
            return Result.FAILURE_UNKNOWN
        buffer[:count] = reply.payload
        return check_page(reply.payload) or result

    def write_bytes(self, address: int, buffer: bytes, count: int) -> Result:
        """Write one page of memory (`SmartDot.write_bytes`)."""
        impossible = check_request(address, buffer, count)
        if impossible is not None:
            return impossible
        payload = bytes(buffer[:count])
        reply = self._try_exchange(Packet(PacketType.WRITE, 0, address=address, length=count, payload=payload))
        return Result.FAILURE_DISCONNECTED if reply is None else reply_result(reply)

    def command(self, text: str) -> str:
        """Send a command and return its result (`SmartDot.command`).

        Raises:
            DisconnectedError: The device is not there.
            CommandRefusedError: The device does not know or allow it, or it is none that can be sent.
        """
        reply = self._command(text)
        answer = reply_text(reply)
        if reply.status != Result.SUCCESS:
            raise CommandRefusedError(f"the device refused `{text}`: {printable(answer) or reply_result(reply).name}")
        return answer

    def erase(self, record: int) -> bool:
        """Free a record in the device's memory; return False when the device holds none of this number.

        A False may also follow a reply that was lost, after which the request was sent again: the record is gone then.

        Raises:
            DisconnectedError: The device is not there.
            CommandRefusedError: The device does not do it.
        """
        self.news += 1
        reply = self._command(f"erase {record}")
        answer = reply_text(reply)
        if reply.status == Result.SUCCESS:
            return True
        if answer == f"no record {record}":
            return False
        raise CommandRefusedError(
            f"the device does not erase record {record}: {printable(answer) or reply_result(reply).name}"
        )

    def set_time(self, utc: datetime) -> None:
        """Tell the device the time. Raises as `command`, and `ValueError` for a time without a zone."""
        self.command(time_command(utc))

    def set_sampling(self, mode: SamplingMode) -> None:
        """Choose when the device records. Raises as `command`."""
        self.command(f"sampling {mode}")

    def set_defaults(self) -> None:
        """Put the device's settings back as they were made; its records stay. Raises as `command`."""
        self.command("defaults")

    def read_status(self) -> DeviceStatus:
        """Ask how the device is. Raises as `command`, and `NotUnderstoodError` when the answer makes no sense."""
        return parse_status(self.command("status"))

    def _command(self, text: str) -> Packet:
        payload = encode_command(text)
        with self._using_link() as connection:
            return connection.exchange(Packet(PacketType.COMMAND, 0, length=len(payload), payload=payload))

    def _report(self, text: str) -> None:
        if text.startswith("record ready"):
            self.news += 1
        if self.on_event is not None:
            self.on_event(text)

    @contextlib.contextmanager
    def _using_link(self) -> Iterator[Connection]:
        """Give the connection, and note it when the device turns out to be gone."""
        connection = self._connection
        if connection is None:
            raise DisconnectedError("no SmartDot is connected")
        try:
            yield connection
        except DisconnectedError as error:
            self.failure = error
            # Whoever still reads pages through an earlier connection does not end the one that is open now.
            if connection is self._connection:
                self.close()
            raise

    def _try_exchange(self, request: Packet) -> Packet | None:
        try:
            with self._using_link() as connection:
                return connection.exchange(request)
        except DisconnectedError:
            return None
