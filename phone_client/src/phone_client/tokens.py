"""Where the tokens of a login are kept: in memory, or in a file that only its owner can read."""

import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import msgspec

from phone_client.errors import TokenStoreError
from phone_client.files import OWNER_ONLY, write_atomically
from phone_client.model import HeaderText

if sys.platform != "win32":
    import fcntl


class Tokens(msgspec.Struct, frozen=True):
    """The tokens of a login.

    Attributes:
        api_url: The API that gave them; they are never sent to another.
        username: Who logged in.
        access_token: Sent as Bearer with every request.
        refresh_token: Gives new tokens once.
        refresh_at_s: When new ones are asked for, in seconds since 1970: shortly before the access token expires.
        has_ended: Whether the server has ended the login. The refresh token shows from then on that there was one: with
            it the right password passes, however many wrong ones others try.
    """

    api_url: str
    username: str
    access_token: HeaderText
    refresh_token: str
    refresh_at_s: float
    has_ended: bool = False


class TokenStore(Protocol):
    """Keeps the tokens of one login. On a phone this is the system's key chain."""

    def load(self) -> Tokens | None:
        """Return the kept tokens, None when there are none."""

    def save(self, tokens: Tokens) -> None:
        """Keep tokens in the place of any others."""

    def clear(self) -> None:
        """Forget the tokens."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep out everyone else who would change these tokens, other threads and other processes alike.

        A refresh token must not be used twice, so a refresh loads, asks and saves inside. Loading alone needs no lock.
        """


class MemoryTokenStore:
    """Keeps the tokens for as long as the program runs."""

    def __init__(self) -> None:
        self._tokens: Tokens | None = None
        self._lock = threading.Lock()

    def load(self) -> Tokens | None:
        """Return the kept tokens, None when there are none."""
        return self._tokens

    def save(self, tokens: Tokens) -> None:
        """Keep tokens in the place of any others."""
        self._tokens = tokens

    def clear(self) -> None:
        """Forget the tokens."""
        self._tokens = None

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep out the other threads."""
        return _holding(self._lock)


class FileTokenStore:
    """Keeps the tokens in a file with mode 0600, written whole or not at all.

    Args:
        path: The file; its folder is made when it is missing. An empty file `<path>.lock` stays beside it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock_path = path.with_name(path.name + ".lock")
        self._lock = threading.Lock()

    def load(self) -> Tokens | None:
        """Return the kept tokens, None when there are none.

        Raises:
            TokenStoreError: The file cannot be read.
        """
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Tokens)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TokenStoreError(f"The login in {self._path} cannot be read: {error.strerror}.") from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise TokenStoreError(f"The login in {self._path} is damaged. Log in again, which replaces it.") from error

    def save(self, tokens: Tokens) -> None:
        """Keep tokens in the place of any others.

        Raises:
            TokenStoreError: The file cannot be written; what it held is still there.
        """
        try:
            self._make_folder()
            write_atomically(self._path, msgspec.json.encode(tokens), OWNER_ONLY)
        except OSError as error:
            raise TokenStoreError(
                f"The login could not be kept in {self._path}: {error.strerror}. Make room there and log in again."
            ) from error

    def clear(self) -> None:
        """Forget the tokens.

        Raises:
            TokenStoreError: The file cannot be removed.
        """
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise TokenStoreError(f"The login in {self._path} cannot be removed: {error.strerror}.") from error

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep out the other threads, and the other processes where the system has file locks.

        Raises:
            TokenStoreError: The lock's file cannot be made.
        """
        with self._lock, self._lock_file():
            yield

    @contextmanager
    def _lock_file(self) -> Iterator[None]:
        try:
            self._make_folder()
            file = self._lock_path.open("ab")
        except OSError as error:
            raise TokenStoreError(f"{self._lock_path} cannot be made: {error.strerror}. Check the folder.") from error
        with file:
            # Closing the file gives the lock back, also when the program is killed. Windows has no such lock; there,
            # two programs on one file are up to the user.
            if sys.platform != "win32":
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _make_folder(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def _holding(lock: threading.Lock) -> Iterator[None]:
    with lock:
        yield
