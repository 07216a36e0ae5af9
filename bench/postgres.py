"""A private PostgreSQL server for benchmarks, and a client of some forty lines on libpq.

The server has a data folder of its own, listens on a unix socket only, runs under an unprivileged user and is gone
when the context ends. Nothing here is needed for anything but comparing engines.
"""

import contextlib
import ctypes
import ctypes.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

INSTALLATIONS = Path("/usr/lib/postgresql")
LONGEST_START_S = 30.0
UNPRIVILEGED_USERS = ("postgres", "nobody")
_CONNECTION_OK = 0
_COMMAND_OK, _TUPLES_OK = 1, 2
_BINARY = 1


class PostgresMissingError(Exception):
    """PostgreSQL, or its client library, is not installed, or its server does not start."""


class Connection:
    """One connection; every statement is a transaction of its own.

    Args:
        conninfo: libpq's connection string.

    Raises:
        ConnectionError: The server refuses.
    """

    def __init__(self, conninfo: str) -> None:
        self._libpq = _libpq()
        self._handle = ctypes.c_void_p(self._libpq.PQconnectdb(conninfo.encode()))
        if self._libpq.PQstatus(self._handle) != _CONNECTION_OK:
            message = self._message()
            self.close()
            raise ConnectionError(message)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._libpq.PQfinish(self._handle)

    def run(self, statement: str, *parameters: bytes) -> bytes:
        """Run a statement with binary parameters and return its first value, empty when there is none."""
        count = len(parameters)
        result = ctypes.c_void_p(
            self._libpq.PQexecParams(
                self._handle,
                statement.encode(),
                count,
                None,
                (ctypes.c_char_p * count)(*parameters),
                (ctypes.c_int * count)(*map(len, parameters)),
                (ctypes.c_int * count)(*[_BINARY] * count),
                _BINARY,
            )
        )
        try:
            if self._libpq.PQresultStatus(result) not in {_COMMAND_OK, _TUPLES_OK}:
                raise RuntimeError(self._message())
            if not self._libpq.PQntuples(result):
                return b""
            length = self._libpq.PQgetlength(result, 0, 0)
            return ctypes.string_at(self._libpq.PQgetvalue(result, 0, 0), length)
        finally:
            self._libpq.PQclear(result)

    def _message(self) -> str:
        text: bytes = self._libpq.PQerrorMessage(self._handle)
        return text.decode(errors="replace").strip()


def _libpq() -> Any:
    name = ctypes.util.find_library("pq")
    if name is None:
        raise PostgresMissingError("libpq is not installed")
    library = ctypes.CDLL(name)
    for function, returns in (
        ("PQconnectdb", ctypes.c_void_p),
        ("PQexecParams", ctypes.c_void_p),
        ("PQgetvalue", ctypes.c_void_p),
        ("PQerrorMessage", ctypes.c_char_p),
    ):
        getattr(library, function).restype = returns
    return library


@contextlib.contextmanager
def private_server() -> Iterator[str]:
    """Run a new, empty server with PostgreSQL's default settings and give its connection string.

    Raises:
        PostgresMissingError: There is none to run.
    """
    programs = _programs()
    user = _unprivileged_user()
    folder = Path(tempfile.mkdtemp(prefix="bench-postgres-"))
    try:
        if user is not None:
            os.chown(folder, user, -1)
        _init(programs, folder, user)
        with _running(programs, folder, user):
            yield f"host={folder} user=bench dbname=postgres"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    found = sorted(INSTALLATIONS.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise PostgresMissingError("PostgreSQL's server is not installed")
    _libpq()
    return found[-1].parent


def _unprivileged_user() -> int | None:
    """Return the user to run the server as, None for one's own: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED_USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_uid
    raise PostgresMissingError("PostgreSQL does not run as root, and there is no other user to run it as")


def _init(programs: Path, folder: Path, user: int | None) -> None:
    command = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", "bench", "-A", "trust", "-E", "UTF8"]
    done = subprocess.run(
        [*command, "--no-locale", "--no-sync"], user=user, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PostgresMissingError(f"initdb failed: {done.stderr.strip()}")


@contextlib.contextmanager
def _running(programs: Path, folder: Path, user: int | None) -> Iterator[None]:
    command = [str(programs / "postgres"), "-D", str(folder / "data"), "-k", str(folder), "-h", ""]
    with subprocess.Popen(
        command, user=user, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            _wait_for(server, f"host={folder} user=bench dbname=postgres")
            yield
        finally:
            # A fast shutdown: open connections are cut.
            server.send_signal(signal.SIGINT)
            server.wait(LONGEST_START_S)


def _wait_for(server: "subprocess.Popen[bytes]", conninfo: str) -> None:
    deadline_s = time.monotonic() + LONGEST_START_S
    while server.poll() is None and time.monotonic() < deadline_s:
        try:
            Connection(conninfo).close()
        except ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise PostgresMissingError("PostgreSQL's server did not start")
