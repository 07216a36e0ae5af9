"""What is told of each request: one JSON line, which CloudWatch reads as log and as metrics at once.

The line has the form of CloudWatch's embedded metric format. It never holds a header, a body, a path's parameter or a
credential; users and bridges appear by their ids, which say nothing outside this system.
Source: "Embedded metric format specification", Amazon CloudWatch User Guide.
"""

import contextlib
import contextvars
import logging
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from chalicelib.settings import settings

NAMESPACE = "RevMetrix"
EVENT = "EVENT"
"""Stands in the place of the HTTP method when a function handles an event."""
_FIRST_ERROR_OF_OURS = 500
_DONE = 200
_DIRECTIVE = {
    "Namespace": NAMESPACE,
    "Dimensions": [["stage"], ["stage", "method", "route"]],
    "Metrics": [
        {"Name": "duration_ms", "Unit": "Milliseconds"},
        {"Name": "read_units", "Unit": "Count"},
        {"Name": "write_units", "Unit": "Count"},
        {"Name": "failed", "Unit": "Count"},
    ],
}
_ALL = logging.getLogger("chalicelib")
_LOG = logging.getLogger("chalicelib.requests")
_current: contextvars.ContextVar["Observation | None"] = contextvars.ContextVar("observation", default=None)


@dataclass(slots=True)
class Observation:
    """What is known of the request that is being answered.

    Attributes:
        method: The HTTP method, `EVENT` for an event.
        route: The path with its parameters' names, or the function that handles the event.
        request_id: What the client, or API Gateway, calls this request.
        status: The answer's status; for an event 200 when it was handled.
        problem: The name of the problem that it was answered with.
        user_id: Who sent it, or the owner of the bridge.
        bridge_id: The bridge that sent it.
        read_units: Read capacity that DynamoDB counted.
        write_units: Write capacity that DynamoDB counted.
        facts: What a view adds, such as how many entries it took.
    """

    method: str
    route: str
    request_id: str
    status: int = _FIRST_ERROR_OF_OURS
    problem: str | None = None
    user_id: str | None = None
    bridge_id: str | None = None
    read_units: float = 0.0
    write_units: float = 0.0
    facts: dict[str, int | str] = field(default_factory=dict)

    def note_caller(self, user_id: str, bridge_id: str | None) -> None:
        """Note who sent the request."""
        self.user_id, self.bridge_id = user_id, bridge_id

    def line(self, duration_ms: float) -> str:
        """Return the request's line."""
        is_failed = self.status >= _FIRST_ERROR_OF_OURS
        told = {
            "_aws": {"Timestamp": round(time.time() * 1000), "CloudWatchMetrics": [_DIRECTIVE]},
            "stage": settings().stage,
            "level": "ERROR" if is_failed else "INFO",
            "message": f"{self.method} {self.route} {self.status}",
            "request_id": self.request_id,
            "method": self.method,
            "route": self.route,
            "status": self.status,
            **{name: value for name in ("problem", "user_id", "bridge_id") if (value := getattr(self, name))},
            **self.facts,
            "duration_ms": round(duration_ms, 3),
            "read_units": self.read_units,
            "write_units": self.write_units,
            "failed": int(is_failed),
        }
        return msgspec.json.encode(told).decode()


class observe:  # noqa: N801 - it is used as a verb: `with observe(...)`
    """Gives the observation of a request, and writes its line when the request was answered.

    Args:
        method: As in `Observation`.
        route: The same.
        request_id: The same.
    """

    # A class, for it stands around every request: a generator would cost three times as much.
    __slots__ = ("_observation", "_started_s", "_token")

    def __init__(self, method: str, route: str, request_id: str) -> None:
        self._observation = Observation(method, route, request_id)

    def __enter__(self) -> Observation:
        self._token = _current.set(self._observation)
        self._started_s = time.perf_counter()
        return self._observation

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)
        if _LOG.isEnabledFor(logging.INFO):
            _LOG.info("%s", self._observation.line((time.perf_counter() - self._started_s) * 1000))


@contextlib.contextmanager
def observe_event(function: str, event_id: str) -> Iterator[Observation]:
    """Give the observation of an event, such as a queue's message; an error is logged, and goes on to the caller.

    Args:
        function: The function that handles it.
        event_id: What the queue calls it.
    """
    with observe(EVENT, function, event_id) as observation:
        try:
            yield observation
        except Exception:
            _ALL.exception("%s failed", function)
            raise
        observation.status = _DONE


def current() -> Observation | None:
    """Return the observation of the request that this thread answers, None outside of one."""
    return _current.get()


def note_capacity(read_units: float, write_units: float) -> None:
    """Add capacity that DynamoDB counted to the request that this thread answers."""
    observation = _current.get()
    if observation is not None:
        observation.read_units += read_units
        observation.write_units += write_units


class JsonLines(logging.Formatter):
    """Writes each record as one line of JSON, its traceback included; a request's line is JSON already."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        if record.name == _LOG.name:
            return record.getMessage()
        observation = _current.get()
        told: dict[str, Any] = {
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "time": datetime.fromtimestamp(record.created, UTC),
        }
        if observation is not None:
            told |= {"request_id": observation.request_id, "route": observation.route}
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(told).decode()


def write_lines(stream: TextIO | None = None) -> None:
    """Write a line for every request and for whatever else the controller logs, and nothing but these lines.

    Args:
        stream: Where to, by default stdout. CloudWatch reads metrics only from a line that is nothing but JSON, so
            Lambda's own handler, which puts a time before each, is not asked.
    """
    handler = logging.StreamHandler(sys.stdout if stream is None else stream)
    handler.setFormatter(JsonLines())
    _ALL.handlers = [handler]
    _ALL.propagate = False
    _LOG.setLevel(logging.INFO)


def write_no_lines() -> None:
    """Undo `write_lines`."""
    _ALL.handlers = []
    _ALL.propagate = True
    _LOG.setLevel(logging.NOTSET)
