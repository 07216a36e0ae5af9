import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from local_cloud.calls import Call
from local_cloud.journal import SCHEMA_VERSION, Journal, StateError, Write
from local_cloud.messages import NO_CHANGES, MessageChanges, StoredMessage


def write(number: int) -> Write:
    """Return a write that differs from others by its number."""
    variables = {"REQUEST_METHOD": "PUT", "PATH_INFO": f"/bucket/{number}"}
    return Write("s3", 1000.5 + number, 2**62 + number, Call(variables, bytes([number, 0, 255])))


def content(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file in the folder but the lock."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "lock"}


def test_what_was_recorded_is_found_again(tmp_path: Path) -> None:
    """Writes come back in order and unchanged, with the messages and secrets as they were last."""
    with closing(Journal.open(tmp_path / "state")) as journal:
        assert journal.is_new
        assert journal.secret("keys", lambda: "drawn") == "drawn"
        journal.record(write(1), MessageChanges([StoredMessage("a", "q", "1"), StoredMessage("b", "q", "1")], []))
        journal.record(None, MessageChanges([StoredMessage("a", "dead", "2"), StoredMessage("c", "q", "1")], ["b"]))
        journal.record(write(2), NO_CHANGES)
    with closing(Journal.open(tmp_path / "state")) as journal:
        assert not journal.is_new
        assert list(journal.writes()) == [write(1), write(2)]
        assert journal.messages() == [StoredMessage("a", "dead", "2"), StoredMessage("c", "q", "1")]
        assert journal.secret("keys", lambda: "drawn again") == "drawn"


def test_a_message_that_cannot_be_stored_takes_its_write_along(tmp_path: Path) -> None:
    """A write and what it did to the queues are stored together or not at all."""
    broken: Any = StoredMessage("a", "q", None)  # type: ignore[arg-type]
    with closing(Journal.open(tmp_path)) as journal:
        with pytest.raises(sqlite3.IntegrityError):
            journal.record(write(1), MessageChanges([broken], []))
        journal.record(write(2), NO_CHANGES)
        assert list(journal.writes()) == [write(2)]


def test_every_commit_reaches_the_disk(tmp_path: Path) -> None:
    """The journal is in WAL mode and waits for the disk at every commit, which alone survives a power cut."""
    with closing(Journal.open(tmp_path)) as journal:
        assert journal._database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert journal._database.execute("PRAGMA synchronous").fetchone() == (2,)


def test_only_the_owner_reads_the_state(tmp_path: Path) -> None:
    """The folder and the journal in it, which holds signing keys, are closed to others."""
    with closing(Journal.open(tmp_path / "state")):
        assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / "state" / "journal.sqlite3").stat().st_mode) == 0o600


def test_two_clouds_never_share_a_folder(tmp_path: Path) -> None:
    """A second cloud, in this process or another one, is refused with the first one's process id."""
    program = (
        "import sys; from pathlib import Path; from local_cloud.journal import Journal; Journal.open(Path(sys.argv[1]))"
    )
    with closing(Journal.open(tmp_path)):
        with pytest.raises(StateError, match=r"in use by another local cloud \(process \d+\); stop that one"):
            Journal.open(tmp_path)
        other = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
        )
        assert "StateError" in other.stderr
    Journal.open(tmp_path).close()


def another_version(path: Path) -> None:
    """Make the journal one of a later version."""
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")


def another_kind(path: Path) -> None:
    """Put another program's database in the journal's place."""
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE holiday_photos (name TEXT)")


def no_database(path: Path) -> None:
    """Put a text in the journal's place."""
    path.write_bytes(b"These are no tables. " * 100)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (another_version, f"has schema version {SCHEMA_VERSION + 1}, this local cloud reads version {SCHEMA_VERSION}"),
        (another_kind, "is not a journal of the local cloud"),
        (no_database, "is not a journal of the local cloud"),
    ],
)
def test_an_unknown_journal_is_left_as_it_is(tmp_path: Path, spoil: Callable[[Path], None], message: str) -> None:
    """A journal of another version, another program's database and a file of another kind are refused unchanged."""
    with closing(Journal.open(tmp_path)) as journal:
        journal.record(write(1), NO_CHANGES)
    spoil(tmp_path / "journal.sqlite3")
    before = content(tmp_path)
    for _ in range(2):
        with pytest.raises(StateError, match=message):
            Journal.open(tmp_path)
    assert content(tmp_path) == before


def test_a_file_is_no_state_folder(tmp_path: Path) -> None:
    """A path that is a file gives a clear error."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StateError, match="cannot be used as the state folder"):
        Journal.open(tmp_path / "file")
