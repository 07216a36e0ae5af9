"""The spool's SQLite file: opened, brought up to date, and its errors put into words."""

import contextlib
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from device_bridge.printable import printable
from device_bridge.spool.disk import DISK_FULL, why_writing_fails
from device_bridge.spool.errors import LowDiskError, SpoolCorruptError, SpoolError
from device_bridge.spool.files import check_is_database, make_file, make_folder
from device_bridge.spool.log import check_log
from device_bridge.spool.open_files import SpoolWatch, is_open_here, note_closed, note_open
from device_bridge.spool.schema import APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION

Connection = sqlite3.Connection

_BUSY_TIMEOUT_S = 30.0
_BUSY_PAUSE_S = 0.02
# SQLite quotes a damaged schema in its messages, and the module cannot decode them.
READ_ERRORS = (sqlite3.Error, UnicodeDecodeError)
# What is asked never changes: a name that is not there, or is there already, rotted in the schema.
_SCHEMA_ROTTED = re.compile("no such (table|column|index)|(table|index) .* already exists|table .* has no column")
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
        self._watch = SpoolWatch(path)
        with self._translated():
            make_folder(path.parent)
            # SQLite keeps the log beside the file itself, not beside a link to it.
            file = Path(os.path.realpath(path))
            check_is_database(file)
            if not is_open_here(file):
                check_log(file)
            make_file(file)
            self._db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
            try:
                self._db.text_factory = _text
                self._prepare()
                self._watch.begin()
                note_open(self, self._watch.identity)
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Close the file."""
        note_closed(self)
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
        self._watch.check()

    def findings(self) -> list[str]:
        """Return what SQLite finds wrong in the file, a line each; none when it is whole. Reads all of it."""
        try:
            with self._translated():
                # quick_check would not see an index that lost a capture.
                lines = [printable(str(line)) for (line,) in self._db.execute("PRAGMA integrity_check(20)")]
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
        self._watch.begin()
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
        except READ_ERRORS as error:
            raise _in_words(self.path, error) from error
        except OSError as error:
            raise SpoolError(
                f"the spool {self.path} cannot be opened: {error.strerror}. Choose another with --spool"
            ) from error


def _text(data: bytes) -> str:
    # A rotten byte must not hide a whole row, or all of them.
    return data.decode("utf-8", errors="replace")


def is_malformed(error: BaseException | None) -> bool:
    """Return whether SQLite found the file damaged, not a disk that fails now and not the next time, or a lock."""
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(error, UnicodeDecodeError) or (code == sqlite3.SQLITE_ERROR and _SCHEMA_ROTTED.match(str(error))):
        return True
    return isinstance(error, sqlite3.Error) and code is not None and code & 0xFF in _DAMAGED


def is_misfit(error: BaseException | None) -> bool:
    """Return whether a row was refused for what stands in it: a table's own rules, or a number without bounds."""
    return isinstance(error, sqlite3.IntegrityError | sqlite3.DataError | sqlite3.InterfaceError)


def _in_words(path: Path, error: sqlite3.Error | UnicodeDecodeError) -> SpoolError:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
        return SpoolCorruptError(
            f"{path} is no spool, or one that is damaged from its first bytes on. Nothing was changed: choose another "
            "with --spool, or set this one aside"
        )
    if is_malformed(error):
        return SpoolCorruptError(
            f"the spool {path} is damaged ({printable(str(error))}). Nothing was changed: have the disk checked and "
            "set the spool aside; what can be read of it is taken over into a new one"
        )
    reason = _no_room(path, error)
    if reason is not None:
        return LowDiskError(
            f"the spool {path} cannot be written: {reason}. What was committed before is kept and nothing is deleted; "
            "free some space: `run` goes on then, any other command is to be called again"
        )
    return SpoolError(
        f"the spool {path} failed: {error}. Nothing was deleted; check the disk and its free space, or choose another "
        "--spool"
    )


def _no_room(path: Path, error: Exception) -> str | None:
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
        db.text_factory = _text
        db.row_factory = sqlite3.Row
        db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except READ_ERRORS as error:
        raise SpoolCorruptError(f"nothing of {path} can be read ({error}): it is kept as it is") from error
    return db
