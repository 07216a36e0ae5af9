"""The SQLite file of a phone: opened, brought up to date, and its errors put into words."""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from phone_client.database.migrations import (
    MIGRATIONS,
    DatabaseError,
    NewerDatabaseError,
    Script,
    check_version,
    migrate,
)

__all__ = ["Database", "DatabaseError", "NewerDatabaseError"]

FILE_NAME = "scorebook.db"
_BUSY_TIMEOUT_S = 30.0
_BUSY_PAUSE_S = 0.02
_OLDEST_SQLITE = (3, 37, 0)
_OWNER_ONLY = 0o600


class Database:
    """An open scorebook file, in WAL mode with synchronous=FULL, for any number of threads and processes.

    Args:
        path: The file; it is made when it does not exist, and an older one is brought up to date.
        migrations: The scripts that make the newest version.

    Raises:
        NewerDatabaseError: It is of a later version. Nothing was changed.
        DatabaseError: It cannot be opened, or is no such file.
    """

    def __init__(self, path: Path, migrations: Sequence[Script] = MIGRATIONS) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._version = len(migrations)
        self._is_reading = False
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise DatabaseError(f"SQLite 3.37 or later is needed, and this is {sqlite3.sqlite_version}.")
        with self._translated():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The file is the user's alone from its first moment on; SQLite gives its log the same mode.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, _OWNER_ONLY))
            self._db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(migrations)
            except BaseException:
                self._db.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for queries that see one state of the database."""
        with self._lock, self._translated():
            if self._db.in_transaction:
                yield self._db
                return
            self._db.execute("BEGIN")
            self._is_reading = True
            try:
                check_version(self._db, self._version)
                yield self._db
            finally:
                self._is_reading = False
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for one transaction, which is on the disk when the `with` ends, or not at all.

        Inside another transaction it is a part of that one.
        """
        with self._lock, self._translated():
            if self._is_reading:
                raise RuntimeError("A transaction inside a reading would be taken back with it.")
            if self._db.in_transaction:
                yield self._db
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                check_version(self._db, self._version)
                yield self._db
                self._commit()
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _commit(self) -> None:
        self._db.execute("COMMIT")

    def _prepare(self, migrations: Sequence[Script]) -> None:
        check_version(self._db, self._version)
        self._use_wal()
        # NORMAL would lose acknowledged rows when the power goes; on macOS only fullfsync reaches the disk itself.
        for setting in ("synchronous = FULL", "fullfsync = ON", "checkpoint_fullfsync = ON", "foreign_keys = ON"):
            self._db.execute(f"PRAGMA {setting}")
        migrate(self._db, migrations)

    def _use_wal(self) -> None:
        # SQLite does not wait by itself here when two programs make a new file at the same moment.
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

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise DatabaseError(
                f"The scorebook in {self.path} cannot be used: {error}. What was saved before is kept; check the disk "
                "and the file, and try again."
            ) from error
