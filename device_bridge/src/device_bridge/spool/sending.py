"""The spool's verbs of sending: what was tried, what the cloud confirmed, what was set aside."""

import hashlib
from collections.abc import Iterable, Iterator

from device_bridge.spool.database import is_malformed
from device_bridge.spool.errors import SpoolDamagedError, SpoolError
from device_bridge.spool.model import CaptureRow
from device_bridge.spool.reading import SpoolFile, byte_pieces
from device_bridge.spool.rows import now

_CHUNK_BYTES = 65536


class SendingVerbs(SpoolFile):
    """What is done with a capture once it is sealed."""

    def stream(self, capture: CaptureRow, chunk_bytes: int = _CHUNK_BYTES) -> Iterator[bytes]:
        """Give a sealed capture's bytes, hashed again on the way: the last chunk comes only when the hash fits.

        No transaction is open between two chunks, and only some 100 KiB are in memory at a time.

        Raises:
            SpoolDamagedError: They are not those that were sealed.
        """
        digest = hashlib.sha256()
        held = b""
        for piece in self._pieces(capture):
            digest.update(piece)
            held += piece
            while len(held) > chunk_bytes:
                yield held[:chunk_bytes]
                held = held[chunk_bytes:]
        if digest.hexdigest() != capture.sha256:
            raise SpoolDamagedError(
                f"record {capture.record} of {capture.device} has changed in the spool since it was read: it is kept "
                "and not sent. Have the disk checked; when the device still holds the record it is read again"
            )
        yield held

    def stream_as_held(self, capture: CaptureRow) -> Iterator[bytes]:
        """Give a sealed capture's bytes as the spool holds them now, also when they are not those that were sealed.

        Raises:
            SpoolDamagedError: The rest of them cannot be read.
        """
        return self._pieces(capture)

    def load(self, capture: CaptureRow) -> bytes:
        """Return a sealed capture's bytes at once, hashed again.

        Raises:
            SpoolDamagedError: They are not those that were sealed.
        """
        return b"".join(self.stream(capture))

    def verify(self, capture: CaptureRow) -> None:
        """Return when a sealed capture's bytes are those that were sealed.

        Raises:
            SpoolDamagedError: They are not.
        """
        for _ in self.stream(capture):
            pass

    def note_attempt(self, capture: int, problem: str, *, was_sent: bool = True) -> None:
        """Note that sending a capture failed, and why; it counts as an attempt only when it was sent."""
        with self._database.transaction() as db:
            db.execute(
                "UPDATE captures SET attempts = attempts + ?, last_problem = ? WHERE id = ?",
                (was_sent, problem, capture),
            )

    def mark_sent(self, capture: int) -> None:
        """Note that a capture's bytes are in the cloud by ticket, and that its verdict is asked for from now on."""
        with self._database.transaction() as db:
            db.execute(
                "UPDATE captures SET state = 'sent', sent_at = ?, attempts = attempts + 1, last_problem = NULL "
                "WHERE id = ? AND state = 'sealed'",
                (now(), capture),
            )

    def mark_unsent(self, capture: int, problem: str) -> None:
        """Note that a sent capture is to be sent once more, and why."""
        with self._database.transaction() as db:
            db.execute(
                "UPDATE captures SET state = 'sealed', last_problem = ? WHERE id = ? AND state = 'sent'",
                (problem, capture),
            )

    def mark_delivered(self, capture: int, cloud_state: str) -> None:
        """Note that the cloud has confirmed a capture's hash.

        The same record with the same hash counts as delivered in every generation: a copy that rotted here is whole
        in the cloud.
        """
        with self._database.transaction() as db:
            db.execute(
                "UPDATE captures SET attempts = attempts + 1 WHERE id = ? AND state IN ('sealed', 'quarantined')",
                (capture,),
            )
            db.execute(
                "UPDATE captures SET state = 'delivered', cloud_state = :cloud_state, delivered_at = :now, "
                "last_problem = NULL WHERE state IN ('sealed', 'sent', 'quarantined') AND (id = :id "
                "OR (device, record, sha256) = (SELECT device, record, sha256 FROM captures WHERE id = :id))",
                {"cloud_state": cloud_state, "now": now(), "id": capture},
            )

    def mark_quarantined(self, capture: int, problem: str, *, was_sent: bool = True, is_rotten: bool = False) -> None:
        """Set a capture aside that the cloud will not take as it is; nothing of it is deleted.

        Args:
            capture: Its number.
            problem: Why, in a line.
            was_sent: Whether it was sent for that, which counts as an attempt.
            is_rotten: Whether its bytes changed in the spool: the record is then wanted from the device again.
        """
        with self._database.transaction() as db:
            db.execute(
                "UPDATE captures SET state = 'quarantined', attempts = attempts + ?, last_problem = ?, is_rotten = ? "
                "WHERE id = ? AND state IN ('sealed', 'sent')",
                (was_sent, problem, is_rotten, capture),
            )

    def retry_quarantined(self, ids: Iterable[int] | None = None) -> int:
        """Put quarantined captures back to be sent, these or all; return how many there were."""
        with self._database.transaction() as db:
            if ids is None:
                return db.execute("UPDATE captures SET state = 'sealed' WHERE state = 'quarantined'").rowcount
            return sum(
                db.execute(
                    "UPDATE captures SET state = 'sealed' WHERE state = 'quarantined' AND id = ?", (id_,)
                ).rowcount
                for id_ in set(ids)
            )

    def _pieces(self, capture: CaptureRow) -> Iterator[bytes]:
        try:
            with self._database.reading() as db:
                yield from byte_pieces(db, capture.id)
        except SpoolError as error:
            if not is_malformed(error.__cause__):
                raise
            raise SpoolDamagedError(
                f"record {capture.record} of {capture.device} cannot be read from the spool: it is not sent. Have the "
                "disk checked; when the device still holds the record it is read again"
            ) from error
