"""ISmartDot: the abstraction between the bridge and a SmartDot, or whatever stands for one.

The original interface's names are given with each member. Nothing here knows of serial ports or packets.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import IntEnum

from smartdot import Version


class Result(IntEnum):
    """The result of a read or a write, with ISmartDot's numbers, which are the link's too (docs/protocol.md 3)."""

    SUCCESS = 0
    FAILURE_UNKNOWN = 1
    FAILURE_PERMISSION_ERROR = 2
    FAILURE_DISCONNECTED = 3
    FAILURE_DATA_CORRUPTION = 4


EventCallback = Callable[[str], None]


class SmartDot(ABC):
    """One SmartDot, real or not.

    Attributes:
        on_event: Called with the event's text when the device reports that something important happened, such as
            `record ready 7` (ISmartDot: IncomingSmartDotCommandCallback). It is called from within the other methods.
    """

    on_event: EventCallback | None = None

    @abstractmethod
    def connect(self, parameters: str) -> Version | None:
        """Connect to a device (ISmartDot: Connect).

        Args:
            parameters: Where it is, such as a serial port's path.

        Returns:
            The hardware's version, or None when it could not connect.
        """

    @abstractmethod
    def is_connected(self) -> bool:
        """Tell whether the device was there when it was last used, by whichever call (ISmartDot: IsConnected)."""

    @abstractmethod
    def read_bytes(self, address: int, buffer: bytearray, count: int) -> Result:
        """Read from one page of memory (ISmartDot: ReadBytes).

        Args:
            address: Byte address of the page's start, a multiple of the page size.
            buffer: Its first `count` bytes are overwritten, only with `SUCCESS` or `FAILURE_DATA_CORRUPTION`. It never
                changes its length.
            count: Bytes to read from the page's start, 1 to the page size.

        Returns:
            `FAILURE_DATA_CORRUPTION` when a whole page was read and its checksum is wrong; `FAILURE_UNKNOWN` for what
            cannot be asked for: an address that is no page's start, another count, a buffer shorter than `count`;
            `FAILURE_PERMISSION_ERROR` outside the memory.
        """

    @abstractmethod
    def write_bytes(self, address: int, buffer: bytes, count: int) -> Result:
        """Write one page of memory (ISmartDot: WriteBytes).

        Args:
            address: Byte address of the page's start, a multiple of the page size.
            buffer: Its first `count` bytes are written.
            count: Bytes to write from the page's start, 1 to the page size.

        Returns:
            `FAILURE_UNKNOWN` and `FAILURE_PERMISSION_ERROR` as `read_bytes`; the latter for the first page too.
        """

    @abstractmethod
    def command(self, text: str) -> str:
        """Send a command and return its result as text (ISmartDot: OutgoingSmartDotCommand).

        Raises:
            BridgeError: The device is not there; what it answered, when it refused.
        """
