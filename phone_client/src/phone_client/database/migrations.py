"""How a database becomes one of this version: the schema of version 1, a script for each version after it."""

import sqlite3
from collections.abc import Sequence
from importlib.resources import files

from phone_client.errors import ClientError

Script = str


class DatabaseError(ClientError):
    """The local database cannot be used; the message says what was kept and what to do."""


class NewerDatabaseError(DatabaseError):
    """The database was written by a later version of the client."""


def _shipped(name: str) -> Script:
    return (files("phone_client.database") / name).read_text(encoding="utf-8")


MIGRATIONS: tuple[Script, ...] = (_shipped("schema.sql"), _shipped("schema_2.sql"))
"""The script at position n makes version n + 1 of version n; version 0 is an empty file. What is out stays as it is."""


def migrate(db: sqlite3.Connection, migrations: Sequence[Script] = MIGRATIONS) -> None:
    """Bring a database up to date, each version in a transaction of its own.

    Raises:
        sqlite3.Error: A script failed; the database is as it was.
    """
    while (version := _version(db)) < len(migrations):
        db.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have done it while this one waited.
            if _version(db) == version:
                for statement in _statements(migrations[version]):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {version + 1}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def check_version(db: sqlite3.Connection, known: int) -> None:
    """Check that a database is one that this version may use, or a new one.

    Raises:
        NewerDatabaseError: It is of a later version, perhaps since a moment ago.
        DatabaseError: It is another program's.
    """
    # Both of one state of the file: another program may be making it.
    both = "SELECT user_version, EXISTS (SELECT 1 FROM sqlite_master) FROM pragma_user_version"
    found, has_tables = db.execute(both).fetchone()
    if found > known:
        raise NewerDatabaseError(
            f"The scorebook on this phone is of version {found}, and this client knows version {known} and earlier. "
            "Nothing was changed; install a newer client."
        )
    if found == 0 and has_tables:
        raise DatabaseError("The file is another program's database. Nothing was changed; use another file.")


def _statements(script: Script) -> list[str]:
    # `executescript` would commit the transaction that the whole script has to be in.
    statements, begun = [], ""
    for line in script.splitlines(keepends=True):
        begun += line
        if sqlite3.complete_statement(begun):
            statements.append(begun)
            begun = ""
    return statements
