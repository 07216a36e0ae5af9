"""What of a login is the password's hash: the login in process beside the hash that it computes, in the same rounds.

The login is the service's own, against an emulated DynamoDB in this process; it is asked for more than it would be on
AWS of its own work and less of its network, so the time of the database's calls is shown apart and left out.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

from bench.environment import ROOT
from bench.measure import interleave, progress, ratio, ratio_quartiles
from bench.report import Figure, Options, Result

SHARE = 0.8
_PASSWORD = "correct horse battery"  # noqa: S105 - of a user of the benchmark's


def run(options: Options) -> Result:
    """Measure logins in a process of their own, which holds the emulated cloud."""
    rounds = 3 if options.quick else 40
    progress(f"login: {rounds} rounds")
    command = [sys.executable, "-m", "bench.login", str(rounds)]
    # The emulated cloud is a development machine's: this environment has it, the benchmarks' own has not.
    finished = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    costs: dict[str, list[float]] = json.loads(finished.stdout)
    share, between = ratio(costs["hash"], costs["login"]), ratio_quartiles(costs["hash"], costs["login"])
    figures = [
        # Wanted is at least this share, so the rest is what has a limit.
        Figure("what is not the hash, of a login without its database", 1 - share, "x", 1 - SHARE, _rest(between)),
        Figure("the hash's share", share, "x", None, between),
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
    with _timed_database() as in_database:

        def log_in() -> float:
            in_database.clear()
            began_s = time.perf_counter()
            logins.log_in(PasswordGrant("bench", _PASSWORD))
            return time.perf_counter() - began_s - sum(in_database)

        def verify() -> float:
            began_s = time.perf_counter()
            passwords.verify_password(hashed, _PASSWORD)
            return time.perf_counter() - began_s

        log_in()
        return interleave({"login": log_in, "hash": verify}, rounds=rounds, what="login")


@contextlib.contextmanager
def _timed_database() -> Iterator[list[float]]:
    """Give the seconds of each call of AWS, from its bytes being ready to its answer's having come."""
    from botocore.httpsession import URLLib3Session  # noqa: PLC0415 - see main

    spent: list[float] = []
    send: Any = URLLib3Session.send

    def timed(session: Any, request: Any) -> Any:
        began_s = time.perf_counter()
        try:
            return send(session, request)
        finally:
            spent.append(time.perf_counter() - began_s)

    URLLib3Session.send = timed  # type: ignore[method-assign,assignment] # undone below
    try:
        yield spent
    finally:
        URLLib3Session.send = send  # type: ignore[method-assign] # as it was


if __name__ == "__main__":
    main(int(sys.argv[1]))
