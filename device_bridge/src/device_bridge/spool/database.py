"""The spool's SQLite file: opened, brought up to date, and its errors put into words."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from device_bridge.spool.disk import DISK_FULL, why_writing_fails
from device_bridge.spool.errors import LowDiskError, SpoolCorruptError, SpoolError, SpoolGoneError
from device_bridge.spool.log import check_log
from device_bridge.spool.schema import APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION

Connection = sqlite3.Connection

_BUSY_TIMEOUT_S = 30.0
_BUSY_PAUSE_S = 0.02
_SMALLEST_DATABASE_BYTES = 512
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Database:
    """An open spool file, in WAL mode with synchronous=FULL.

    Args:
        path: The file; it is made when it does not exist, and an older one is brought up to date.

    Raises:
        SpoolCorruptError: It is damaged, or no database. Nothing was changed.
        SpoolError: It is another program's, of a later version, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            # SQLite keeps the log beside the file itself, not beside a link to it.
            file = Path(os.path.realpath(path))
            _check_is_database(file)
            check_log(file)
            self._db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
            try:
                self._prepare()
                self._file = _identity(path)
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give the connection for queries. Raises `SpoolError` for whatever SQLite finds wrong."""
        with self._translated():
            yield self._db

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give the connection for one transaction, which is on the disk when the `with` ends.

        Raises:
            SpoolGoneError: The file was deleted or replaced meanwhile: what was written would be lost with it.
            LowDiskError: The disk is full; nothing of the transaction was kept.
            SpoolCorruptError: The file is damaged.
        """
        with self._translated():
            if self._db.in_transaction:
                # A full or failing disk may have kept the last one from being rolled back.
                self._db.execute("ROLLBACK")
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self.check_file_is_there()
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def check_file_is_there(self) -> None:
        """Return when the file under the spool's name is the one that was opened. Raises `SpoolGoneError`."""
        if _identity(self.path) != self._file:
            raise SpoolGoneError(
                f"the spool {self.path} was deleted or replaced while it was in use: nothing more is written into the "
                "old one. Put it back, or start again with a new one: records that the devices still hold are read anew"
            )

    def findings(self) -> list[str]:
        """Return what SQLite finds wrong in the file, a line each; none when it is whole. Reads all of it."""
        try:
            with self._translated():
                lines = [str(line) for (line,) in self._db.execute("PRAGMA quick_check(20)")]
        except SpoolCorruptError as error:
            return [str(error)]
        return [] if lines == ["ok"] else [f"the spool {self.path} is damaged: {line}" for line in lines]

    def _prepare(self) -> None:
        if self._pragma("user_version") > SCHEMA_VERSION:
            raise SpoolError(
                f"the spool {self.path} was written by a later device_bridge (schema {self._pragma('user_version')}, "
                f"this one knows {SCHEMA_VERSION}): update this one. Nothing was changed"
            )
        if not self._is_ours_or_new():
            raise SpoolError(f"{self.path} is another program's database: choose another --spool. Nothing was changed")
        self._use_wal()
        # NORMAL loses acknowledged commits on a power cut; on macOS only fullfsync reaches the disk itself.
        for setting in ("synchronous = FULL", "fullfsync = ON", "checkpoint_fullfsync = ON"):
            self._db.execute(f"PRAGMA {setting}")
        if self._pragma("user_version") < SCHEMA_VERSION:
            self._migrate()
        self._db.execute("PRAGMA foreign_keys = ON")

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
        self._file = _identity(self.path)
        # A table is replaced by its successor; that must not count as deleting what others refer to.
        self._db.execute("PRAGMA foreign_keys = OFF")
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
            raise _in_words(self.path, error) from error
        except OSError as error:
            raise SpoolError(
                f"the spool {self.path} cannot be opened: {error.strerror}. Choose another with --spool"
            ) from error


def is_malformed(error: BaseException | None) -> bool:
    """Return whether SQLite found the file damaged, not a disk that fails now and not the next time, or a lock."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.Error) and code is not None and code & 0xFF in _DAMAGED


def _in_words(path: Path, error: sqlite3.Error) -> SpoolError:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
        return SpoolCorruptError(
            f"{path} is no spool, or one that is damaged from its first bytes on. Nothing was changed: choose another "
            "with --spool, or set this one aside"
        )
    if is_malformed(error):
        return SpoolCorruptError(
            f"the spool {path} is damaged ({error}). Nothing was changed: have the disk checked and set the spool "
            "aside; what can be read of it is taken over into a new one"
        )
    reason = _no_room(path, error)
    if reason is not None:
        return LowDiskError(
            f"the spool {path} cannot be written: {reason}. What was committed before is kept and nothing is deleted; "
            "free some space, and it goes on by itself"
        )
    return SpoolError(
        f"the spool {path} failed: {error}. Nothing was deleted; check the disk and its free space, or choose another "
        "--spool"
    )


def _no_room(path: Path, error: sqlite3.Error) -> str | None:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    if code == sqlite3.SQLITE_FULL:
        return DISK_FULL
    return why_writing_fails(path) if code & 0xFF == sqlite3.SQLITE_IOERR else None


def open_to_salvage(path: Path) -> Connection:
    """Open a damaged spool for reading alone; rows come as mappings. Its bytes stay as they are.

    Raises:
        SpoolCorruptError: Nothing of it can be read.
    """
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        db.row_factory = sqlite3.Row
        db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error as error:
        raise SpoolCorruptError(f"nothing of {path} can be read ({error}): it is kept as it is") from error
    return db


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - asked in every transaction: without a Path's detour
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _check_is_database(path: Path) -> None:
    # SQLite takes a file that is shorter than its own header for an empty database, and would write over it; and it
    # deletes the log of a file that is empty. Only sizes are asked: closing a descriptor of our own would drop the
    # locks that this process holds through SQLite.
    has_log = _size_bytes(path.with_name(path.name + "-wal")) > 0
    size_bytes = _size_bytes(path)
    if 0 < size_bytes < _SMALLEST_DATABASE_BYTES or (size_bytes == 0 and has_log):
        raise SpoolCorruptError(
            f"{path} is no spool, or one that was cut off or emptied. Nothing was changed: choose another with "
            "--spool, or set this one aside"
        )


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
