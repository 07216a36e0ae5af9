"""The other programs of the demo, each a process of its own: the emulated SmartDot and the bridge."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PORT_PREFIX = "SmartDot on "
_HOW_TO_END = "; Ctrl-C ends it"
_PATIENCE_S = 10.0
_BRIDGE = [sys.executable, "-m", "device_bridge"]


class ProgramError(Exception):
    """A program of the demo ended with an error; it has said why on stderr."""


@contextlib.contextmanager
def smartdot(memory: Path, recording: Path | None, seed: int) -> Iterator[str]:
    """Keep an emulated SmartDot running; give the path of its pty.

    Args:
        memory: The file that is its flash; what stands in it is what the device holds.
        recording: The recording that it made; None for a simulated shot.
        seed: Which shot is simulated.

    Raises:
        ProgramError: The recording cannot be used, or the emulator did not start.
    """
    source = ["--seed", str(seed)] if recording is None else ["--recording", str(recording)]
    # Its stdin closes with this process, even when that is killed: no device is left behind.
    command = [*_BRIDGE, "emulate", "--until-stdin-closes", "--memory", str(memory), *source]
    with (
        _stderr_passed_on() as stderr,
        _running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr) as process,
    ):
        line = process.stdout.readline().strip() if process.stdout else ""
        if not line.startswith(_PORT_PREFIX):
            process.wait(_PATIENCE_S)
            raise ProgramError("the emulated SmartDot did not start")
        yield line.removeprefix(_PORT_PREFIX)


def run_bridge_once(port: str, spool: Path, api_url: str, credential: str) -> None:
    """Let the bridge read the device's new records and upload them.

    Raises:
        ProgramError: Something is not delivered.
    """
    command = [*_BRIDGE, "run", "--once", "--port", port, "--spool", str(spool), "--api", api_url]
    environment = {**os.environ, "DEVICE_BRIDGE_CREDENTIAL": credential}
    with _running(command, stdout=sys.stderr.fileno(), environment=environment) as process:
        if process.wait() != 0:
            raise ProgramError("the bridge did not deliver the shot")


@contextlib.contextmanager
def _stderr_passed_on() -> Iterator[int]:
    """Give a file descriptor whose lines come out on stderr, but for the one that says how to end the program."""
    reading, writing = os.pipe()
    thread = threading.Thread(target=_pass_on, args=(reading,), name="smartdot-stderr", daemon=True)
    thread.start()
    try:
        yield writing
    finally:
        os.close(writing)
        thread.join()


def _pass_on(reading: int) -> None:
    with os.fdopen(reading, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if not line.rstrip().endswith(_HOW_TO_END):
                sys.stderr.write(line)
                sys.stderr.flush()


@contextlib.contextmanager
def _running(
    command: list[str],
    *,
    stdin: int | None = None,
    stdout: int,
    stderr: int | None = None,
    environment: dict[str, str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Keep a program running inside the block; it is gone when the block is left, however."""
    process = None
    try:
        with _interrupts_held():
            # A group of its own: Ctrl-C reaches the demo alone, which then stops what it started, in order.
            process = subprocess.Popen(  # noqa: S603 - the project's own program
                command, stdin=stdin, stdout=stdout, stderr=stderr, env=environment, text=True, process_group=0
            )
        yield process
    finally:
        if process is not None:
            _stop(process)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let an interrupt wait until the block is done: inside Popen it would lose a process that has already started.

    A signal mask would do that too, but the new process would inherit it.
    """
    held: list[int] = []
    before = {number: signal.signal(number, lambda number, _: held.append(number)) for number in INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if held:
        raise KeyboardInterrupt


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
