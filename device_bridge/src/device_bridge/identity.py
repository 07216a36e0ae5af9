"""Who is at the other end of a link: the hello and the first page, and what is said when they make no sense."""

from typing import Final

from device_bridge.connection import Connection, NoReplyError
from device_bridge.errors import DeviceChangedError, NotASmartDotError, NotUnderstoodError
from device_bridge.link import Hello, PacketError
from device_bridge.pages import PageReader, ReceivedPage, WantedPage
from smartdot import PAGE_SIZE_BYTES, FirstPage, FormatError, NotACaptureError, PageKind, UnknownVersionError, read_page
from smartdot.layout import unpack_first

# A page's byte address has 32 bits on the link (docs/protocol.md 3).
_MOST_PAGES: Final = 2**32 // PAGE_SIZE_BYTES
FIRST_PAGE: Final = WantedPage(0, (PageKind.FIRST,), 0, 0)
_UPDATE: Final = "Nothing was read or changed; update the bridge"


def say_hello(connection: Connection) -> Hello:
    """Begin a conversation with a device.

    Raises:
        DisconnectedError: It went away, or does not answer.
        NotASmartDotError: It answers something else.
    """
    try:
        return connection.hello()
    except PacketError as error:
        raise NotASmartDotError(
            f"{connection.place}: the device cannot agree on a protocol: {error}. {_UPDATE}"
        ) from error


def say_first_hello(connection: Connection) -> Hello:
    """Begin the first conversation, and tell what is there when it is no SmartDot.

    Raises:
        DisconnectedError: The port went away.
        NotASmartDotError: Nothing, or something else, answers.
    """
    try:
        return say_hello(connection)
    except NoReplyError as error:
        raise NotASmartDotError(
            f"{connection.place} is not a SmartDot: what is there {_describe(connection)}. Choose another port "
            "(`device_bridge list`), or switch the device on"
        ) from error


def _describe(connection: Connection) -> str:
    if connection.heard_requests:
        return "sends back what it is sent"
    return "sends something else" if connection.heard_bytes else "does not answer"


def read_first_page(connection: Connection, hello: Hello) -> tuple[FirstPage, bytes]:
    """Return what the device's first page says, and its bytes.

    Raises:
        DisconnectedError: The device went away.
        NotUnderstoodError: It is of another format, or contradicts its hello.
    """
    if hello.page_size_bytes != PAGE_SIZE_BYTES:
        raise NotUnderstoodError(
            f"the device has pages of {hello.page_size_bytes} bytes: this bridge reads format version 1, with pages of "
            f"{PAGE_SIZE_BYTES}. {_UPDATE}"
        )
    page = read_again(connection)
    first = _unpack(page)
    if first.page_count != hello.page_count or first.page_count > _MOST_PAGES:
        raise NotUnderstoodError(
            f"the device's first page says {first.page_count} pages and its hello {hello.page_count}, of at most "
            f"{_MOST_PAGES} that the link can address: nothing was read; have its firmware looked at"
        )
    return first, page.data


def changed(place: str) -> DeviceChangedError:
    """Return what is raised when the device that was connected is no longer the one that answers."""
    return DeviceChangedError(
        f"another device answers at {place} now, or the same one was switched off and on: it has to be connected anew"
    )


def read_again(connection: Connection) -> ReceivedPage:
    """Return the first page as it is now. Raises `DisconnectedError`."""
    (page,) = (page for batch in PageReader(connection).read([FIRST_PAGE]) for page in batch)
    return page


def _unpack(page: ReceivedPage) -> FirstPage:
    if page.problem is not None:
        raise NotUnderstoodError(
            f"the device's first page stays damaged ({page.problem}), so it cannot be told which device it is: "
            "nothing was read or changed; have the device looked at"
        )
    try:
        return unpack_first(read_page(page.data))
    except UnknownVersionError as error:
        raise NotUnderstoodError(
            f"the device has format version {error.version}: this bridge reads format version 1. {_UPDATE}"
        ) from error
    except NotACaptureError as error:
        raise NotUnderstoodError(
            "the device's first page does not carry the magic SMARTDOT: it holds something else. Nothing was read or "
            "changed; choose another device"
        ) from error
    except FormatError as error:
        raise NotUnderstoodError(
            f"the device's first page makes no sense: {error}. Nothing was read; have its firmware looked at"
        ) from error
