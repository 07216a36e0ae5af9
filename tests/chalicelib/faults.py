"""Failing at every call of an operation, before it and after it, and what must hold afterwards."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib import queue, secrets
from chalicelib.accounts.names import UsernameTaken
from tests.chalicelib.tickets import without_events
from tests.chalicelib.wire import Died, Fault, Wire

FAULTS = {
    "connection lost before": Fault(is_done=False, is_fatal=False),
    "reply lost": Fault(is_done=True, is_fatal=False),
    "died before": Fault(is_done=False, is_fatal=True),
    "died after": Fault(is_done=True, is_fatal=True),
}


@dataclass(frozen=True)
class Operation:
    """An operation as it is tried.

    Attributes:
        prepare: Makes what it is given.
        do: Does it, and returns its result.
        check: Asserts what is promised once it was done, given the preparation and the result.
        at_once: Asserts what is promised at any moment, given the preparation.
    """

    prepare: Callable[[], Any]
    do: Callable[[Any], Any]
    check: Callable[[Any, Any], None]
    at_once: Callable[[Any], None] = lambda _: None


def try_every_call(wire: Wire, operation: Operation, fault: Fault) -> int:
    """Let each call of the operation fail in turn; a process that died does the same again, as its client would.

    Every time the operation's own check is made. Returns how many calls failed. S3 tells nobody of objects meanwhile,
    for what else is done at the same time may change which calls there are.
    """
    with without_events():
        return _try_every_call(wire, operation, fault)


def _try_every_call(wire: Wire, operation: Operation, fault: Fault) -> int:
    count = _count(wire, operation)
    for at in range(count):
        given = operation.prepare()
        _forget()
        wire.fail(at, fault)
        result = None
        with pytest.raises(Died) if fault.is_fatal else contextlib.nullcontext():
            result = operation.do(given)
        wire.heal()
        operation.at_once(given)
        operation.check(given, _again(operation, given) if fault.is_fatal else result)
    return count


def _count(wire: Wire, operation: Operation) -> int:
    given = operation.prepare()
    _forget()
    wire.heal()
    result = operation.do(given)
    count = len(wire.own)
    operation.check(given, result)
    return count


def _forget() -> None:
    """Forget what a process keeps from one call to the next, so that each operation makes all of its calls."""
    secrets.forget()
    queue._queue_url.cache_clear()


def _again(operation: Operation, given: Any) -> Any:
    try:
        return operation.do(given)
    except UsernameTaken:
        # The first request was done, and only its reply is missing: the user can log in, which the check does.
        return None
