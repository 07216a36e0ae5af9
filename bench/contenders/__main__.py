"""`python -m bench.contenders ROUNDS CALLS`: prints as JSON what each contender's invocations cost, round by round.

It runs in an environment that has the competitors; one that is not installed is left out.
"""

import gc
import importlib
import importlib.metadata
import json
import os
import sys
import time
from typing import Any

from bench.contenders.parts import make_parts
from bench.contenders.profile import check_profile, profile_event
from bench.contenders.workload import Context, Handler, check_contender, event, event_text
from bench.measure import Batch, interleave, progress

# Each is a module here with `make_handler`.
CONTENDERS = (
    "revmetrix",
    "chalice_bare",
    "chalice_by_hand",
    "powertools",
    "powertools_lean",
    "fastapi_mangum",
)
_COMPETITORS = ("aws_lambda_powertools", "pydantic", "fastapi", "mangum")
_UNCHECKED = ("chalice_bare",)
PROFILE = "GET /v1/users/me: "
_DISTRIBUTIONS = ("chalice", "pyjwt", "msgspec", "pydantic", "aws-lambda-powertools", "fastapi", "mangum")


def main(rounds: int, calls: int) -> dict[str, Any]:
    """Check that all contenders do the same, then measure them in interleaved rounds."""
    parts = make_parts()
    handlers = _handlers()
    for name, handler in handlers.items():
        if name not in _UNCHECKED:
            check_contender(name, handler)
            check_profile(name, handler)
    batches = {name: _batch(handler, calls, event_text(event())) for name, handler in (handlers | parts).items()}
    batches |= {
        PROFILE + name: _batch(handler, calls, event_text(profile_event())) for name, handler in handlers.items()
    }
    for batch in batches.values():
        batch()
    return {"us": interleave(batches, rounds=rounds, what="dispatch"), "versions": _versions()}


def _handlers() -> dict[str, Handler]:
    handlers: dict[str, Handler] = {}
    for name in CONTENDERS:
        try:
            contender = importlib.import_module(f"bench.contenders.{name}")
        except ModuleNotFoundError as missing:
            if missing.name not in _COMPETITORS:
                raise
            progress(f"dispatch: {name} is left out, there is no {missing.name} here")
            continue
        handlers[name] = contender.make_handler()
    return handlers


def _batch(handler: Handler, calls: int, text: str) -> Batch:
    context = Context()

    def batch() -> float:
        # Fresh events, as Lambda gives them; they are decoded before the clock starts.
        events = [json.loads(text) for _ in range(calls)]
        gc.collect()
        # Processor time: nothing here waits, and what else the machine does is not the contender's.
        started_ns = time.process_time_ns()
        for one in events:
            handler(one, context)
        return (time.process_time_ns() - started_ns) / 1000 / calls

    return batch


def _versions() -> dict[str, str]:
    installed = {each.name.lower().replace("_", "-"): each.version for each in importlib.metadata.distributions()}
    return {name: installed[name] for name in _DISTRIBUTIONS if name in installed}


if __name__ == "__main__":
    # Nothing here may depend on the account of who runs it, or reach it.
    os.environ |= dict.fromkeys(("STAGE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "bench")
    os.environ |= {"AWS_REGION": "us-east-1", "LOG_REQUESTS": "0"}
    json.dump(main(int(sys.argv[1]), int(sys.argv[2])), sys.stdout)
