"""What is told of each request: one JSON line, which CloudWatch reads as log and as metrics at once.

The line has the form of CloudWatch's embedded metric format. It never holds a header, a body, a path's parameter or a
credential; users and bridges appear by their ids, which say nothing outside this system.
Source: "Embedded metric format specification", Amazon CloudWatch User Guide.
"""

import contextlib
import contextvars
import json
import logging
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from chalicelib.settings import settings

NAMESPACE = "RevMetrix"
_METRICS = (("duration_ms", "Milliseconds"), ("read_units", "Count"), ("write_units", "Count"), ("failed", "Count"))
_FIRST_ERROR_OF_OURS = 500
_LOG = logging.getLogger("chalicelib.requests")
_current: contextvars.ContextVar["Observation | None"] = contextvars.ContextVar("observation", default=None)


@dataclass(slots=True)
class Observation:
    """What is known of the request that is being answered.

    Attributes:
        method: The HTTP method.
        route: The path with its parameters' names.
        request_id: What the client, or API Gateway, calls this request.
        status: The answer's status.
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
        known = {
            "level": "ERROR" if self.status >= _FIRST_ERROR_OF_OURS else "INFO",
            "message": f"{self.method} {self.route} {self.status}",
            "request_id": self.request_id,
            "method": self.method,
            "route": self.route,
            "status": self.status,
            "problem": self.problem,
            "user_id": self.user_id,
            "bridge_id": self.bridge_id,
            **self.facts,
            "duration_ms": round(duration_ms, 3),
            "read_units": self.read_units,
            "write_units": self.write_units,
            "failed": int(self.status >= _FIRST_ERROR_OF_OURS),
        }
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [["stage"], ["stage", "method", "route"]],
            "Metrics": [{"Name": name, "Unit": unit} for name, unit in _METRICS],
        }
        told = {name: value for name, value in known.items() if value is not None}
        aws = {"Timestamp": round(time.time() * 1000), "CloudWatchMetrics": [directive]}
        return json.dumps({"_aws": aws, "stage": settings().stage, **told}, separators=(",", ":"))


@contextlib.contextmanager
def observe(method: str, route: str, request_id: str) -> Iterator[Observation]:
    """Give the observation of a request, and write its line when the request was answered."""
    observation = Observation(method, route, request_id)
    token = _current.set(observation)
    started_s = time.perf_counter()
    try:
        yield observation
    finally:
        _current.reset(token)
        if _LOG.isEnabledFor(logging.INFO):
            _LOG.info("%s", observation.line((time.perf_counter() - started_s) * 1000))


def current() -> Observation | None:
    """Return the observation of the request that this thread answers, None outside of one."""
    return _current.get()


def note_capacity(read_units: float, write_units: float) -> None:
    """Add capacity that DynamoDB counted to the request that this thread answers."""
    observation = _current.get()
    if observation is not None:
        observation.read_units += read_units
        observation.write_units += write_units


def write_request_lines() -> None:
    """Let the lines reach the log as they are: CloudWatch reads metrics only from a line that is nothing but JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    _LOG.handlers = [handler]
    _LOG.propagate = False
    _LOG.setLevel(logging.INFO)
