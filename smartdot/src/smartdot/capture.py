"""A capture and what is found in one (FORMAT.md section 5)."""

from dataclasses import dataclass
from enum import StrEnum

from smartdot.model import Block, FirstPage, RecordEnd, RecordHeader


class CaptureState(StrEnum):
    """What an inspection found."""

    VERIFIED = "verified"
    DAMAGED = "damaged"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class PageProblem:
    """A damaged page.

    Attributes:
        page: Its index in the capture; the first page is 0.
        problem: One of the words of FORMAT.md section 5.
        detail: The same for a person.
    """

    page: int
    problem: str
    detail: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is known of a capture after every byte was looked at.

    Attributes:
        state: Whether it is whole.
        first: The first page, when it could be read.
        header: The record's header, when it could be read.
        end: The record's end, when it could be read.
        problems: The damaged pages in their order, at most 1,000 of them.
        problem_count: How many there are.
        format_version: The version that the first page states, when that page is right.
    """

    state: CaptureState
    first: FirstPage | None
    header: RecordHeader | None
    end: RecordEnd | None
    problems: tuple[PageProblem, ...]
    problem_count: int
    format_version: int | None


@dataclass(frozen=True, slots=True)
class Capture:
    """A whole capture, decoded.

    Attributes:
        first: The device's first page.
        header: The record's header.
        blocks: All blocks in the order of their pages.
        end: The record's end.
    """

    first: FirstPage
    header: RecordHeader
    blocks: tuple[Block, ...]
    end: RecordEnd

    def blocks_by_sensor(self) -> tuple[tuple[Block, ...], ...]:
        """Return the blocks of each sensor, in the order of the header's sensors."""
        return tuple(
            tuple(block for block in self.blocks if block.sensor == place) for place in range(len(self.header.sensors))
        )
