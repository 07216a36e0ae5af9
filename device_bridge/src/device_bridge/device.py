"""A SmartDot at the other end of a transport: ISmartDot's calls turned into packets (docs/protocol.md 4)."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from device_bridge.connection import Connection, NoReplyError
from device_bridge.errors import BridgeError, DisconnectedError, NotASmartDotError, NotUnderstoodError
from device_bridge.interface import Result, SmartDot
from device_bridge.link import Hello, LinkErrors, Packet, PacketError, PacketType
from device_bridge.pages import PageReader, ReceivedPage, WantedPage
from device_bridge.transport import Transport
from smartdot import (
    ERASED_PAGE,
    PAGE_SIZE_BYTES,
    FirstPage,
    FormatError,
    PageError,
    PageKind,
    UnknownVersionError,
    Version,
    read_page,
)
from smartdot.layout import unpack_first

# A page's byte address has 32 bits on the link (docs/protocol.md 3).
_MOST_PAGES = 2**32 // PAGE_SIZE_BYTES
_FIRST_PAGE = WantedPage(0, (PageKind.FIRST,), 0, 0)


class CommandRefusedError(BridgeError):
    """The device does not know a command, or does not allow it; the message holds what it answered."""


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """The clocks of device and host, noted at one moment: when the device answered a hello.

    Attributes:
        device_ticks: The device's clock.
        tick_hz: Its ticks in a second.
        host_monotonic_s: The host's steady clock.
        host_utc: The host's UTC.
    """

    device_ticks: int
    tick_hz: int
    host_monotonic_s: float
    host_utc: datetime


class LinkedSmartDot(SmartDot):
    """A SmartDot that is reached through packets over any transport.

    Args:
        open_transport: Opens the stream to where `connect`'s parameters say; raises `PortError`.

    Attributes:
        failure: Why the last `connect` gave None.
    """

    def __init__(self, open_transport: Callable[[str], Transport]) -> None:
        self.failure: BridgeError | None = None
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

    @property
    def errors(self) -> LinkErrors:
        """Link errors since it was connected."""
        return self._link().errors

    def connect(self, parameters: str) -> Version | None:
        """Connect to a device (`SmartDot.connect`); `failure` says why it could not."""
        try:
            return self.open(parameters)
        except BridgeError as error:
            self.failure = error
            return None

    def open(self, parameters: str) -> Version:
        """Connect to a device, read who it is, and return its hardware version.

        Args:
            parameters: Where it is, as the transport takes it.

        Raises:
            PortError: The port cannot be used.
            NotUnderstoodError: What is there is no SmartDot, or one of a format that this bridge does not read.
        """
        self.close()
        self._connection = Connection(self._open_transport(parameters), parameters, self._report)
        try:
            self._first = self._identify(self._connection)
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
            DisconnectedError: The device went away, or does not answer.
            NotASmartDotError: It answers something else.
        """
        connection = self._link()
        try:
            hello = connection.hello()
        except PacketError as error:
            raise NotASmartDotError(f"{connection.place}: the device cannot agree on a protocol: {error}") from error
        self._clock = ClockFacts(hello.ticks, hello.tick_hz, time.monotonic(), datetime.now(UTC))
        return hello

    def read_pages(self, wanted: Iterable[WantedPage]) -> Iterator[list[ReceivedPage]]:
        """Yield pages in batches as they arrive (`PageReader.read`)."""
        return PageReader(self._link()).read(wanted)

    def wait_for_event(self) -> None:
        """Listen for up to 0.05 s, so that events reach `on_event`. Raises `DisconnectedError` after an unplug."""
        self._link().pump()

    def read_bytes(self, address: int, buffer: bytearray, count: int) -> Result:
        """Read from one page of memory (`SmartDot.read_bytes`)."""
        reply = self._try_exchange(Packet(PacketType.READ, 0, address=address, length=count))
        if reply is None:
            return Result.FAILURE_DISCONNECTED
        result = _result(reply)
        if result not in (Result.SUCCESS, Result.FAILURE_DATA_CORRUPTION):
            return result
        if len(reply.payload) != count:
            return Result.FAILURE_UNKNOWN
        buffer[:count] = reply.payload
        return _check_page(reply.payload) or result

    def write_bytes(self, address: int, buffer: bytes, count: int) -> Result:
        """Write one page of memory (`SmartDot.write_bytes`)."""
        payload = bytes(buffer[:count])
        reply = self._try_exchange(Packet(PacketType.WRITE, 0, address=address, length=len(payload), payload=payload))
        return Result.FAILURE_DISCONNECTED if reply is None else _result(reply)

    def command(self, text: str) -> str:
        """Send a command and return its result (`SmartDot.command`).

        Raises:
            DisconnectedError: The device is not there.
            CommandRefusedError: The device does not know or allow it.
        """
        payload = text.encode("ascii")
        reply = self._link().exchange(Packet(PacketType.COMMAND, 0, length=len(payload), payload=payload))
        answer = reply.payload.decode("ascii", errors="replace")
        if reply.status != Result.SUCCESS:
            raise CommandRefusedError(f"the device refused `{text}`: {answer or _result(reply).name}")
        return answer

    def _report(self, text: str) -> None:
        if self.on_event is not None:
            self.on_event(text)

    def _link(self) -> Connection:
        if self._connection is None:
            raise DisconnectedError("no SmartDot is connected")
        return self._connection

    def _try_exchange(self, request: Packet) -> Packet | None:
        try:
            return self._link().exchange(request)
        except DisconnectedError as error:
            self.failure = error
            self.close()
            return None

    def _identify(self, connection: Connection) -> FirstPage:
        try:
            hello = self.refresh_clock()
        except NoReplyError as error:
            heard = "sends something else" if connection.errors.framing else "does not answer"
            raise NotASmartDotError(
                f"{connection.place} is not a SmartDot: what is there {heard}. Choose another port "
                f"(`device_bridge list`), or switch the device on"
            ) from error
        if hello.page_size_bytes != PAGE_SIZE_BYTES:
            raise NotUnderstoodError(f"the device has pages of {hello.page_size_bytes} bytes: {_ONLY_VERSION_1}")
        page = next(PageReader(connection).read([_FIRST_PAGE]))[0]
        self._first_bytes = page.data
        first = _unpack_first(page)
        if first.page_count != hello.page_count or first.page_count > _MOST_PAGES:
            raise NotUnderstoodError(
                f"the device's first page says {first.page_count} pages and its hello {hello.page_count}, of at most "
                f"{_MOST_PAGES} that the link can address: nothing was read; have its firmware looked at"
            )
        return first


_ONLY_VERSION_1 = (
    "this bridge reads format version 1, with pages of 256. Nothing was read or changed; update the bridge"
)


def _unpack_first(page: ReceivedPage) -> FirstPage:
    if page.problem is not None:
        raise NotUnderstoodError(
            f"the device's first page stays damaged ({page.problem}), so it cannot be told which device it is: "
            "nothing was read or changed; have the device looked at"
        )
    try:
        return unpack_first(read_page(page.data))
    except UnknownVersionError as error:
        raise NotUnderstoodError(f"the device has format version {error.version}: {_ONLY_VERSION_1}") from error
    except FormatError as error:
        raise NotUnderstoodError(f"the device's first page makes no sense: {error}. Nothing was read") from error


def _result(reply: Packet) -> Result:
    """Return a reply's status; a status of a later protocol means a failure all the same."""
    return Result(reply.status) if reply.status in tuple(Result) else Result.FAILURE_UNKNOWN


def _check_page(data: bytes) -> Result | None:
    """Return `FAILURE_DATA_CORRUPTION` for a whole page that is neither erased nor right."""
    if len(data) != PAGE_SIZE_BYTES or data == ERASED_PAGE:
        return None
    try:
        read_page(data)
    except PageError:
        return Result.FAILURE_DATA_CORRUPTION
    return None
