"""Which captures are meant, and what is to be made of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from device_bridge.errors import BridgeError, UsageError
from device_bridge.spool import CaptureRow, CaptureState, Spool

FORMATS: Final = ("csv", "raw", "parquet")


class NothingChosenError(BridgeError):
    """No capture of the spool is what was asked for."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which captures.

    Attributes:
        ids: Rows of the spool; none means any.
        device: A device's serial; None means any.
        records: Records' numbers; none means any.
        everything: Whether all was asked for in so many words.
    """

    ids: Collection[int] = ()
    device: str | None = None
    records: Collection[int] = ()
    everything: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said."""
        return not (self.ids or self.device or self.records or self.everything)

    def find(self, spool: Spool, *, unfinished: bool = False) -> list[CaptureRow]:
        """Return the captures that are meant and sealed, by device and record.

        Args:
            spool: Holds them.
            unfinished: Whether records that are not read to their end are meant as well.

        Raises:
            NothingChosenError: There is none; the message names what there is.
        """
        rows = [row for row in spool.iter_captures() if self._means(row)]
        whole = [row for row in rows if unfinished or row.state is not CaptureState.READING]
        if whole:
            return whole
        if rows:
            raise NothingChosenError(
                f"record {rows[0].record} of {rows[0].device} is not read to its end ({rows[0].pages_read} of "
                f"{rows[0].page_count} pages): pull again while the device holds it. When it does not any more, "
                "--as-is --format raw gives what was read"
            )
        raise NothingChosenError("the spool holds no such capture: `device_bridge status` names those it holds")

    def _means(self, row: CaptureRow) -> bool:
        return (
            (not self.ids or row.id in self.ids)
            and self.device in (None, row.device)
            and (not self.records or row.record in self.records)
        )


@dataclass(frozen=True, slots=True)
class Order:
    """What to make of captures.

    Attributes:
        format: `csv`, `raw` or `parquet`.
        layout: Of CSV: `recording`, `long` or `sensors`.
        folder: Where files go; None writes to stdout.
        force: Whether files that are there are overwritten.
        dry_run: Whether to name the files only.
        as_held: Whether bytes that changed in the spool are written too, into files that say so.
    """

    format: str
    layout: str
    folder: Path | None
    force: bool = False
    dry_run: bool = False
    as_held: bool = False

    def check(self, captures: Sequence[CaptureRow]) -> None:
        """Raise `UsageError` when what is ordered does not go together."""
        if self.as_held and self.format != "raw":
            raise UsageError("--as-is gives a capture's bytes: choose --format raw with it")
        if self.folder is not None:
            return
        if len(captures) > 1:
            raise UsageError(f"--output - takes one capture, and {len(captures)} are chosen: choose one with --id")
        if self.format == "parquet" or (self.format == "csv" and self.layout == "sensors"):
            raise UsageError("--output - takes one file, and this gives one for each sensor: name a folder")


def base_name(row: CaptureRow) -> str:
    """Return the beginning of the names of a capture's files: serial and record, and which when there are several."""
    later = f"_{row.generation}" if row.generation > 1 else ""
    return f"{row.device}_{row.record}{later}"
