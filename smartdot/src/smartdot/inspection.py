"""Inspection of captures: is every byte what the device wrote (FORMAT.md section 5)?

The inspector eats bytes in any chunks and keeps one page and a few sums, so a capture of any size is inspected in the
same memory. Decoding is the same walk, with the blocks kept.
"""

from dataclasses import dataclass, field

from smartdot.capture import Capture, CaptureState, Inspection, PageProblem
from smartdot.errors import CaptureDamagedError, NotACaptureError, PageError, UnknownVersionError
from smartdot.layout import has_magic, unpack_block, unpack_end, unpack_first, unpack_header
from smartdot.model import Block, FirstPage, RecordEnd, RecordHeader
from smartdot.page import PAGE_SIZE_BYTES, Page, PageKind, expect_page, read_page
from smartdot.sums import SensorSums

MOST_PROBLEMS_KEPT = 1000


@dataclass(slots=True)
class CaptureInspector:
    """Inspects a capture as its bytes arrive.

    Attributes:
        keep_blocks: Whether `blocks` is filled, which takes memory as the capture has samples.
        blocks: The blocks so far.
    """

    keep_blocks: bool = False
    blocks: list[Block] = field(default_factory=list)
    _pending: bytearray = field(default_factory=bytearray)
    _index: int = 0
    _first: FirstPage | None = None
    _version: int | None = None
    _unknown_version: bool = False
    _record: int | None = None
    _header: RecordHeader | None = None
    _end: RecordEnd | None = None
    _last_page_is_damaged: bool = False
    _sums: list[SensorSums] = field(default_factory=list)
    _problems: list[PageProblem] = field(default_factory=list)
    _problem_count: int = 0

    def feed(self, data: bytes) -> None:
        """Inspect more bytes.

        Raises:
            NotACaptureError: The first 256 bytes are no SmartDot's first page.
        """
        rest = memoryview(data)
        if self._pending:
            rest = rest[self._fill_pending(rest) :]
        whole = len(rest) - len(rest) % PAGE_SIZE_BYTES
        for at in range(0, whole, PAGE_SIZE_BYTES):
            self._inspect_page(bytes(rest[at : at + PAGE_SIZE_BYTES]))
        self._pending += rest[whole:]

    def _fill_pending(self, data: memoryview) -> int:
        """Complete the page that was begun, and return how many bytes that took."""
        taken = min(PAGE_SIZE_BYTES - len(self._pending), len(data))
        self._pending += data[:taken]
        if len(self._pending) == PAGE_SIZE_BYTES:
            page = bytes(self._pending)
            self._pending.clear()
            self._inspect_page(page)
        return taken

    def finish(self) -> Inspection:
        """Return what was found, once every byte was fed; call it once.

        Raises:
            NotACaptureError: There were fewer than 256 bytes.
        """
        if self._index == 0:
            raise NotACaptureError(f"{len(self._pending)} bytes are no SmartDot's first page, which has 256")
        if not self._unknown_version:
            self._inspect_tail()
        state = CaptureState.DAMAGED if self._problem_count else CaptureState.VERIFIED
        if self._unknown_version:
            state = CaptureState.UNREADABLE
        return Inspection(
            state,
            self._first,
            self._header,
            self._end,
            tuple(self._problems),
            self._problem_count,
            self._version,
        )

    def _inspect_tail(self) -> None:
        last_may_be_end = self._index > 1 and self._last_page_is_damaged
        if self._pending:
            self._note(PageError("incomplete", f"the last page has {len(self._pending)} bytes of {PAGE_SIZE_BYTES}"))
        elif self._end is None and not last_may_be_end:
            self._note(PageError("missing", "the capture ends before its end page"))

    def _note(self, error: PageError) -> None:
        self._problem_count += 1
        if len(self._problems) < MOST_PROBLEMS_KEPT:
            self._problems.append(PageProblem(self._index, error.problem, str(error)))

    def _inspect_page(self, data: bytes) -> None:
        try:
            if self._index == 0:
                self._inspect_first(data)
            elif not self._unknown_version:
                self._inspect_record_page(data)
            self._last_page_is_damaged = False
        except PageError as error:
            self._note(error)
            self._last_page_is_damaged = True
        self._index += 1

    def _inspect_first(self, data: bytes) -> None:
        if not has_magic(data):
            raise NotACaptureError("the bytes do not begin with a SmartDot's first page")
        try:
            self._first = unpack_first(expect_page(data, (PageKind.FIRST,), 0, 0))
            self._version = self._first.format_version
        except UnknownVersionError as error:
            self._unknown_version = True
            self._version = error.version

    def _inspect_record_page(self, data: bytes) -> None:
        number = self._index - 1
        if self._end is not None:
            raise PageError("surplus", "a page after the end page")
        kinds = (PageKind.DATA, PageKind.END) if number else (PageKind.HEADER,)
        page = expect_page(data, kinds, self._record_of(data), number)
        self._record = page.record or None
        if page.kind == PageKind.HEADER:
            self._header = unpack_header(page)
            self._sums = [SensorSums(sensor, self._header.start_ticks) for sensor in self._header.sensors]
        elif page.kind == PageKind.DATA:
            self._inspect_block(page)
        else:
            self._end = unpack_end(page)
            self._compare_totals(self._end)

    def _record_of(self, data: bytes) -> int:
        """Return the record that belongs here: the one of the first page that stood at its own place."""
        return read_page(data).record if self._record is None else self._record

    def _inspect_block(self, page: Page) -> None:
        if self._header is None:
            return
        block = unpack_block(page, self._header.sensors)
        self._sums[block.sensor].add(block)
        if self.keep_blocks:
            self.blocks.append(block)

    def _compare_totals(self, end: RecordEnd) -> None:
        if self._problem_count:
            return
        if len(end.totals) != len(self._sums) or not all(map(SensorSums.agrees_with, self._sums, end.totals)):
            found = tuple(sums.total for sums in self._sums)
            raise PageError("content", f"the end page's totals {end.totals} are not those of the blocks {found}")
        if end.end_ticks < max(sums.last_ticks for sums in self._sums):
            raise PageError("content", "the record's end is before its last sample")


def inspect_capture(data: bytes) -> Inspection:
    """Return what is known of a capture (FORMAT.md section 5).

    Raises:
        NotACaptureError: The bytes do not begin with a SmartDot's first page.
    """
    inspector = CaptureInspector()
    inspector.feed(data)
    return inspector.finish()


def decode_capture(data: bytes) -> Capture:
    """Return a capture's device, header, blocks and end.

    Raises:
        NotACaptureError: The bytes do not begin with a SmartDot's first page.
        UnknownVersionError: Another format version.
        CaptureDamagedError: Pages are damaged; the message names the first.
    """
    inspector = CaptureInspector(keep_blocks=True)
    inspector.feed(data)
    found = inspector.finish()
    if found.state is CaptureState.UNREADABLE and found.format_version is not None:
        raise UnknownVersionError(found.format_version)
    if found.problems:
        problem = found.problems[0]
        raise CaptureDamagedError(f"page {problem.page}: {problem.detail} ({found.problem_count} damaged in all)")
    if found.first is None or found.header is None or found.end is None:
        raise CaptureDamagedError("a capture without its first page, header or end")
    return Capture(found.first, found.header, tuple(inspector.blocks), found.end)
