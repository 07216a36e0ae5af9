"""What a device's answers mean as ISmartDot's results, and what it need not be asked (docs/protocol.md 3 and 4)."""

from typing import Final

from device_bridge.interface import Result
from device_bridge.link import MAX_PAYLOAD_BYTES, Packet
from device_bridge.printable import printable
from smartdot import ERASED_PAGE, PAGE_SIZE_BYTES, PageError, read_page

_ADDRESSES: Final = 2**32


def check_request(address: int, buffer: bytes | bytearray, count: int) -> Result | None:
    """Return why a read or write cannot be asked for at all, None when it can."""
    if not 0 < count <= PAGE_SIZE_BYTES or count > len(buffer) or address < 0 or address % PAGE_SIZE_BYTES:
        return Result.FAILURE_UNKNOWN
    return Result.FAILURE_PERMISSION_ERROR if address >= _ADDRESSES else None


def reply_text(reply: Packet) -> str:
    """Return a command's answer as text on one line, whatever bytes it holds."""
    return printable(reply.payload.decode("ascii", errors="replace"), MAX_PAYLOAD_BYTES)


def reply_result(reply: Packet) -> Result:
    """Return a reply's status; a status of a later protocol means a failure all the same."""
    return Result(reply.status) if reply.status in tuple(Result) else Result.FAILURE_UNKNOWN


def check_page(data: bytes) -> Result | None:
    """Return `FAILURE_DATA_CORRUPTION` for a whole page that is neither erased nor right."""
    if len(data) != PAGE_SIZE_BYTES or data == ERASED_PAGE:
        return None
    try:
        read_page(data)
    except PageError:
        return Result.FAILURE_DATA_CORRUPTION
    return None
