"""The spool's SQLite file: opened, brought up to date, and its errors put into words."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from device_bridge.errors import BridgeError
from device_bridge.spool.schema import APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION

_BUSY_TIMEOUT_S = 30.0
_BUSY_PAUSE_S = 0.02
_SMALLEST_DATABASE_BYTES = 512


class SpoolError(BridgeError):
    """The spool's file cannot be used."""


class Database:
    """An open spool file, in WAL mode with synchronous=FULL.

    Args:
        path: The file; it is made when it does not exist, and an older one is brought up to date.

    Raises:
        SpoolError: It is not a spool, is of a later version, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            _check_is_database(path)
            self._db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for queries. Raises `SpoolError` for whatever SQLite finds wrong."""
        with self._translated():
            yield self._db

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for one transaction, which is on the disk when the `with` ends."""
        with self._translated():
            if self._db.in_transaction:
                # A full or failing disk may have kept the last one from being rolled back.
                self._db.execute("ROLLBACK")
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _prepare(self) -> None:
        if self._pragma("user_version") > SCHEMA_VERSION:
            raise SpoolError(
                f"the spool {self.path} was written by a later device_bridge (schema {self._pragma('user_version')}, "
                f"this one knows {SCHEMA_VERSION}): update this one. Nothing was changed"
            )
        if not self._is_ours_or_new():
            raise SpoolError(f"{self.path} is another program's database: choose another --spool. Nothing was changed")
        self._use_wal()
        # NORMAL loses acknowledged commits on a power cut.
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        if self._pragma("user_version") < SCHEMA_VERSION:
            self._migrate()

    def _use_wal(self) -> None:
        # SQLite does not wait by itself here when two processes turn a new database to WAL at the same moment.
        give_up_at_s = time.monotonic() + _BUSY_TIMEOUT_S
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at_s:
                    raise
                time.sleep(_BUSY_PAUSE_S)
            else:
                return

    def _migrate(self) -> None:
        with self.transaction() as db:
            # Asked again inside the transaction: another process may have done it meanwhile.
            for step in range(self._pragma("user_version"), SCHEMA_VERSION):
                for statement in MIGRATIONS[step]:
                    db.execute(statement)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    def _is_ours_or_new(self) -> bool:
        # One snapshot for both questions: another process may be making the spool at this moment.
        self._db.execute("BEGIN")
        try:
            owner = self._pragma("application_id")
            tables = self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        finally:
            self._db.execute("ROLLBACK")
        return owner == APPLICATION_ID or (owner == 0 and not tables)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
                raise SpoolError(
                    f"{self.path} is no spool: choose another with --spool. Nothing was changed"
                ) from error
            damaged = "malformed" in str(error)
            raise SpoolError(
                f"the spool {self.path} {'is damaged' if damaged else 'failed'}: {error}. Nothing was "
                "deleted; check the disk and its free space, or choose another --spool"
            ) from error
        except OSError as error:
            raise SpoolError(
                f"the spool {self.path} cannot be opened: {error.strerror}. Choose another with --spool"
            ) from error


def _check_is_database(path: Path) -> None:
    # SQLite takes a file that is shorter than its own header for an empty database, and would write over it. Only the
    # size is asked: closing a descriptor of our own would drop the locks that this process holds through SQLite.
    if path.exists() and 0 < path.stat().st_size < _SMALLEST_DATABASE_BYTES:
        raise SpoolError(f"{path} is no spool: choose another with --spool. Nothing was changed")
