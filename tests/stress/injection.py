"""A failure at one of the bridge's writes and calls, counted: transactions, HTTP requests, writes to a device.

The counting stands where every verb of the spool, every call of the API and every request on the link pass, so that new
ones are counted as well.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from unittest import mock

import urllib3

from device_bridge.errors import DisconnectedError
from device_bridge.spool import SpoolError
from device_bridge.spool.database import Database
from device_bridge.transport import SerialTransport

KILLED = 137


class Moment(StrEnum):
    """When it fails."""

    BEFORE = "before"
    INSIDE = "inside"
    AFTER = "after"


class Manner(StrEnum):
    """How it fails: an error that the program sees, or its end without a word."""

    ERROR = "error"
    KILL = "kill"


@dataclass(slots=True)
class Injector:
    """Fails once, at one point of all that a program passes.

    Attributes:
        point: Which, from 0; None never fails, and only counts.
        moment: Before, inside or after it. Only a transaction has an inside.
        manner: How.
        passed: Points that were passed.
        has_failed: Whether it has.
        names: What stands at each point.
    """

    point: int | None
    moment: Moment = Moment.BEFORE
    manner: Manner = Manner.ERROR
    passed: int = 0
    has_failed: bool = False

    def enter(self) -> int:
        """Count a point, and return its number."""
        self.passed += 1
        return self.passed - 1

    def fail(self, here: int, moment: Moment, error: Callable[[], Exception]) -> None:
        """Fail when it is time to."""
        if here != self.point or moment is not self.moment:
            return
        if self.manner is Manner.KILL:
            os._exit(KILLED)
        self.has_failed = True
        raise error()


def _disk_error() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    return error


def _line_error() -> urllib3.exceptions.ProtocolError:
    return urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset by peer"))


def _unplugged() -> DisconnectedError:
    return DisconnectedError("the device is gone: it was unplugged")


@contextlib.contextmanager
def injected(injector: Injector) -> Iterator[None]:
    """Let an injector stand at every transaction, HTTP request and write to a device of this process."""
    with (
        mock.patch.object(Database, "transaction", _wrap_transaction(injector, Database.transaction)),
        mock.patch.object(urllib3.PoolManager, "urlopen", _wrap_request(injector, urllib3.PoolManager.urlopen)),
        mock.patch.object(SerialTransport, "write", _wrap_write(injector, SerialTransport.write)),
    ):
        yield


def _wrap_transaction(injector: Injector, real: Callable[..., Any]) -> Callable[..., Any]:
    @contextlib.contextmanager
    def transaction(self: Database) -> Iterator[Any]:
        here = injector.enter()
        with real(self) as db:
            injector.fail(here, Moment.BEFORE, _disk_error)
            yield db
            injector.fail(here, Moment.INSIDE, _disk_error)
        injector.fail(here, Moment.AFTER, lambda: SpoolError(f"the spool {self.path} failed: disk I/O error"))

    return transaction


def _wrap_request(injector: Injector, real: Callable[..., Any]) -> Callable[..., Any]:
    def urlopen(self: urllib3.PoolManager, *arguments: Any, **options: Any) -> Any:
        here = injector.enter()
        injector.fail(here, Moment.BEFORE, _line_error)
        response = real(self, *arguments, **options)
        try:
            injector.fail(here, Moment.AFTER, _line_error)
        except Exception:
            response.close()
            raise
        return response

    return urlopen


def _wrap_write(injector: Injector, real: Callable[..., None]) -> Callable[..., None]:
    def write(self: SerialTransport, data: bytes) -> None:
        here = injector.enter()
        injector.fail(here, Moment.BEFORE, _unplugged)
        real(self, data)
        # The device does what it was asked, and nobody hears of it.
        injector.fail(here, Moment.AFTER, _unplugged)

    return write
