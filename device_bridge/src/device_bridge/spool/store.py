"""The spool. Every verb is one transaction: when it returns, a power cut cannot undo it.

Doing any of them again, because its end was not seen, is harmless.
"""

from collections.abc import Iterator
from pathlib import Path

from device_bridge.spool.devices import DeviceVerbs
from device_bridge.spool.disk import MIN_FREE_BYTES
from device_bridge.spool.errors import SpoolDamagedError
from device_bridge.spool.model import CaptureRow, CaptureState
from device_bridge.spool.reading import ReadingVerbs, latest
from device_bridge.spool.restoring import RestoringVerbs
from device_bridge.spool.rows import read_row
from device_bridge.spool.sending import SendingVerbs


class Spool(ReadingVerbs, SendingVerbs, DeviceVerbs, RestoringVerbs):
    """An open spool, for one thread.

    Args:
        path: The file; it is made when it does not exist, and an older one is brought up to date.
        min_free_bytes: What reading leaves free on the disk; below it `begin` and `add_pages` raise `LowDiskError`.

    Raises:
        SpoolCorruptError: It is damaged, or no database. Nothing was changed.
        SpoolError: It is another program's, of a later version, or cannot be opened.
    """

    def __init__(self, path: Path, min_free_bytes: int = MIN_FREE_BYTES) -> None:
        super().__init__(path, min_free_bytes)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def captures(self, state: CaptureState | None = None) -> list[CaptureRow]:
        """Return the captures in a state, or all, by device and record."""
        return list(self.iter_captures(state))

    def iter_captures(self, state: CaptureState | None = None) -> Iterator[CaptureRow]:
        """Give the captures that are in a state now, or all, by device and record, one after the other."""
        # One whose row is damaged is shown as quarantined, whatever state stands there.
        wanted = None if state is CaptureState.QUARANTINED else state
        for row in self._rows(wanted):
            if state in (None, row.state):
                yield row

    def to_send(self) -> list[CaptureRow]:
        """Return the captures that the cloud has not confirmed yet, and those of them whose rows are damaged."""
        wanted = (CaptureState.SENT, CaptureState.SEALED)
        return [row for state in wanted for row in self._rows(state) if row.state in wanted or row.is_unusable]

    def _rows(self, state: CaptureState | None) -> Iterator[CaptureRow]:
        with self._database.reading() as db:
            found = db.execute(
                "SELECT id FROM captures WHERE state = ? OR ? IS NULL ORDER BY device, record, generation",
                (state, state),
            ).fetchall()
        for (number,) in found:
            row = self.get(number)
            if row is not None:
                yield row

    def get(self, capture: int) -> CaptureRow | None:
        """Return a capture by its number, None when there is none."""
        with self._database.reading() as db:
            return read_row(db, capture)

    def find(self, device: str, record: int) -> CaptureRow | None:
        """Return the latest capture of a device's record, None when reading it has not begun."""
        with self._database.reading() as db:
            return latest(db, device, record)

    def generations(self, device: str, record: int) -> list[CaptureRow]:
        """Return every capture that was read under a device's record number, the oldest first."""
        with self._database.reading() as db:
            found = db.execute(
                "SELECT id FROM captures WHERE device = ? AND record = ? ORDER BY generation", (device, record)
            ).fetchall()
            return [row for (number,) in found if (row := read_row(db, number)) is not None]

    def counts(self) -> dict[CaptureState, int]:
        """Return how many captures there are in each state."""
        with self._database.reading() as db:
            found = dict(db.execute("SELECT state, count(*) FROM captures GROUP BY state").fetchall())
        return {state: found.get(state.value, 0) for state in CaptureState}

    def waiting_bytes(self) -> int:
        """Return how many bytes the cloud has not confirmed yet, of captures that are sealed or sent."""
        with self._database.reading() as db:
            (found,) = db.execute(
                "SELECT coalesce(sum(size_bytes), 0) FROM captures WHERE state IN ('sealed', 'sent')"
            ).fetchone()
        return int(found)

    def check(self) -> list[str]:
        """Return what is wrong with the spool, a line each; none when all is well. Reads the whole file.

        The file's own structure is checked, and the hash of every capture that the cloud has not confirmed yet.
        """
        findings = self._database.findings()
        if findings:
            return findings
        for row in self.iter_captures():
            if row.is_unusable:
                findings.append(f"record {row.record} of {row.device}: {row.last_problem}")
            elif row.state in (CaptureState.SEALED, CaptureState.SENT, CaptureState.QUARANTINED):
                findings += self._changed_bytes(row)
        return findings

    def _changed_bytes(self, row: CaptureRow) -> list[str]:
        try:
            self.verify(row)
        except SpoolDamagedError as error:
            return [str(error)]
        return []
