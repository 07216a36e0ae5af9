"""The STATE folder: every write that the emulated AWS accepted, on disk before the reply is sent.

Kept are writes of DynamoDB, S3 and Secrets Manager; resources made by hand (a queue, an alarm) end with the process.
One SQLite file in WAL mode with synchronous=FULL holds the writes in order, the messages that wait in queues, and the
secrets that were drawn when the resources were made. The folder belongs to one cloud at a time.
"""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from local_cloud.calls import Call
from local_cloud.messages import MessageChanges, StoredMessage

SCHEMA_VERSION = 1
APPLICATION_ID = 0x52_4D_4C_43
"""SQLite's field for the kind of file: "RMLC"."""

HEADER_BYTES = 100
USER_VERSION_AT = 60
APPLICATION_ID_AT = 68

SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE writes (
    number INTEGER PRIMARY KEY, service TEXT NOT NULL, received_s REAL NOT NULL, seed INTEGER NOT NULL,
    variables TEXT NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE messages (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, queue TEXT NOT NULL, content TEXT NOT NULL
) STRICT;
CREATE TABLE secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""


class StateError(Exception):
    """The STATE folder cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Write:
    """A write that was accepted.

    Attributes:
        service: moto's name of the service.
        received_s: When it was received, in seconds since 1970.
        seed: What moto's source of ids was seeded with, so that a replay makes the same ids.
        call: The request.
    """

    service: str
    received_s: float
    seed: int
    call: Call


class Journal:
    """The writes, waiting messages and drawn secrets of one STATE folder; not for several threads at once.

    Attributes:
        folder: The STATE folder.
        is_new: Whether this is the folder's first use.
    """

    def __init__(self, folder: Path, database: sqlite3.Connection, folder_lock: IO[str], *, is_new: bool) -> None:
        self.folder = folder
        self.is_new = is_new
        self._database = database
        self._folder_lock = folder_lock

    @classmethod
    def open(cls, folder: Path) -> "Journal":
        """Open the journal in `folder`, which is made if need be, readable by its owner alone.

        Raises StateError when another cloud uses the folder, or when what lies in it was not written by this version;
        then nothing in it is changed.
        """
        path = folder / "journal.sqlite3"
        with contextlib.ExitStack() as stack:
            folder_lock = stack.enter_context(_locked_folder(folder))
            is_new = not path.exists()
            try:
                if is_new:
                    _make(path)
                _check_header(path)
                database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
                stack.enter_context(contextlib.closing(database))
                database.execute("PRAGMA journal_mode = WAL")
                database.execute("PRAGMA synchronous = FULL")
            except (OSError, sqlite3.DatabaseError) as error:
                raise StateError(f"{path} cannot be used: {error}") from error
            stack.pop_all()
        return cls(folder, database, folder_lock, is_new=is_new)

    def close(self) -> None:
        """Close the file and leave the folder to the next cloud."""
        self._database.close()
        self._folder_lock.close()

    def record(self, write: Write | None, changes: MessageChanges) -> None:
        """Store a write (if it was one) and what it did to the queues, in one transaction that survives a power cut."""
        if write is None and not changes:
            return
        with self._transaction():
            if write is not None:
                row = (write.service, write.received_s, write.seed, write.call.variables_json(), write.call.body)
                columns = "service, received_s, seed, variables, body"
                self._database.execute(f"INSERT INTO writes ({columns}) VALUES (?, ?, ?, ?, ?)", row)  # noqa: S608 - constants
            self._store_messages(changes)

    def writes(self) -> Iterator[Write]:
        """Return the writes in the order in which they were accepted."""
        rows = self._database.execute("SELECT service, received_s, seed, variables, body FROM writes ORDER BY number")
        for service, received_s, seed, variables, body in rows:
            yield Write(service, received_s, seed, Call.from_json(variables, body))

    def messages(self) -> list[StoredMessage]:
        """Return the messages that wait, oldest first."""
        rows = self._database.execute("SELECT id, queue, content FROM messages ORDER BY position")
        return [StoredMessage(*row) for row in rows]

    def secret(self, name: str, draw: Callable[[], str]) -> str:
        """Return the stored value of the secret `name`; the first time, what `draw` gives."""
        row = self._database.execute("SELECT value FROM secrets WHERE name = ?", (name,)).fetchone()
        if row is not None:
            return str(row[0])
        value = draw()
        self._database.execute("INSERT INTO secrets VALUES (?, ?)", (name, value))
        return value

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def _store_messages(self, changes: MessageChanges) -> None:
        self._database.executemany("DELETE FROM messages WHERE id = ?", [(gone,) for gone in changes.gone])
        # An update keeps the message's position: queues are restored in the order in which they were filled.
        self._database.executemany(
            "INSERT INTO messages (id, queue, content) VALUES (?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET queue = excluded.queue, content = excluded.content",
            _rows(changes.stored),
        )


def _rows(messages: Iterable[StoredMessage]) -> list[tuple[str, str, str]]:
    return [(message.id, message.queue, message.content) for message in messages]


def _locked_folder(folder: Path) -> IO[str]:
    """Make the folder and take its lock, which the system gives back however the process ends."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (folder / "lock").open("a+")
    except OSError as error:
        raise StateError(f"{folder} cannot be used as the state folder: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise StateError(
            f"{folder} is in use by another local cloud (process {holder}); stop that one, or give another folder"
        ) from error
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def _make(path: Path) -> None:
    """Make an empty journal, under another name until it is whole."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(unfinished, isolation_level=None)) as database:
        unfinished.chmod(0o600)
        database.executescript(SCHEMA)
    unfinished.replace(path)
    # The new name itself must be on the disk before anything is promised in its file.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _check_header(path: Path) -> None:
    """Raise StateError for a file that this version did not write.

    The file is not given to SQLite for that: even to look, it makes files beside it and replays its log.
    Source: "Database File Format", section 1.3, sqlite.org.
    """
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    version, kind = (int.from_bytes(header[start : start + 4]) for start in (USER_VERSION_AT, APPLICATION_ID_AT))
    if not header.startswith(b"SQLite format 3\0") or kind != APPLICATION_ID:
        raise StateError(f"{path} is not a journal of the local cloud")
    if version != SCHEMA_VERSION:
        raise StateError(
            f"{path} has schema version {version}, this local cloud reads version {SCHEMA_VERSION}: use the version"
            " that wrote it, or another folder"
        )
