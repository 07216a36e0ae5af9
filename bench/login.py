"""What of a login is the password's hash: the login in process beside the hash that it computes, in the same rounds.

The login is the service's own, against an emulated DynamoDB in this process. Both are measured in processor time of
the thread that logs in, so the emulator's threads do not count. A login without its database leaves out its calls of
AWS whole, as the SDK makes them; beside it stands one that leaves out only their sending, so that what the SDK does to
prepare, sign and read them counts as well.
"""

import contextlib
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from statistics import median
from typing import Any

from bench.environment import ROOT
from bench.measure import Batch, interleave, progress, ratio, ratio_quartiles
from bench.report import Figure, Options, Result

SHARE = 0.8
LOGIN = "login without its database"
WITH_SDK = "login with the SDK's work on its calls"
_PASSWORD = "correct horse battery"  # noqa: S105 - of a user of the benchmark's


def run(options: Options) -> Result:
    """Measure logins in a process of their own, which holds the emulated cloud."""
    rounds = 3 if options.quick else 40
    progress(f"login: {rounds} rounds")
    command = [sys.executable, "-m", "bench.login", str(rounds)]
    # The emulated cloud is a development machine's: this environment has it, the benchmarks' own has not.
    finished = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    costs: dict[str, list[float]] = json.loads(finished.stdout)
    share, between = ratio(costs["hash"], costs[LOGIN]), ratio_quartiles(costs["hash"], costs[LOGIN])
    with_sdk = ratio(costs["hash"], costs[WITH_SDK]), ratio_quartiles(costs["hash"], costs[WITH_SDK])
    figures = [
        # Wanted is at least this share, so the rest is what has a limit.
        Figure("what is not the hash, of a login without its database", 1 - share, "x", 1 - SHARE, _rest(between)),
        Figure("the hash's share", share, "x", None, between),
        Figure("the hash's share when the SDK's work on the calls counts", with_sdk[0], "x", None, with_sdk[1]),
        *(Figure(name, median(values) * 1000, "ms") for name, values in costs.items()),
    ]
    return Result("login", figures, {"rounds": rounds, "s_by_round": costs})


def _rest(between: tuple[float, float]) -> tuple[float, float]:
    return 1 - between[1], 1 - between[0]


def main(rounds: int) -> None:
    """Print the costs of logins as JSON, seconds by round."""
    from local_cloud.cloud import LocalCloud  # noqa: PLC0415 - the parent process needs none of it

    os.environ["LOGIN_FAILURES_PER_ADDRESS"] = "0"
    with LocalCloud(access_log=False):
        sys.stdout.write(json.dumps(_measure(rounds)) + "\n")


def _measure(rounds: int) -> dict[str, list[float]]:
    from chalicelib.accounts import logins, passwords, registration  # noqa: PLC0415 - see main
    from chalicelib.accounts.model import PasswordGrant  # noqa: PLC0415 - the same
    from chalicelib.accounts.user_model import Registration  # noqa: PLC0415 - the same

    registration.register(Registration("bench", "bench@example.org", _PASSWORD))
    hashed = passwords.hash_password(_PASSWORD)
    calls, sends = (
        ("botocore.client", "BaseClient", "_make_api_call"),
        ("botocore.httpsession", "URLLib3Session", "send"),
    )
    with _timed(*calls) as in_calls, _timed(*sends) as in_sends:

        def log_in(left_out: list[float]) -> float:
            left_out.clear()
            began_s = time.thread_time()
            logins.log_in(PasswordGrant("bench", _PASSWORD))
            return time.thread_time() - began_s - sum(left_out)

        def verify() -> float:
            began_s = time.thread_time()
            passwords.verify_password(hashed, _PASSWORD)
            return time.thread_time() - began_s

        log_in(in_calls)
        batches: dict[str, Batch] = {
            LOGIN: partial(log_in, in_calls),
            WITH_SDK: partial(log_in, in_sends),
            "hash": verify,
        }
        return interleave(batches, rounds=rounds, what="login")


@contextlib.contextmanager
def _timed(module: str, kind: str, name: str) -> Iterator[list[float]]:
    """Give this thread's seconds in each call of a method."""
    owner = getattr(importlib.import_module(module), kind)
    original: Any = getattr(owner, name)
    spent: list[float] = []

    def timed(*arguments: Any) -> Any:
        began_s = time.thread_time()
        try:
            return original(*arguments)
        finally:
            spent.append(time.thread_time() - began_s)

    setattr(owner, name, timed)
    try:
        yield spent
    finally:
        setattr(owner, name, original)


if __name__ == "__main__":
    main(int(sys.argv[1]))
