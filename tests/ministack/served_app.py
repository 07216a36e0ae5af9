"""The app in processes of its own against ministack, and what their logs say."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.api import Api
from tests.ministack.stack import ROOT

LOG_TIMEOUT_S = 20
NO_LIMITS = dict.fromkeys(
    ("LOGIN_FAILURES_PER_ACCOUNT", "LOGIN_FAILURES_PER_ADDRESS", "REGISTRATIONS_PER_ADDRESS"), "0"
)
Value = TypeVar("Value")


@dataclass
class ServedApp:
    """A process that serves the app.

    Attributes:
        url: The API's URL.
        lines: The log's lines of requests, by request id.
    """

    url: str
    lines: dict[str, dict[str, Any]] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def line_of(self, request_id: str) -> dict[str, Any]:
        """Return the log's line of a request, which may come a little after the answer."""
        with self.changed:
            assert self.changed.wait_for(lambda: request_id in self.lines, LOG_TIMEOUT_S), "the log has no such line"
            return self.lines[request_id]


@contextlib.contextmanager
def served_app(aws_url: str, *options: str, **variables: str) -> Iterator[ServedApp]:
    """Serve the app against an emulated AWS, in a process of its own."""
    command = [sys.executable, "-m", "tests.ministack.served", aws_url, *options]
    environment = {**os.environ, "PYTHONWARNINGS": "", **NO_LIMITS, **variables}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://"), "the app did not start"
        app = ServedApp(url)
        reader = threading.Thread(target=_read_log, args=(process.stdout, app), name="log")
        reader.start()
        try:
            yield app
        finally:
            process.terminate()
            reader.join()


def _read_log(stream: Any, app: ServedApp) -> None:
    for text in stream:
        with contextlib.suppress(json.JSONDecodeError), app.changed:
            line = json.loads(text)
            if "route" in line and "status" in line:
                app.lines[line["request_id"]] = line
                app.changed.notify_all()


def race(apps: list[ServedApp], racers: int, act: Callable[[Api, int], Value]) -> list[Value]:
    """Let several clients act at the same moment, each with a connection of its own, spread over the processes.

    Args:
        apps: The processes.
        racers: How many clients.
        act: What each does, given its API and its number.

    Returns:
        What each got, by number.
    """
    barrier = threading.Barrier(racers)
    results: dict[int, Value] = {}
    failures: list[BaseException] = []

    def run(number: int) -> None:
        api = Api(apps[number % len(apps)].url)
        try:
            # The connection is made before the start, so that all set off together.
            api("GET", "/v1/health")
            barrier.wait(60)
            results[number] = act(api, number)
        except BaseException as error:  # noqa: BLE001 - told to the test below
            failures.append(error)
        finally:
            api.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(racers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return [results[number] for number in range(racers)]
