"""Many pages at a time: a window of reads in flight, and each page checked against what was asked for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from device_bridge.connection import Connection, NoReplyError
from device_bridge.errors import NotUnderstoodError
from device_bridge.interface import Result
from device_bridge.link import Packet, PacketError, PacketType, Reply
from smartdot import ERASED_PAGE, PAGE_SIZE_BYTES, PageError, PageKind, expect_page, read_page

MOST_REREADS = 3
# Of FORMAT.md section 5, and what an inspection finds too: erased bytes carry no right checksum.
_UNREAD_PROBLEM = "checksum"


@dataclass(frozen=True, slots=True)
class WantedPage:
    """A page to read, and what must stand there.

    Attributes:
        memory_page: Its number in the device's memory.
        kinds: The kinds it may be of; none when anything may stand there.
        record: Its record's number; None when any will do.
        number: Its number in the record, or its slot's.
        may_be_erased: Whether an erased page is right there as well (FORMAT.md 2).
    """

    memory_page: int
    kinds: tuple[PageKind, ...]
    record: int | None
    number: int
    may_be_erased: bool = False


@dataclass(frozen=True, slots=True)
class ReceivedPage:
    """A page as it was read.

    Attributes:
        wanted: What was asked for.
        data: 256 bytes, as they were read also when they are damaged; erased ones when it was not read.
        problem: One of the words of FORMAT.md section 5 when they stayed damaged, else None.
        is_unread: Whether the device refuses this page, or never answers for it, while it gives others.
    """

    wanted: WantedPage
    data: bytes
    problem: str | None
    is_unread: bool = False


def find_problem(data: bytes, wanted: WantedPage) -> str | None:
    """Return why these bytes are not the page that was asked for, None when they are."""
    if wanted.may_be_erased and data == ERASED_PAGE:
        return None
    try:
        record = read_page(data).record if wanted.record is None else wanted.record
        expect_page(data, wanted.kinds, record, wanted.number)
    except PageError as error:
        return error.problem
    return None


@dataclass(slots=True)
class _Asked:
    wanted: WantedPage
    rereads: int = 0


class PageReader:
    """Reads pages with the link's whole window, each damaged one again by itself, in bounded memory.

    Args:
        connection: An open link whose hello was answered.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._asked_by_seq: dict[int, _Asked] = {}

    def read(self, wanted: Iterable[WantedPage]) -> Iterator[list[ReceivedPage]]:
        """Yield the pages in batches as they arrive, in any order.

        While the caller works on a batch, the next reads are already on their way. A batch may be empty: so a caller
        gets its turn also while nothing comes.

        Args:
            wanted: Taken one by one as the window has room, so it may be endless.

        Raises:
            DisconnectedError: The device went away; what was yielded before is good.
            NotUnderstoodError: The device gives another length.
        """
        remaining = iter(wanted)
        self._fill_window(remaining)
        while self._asked_by_seq:
            batch = self._receive()
            self._fill_window(remaining)
            self._connection.flush()
            yield batch

    def _receive(self) -> list[ReceivedPage]:
        try:
            pages = map(self._take_page, self._connection.pump())
            return [page for page in pages if page is not None]
        except NoReplyError as error:
            return [self._pass_over(error)]

    def _pass_over(self, error: NoReplyError) -> ReceivedPage:
        """Return a page that got no reply as unread, when the device answers for another one."""
        silent = self._asked_by_seq.pop(error.seq, None)
        if silent is None:
            raise error
        asked = list(self._asked_by_seq.values())
        self._asked_by_seq.clear()
        try:
            # A new conversation: replies that came beside the failure are asked for anew.
            self._connection.hello()
        except PacketError:
            raise error from None
        self._connection.exchange(Packet(PacketType.READ, 0, address=0, length=PAGE_SIZE_BYTES))
        for one in asked:
            self._request(one)
        return ReceivedPage(silent.wanted, ERASED_PAGE, _UNREAD_PROBLEM, is_unread=True)

    def _fill_window(self, remaining: Iterator[WantedPage]) -> None:
        while len(self._asked_by_seq) < self._connection.window:
            wanted = next(remaining, None)
            if wanted is None:
                return
            self._request(_Asked(wanted))

    def _request(self, asked: _Asked) -> None:
        address = asked.wanted.memory_page * PAGE_SIZE_BYTES
        seq = self._connection.submit(Packet(PacketType.READ, 0, address=address, length=PAGE_SIZE_BYTES))
        self._asked_by_seq[seq] = asked

    def _take_page(self, reply: Reply) -> ReceivedPage | None:
        """Return the page that a reply completes; None when it is read again, or belongs to nobody."""
        asked = self._asked_by_seq.pop(reply.seq, None)
        if asked is None:
            return None
        packet = reply.packet
        # A device that finds its own memory damaged sends the bytes all the same: raw is the truth.
        is_unread = packet.status not in (Result.SUCCESS, Result.FAILURE_DATA_CORRUPTION)
        problem = _UNREAD_PROBLEM if is_unread else find_problem(packet.payload, asked.wanted)
        if problem is not None and asked.rereads < MOST_REREADS:
            asked.rereads += 1
            self._connection.errors.rereads += 1
            self._request(asked)
            return None
        if is_unread:
            return ReceivedPage(asked.wanted, ERASED_PAGE, problem, is_unread=True)
        if len(packet.payload) != PAGE_SIZE_BYTES:
            # Kept, it would move every page behind it.
            raise NotUnderstoodError(
                f"the device at {self._connection.place} answers {len(packet.payload)} bytes for page "
                f"{asked.wanted.memory_page} of its memory, not 256; what was read before is kept. Have its firmware "
                "looked at"
            )
        return ReceivedPage(asked.wanted, packet.payload, problem)
