"""The file of a login: its owner's only, whole or as before, and never a riddle when it is damaged."""

import stat
from pathlib import Path

import pytest

from phone_client import FileTokenStore, Tokens, TokenStoreError
from phone_client.files import write_atomically

TOKENS = Tokens("https://api.example.org", "Ada Löwe", "access", "refresh", 1.5)


def test_tokens_come_back_as_they_were_saved(tmp_path: Path) -> None:
    """Another store on the same file, as in another program, finds them."""
    path = tmp_path / "made" / "on the way" / "login.json"
    assert FileTokenStore(path).load() is None
    FileTokenStore(path).save(TOKENS)
    assert FileTokenStore(path).load() == TOKENS


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    """The mode is 0600 from the first byte on, also in the place of a file that others could read."""
    path = tmp_path / "login.json"
    path.write_text("{}")
    path.chmod(0o644)
    FileTokenStore(path).save(TOKENS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_damaged_file_asks_for_a_login_that_replaces_it(tmp_path: Path) -> None:
    """Half a file is told as such, and saving works all the same."""
    path = tmp_path / "login.json"
    for content in (b"", b'{"api_url": "https', b"\xff", b'{"api_url": 7}', b"[]"):
        path.write_bytes(content)
        with pytest.raises(TokenStoreError, match="Log in again"):
            FileTokenStore(path).load()
    FileTokenStore(path).save(TOKENS)
    assert FileTokenStore(path).load() == TOKENS


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    """A folder in the way is an error of the store's, not the system's."""
    (tmp_path / "login.json").mkdir()
    store = FileTokenStore(tmp_path / "login.json")
    with pytest.raises(TokenStoreError, match="cannot be read"):
        store.load()
    with pytest.raises(TokenStoreError, match="could not be kept"):
        store.save(TOKENS)
    with pytest.raises(TokenStoreError, match="cannot be removed"):
        store.clear()


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails at the last step costs the new content only."""

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "shot.bin"
    path.write_bytes(b"old")
    monkeypatch.setattr("phone_client.files.os.fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """Writing through a link replaces the file that it leads to."""
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"
