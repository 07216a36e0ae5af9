"""What a look at a device gave, and what a person should be told of it."""

from dataclasses import dataclass, field

from device_bridge.directory import MOST_RECORDS, Directory
from device_bridge.spool import CaptureRow
from smartdot import DirectorySlot


@dataclass(frozen=True, slots=True)
class Progress:
    """How far reading a record is.

    Attributes:
        record: The record's number.
        pages_read: Its pages that are in the spool.
        page_count: Its pages.
    """

    record: int
    pages_read: int
    page_count: int


@dataclass(frozen=True, slots=True)
class PullResult:
    """What one look at a device gave.

    Attributes:
        device: The device's serial.
        sealed: Captures that were read to their end now.
        held: Records on the device that the spool held already.
        damaged_slots: Directory slots that could not be read, or that say what cannot be.
        vanished: Records half read earlier that are no longer on the device as they were; their pages are kept.
        again: Records read as another capture now, for the spool holds other content under their number.
        reread: Records read once more, for what the spool held of them changed there since.
        postponed: Records at which the device went away again and again: they are tried later.
        too_large: Records above 64 MiB; they stay on the device.
        beyond: Records that are not looked at because the directory names too many.
        is_cut_short: Whether it was stopped before everything was looked at.
    """

    device: str
    sealed: tuple[CaptureRow, ...]
    held: int
    damaged_slots: int
    vanished: tuple[int, ...]
    again: tuple[int, ...] = ()
    reread: tuple[int, ...] = ()
    postponed: tuple[int, ...] = ()
    too_large: tuple[int, ...] = ()
    beyond: int = 0
    is_cut_short: bool = False


@dataclass(slots=True)
class Look:
    """A look at a device under way.

    Attributes:
        device: The device's serial.
        directory: What its directory says.
        present: The spool's captures whose records are on the device.
        unread: Records of which the device did not give every page, and their captures.
    """

    device: str
    directory: Directory
    present: set[int] = field(default_factory=set)
    sealed: list[CaptureRow] = field(default_factory=list)
    held: int = 0
    vanished: list[int] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    reread: list[int] = field(default_factory=list)
    postponed: list[int] = field(default_factory=list)
    unread: list[tuple[DirectorySlot, CaptureRow]] = field(default_factory=list)
    too_large: list[int] = field(default_factory=list)
    is_cut_short: bool = False

    def result(self) -> PullResult:
        """Return what it gave."""
        return PullResult(
            device=self.device,
            sealed=tuple(self.sealed),
            held=self.held,
            damaged_slots=self.directory.damaged,
            vanished=tuple(self.vanished),
            again=tuple(self.again),
            reread=tuple(self.reread),
            postponed=tuple(self.postponed),
            too_large=tuple(self.too_large),
            beyond=self.directory.beyond,
            is_cut_short=self.is_cut_short,
        )


def describe_pull_problems(result: PullResult) -> list[str]:
    """Return a line for everything that a person should know beside what was read."""
    lines = []
    if result.damaged_slots:
        lines.append(
            f"{result.damaged_slots} directory slots of {result.device} are damaged or point outside its memory, their "
            "records cannot be found yet; switch the device off and on, its firmware then writes them again"
        )
    lines += [
        f"record {record} of {result.device} is no longer on the device as it was; the pages read before stay in the "
        "spool"
        for record in result.vanished
    ]
    lines += [
        f"record {record} of {result.device} is another one than the spool holds under this number: it is read as a "
        "second capture, and both are kept. Two devices may have one serial, or one was set back"
        for record in result.again
    ]
    lines += [
        f"record {record} of {result.device} changed in the spool since it was read: it is read from the device once "
        "more, as a second capture, and both are kept. Have this computer's disk checked"
        for record in result.reread
    ]
    lines += [
        f"record {record} of {result.device} is postponed: the device went away each time that it was read. The other "
        "records come first; have the device looked at"
        for record in result.postponed
    ]
    lines += [
        f"record {record} of {result.device} is larger than 64 MiB and cannot be uploaded: it was not read, and stays "
        "on the device"
        for record in result.too_large
    ]
    if result.beyond:
        lines.append(
            f"the directory of {result.device} names {result.beyond} records more than the {MOST_RECORDS} that are "
            "looked at: they stay on the device until older ones are erased"
        )
    return lines
