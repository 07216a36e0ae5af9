"""SQLite's file writes, journaled: the spool's own SQL through APSW, whose VFS notes every write, sync and delete.

The spool speaks to the standard library's sqlite3; for the length of a `with` its `connect` gives a connection of APSW
that behaves the same for what the spool uses, with the same pragmas, on a file system that is watched.
"""

import contextlib
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import apsw

from tests.stress.disk import Created, Deleted, Event, Synced, Truncated, Written

_Values = Sequence[Any] | Mapping[str, Any]
_NUMBERS = count()
_JOURNALS = ("-wal", "-journal")


class WatchedFile(apsw.VFSFile):
    """A file whose writes are noted before they are done."""

    def __init__(self, watch: "Watch", filename: Any, flags: Any) -> None:
        name = filename.filename() if isinstance(filename, apsw.URIFilename) else filename
        self._watch = watch
        self._file: int | None = None
        is_new = name is not None and not Path(name).exists()
        super().__init__("", filename, flags)
        if name is None or Path(name).parent != watch.folder:
            return
        self._is_unsynced_journal = is_new and name.endswith(_JOURNALS)
        self._file = watch.number(Path(name).name, is_new=is_new)

    def _note(self, event: Event) -> None:
        self._watch.events.append(event)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802 - SQLite's name
        """Note a write."""
        if self._file is not None:
            self._note(Written(self._file, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's name
        """Note a truncation."""
        if self._file is not None:
            self._note(Truncated(self._file, newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        """Note a sync, once it is done; the first one of a new journal or log syncs its folder too (os_unix.c)."""
        super().xSync(flags)
        if self._file is not None and self._watch.syncs_count:
            self._note(Synced(self._file, self._is_unsynced_journal))
            self._is_unsynced_journal = False


class Watch(apsw.VFS):
    """A file system that notes what happens in one folder.

    Args:
        folder: The folder.
        syncs_count: False: a disk that only says that it synced.
        checkpoint_pages: Pages in its log after which SQLite moves them into the file; 1,000 is its own figure.

    Attributes:
        events: What happened, in its order.
    """

    def __init__(self, folder: Path, *, syncs_count: bool = True, checkpoint_pages: int = 1000) -> None:
        self.folder = folder
        self.syncs_count = syncs_count
        self.checkpoint_pages = checkpoint_pages
        self.events: list[Event] = []
        self.vfs_name = f"watch-{next(_NUMBERS)}"
        self._numbers: dict[str, int] = {}
        super().__init__(self.vfs_name, "")

    def number(self, name: str, *, is_new: bool) -> int:
        """Return a file's number, and note it when it is new."""
        if is_new or name not in self._numbers:
            self._numbers[name] = next(_NUMBERS)
            self.events.append(Created(name, self._numbers[name]))
        return self._numbers[name]

    def xOpen(self, name: Any, flags: Any) -> WatchedFile:  # noqa: N802 - SQLite's name
        """Open a file."""
        return WatchedFile(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802, FBT001 - SQLite's name and order
        """Note that a file is gone."""
        super().xDelete(filename, syncdir)
        if Path(filename).parent == self.folder:
            self.events.append(Deleted(Path(filename).name, syncdir and self.syncs_count))


class _Cursor:
    """The rows of a statement, as sqlite3's cursor gives them."""

    def __init__(self, rows: list[Any], rowcount: int, lastrowid: int) -> None:
        self._rows = iter(rows)
        self.rowcount = rowcount
        self.lastrowid = lastrowid

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        return list(self._rows)

    def __iter__(self) -> Iterator[Any]:
        return self._rows


class _Connection:
    """The part of sqlite3's connection that the spool uses, on APSW."""

    def __init__(self, path: Path, watch: Watch, timeout_s: float, synchronous: str) -> None:
        self._db = apsw.Connection(str(path), vfs=watch.vfs_name)
        self._db.set_busy_timeout(int(timeout_s * 1000))
        self._db.wal_autocheckpoint(watch.checkpoint_pages)
        self._synchronous = synchronous

    @property
    def in_transaction(self) -> bool:
        return self._db.in_transaction

    def execute(self, sql: str, values: _Values = ()) -> _Cursor:
        return self.executemany(sql, [values])

    def executemany(self, sql: str, every: Iterable[_Values]) -> _Cursor:
        sql = re.sub(r"(synchronous\s*=\s*)\w+", rf"\1{self._synchronous}", sql)
        before = self._db.total_changes()
        with _translated():
            rows = [row for values in every for row in self._db.execute(sql, _bound(values))]
        return _Cursor(rows, self._db.total_changes() - before, self._db.last_insert_rowid())

    def close(self) -> None:
        self._db.close()


def _bound(values: _Values) -> _Values:
    if isinstance(values, Mapping):
        return {name: _plain(value) for name, value in values.items()}
    return tuple(map(_plain, values))


def _plain(value: Any) -> Any:
    # An enumeration's member is its text.
    return str(value) if isinstance(value, str) else value


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        raised = sqlite3.OperationalError(str(error))
        raised.sqlite_errorcode = getattr(error, "result", sqlite3.SQLITE_ERROR) & 0xFF
        raise raised from error


@contextlib.contextmanager
def watched(watch: Watch, synchronous: str = "FULL") -> Iterator[None]:
    """Let `sqlite3.connect` open files through a watch.

    Args:
        watch: Where what happens is noted.
        synchronous: What is used whenever the program sets `synchronous`.
    """
    real = sqlite3.connect

    def connect(path: Path, timeout: float = 5.0, **_: Any) -> _Connection:
        return _Connection(path, watch, timeout, synchronous)

    sqlite3.connect = connect  # type: ignore[assignment]  # the part of it that the spool uses
    try:
        yield
    finally:
        sqlite3.connect = real
        watch.unregister()
