"""`python -m tests.ministack.served AWS_URL`: the app behind the local gateway, against an emulated AWS elsewhere.

Prints its URL first. Then comes the log: a JSON line for each request, with the capacity that DynamoDB counted and, as
`calls`, the names of the calls that the request made.
"""

import argparse
import importlib
import signal
import sys
from typing import Any

import botocore
import urllib3

from local_cloud.connections import listen, url_of
from local_cloud.environment import applied, local_environment
from local_cloud.gateway import ApiServer, serving

_WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")


def main(arguments: list[str]) -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m tests.ministack.served")
    parser.add_argument("aws_url")
    parser.add_argument(
        "--twice", action="store_true", help="every write reaches DynamoDB twice, as after a lost reply"
    )
    options = parser.parse_args(arguments)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    botocore.register_initializer(_note_calls)
    if options.twice:
        botocore.register_initializer(_send_twice)
    variables = {**local_environment(options.aws_url), "LOG_REQUESTS": "1"}
    listener = listen("127.0.0.1", 0)
    with applied(variables), serving(importlib.import_module("app").app) as app:
        server = ApiServer(listener, app, access_log=False)
        server.start()
        _say(url_of(listener))
        signal.sigwait({signal.SIGTERM})
        server.stop()


def _note_calls(session: Any) -> None:
    session.register("before-call", _note_call)


def _note_call(**call: Any) -> None:
    # Imported here: the app reads its settings when it is first imported, once the environment is set.
    from chalicelib.observation import current  # noqa: PLC0415 - as above

    observation = current()
    if observation is not None:
        calls = observation.facts.get("calls", "")
        observation.facts["calls"] = f"{calls} {call['model'].name}".strip()


def _send_twice(session: Any) -> None:
    pool = urllib3.PoolManager(retries=False)

    def send(request: Any, **_: Any) -> None:
        target = request.headers.get("X-Amz-Target", b"")
        name = (target.decode() if isinstance(target, bytes) else str(target)).rpartition(".")[2]
        if name in _WRITES:
            # Done, and its reply is lost: then botocore sends the very same request again.
            headers = {
                key: value.decode() if isinstance(value, bytes) else str(value)
                for key, value in request.headers.items()
            }
            pool.request(request.method, request.url, body=request.body, headers=headers)

    session.register("before-send.dynamodb", send)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
