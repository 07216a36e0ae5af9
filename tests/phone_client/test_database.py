"""The phone's file: its settings, its versions, and that its tables hold what entries hold."""

import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path

import pytest

from phone_client.database import ENTRY_TYPES, Database, DatabaseError, FieldKind
from phone_client.database.connection import NewerDatabaseError
from phone_client.database.migrations import MIGRATIONS
from phone_client.scorebook import Scorebook

_NEXT = "CREATE TABLE scribble (\n    note TEXT\n) STRICT;\nUPDATE sync_state SET run = run + 1;\n"
_WRONG = "INSERT INTO nowhere VALUES (1);\n"
_COLUMN_TYPES = {FieldKind.INTEGER: "INTEGER", FieldKind.FLAG: "INTEGER", FieldKind.NUMBER: "ANY"}


def _one(database: Database, query: str) -> object:
    with database.reading() as db:
        return db.execute(query).fetchone()[0]


def test_the_file_survives_a_power_cut_by_its_settings(tmp_path: Path) -> None:
    """WAL and synchronous=FULL (2), foreign keys on, and the version is that of the newest script."""
    with Database(tmp_path / "scorebook.db") as database:
        settings = ("journal_mode", "synchronous", "foreign_keys", "user_version")
        assert [_one(database, f"PRAGMA {name}") for name in settings] == ["wal", 2, 1, len(MIGRATIONS)]


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """Neither the file nor SQLite's log beside it can be read by others."""
    with Database(tmp_path / "new" / "scorebook.db") as database:
        Scorebook(database).add("ball", name="Phaze II")
        modes = {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new").iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_an_older_file_is_brought_up_to_date_with_what_it_holds(tmp_path: Path) -> None:
    """A file of this version becomes one of the next and keeps its entries and what is unsent."""
    path = tmp_path / "scorebook.db"
    with Database(path) as database:
        Scorebook(database).add("ball", "b1", name="Phaze II")
    with Database(path, (*MIGRATIONS, _NEXT)) as database:
        assert _one(database, "PRAGMA user_version") == len(MIGRATIONS) + 1
        assert _one(database, "SELECT count(*) FROM scribble") == 0
        assert _one(database, "SELECT run FROM sync_state") == 2
        assert _one(database, "SELECT name FROM balls") == "Phaze II"
        assert Scorebook(database).unsent() == 1


def test_a_file_of_the_first_version_goes_on_where_it_was(tmp_path: Path) -> None:
    """The database that 0.2.0 first wrote keeps its cursor, and its phone's clock counts as right."""
    path = tmp_path / "scorebook.db"
    with Database(path, MIGRATIONS[:1]) as database, database.transaction() as db:
        db.execute("UPDATE sync_state SET cursor = 'c1'")
    with Database(path) as database:
        assert _one(database, "SELECT cursor || clock_behind_s FROM sync_state") == "c10.0"
        Scorebook(database).add("ball", name="Phaze II")


def test_an_upgrade_that_fails_changes_nothing(tmp_path: Path) -> None:
    """A script whose last statement fails leaves the file at the version it had, with nothing of the script."""
    path = tmp_path / "scorebook.db"
    Database(path).close()
    with pytest.raises(DatabaseError):
        Database(path, (*MIGRATIONS, _NEXT + _WRONG))
    with Database(path) as database:
        assert _one(database, "SELECT run FROM sync_state") == 1
        assert _one(database, "SELECT count(*) FROM sqlite_master WHERE name = 'scribble'") == 0


def test_a_newer_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    """A file of a later client is not touched, and the message says what to do."""
    path = tmp_path / "scorebook.db"
    with Database(path, (*MIGRATIONS, _NEXT)) as database:
        Scorebook(database).add("ball", name="Phaze II")
    before = path.read_bytes()
    with pytest.raises(NewerDatabaseError, match="install a newer client"):
        Database(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    """Something else under the name is an error in words, not a traceback of SQLite."""
    path = tmp_path / "scorebook.db"
    path.write_bytes(b"a shopping list " * 100)
    with pytest.raises(DatabaseError, match=r"scorebook\.db cannot be used"):
        Database(path)
    assert path.read_bytes().startswith(b"a shopping list")


def test_every_field_has_its_column() -> None:
    """The tables of the schema have the fields of the entry types, in their order, and the types that hold them."""
    with closing(sqlite3.connect(":memory:")) as db:
        for script in MIGRATIONS:
            db.executescript(script)
        for kind in ENTRY_TYPES.values():
            columns = [
                (name, told) for _, name, told, *_ in db.execute("SELECT * FROM pragma_table_info(?)", (kind.name,))
            ]
            expected = [(name, _COLUMN_TYPES.get(field.kind, "TEXT")) for name, field in kind.fields.items()]
            assert columns == [("entry", "INTEGER"), *expected]
        views = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'view'")}
    assert views == {f"{name}s" for name in ENTRY_TYPES}


def test_two_programs_may_make_a_file_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another program is writing into the new file, it is opened once that has ended."""
    path = tmp_path / "scorebook.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(time, "sleep", lambda _: other.execute("COMMIT"))
        with Database(path) as database:
            assert _one(database, "PRAGMA journal_mode") == "wal"


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    """A file with tables that are not a scorebook's is refused as it is."""
    path = tmp_path / "photos.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE photo (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(DatabaseError, match="another program's"):
        Database(path)
    assert path.read_bytes() == before


def test_a_file_that_a_newer_program_upgrades_meanwhile_is_left_alone(tmp_path: Path) -> None:
    """A program that goes on running while a newer one upgrades the file says so, and writes nothing into it."""
    path = tmp_path / "scorebook.db"
    with Database(path) as database:
        book = Scorebook(database)
        book.add("ball", "b1", name="Phaze II")
        Database(path, (*MIGRATIONS, _NEXT)).close()
        with pytest.raises(NewerDatabaseError, match="install a newer client"):
            book.change("ball", "b1", {"name": "x"})
        with pytest.raises(NewerDatabaseError):
            book.get("ball", "b1")
    with Database(path, (*MIGRATIONS, _NEXT)) as newer:
        assert _one(newer, "SELECT name FROM balls") == "Phaze II"


def test_nothing_is_written_inside_a_reading(tmp_path: Path) -> None:
    """A transaction inside a reading, which would be taken back with it unnoticed, is a fault that shows at once."""
    with Database(tmp_path / "scorebook.db") as database:
        book = Scorebook(database)
        with pytest.raises(RuntimeError, match="inside a reading"), database.reading():
            book.add("ball", name="Phaze II")
        with database.transaction(), database.reading():
            book.add("ball", name="Phaze II")
        assert len(book.every("ball")) == 1
