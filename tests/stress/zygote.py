"""Real processes of the bridge without their start-up: forked from one that has everything imported.

A bridge takes some 0.4 s to load its modules. Forked, it is at work at once, so that a kill hits the work, and a
thousand of them take minutes. The forking process has one thread, and ends its children when its own starter is gone.
"""

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_ROOT = Path(__file__).resolve().parents[2]
_WARM = ("device_bridge.cli.devices", "device_bridge.cli.delivery", "device_bridge.cli.run", "rich.table")


class Zygote:
    """Starts processes of the bridge; used in a `with`, at whose end they are all gone."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.stress.zygote"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C is for whoever started this: it ends by its stdin, and takes its children with it.
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        # It may have failed to start; what it printed says why.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def start_bridge(
        self, arguments: list[str], environment: Mapping[str, str], log: Path, *, is_fresh: bool = False
    ) -> int:
        """Start `device_bridge` with arguments; return its process number.

        Args:
            arguments: Its arguments.
            environment: What is added to the environment.
            log: What it prints is added to this file.
            is_fresh: Whether it is a Python of its own, which takes its time to load, instead of a fork.
        """
        request = {"bridge": arguments, "environment": dict(environment), "log": str(log), "is_fresh": is_fresh}
        return int(self._ask(request))

    def start_function(self, name: str, values: Mapping[str, Any], log: Path) -> int:
        """Start a function of a module, `package.module:function`, with these arguments; it returns its exit code."""
        return int(self._ask({"function": name, "values": dict(values), "log": str(log)}))

    def wait(self, process: int) -> int:
        """Return a process's exit code when it has ended, negative for a signal (`subprocess`)."""
        return os.waitstatus_to_exitcode(int(self._ask({"wait": process})))

    def _ask(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def _serve() -> None:
    for name in _WARM:
        importlib.import_module(name)
    children: set[int] = set()
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, answer = os.waitpid(request["wait"], 0)
            children.discard(request["wait"])
        else:
            answer = _fork(request)
            children.add(answer)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _fork(request: dict[str, Any]) -> int:
    child = os.fork()
    if child == 0:
        code = 70
        try:
            _detach(request["log"])
            code = _become(request)
        finally:
            # Without the exit handlers of the process that this is a copy of.
            os._exit(code)
    return child


def _detach(log: str) -> None:
    """Let the child have streams of its own: the parent's carry requests."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(source, target)


def _become(request: dict[str, Any]) -> int:
    if "bridge" in request:
        os.environ.update(request["environment"])
        if request["is_fresh"]:
            command = [sys.executable, "-m", "device_bridge", *request["bridge"]]
            os.execv(command[0], command)  # noqa: S606 - the project's own program
        main: Callable[[list[str]], int] = importlib.import_module("device_bridge.cli").main
        return main(request["bridge"])
    module, function = request["function"].split(":")
    return int(getattr(importlib.import_module(module), function)(**request["values"]))


if __name__ == "__main__":
    _serve()
